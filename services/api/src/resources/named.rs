//! Resources that named questions answer: their rows are the question's.

use super::questions::{Answer, answered};
use crate::fault::Fault;
use crate::page::Told;
use crate::params::{Day, Params, page_size};
use crate::state::Asker;
use axum::body::Body;
use axum::http::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use weir_store::Param;

/// Which days.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PeriodAsked {
    /// First day of the tenant.
    #[param(value_type = Option<String>, format = Date, example = "2026-03-01")]
    from: Option<Day>,
    /// Last day, included.
    #[param(value_type = Option<String>, format = Date, example = "2026-03-31")]
    to: Option<Day>,
    /// Days up to `to`, in place of `from`.
    days: Option<u32>,
}

/// Which days, and how many rows.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RankedAsked {
    /// First day of the tenant.
    #[param(value_type = Option<String>, format = Date, example = "2026-03-01")]
    from: Option<Day>,
    /// Last day, included.
    #[param(value_type = Option<String>, format = Date, example = "2026-03-31")]
    to: Option<Day>,
    /// Days up to `to`, in place of `from`.
    days: Option<u32>,
    /// The first so many.
    #[param(example = 10)]
    limit: Option<usize>,
}

/// What a question is given of a period.
fn period(from: Option<Day>, to: Option<Day>, days: Option<u32>) -> Vec<Param> {
    let given = [
        ("from", from.map(|d| d.0.to_string())),
        ("to", to.map(|d| d.0.to_string())),
        ("days", days.map(|d| d.to_string())),
    ];
    let given = given.into_iter();
    given
        .filter_map(|(name, v)| Some((name.to_owned(), v?)))
        .collect()
}

async fn over(
    asker: &Asker,
    question: &str,
    asked: PeriodAsked,
    of: Option<&str>,
) -> Result<Response<Body>, Fault> {
    let mut given = period(asked.from, asked.to, asked.days);
    given.extend(of.map(|of| ("of".to_owned(), of.to_owned())));
    let answer = answered(asker, question, given).await?;
    Ok(asker.told_of_all(answer).response())
}

async fn ranked(
    asker: &Asker,
    question: &str,
    asked: RankedAsked,
) -> Result<Response<Body>, Fault> {
    let mut given = period(asked.from, asked.to, asked.days);
    if asked.limit.is_some() {
        let limit = page_size(asked.limit, asker.most())?;
        given.push(("limit".to_owned(), limit.to_string()));
    }
    let answer = answered(asker, question, given).await?;
    Ok(asker.told_of_all(answer).response())
}

/// The newest value of each score by subject: the question `kpis` of category `score`.
#[utoipa::path(get, path = "/v1/scores", tag = "values", params(PeriodAsked),
    responses((status = 200, body = Told<Answer>)))]
pub(crate) async fn scores(
    asker: Asker,
    Params(asked): Params<PeriodAsked>,
) -> Result<Response<Body>, Fault> {
    over(&asker, "kpis", asked, Some("score")).await
}

/// SLAs: compliance, what is left of the error budget, how fast it burns. The question `slas`.
#[utoipa::path(get, path = "/v1/slas", tag = "values", params(PeriodAsked),
    responses((status = 200, body = Told<Answer>)))]
pub(crate) async fn slas(
    asker: Asker,
    Params(asked): Params<PeriodAsked>,
) -> Result<Response<Body>, Fault> {
    over(&asker, "slas", asked, None).await
}

/// Budgets: used, left, and what the pace comes to. The question `budgets`.
#[utoipa::path(get, path = "/v1/budgets", tag = "values", params(PeriodAsked),
    responses((status = 200, body = Told<Answer>)))]
pub(crate) async fn budgets(
    asker: Asker,
    Params(asked): Params<PeriodAsked>,
) -> Result<Response<Body>, Fault> {
    over(&asker, "budgets", asked, None).await
}

/// Experiments: each variant against the baseline. The question `experiments`.
#[utoipa::path(get, path = "/v1/experiments", tag = "values", params(PeriodAsked),
    responses((status = 200, body = Told<Answer>)))]
pub(crate) async fn experiments(
    asker: Asker,
    Params(asked): Params<PeriodAsked>,
) -> Result<Response<Body>, Fault> {
    over(&asker, "experiments", asked, None).await
}

/// Deployments and what follows them, by team: how often, how fast, how safe, how soon recovered.
/// The question `delivery`.
#[utoipa::path(get, path = "/v1/deployments", tag = "values", params(PeriodAsked),
    responses((status = 200, body = Told<Answer>)))]
pub(crate) async fn deployments(
    asker: Asker,
    Params(asked): Params<PeriodAsked>,
) -> Result<Response<Body>, Fault> {
    over(&asker, "delivery", asked, None).await
}

/// Operators by experience points. The question `leaderboard`.
#[utoipa::path(get, path = "/v1/leaderboards", tag = "values", params(RankedAsked),
    responses((status = 200, body = Told<Answer>)))]
pub(crate) async fn leaderboards(
    asker: Asker,
    Params(asked): Params<RankedAsked>,
) -> Result<Response<Body>, Fault> {
    ranked(&asker, "leaderboard", asked).await
}

/// Procedures, most used first. The question `procedures`.
#[utoipa::path(get, path = "/v1/procedures", tag = "values", params(RankedAsked),
    responses((status = 200, body = Told<Answer>)))]
pub(crate) async fn procedures(
    asker: Asker,
    Params(asked): Params<RankedAsked>,
) -> Result<Response<Body>, Fault> {
    ranked(&asker, "procedures", asked).await
}
