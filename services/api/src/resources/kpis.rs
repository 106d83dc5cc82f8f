//! Values of KPIs and scores: over days, by window as they are by now, and as they were published.

use super::results::{self, Published, ResultsAsked};
use super::subject_of;
use crate::fault::Fault;
use crate::page::Told;
use crate::params::{Day, Moment, Params, in_order, known_dimensions, page_size};
use crate::state::Asker;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use weir_catalog::KpiDef;
use weir_model::Micros;
use weir_store::reader::{self, Row};

/// Days that are shown where nothing is said.
const DAYS: i64 = 30;
/// How rows over days are cut.
const STEPS: [&str; 4] = ["all", "day", "week", "month"];
/// Windows that end so long before `as_of` are shown where nothing is said.
const BACK: Micros = Micros(7 * Micros::DAY.0);

/// Which days.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DaysAsked {
    /// First day of the tenant; 29 days before `to` where it is left out.
    #[param(value_type = Option<String>, format = Date, example = "2026-03-01")]
    from: Option<Day>,
    /// Last day, included; today where it is left out.
    #[param(value_type = Option<String>, format = Date, example = "2026-03-31")]
    to: Option<Day>,
    /// One row for all of it, or by `day`, `week` (from Monday) or `month`.
    #[param(example = "week")]
    step: Option<String>,
    /// Values of dimensions: `subject[team]=payments`.
    #[serde(default)]
    #[param(value_type = Option<Object>, style = DeepObject, explode)]
    subject: BTreeMap<String, String>,
    /// Rows of a page.
    #[param(example = 100)]
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Which windows.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WindowsAsked {
    /// Windows that end after; seven days before `as_of` where it is left out.
    #[param(value_type = Option<String>, example = "2026-03-01")]
    from: Option<Moment>,
    /// Windows that end then or before; now where it is left out.
    #[param(value_type = Option<String>, example = "2026-03-08")]
    as_of: Option<Moment>,
    /// Values of dimensions: `subject[team]=payments`.
    #[serde(default)]
    #[param(value_type = Option<Object>, style = DeepObject, explode)]
    subject: BTreeMap<String, String>,
    /// Rows of a page.
    #[param(example = 100)]
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
}

/// A value over days.
#[derive(Serialize, ToSchema)]
pub(crate) struct OverDays {
    /// First day.
    #[schema(value_type = String, format = Date)]
    from: Json,
    /// Last day, included.
    #[schema(value_type = String, format = Date)]
    to: Json,
    #[serde(flatten)]
    value: KpiValue,
}

/// A value of a window.
#[derive(Serialize, ToSchema)]
pub(crate) struct OfWindow {
    #[schema(value_type = String, format = DateTime)]
    window_start: Json,
    #[schema(value_type = String, format = DateTime)]
    window_end: Json,
    /// The tenant's day that it ends in.
    #[schema(value_type = String, format = Date)]
    day: Json,
    /// Of a score: weight of the inputs that are there, of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    coverage: Option<Json>,
    #[serde(flatten)]
    value: KpiValue,
}

/// A value of a KPI or score.
#[derive(Serialize, ToSchema)]
pub(crate) struct KpiValue {
    /// Values of the dimensions.
    subject: BTreeMap<String, String>,
    /// Null: there is none, which is not 0.
    #[schema(value_type = Option<f64>)]
    value: Json,
    /// 0 to 100 against the target.
    #[schema(value_type = Option<f64>)]
    score: Json,
    /// `on_target`, `near`, `off` or `no_data`.
    #[schema(value_type = String)]
    status: Json,
    /// Size of the sample, where one is declared.
    #[schema(value_type = Option<f64>)]
    sample: Json,
    /// Terms of the formula; of a score what its inputs are worth.
    #[schema(value_type = BTreeMap<String, Option<f64>>)]
    terms: BTreeMap<String, Json>,
}

/// What the columns of terms begin with.
const TERM: &str = "term_";

impl KpiValue {
    fn of(mut row: Row, kpi: &KpiDef) -> KpiValue {
        let subject = subject_of(&mut row, kpi.dimensions.iter().map(String::as_str));
        let mut take = |name: &str| row.remove(name).unwrap_or_default();
        let (value, score) = (take("value"), take("score"));
        let (status, sample) = (take("status"), take("sample"));
        let term = |(name, v): (String, Json)| Some((name.strip_prefix(TERM)?.to_owned(), v));
        KpiValue {
            subject,
            value,
            score,
            status,
            sample,
            terms: row.into_iter().filter_map(term).collect(),
        }
    }
}

/// Refuses dimensions that a KPI does not stand on, and persons to who may not see them.
pub(super) fn known(
    asker: &Asker,
    kpi: &KpiDef,
    subject: &BTreeMap<String, String>,
) -> Result<(), Fault> {
    asker.may_see(&kpi.dimensions)?;
    known_dimensions(subject, kpi.dimensions.iter().map(String::as_str))
}

/// Values of a KPI over days of the tenant, the earliest first: its formula over everything in
/// them, never a mean of values. The view `kpi_<name>(from, to, step)` has the same rows.
#[utoipa::path(get, path = "/v1/kpis/{kpi}/values", tag = "values",
    params(("kpi" = String, Path, example = "cost_per_call"), DaysAsked),
    responses((status = 200, body = Told<Vec<OverDays>>)))]
pub(crate) async fn values(
    asker: Asker,
    Path(name): Path<String>,
    Params(asked): Params<DaysAsked>,
) -> Result<Response<Body>, Fault> {
    let kpi = asker.kpi(&name)?;
    known(&asker, kpi, &asked.subject)?;
    let (from, to) = days(asked.from, asked.to, asker.today())?;
    let step = known_step(asked.step.as_deref())?;
    let listing = over_days(&asker, kpi, &asked.subject, (from, to), step)?;
    let limit = page_size(asked.limit, asker.most())?;
    let (rows, next) = asker.page(&listing, asked.after.as_deref(), limit).await?;
    let told = |mut row: Row| OverDays {
        from: row.remove("from").unwrap_or_default(),
        to: row.remove("to").unwrap_or_default(),
        value: KpiValue::of(row, kpi),
    };
    let rows: Vec<OverDays> = rows.into_iter().map(told).collect();
    Ok(asker.told_of_kpi(rows, kpi).then(next).response())
}

/// How rows are cut: in no way where nothing is said.
pub(super) fn known_step(asked: Option<&str>) -> Result<&str, Fault> {
    let step = asked.unwrap_or(STEPS[0]);
    match STEPS.contains(&step) {
        true => Ok(step),
        false => Err(Fault::bad(format!("`step` is one of {}", STEPS.join(", ")))),
    }
}

/// A listing of values over days, where there can be any.
pub(super) fn over_days(
    asker: &Asker,
    kpi: &KpiDef,
    subject: &BTreeMap<String, String>,
    days: (jiff::civil::Date, jiff::civil::Date),
    step: &str,
) -> Result<reader::Listing, Fault> {
    if kpi.mix.is_some() {
        return Err(Fault::bad(format!(
            "{0} is a score, which has no value over days: ask for the KPIs that it is made of, or \
             for its windows at /v1/kpis/{0}/windows",
            kpi.name
        )));
    }
    let listing = reader::kpi_days(kpi, asker.catalog(), subject, days, step);
    listing.map_err(|e| asker.tell(e))
}

/// First and last day.
pub(super) fn days(
    from: Option<Day>,
    to: Option<Day>,
    last: jiff::civil::Date,
) -> Result<(jiff::civil::Date, jiff::civil::Date), Fault> {
    let to = to.map_or(last, |d| d.0);
    let back = jiff::Span::new().days(DAYS - 1);
    let from = from.map_or(to.saturating_sub(back), |d| d.0);
    in_order(Some(from), Some(to))?;
    Ok((from, to))
}

/// Values that a KPI or score has by now, by the windows that it is published for, the earliest
/// first. Late events are in.
#[utoipa::path(get, path = "/v1/kpis/{kpi}/windows", tag = "values",
    params(("kpi" = String, Path, example = "spend_per_hour"), WindowsAsked),
    responses((status = 200, body = Told<Vec<OfWindow>>)))]
pub(crate) async fn windows(
    asker: Asker,
    Path(name): Path<String>,
    Params(asked): Params<WindowsAsked>,
) -> Result<Response<Body>, Fault> {
    let kpi = asker.kpi(&name)?;
    known(&asker, kpi, &asked.subject)?;
    let to = asked.as_of.map_or_else(weir_http::now, |m| m.0);
    let from = asked.from.map_or(to.minus(BACK), |m| m.0);
    in_order(Some(from), Some(to))?;
    let ends = (Some(from), Some(to));
    let listing = reader::kpi_windows(kpi, asker.catalog(), &asked.subject, ends);
    let listing = listing.map_err(|e| asker.tell(e))?;
    let limit = page_size(asked.limit, asker.most())?;
    let (rows, next) = asker.page(&listing, asked.after.as_deref(), limit).await?;
    let told = |mut row: Row| {
        let mut take = |name: &str| row.remove(name).unwrap_or_default();
        let (window_start, window_end) = (take("window_start"), take("window_end"));
        OfWindow {
            window_start,
            window_end,
            day: take("day"),
            coverage: row.remove("coverage"),
            value: KpiValue::of(row, kpi),
        }
    };
    let rows: Vec<OfWindow> = rows.into_iter().map(told).collect();
    Ok(asker.told_of_kpi(rows, kpi).then(next).response())
}

/// What was said of a KPI or score when its windows were final, the newest first. It is not
/// revised: late events are not in.
#[utoipa::path(get, path = "/v1/kpis/{kpi}/published", tag = "values",
    params(("kpi" = String, Path, example = "spend_per_hour"), ResultsAsked),
    responses((status = 200, body = Told<Vec<Published>>)))]
pub(crate) async fn published(
    asker: Asker,
    Path(name): Path<String>,
    Params(asked): Params<ResultsAsked>,
) -> Result<Response<Body>, Fault> {
    let kpi = asker.kpi(&name)?;
    known(&asker, kpi, asked.subject())?;
    let mut finding = asked.finding()?;
    finding.equal.push(("kpi", kpi.name.clone()));
    let (rows, next) = results::page(&asker, &reader::published(&finding), asked.pages()).await?;
    let rows: Vec<Published> = super::all_typed(rows)?;
    Ok(asker.told_of_kpi(rows, kpi).then(next).response())
}
