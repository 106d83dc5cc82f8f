//! What a number is made of, down to the events.

use crate::fault::{Fault, without_code};
use crate::page::Told;
use crate::params::Params;
use crate::state::Asker;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Response;
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::IntoParams;
use weir_model::codes::QUERY;
use weir_ops::explain::{Explain, Explanation, Whose, Window};
use weir_store::StoreError;

/// Parts and events that are listed of each term where nothing is said.
const LISTED: usize = 20;
/// Most of them.
const MOST: usize = 1_000;

/// Which number.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExplainAsked {
    /// A day of the tenant, an hour of UTC (`2026-03-02T14`), or the end of any other window
    /// (`2026-03-02T14:05:00Z`).
    #[param(example = "2026-03-02T06")]
    window: String,
    /// Values of all dimensions: `subject[team]=payments`.
    #[serde(default)]
    #[param(value_type = Option<Object>, style = DeepObject, explode)]
    subject: BTreeMap<String, String>,
    /// Most parts and most events that are listed of each term, 1 to 1,000.
    #[param(example = 20)]
    limit: Option<usize>,
}

enum Of<'a> {
    Kpi(&'a str),
    Measure(&'a str),
}

async fn explained(asker: &Asker, of: Of<'_>, asked: &ExplainAsked) -> Result<Explanation, Fault> {
    // It lists events, which name persons.
    asker.may_see_persons("what a number is made of")?;
    let limit = asked.limit.unwrap_or(LISTED);
    if !(1..=MOST).contains(&limit) {
        return Err(Fault::bad(format!(
            "`limit` is from 1 to {MOST}, not {limit}"
        )));
    }
    let window = Window::parse(&asked.window);
    let window = window.map_err(|e| Fault::bad(without_code(QUERY, &e.to_string())))?;
    let store = asker.store_within_limits().await?;
    let explain = Explain {
        catalog: asker.catalog(),
        store: &store,
        whose: Whose::Sole(asker.tenant()),
        subject: &asked.subject,
        window,
        limit,
    };
    let _turn = asker.turn().await?;
    let explained = match of {
        Of::Kpi(name) => explain.kpi(name).await,
        Of::Measure(path) => explain.measure(path).await,
    };
    explained.map_err(|e| match e.downcast::<StoreError>() {
        Ok(e) => asker.tell(e),
        // It says what there is in its place.
        Err(e) => Fault::nothing(without_code(QUERY, &format!("{e:#}"))),
    })
}

/// What a value of a KPI or score is made of: its formula, terms, parts, and the events beneath
/// with their places in the log.
#[utoipa::path(get, path = "/v1/explain/kpis/{kpi}", tag = "values", operation_id = "explain_kpi",
    params(("kpi" = String, Path, example = "cost_per_call"), ExplainAsked),
    responses((status = 200, body = Told<serde_json::Value>)))]
pub(crate) async fn kpi(
    asker: Asker,
    Path(name): Path<String>,
    Params(asked): Params<ExplainAsked>,
) -> Result<Response<Body>, Fault> {
    let kpi = asker.kpi(&name)?;
    let explained = explained(&asker, Of::Kpi(&name), &asked).await?;
    Ok(asker.told_of_kpi(explained, kpi).response())
}

/// The same of a statistic of a measure, `llm.call.cost` or `llm.call.latency.p95`.
#[utoipa::path(get, path = "/v1/explain/measures/{statistic}", tag = "values",
    operation_id = "explain_measure",
    params(("statistic" = String, Path, example = "llm.call.cost"), ExplainAsked),
    responses((status = 200, body = Told<serde_json::Value>)))]
pub(crate) async fn measure(
    asker: Asker,
    Path(path): Path<String>,
    Params(asked): Params<ExplainAsked>,
) -> Result<Response<Body>, Fault> {
    let named = asker.catalog().statistic(&path);
    let (event, ..) =
        named.map_err(|(what, remedy)| Fault::nothing(format!("{what}; {remedy}")))?;
    let event = asker.catalog().events[event].name.clone();
    let explained = explained(&asker, Of::Measure(&path), &asked).await?;
    let types = std::iter::once(event.as_str());
    Ok(asker.told(explained, types).response())
}
