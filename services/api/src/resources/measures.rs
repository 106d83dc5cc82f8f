//! Measures over days.

use super::kpis::{days, known_step};
use super::subject_of;
use crate::fault::Fault;
use crate::page::Told;
use crate::params::{Day, Names, Params, known_dimensions, page_size};
use crate::state::Asker;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Response;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use weir_catalog::{EventDef, Stat};
use weir_store::reader::{self, Listing, MeasureOf, Row};

/// Which days and subjects.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MeasureAsked {
    /// First day of the tenant; 29 days before `to` where it is left out.
    #[param(value_type = Option<String>, format = Date, example = "2026-03-01")]
    from: Option<Day>,
    /// Last day, included; today where it is left out.
    #[param(value_type = Option<String>, format = Date, example = "2026-03-31")]
    to: Option<Day>,
    /// One row for all of it, or by `day`, `week` (from Monday) or `month`.
    #[param(example = "week")]
    step: Option<String>,
    /// Dimensions to group by, separated by commas, beside those of `subject`.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "team")]
    by: Names,
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

/// What a measure comes to over days.
#[derive(Serialize, ToSchema)]
pub(crate) struct Measured {
    /// First day.
    #[schema(value_type = String, format = Date)]
    from: Json,
    /// Last day, included.
    #[schema(value_type = String, format = Date)]
    to: Json,
    /// Values of the dimensions.
    pub subject: BTreeMap<String, String>,
    /// Null: there is none, which is not 0.
    #[schema(value_type = Option<f64>)]
    pub value: Json,
}

impl Measured {
    pub fn of(mut row: Row) -> Measured {
        let mut take = |name: &str| row.remove(name).unwrap_or_default();
        let (from, to, value) = (take("from"), take("to"), take("value"));
        let told = ["score", "status", "sample", "term_value"];
        row.retain(|name, _| !told.contains(&name.as_str()));
        let names: Vec<String> = row.keys().cloned().collect();
        Measured {
            from,
            to,
            subject: subject_of(&mut row, names.iter().map(String::as_str)),
            value,
        }
    }
}

/// What is asked of an event type, where it can be.
pub(super) fn listing(
    asker: &Asker,
    (event, measure, stat): (usize, usize, Stat),
    (by, subject): (&[String], &BTreeMap<String, String>),
    days: (Date, Date),
    step: &str,
) -> Result<Listing, Fault> {
    let def = &asker.catalog().events[event];
    if def.setting {
        let name = &def.name;
        return Err(Fault::bad(format!(
            "{name} says what is in force, which does not add up over days: ask for aggregates"
        )));
    }
    let all = def.dimensions.iter().map(|d| d.name.as_str());
    known_dimensions(subject, all)?;
    let of = MeasureOf {
        event,
        rollup: rollup(asker, def, by.iter().chain(subject.keys()))?,
        measure,
        stat,
    };
    let listing = reader::measure_days(of, asker.catalog(), subject, days, step);
    listing.map_err(|e| asker.tell(e))
}

/// The rollup of exactly these dimensions, where the asker may see what they name.
pub(super) fn rollup<'a>(
    asker: &Asker,
    event: &EventDef,
    names: impl Iterator<Item = &'a String> + Clone,
) -> Result<usize, Fault> {
    asker.may_see(names.clone())?;
    let names: Vec<&str> = names.map(String::as_str).collect();
    Ok(weir_ops::analytics::kept_by(event, &names)?)
}

/// A statistic of a measure (`llm.call.cost`, `llm.call.latency.p95`) over days of the tenant, the
/// earliest first. Percentiles and distinct counts are merged, never averaged. Late events are in.
#[utoipa::path(get, path = "/v1/measures/{statistic}/values", tag = "values",
    params(("statistic" = String, Path, example = "llm.call.cost"), MeasureAsked),
    responses((status = 200, body = Told<Vec<Measured>>)))]
pub(crate) async fn measured(
    asker: Asker,
    Path(path): Path<String>,
    Params(asked): Params<MeasureAsked>,
) -> Result<Response<Body>, Fault> {
    let of = asker.catalog().statistic(&path);
    let of = of.map_err(|(what, remedy)| Fault::nothing(format!("{what}; {remedy}")))?;
    let span = days(asked.from, asked.to, asker.today())?;
    let step = known_step(asked.step.as_deref())?;
    let listing = listing(&asker, of, (&asked.by.0, &asked.subject), span, step)?;
    let limit = page_size(asked.limit, asker.most())?;
    let (rows, next) = asker.page(&listing, asked.after.as_deref(), limit).await?;
    let rows: Vec<Measured> = rows.into_iter().map(Measured::of).collect();
    let event = asker.catalog().events[of.0].name.clone();
    let types = std::iter::once(event.as_str());
    Ok(asker.told(rows, types).then(next).response())
}
