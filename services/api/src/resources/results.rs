//! What was found and said: alerts, anomalies, published values.

use super::{all_typed, typed};
use crate::fault::Fault;
use crate::page::Told;
use crate::params::{Moment, Params, in_order, page_size};
use crate::resources::Nothing;
use crate::standing::rfc3339;
use crate::state::Asker;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Response;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use weir_model::records;
use weir_store::reader::{self, Finding, Listing, Row};

/// An alert, at its last step.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Alert {
    pub id: String,
    pub rule: String,
    rule_version: u32,
    /// `threshold`, `anomaly` or `no_data`.
    kind: String,
    /// `low`, `medium`, `high` or `critical`.
    severity: String,
    /// `P1` or `P2`.
    priority: String,
    /// For receivers.
    r#type: String,
    /// Values of the dimensions that it is about.
    dimensions: BTreeMap<String, String>,
    /// What its last step did: `open`, `update` or `resolve`, which ends it.
    state: String,
    /// 0 when it opened, then counting.
    step: u32,
    #[schema(format = DateTime)]
    opened: String,
    /// End of the window of the last step.
    #[schema(format = DateTime)]
    at: String,
    value: Option<f64>,
    threshold: Option<f64>,
    /// Worst value since it opened.
    worst: Option<f64>,
    /// Bad windows since it opened.
    windows: u32,
    /// How often it opened again soon after it was over.
    reopenings: u32,
    /// Name of the KPI, detector or event type.
    metric: String,
    unit: String,
    component: String,
    client: String,
    /// What it means for the business.
    impact: String,
    /// What to do.
    action: String,
    group_id: String,
    group_key: String,
    /// Of a rule with several conditions: values of those that hold.
    conditions: BTreeMap<String, Option<f64>>,
    /// Of such a rule: the names of the bad ones.
    failing: String,
    /// Who has taken it on.
    #[serde(default)]
    acknowledged_by: Option<String>,
    #[serde(default)]
    #[schema(format = DateTime)]
    acknowledged_at: Option<String>,
}

impl Alert {
    /// As a record of the log says it.
    pub fn of(a: records::Alert) -> Alert {
        Alert {
            id: a.id,
            rule: a.rule,
            rule_version: a.version,
            kind: a.kind,
            severity: a.severity,
            priority: a.priority,
            r#type: a.r#type,
            dimensions: a.subject.dimensions.into_iter().collect(),
            state: a.state.symbol().to_owned(),
            step: a.step,
            opened: rfc3339(a.opened),
            at: rfc3339(a.at),
            value: a.value,
            threshold: a.threshold,
            worst: a.worst,
            windows: a.windows,
            reopenings: a.reopenings,
            metric: a.metric,
            unit: a.unit,
            component: a.component,
            client: a.client,
            impact: a.impact,
            action: a.action,
            group_id: a.group,
            group_key: a.group_key,
            conditions: a.conditions.into_iter().collect(),
            failing: a.failing,
            acknowledged_by: None,
            acknowledged_at: None,
        }
    }
}

/// What a detector found.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Anomaly {
    id: String,
    detector: String,
    detector_version: u32,
    /// `limit`, `zscore`, `drift`, `seasonal`, `forecast` or `shift`.
    kind: String,
    severity: String,
    /// Event type looked at.
    event: String,
    /// Values of the dimensions that it is about.
    dimensions: BTreeMap<String, String>,
    window: String,
    #[schema(format = DateTime)]
    window_start: String,
    #[schema(format = DateTime)]
    window_end: String,
    value: f64,
    /// Limit, median, mean or forecast.
    expected: f64,
    /// Distance in units of the detector's scale.
    score: f64,
    /// Of a forecast: end of the window that will cross the bound.
    #[schema(format = DateTime)]
    crosses_at: Option<String>,
    #[schema(format = DateTime)]
    crosses_from: Option<String>,
    #[schema(format = DateTime)]
    crosses_to: Option<String>,
    /// The window is still open; the final finding has the same id.
    early: bool,
}

impl Anomaly {
    /// As a record of the log says it.
    pub fn of(a: records::Anomaly) -> Anomaly {
        Anomaly {
            id: a.id,
            detector: a.detector,
            detector_version: a.version,
            kind: a.kind,
            severity: a.severity,
            event: a.event,
            dimensions: a.subject.dimensions.into_iter().collect(),
            window: a.window,
            window_start: rfc3339(a.start),
            window_end: rfc3339(a.end),
            value: a.value,
            expected: a.expected,
            score: a.score,
            crosses_at: a.crosses_at.map(rfc3339),
            crosses_from: a.crosses_from.map(rfc3339),
            crosses_to: a.crosses_to.map(rfc3339),
            early: a.early,
        }
    }
}

/// What was said of a KPI or score when its window was final.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Published {
    id: String,
    kpi: String,
    kpi_version: u32,
    /// Values of its dimensions.
    dimensions: BTreeMap<String, String>,
    window: String,
    #[schema(format = DateTime)]
    window_start: String,
    #[schema(format = DateTime)]
    window_end: String,
    value: Option<f64>,
    score: Option<f64>,
    /// `on_target`, `near`, `off` or `no_data`.
    status: String,
    /// Against the mean of its last three values.
    momentum: String,
    sample: Option<f64>,
    coverage: Option<f64>,
    terms: BTreeMap<String, Option<f64>>,
}

/// Which of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResultsAsked {
    /// Windows that end from then on.
    #[param(value_type = Option<String>, example = "2026-03-01")]
    from: Option<Moment>,
    /// Windows that end before.
    #[param(value_type = Option<String>, example = "2026-03-31T12:00:00Z")]
    to: Option<Moment>,
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

impl ResultsAsked {
    pub fn subject(&self) -> &BTreeMap<String, String> {
        &self.subject
    }

    pub fn pages(&self) -> Pages<'_> {
        (self.after.as_deref(), self.limit)
    }

    pub fn finding(&self) -> Result<Finding, Fault> {
        finding((self.from, self.to), &self.subject, &[])
    }
}

/// Which alerts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertsAsked {
    /// `open` or `resolved`; both where it is left out.
    #[param(example = "open")]
    status: Option<String>,
    /// Of this rule.
    rule: Option<String>,
    /// `low`, `medium`, `high` or `critical`.
    severity: Option<String>,
    /// `P1` or `P2`.
    priority: Option<String>,
    /// Opened from then on.
    #[param(value_type = Option<String>, example = "2026-03-01")]
    from: Option<Moment>,
    /// Opened before.
    #[param(value_type = Option<String>, example = "2026-03-31T12:00:00Z")]
    to: Option<Moment>,
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

/// Which anomalies.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AnomaliesAsked {
    /// Of this detector.
    detector: Option<String>,
    /// `low`, `medium`, `high` or `critical`.
    severity: Option<String>,
    /// Of this event type.
    #[param(example = "llm.call")]
    event: Option<String>,
    /// Windows that end from then on.
    #[param(value_type = Option<String>, example = "2026-03-01")]
    from: Option<Moment>,
    /// Windows that end before.
    #[param(value_type = Option<String>, example = "2026-03-31T12:00:00Z")]
    to: Option<Moment>,
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

/// After which place, and how many.
pub(crate) type Pages<'a> = (Option<&'a str>, Option<usize>);

pub(crate) async fn page(
    asker: &Asker,
    listing: &Listing,
    (after, limit): Pages<'_>,
) -> Result<(Vec<Row>, Option<String>), Fault> {
    let size = page_size(limit, asker.most())?;
    asker.page(listing, after, size).await
}

fn finding(
    (from, to): (Option<Moment>, Option<Moment>),
    subject: &BTreeMap<String, String>,
    equal: &[(&'static str, &Option<String>)],
) -> Result<Finding, Fault> {
    let within = (from.map(|m| m.0), to.map(|m| m.0));
    in_order(within.0, within.1)?;
    let given = equal.iter();
    let given = given.filter_map(|(column, value)| Some((*column, value.as_ref()?.clone())));
    Ok(Finding {
        equal: given.collect(),
        subject: subject.clone(),
        over: None,
        within,
    })
}

/// Alerts, those that opened last first.
#[utoipa::path(get, path = "/v1/alerts", tag = "findings", params(AlertsAsked),
    responses((status = 200, body = Told<Vec<Alert>>)))]
pub(crate) async fn alerts(
    asker: Asker,
    Params(asked): Params<AlertsAsked>,
) -> Result<Response<Body>, Fault> {
    let equal = [
        ("rule", &asked.rule),
        ("severity", &asked.severity),
        ("priority", &asked.priority),
    ];
    let mut finding = finding((asked.from, asked.to), &asked.subject, &equal)?;
    finding.over = match asked.status.as_deref() {
        None => None,
        Some("open") => Some(false),
        Some("resolved") => Some(true),
        Some(_) => return Err(Fault::bad("`status` is open or resolved")),
    };
    let pages = (asked.after.as_deref(), asked.limit);
    let (rows, next) = page(&asker, &reader::alerts(&finding), pages).await?;
    let rows: Vec<Alert> = all_typed(rows)?;
    Ok(asker.told_of_all(rows).then(next).response())
}

/// The row of a listing that has this id.
pub(crate) async fn one(
    asker: &Asker,
    what: &str,
    list: fn(&Finding) -> Listing,
    id: String,
) -> Result<Row, Fault> {
    let finding = Finding {
        equal: vec![("id", id.clone())],
        ..Finding::default()
    };
    let (rows, _) = asker.page(&list(&finding), None, 1).await?;
    let id: String = id.chars().take(100).collect();
    let none = || Fault::nothing(format!("there is no {what} {id}"));
    rows.into_iter().next().ok_or_else(none)
}

/// One of them.
#[utoipa::path(get, path = "/v1/alerts/{id}", tag = "findings",
    params(("id" = String, Path)),
    responses((status = 200, body = Told<Alert>)))]
pub(crate) async fn alert(
    asker: Asker,
    Path(id): Path<String>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response<Body>, Fault> {
    let row = one(&asker, "alert", reader::alerts, id).await?;
    Ok(asker.told_of_all(typed::<Alert>(row)?).response())
}

/// Anomalies, those of the newest windows first.
#[utoipa::path(get, path = "/v1/anomalies", tag = "findings", params(AnomaliesAsked),
    responses((status = 200, body = Told<Vec<Anomaly>>)))]
pub(crate) async fn anomalies(
    asker: Asker,
    Params(asked): Params<AnomaliesAsked>,
) -> Result<Response<Body>, Fault> {
    let equal = [
        ("detector", &asked.detector),
        ("severity", &asked.severity),
        ("event", &asked.event),
    ];
    let finding = finding((asked.from, asked.to), &asked.subject, &equal)?;
    let pages = (asked.after.as_deref(), asked.limit);
    let (rows, next) = page(&asker, &reader::anomalies(&finding), pages).await?;
    let rows: Vec<Anomaly> = all_typed(rows)?;
    Ok(asker.told_of_all(rows).then(next).response())
}

/// One of them.
#[utoipa::path(get, path = "/v1/anomalies/{id}", tag = "findings",
    params(("id" = String, Path)),
    responses((status = 200, body = Told<Anomaly>)))]
pub(crate) async fn anomaly(
    asker: Asker,
    Path(id): Path<String>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response<Body>, Fault> {
    let row = one(&asker, "anomaly", reader::anomalies, id).await?;
    let anomaly: Anomaly = typed(row)?;
    let event = anomaly.event.clone();
    Ok(asker
        .told(anomaly, std::iter::once(event.as_str()))
        .response())
}
