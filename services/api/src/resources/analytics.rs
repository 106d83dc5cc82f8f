//! Endpoints under `/api/analytics`, for clients that were written for them. What they tell is made
//! by `weir_ops::analytics`, as that of `weir analytics`.

use crate::fault::Fault;
use crate::page::Told;
use crate::params::Params;
use crate::resources::Nothing;
use crate::state::Asker;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use weir_ops::analytics::{self, Breakdown, Entry, Performance, RANKED_BY, Refused, Source, Step};

/// Entries where nothing is said.
const ENTRIES: usize = 10;
/// The event type of costs.
const CALLS: &str = "llm.call";

/// Which leaderboard.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BoardAsked {
    /// `xp`, `level`, `sessions`, `hours`, `success_rate` or `certifications`.
    #[param(example = "xp")]
    r#type: Option<String>,
    /// The first so many.
    #[param(example = 10)]
    limit: Option<usize>,
}

/// Operators by experience points, or what else is asked for.
#[utoipa::path(get, path = "/api/analytics/leaderboard", tag = "analytics", params(BoardAsked),
    responses((status = 200, body = Told<Vec<Entry>>)))]
pub(crate) async fn leaderboard(
    asker: Asker,
    Params(asked): Params<BoardAsked>,
) -> Result<Response<Body>, Fault> {
    asker.may_see_persons("a leaderboard")?;
    let by = asked.r#type.as_deref().unwrap_or(RANKED_BY[0].0);
    let limit = asked.limit.unwrap_or(ENTRIES);
    let told = ask(&asker, async |of| {
        analytics::leaderboard(&of, by, limit).await
    })
    .await?;
    Ok(asker.told_of_all(told).response())
}

/// The newest values of all KPIs and scores of an operator.
#[utoipa::path(get, path = "/api/analytics/operator/{id}/performance", tag = "analytics",
    params(("id" = String, Path)),
    responses((status = 200, body = Told<Performance>)))]
pub(crate) async fn performance(
    asker: Asker,
    Path(id): Path<String>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response<Body>, Fault> {
    asker.may_see_persons("an operator")?;
    let told = ask(&asker, async |of| analytics::performance(&of, &id).await).await?;
    Ok(asker.told_of_all(told).response())
}

/// Which role is aimed at.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RoleAsked {
    /// A role of the catalog; all of them where it is left out.
    #[param(example = "red_team_expert")]
    target_role: Option<String>,
}

/// What an operator is advised to train, the most urgent first.
#[utoipa::path(get, path = "/api/analytics/operator/{id}/recommendations", tag = "analytics",
    params(("id" = String, Path), RoleAsked),
    responses((status = 200, body = Told<Vec<Step>>)))]
pub(crate) async fn recommendations(
    asker: Asker,
    Path(id): Path<String>,
    Params(asked): Params<RoleAsked>,
) -> Result<Response<Body>, Fault> {
    asker.may_see_persons("an operator")?;
    let role = asked.target_role.as_deref();
    let told = ask(&asker, async |of| {
        analytics::of_operator(&of, &id, role).await
    })
    .await?;
    Ok(asker.told_of_all(analytics::plan(&told)).response())
}

/// Which costs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CostAsked {
    /// A dimension that calls are kept by alone: `model`, `team`, `category`, `engineer`.
    #[param(example = "model")]
    category: Option<String>,
    /// Days up to today.
    #[param(example = 30)]
    time_range_days: Option<u32>,
}

/// What model calls cost, by a dimension, the dearest first.
#[utoipa::path(get, path = "/api/analytics/cost/breakdown", tag = "analytics", params(CostAsked),
    responses((status = 200, body = Told<Breakdown>)))]
pub(crate) async fn cost_breakdown(
    asker: Asker,
    Params(asked): Params<CostAsked>,
) -> Result<Response<Body>, Fault> {
    let category = asked.category.as_deref().unwrap_or("model");
    let days = asked.time_range_days.unwrap_or(30);
    asker.may_see([&category.to_owned()])?;
    let told = ask(&asker, async |of| {
        analytics::breakdown(&of, category, days).await
    })
    .await?;
    Ok(asker.told(told, std::iter::once(CALLS)).response())
}

/// Asks in turn, within what the asker may see; a refusal says what is known where ClickHouse does
/// not answer.
async fn ask<T>(
    asker: &Asker,
    question: impl AsyncFnOnce(Source<'_>) -> Result<T, Refused>,
) -> Result<T, Fault> {
    let reader = asker.reader().await?;
    let _turn = asker.turn().await?;
    let told = question(asker.source(&reader)).await;
    told.map_err(|refused| match refused {
        Refused::Store(e) => asker.tell(e),
        other => other.into(),
    })
}
