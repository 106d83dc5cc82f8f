//! Endpoints under `/api/analytics`, for clients that were written for them.

use super::measures::{self, Measured};
use super::questions::answered;
use crate::fault::Fault;
use crate::page::Told;
use crate::params::Params;
use crate::resources::Nothing;
use crate::state::Asker;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use weir_store::Param;
use weir_store::reader::Row;

/// What operators are ranked by: as it is asked for, and the column of the question.
const RANKED_BY: [(&str, &str); 6] = [
    ("xp", "xp"),
    ("level", "level"),
    ("sessions", "sessions"),
    ("hours", "hours"),
    ("success_rate", "success_percent"),
    ("certifications", "certifications"),
];
/// Days that are looked back at.
const BACK: u32 = 90;
/// Entries where nothing is said.
const ENTRIES: usize = 10;
/// The KPIs of one operator stand on this.
const OPERATOR: &str = "operator";
/// What model calls cost.
const COST: &str = "llm.call.cost";
/// Most days of a breakdown.
const LONGEST: u32 = 3_660;

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

/// An operator's place.
#[derive(Serialize, ToSchema)]
pub(crate) struct Entry {
    /// From 1; who have the same value share one.
    rank: usize,
    name: String,
    /// What is ranked by.
    value: f64,
    /// All that there is to rank by.
    #[schema(value_type = BTreeMap<String, Option<f64>>)]
    values: BTreeMap<&'static str, Json>,
}

/// Operators by experience points, or what else is asked for.
#[utoipa::path(get, path = "/api/analytics/leaderboard", tag = "analytics", params(BoardAsked),
    responses((status = 200, body = Told<Vec<Entry>>)))]
pub(crate) async fn leaderboard(
    asker: Asker,
    Params(asked): Params<BoardAsked>,
) -> Result<Response<Body>, Fault> {
    let by = asked.r#type.as_deref().unwrap_or(RANKED_BY[0].0);
    let found = RANKED_BY.iter().find(|(name, _)| *name == by);
    let Some((_, column)) = found else {
        let names: Vec<&str> = RANKED_BY.iter().map(|(name, _)| *name).collect();
        return Err(Fault::bad(format!("`type` is one of {}", names.join(", "))));
    };
    let limit = asked.limit.unwrap_or(ENTRIES).min(asker.most());
    let given = [
        ("days", BACK.to_string()),
        ("limit", asker.most().to_string()),
    ];
    let answer = answered(&asker, "leaderboard", given.map(named).into()).await?;
    let mut rows: Vec<(f64, Row)> = answer
        .rows
        .into_iter()
        .filter_map(|row| Some((row.get(*column)?.as_f64()?, row)))
        .collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut entries: Vec<Entry> = Vec::new();
    for (place, (value, row)) in rows.into_iter().enumerate().take(limit) {
        let before = entries.last().filter(|e| e.value == value);
        let rank = before.map_or(place + 1, |e| e.rank);
        entries.push(entry(rank, value, &row));
    }
    Ok(asker.told_of_all(entries).response())
}

fn entry(rank: usize, value: f64, row: &Row) -> Entry {
    let name = row.get(OPERATOR).and_then(Json::as_str);
    let values = RANKED_BY.iter();
    let values = values.map(|(n, column)| (*n, row.get(*column).cloned().unwrap_or_default()));
    Entry {
        rank,
        name: name.unwrap_or_default().to_owned(),
        value,
        values: values.collect(),
    }
}

fn named((name, value): (&str, String)) -> Param {
    (name.to_owned(), value)
}

/// How an operator is doing.
#[derive(Serialize, ToSchema)]
pub(crate) struct Performance {
    operator: String,
    /// KPIs and scores that stand on an operator, at their newest value.
    kpis: Vec<Newest>,
}

/// The newest value of a KPI or score.
#[derive(Serialize, ToSchema)]
struct Newest {
    #[schema(value_type = String)]
    kpi: Json,
    #[schema(value_type = Option<f64>)]
    value: Json,
    #[schema(value_type = Option<f64>)]
    score: Json,
    #[schema(value_type = String)]
    status: Json,
    #[schema(value_type = String, format = DateTime)]
    window_end: Json,
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
    let given = [("days", BACK.to_string()), ("of", OPERATOR.to_owned())];
    let answer = answered(&asker, "kpis", given.map(named).into()).await?;
    let is_theirs = |row: &Row| row.get("dimensions").is_some_and(|d| d[OPERATOR] == *id);
    let newest = |mut row: Row| {
        let mut take = |name: &str| row.remove(name).unwrap_or_default();
        Newest {
            kpi: take("kpi"),
            value: take("value"),
            score: take("score"),
            status: take("status"),
            window_end: take("window_end"),
        }
    };
    let kpis: Vec<Newest> = answer
        .rows
        .into_iter()
        .filter(is_theirs)
        .map(newest)
        .collect();
    if kpis.is_empty() {
        let id: String = id.chars().take(100).collect();
        let detail = format!("there is nothing of an operator {id} in the last {BACK} days");
        return Err(Fault::nothing(detail));
    }
    let told = Performance { operator: id, kpis };
    Ok(asker.told_of_all(told).response())
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

/// What was spent, and on what.
#[derive(Serialize, ToSchema)]
pub(crate) struct Breakdown {
    category: String,
    #[schema(format = Date)]
    from: String,
    #[schema(format = Date)]
    to: String,
    /// USD.
    total_cost: f64,
    items: Vec<Item>,
}

/// A part of it.
#[derive(Serialize, ToSchema)]
struct Item {
    name: String,
    /// USD.
    cost: f64,
    /// Of all, 0 to 100.
    percent: Option<f64>,
}

/// What model calls cost, by a dimension, the dearest first.
#[utoipa::path(get, path = "/api/analytics/cost/breakdown", tag = "analytics", params(CostAsked),
    responses((status = 200, body = Told<Breakdown>)))]
pub(crate) async fn cost_breakdown(
    asker: Asker,
    Params(asked): Params<CostAsked>,
) -> Result<Response<Body>, Fault> {
    let category = asked.category.unwrap_or_else(|| "model".to_owned());
    let back = asked.time_range_days.unwrap_or(30);
    if !(1..=LONGEST).contains(&back) {
        let detail = format!("`time_range_days` is from 1 to {LONGEST}, not {back}");
        return Err(Fault::bad(detail));
    }
    let to = asker.today();
    let from = to.saturating_sub(jiff::Span::new().days(i64::from(back) - 1));
    let of = asker.catalog().statistic(COST);
    let of = of.map_err(|(what, remedy)| Fault::nothing(format!("{what}; {remedy}")))?;
    let by = [category.clone()];
    let listing = measures::listing(&asker, of, (&by, &BTreeMap::new()), (from, to), "all")?;
    let (rows, next) = asker.page(&listing, None, asker.most()).await?;
    if next.is_some() {
        let detail = format!("there are too many of {category}: ask for fewer days");
        return Err(Fault::too_much(detail));
    }
    let cost = |m: &Measured| m.value.as_f64().unwrap_or(0.0);
    let mut all: Vec<Measured> = rows.into_iter().map(Measured::of).collect();
    all.sort_by(|a, b| cost(b).total_cmp(&cost(a)));
    let total_cost: f64 = all.iter().map(cost).sum();
    let item = |m: &Measured| Item {
        name: m.subject.get(&category).cloned().unwrap_or_default(),
        cost: cost(m),
        percent: (total_cost > 0.0).then(|| 100.0 * cost(m) / total_cost),
    };
    let told = Breakdown {
        from: from.to_string(),
        to: to.to_string(),
        total_cost,
        items: all.iter().map(item).collect(),
        category,
    };
    let event = asker.catalog().events[of.0].name.clone();
    Ok(asker.told(told, std::iter::once(event.as_str())).response())
}
