//! Somebody wants no word of a rule for a while. The last word about the same rule, alert and
//! subject counts: a silence is ended by one that ends at once.

use super::desk::{Changes, Said, Says, Written};
use crate::fault::Fault;
use crate::page::Told;
use crate::params::{Moment, Params, page_size};
use crate::resources::results::{Alert, one};
use crate::resources::{all_typed, typed};
use crate::state::{Actor, Asker};
use axum::body::Body;
use axum::extract::Path;
use axum::http::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use weir_model::Micros;
use weir_store::reader::{self, Listing};

/// What is written.
const EVENT: &str = "alert.silenced";
/// Longest silence: what is to be quiet for longer is better not declared.
const LONGEST: Micros = Micros(366 * Micros::DAY.0);

/// What is to be silenced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Silence {
    /// The rule; of `alert_id` where it is left out.
    #[schema(example = "team_over_limit")]
    rule: Option<String>,
    /// The one alert; all of the rule and subject where it is left out.
    alert_id: Option<String>,
    /// Dimensions that the alerts have.
    #[serde(default)]
    subject: BTreeMap<String, String>,
    /// When it may be told again; at most a year from now.
    #[schema(value_type = String, format = DateTime)]
    until: Moment,
    /// Why.
    reason: Option<String>,
    /// Who: an address or a pseudonym; the token's name where it is left out.
    #[schema(example = "ada@example.org")]
    by: Option<String>,
    /// Id of the event: repeat it where the same is sent again.
    #[schema(format = "uuid")]
    event_id: Option<String>,
}

/// A silence that holds.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Silenced {
    /// Id of the event that said so last.
    id: String,
    rule: String,
    /// The one alert; null: all of the rule and subject.
    alert_id: Option<String>,
    /// Dimensions that the alerts have; empty: any.
    subject: BTreeMap<String, String>,
    #[schema(format = DateTime)]
    since: String,
    /// When it may be told again.
    #[schema(format = DateTime)]
    until: String,
    /// Who.
    by: String,
    reason: Option<String>,
}

/// Which silences.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SilencesAsked {
    /// Rows of a page.
    #[param(example = 100)]
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
}

fn listing(asker: &Asker, id: Option<&str>) -> Result<Listing, Fault> {
    let listing = reader::silences(asker.catalog(), id).map_err(|e| asker.tell(e))?;
    let none = || Fault::nothing(format!("this catalog has no event type {EVENT}"));
    listing.ok_or_else(none)
}

/// Silences that hold, those that were said last first.
#[utoipa::path(get, path = "/v1/silences", tag = "findings", params(SilencesAsked),
    responses((status = 200, body = Told<Vec<Silenced>>)))]
pub(crate) async fn silences(
    asker: Asker,
    Params(asked): Params<SilencesAsked>,
) -> Result<Response<Body>, Fault> {
    let listing = listing(&asker, None)?;
    let size = page_size(asked.limit, asker.most())?;
    let (rows, next) = asker.page(&listing, asked.after.as_deref(), size).await?;
    let rows: Vec<Silenced> = all_typed(rows)?;
    Ok(asker.told(rows, [EVENT].into_iter()).then(next).response())
}

/// Silences the alerts of a rule, or one alert: none is told until then. An event `alert.silenced`
/// in the log, which the list shows a moment later. It needs the scope `write`.
#[utoipa::path(post, path = "/v1/silences", tag = "findings", request_body = Silence,
    responses((status = 200, body = Told<Written>)))]
pub(crate) async fn silence(
    Said(actor, said): Said<Actor, Silence>,
) -> Result<Response<Body>, Fault> {
    let asker = actor.0;
    let now = weir_http::now();
    if said.until.0 <= now || said.until.0 > now.plus(LONGEST) {
        let detail = "`until` is a moment to come, within a year";
        return Err(Fault::bad(detail));
    }
    let rule = match (&said.rule, &said.alert_id) {
        (given, Some(id)) => {
            let row = one(&asker, "alert", reader::alerts, id.clone()).await?;
            let alert: Alert = typed(row)?;
            if given.as_ref().is_some_and(|rule| *rule != alert.rule) {
                let detail = format!("the alert is of the rule {}: leave `rule` out", alert.rule);
                return Err(Fault::bad(detail));
            }
            alert.rule
        }
        (Some(rule), None) => {
            let known = asker.catalog().rules.iter().map(|r| r.name.as_str());
            let found = asker.catalog().rule(rule);
            let none = || Fault::missing("rule", rule, known);
            found.ok_or_else(none)?.name.clone()
        }
        (None, None) => return Err(Fault::bad("`rule` or `alert_id` says what is silenced")),
    };
    let target = Target {
        rule,
        alert_id: said.alert_id,
        subject: said.subject,
    };
    let says = Says {
        bearer: &asker.bearer,
        by: said.by,
        event_id: said.event_id,
    };
    say(&asker, target, said.until.0, said.reason, says).await
}

/// Ends a silence: its alerts may be told again. Another event `alert.silenced`, that ends at once.
/// It needs the scope `write`.
#[utoipa::path(delete, path = "/v1/silences/{id}", tag = "findings",
    params(("id" = String, Path)),
    responses((status = 200, body = Told<Written>)))]
pub(crate) async fn speak(
    Path(id): Path<String>,
    Said(actor, _): Said<Actor, crate::resources::Nothing>,
) -> Result<Response<Body>, Fault> {
    let asker = actor.0;
    let listing = listing(&asker, Some(&id))?;
    let (rows, _) = asker.page(&listing, None, 1).await?;
    let id: String = id.chars().take(100).collect();
    let none = || Fault::nothing(format!("no silence {id} holds"));
    let held: Silenced = typed(rows.into_iter().next().ok_or_else(none)?)?;
    let target = Target {
        rule: held.rule,
        alert_id: held.alert_id,
        subject: held.subject,
    };
    let says = Says {
        bearer: &asker.bearer,
        by: None,
        event_id: None,
    };
    say(&asker, target, weir_http::now(), None, says).await
}

/// What a silence is about.
struct Target {
    rule: String,
    alert_id: Option<String>,
    subject: BTreeMap<String, String>,
}

async fn say(
    asker: &Asker,
    target: Target,
    until: Micros,
    reason: Option<String>,
    says: Says<'_>,
) -> Result<Response<Body>, Fault> {
    let text = |given: Option<String>| given.map_or(Json::Null, Json::String);
    let ends = until <= weir_http::now();
    let changes = Changes {
        action: if ends { "alert.speak" } else { "alert.silence" },
        target_kind: if target.alert_id.is_some() {
            "alert"
        } else {
            "rule"
        },
        target: target
            .alert_id
            .clone()
            .unwrap_or_else(|| target.rule.clone()),
        reason: reason.clone(),
        detail: (!ends).then(|| format!("until {}", crate::standing::rfc3339(until))),
    };
    let mut fields = Map::new();
    fields.insert("rule".into(), target.rule.into());
    fields.insert("alert_id".into(), text(target.alert_id));
    fields.insert("subject".into(), json!(target.subject));
    fields.insert("silenced_until".into(), until.0.into());
    fields.insert("reason".into(), text(reason));
    let written = asker.state.desk.write(EVENT, fields, says, changes);
    let written = written.await?;
    Ok(asker.told(written, std::iter::empty()).response())
}
