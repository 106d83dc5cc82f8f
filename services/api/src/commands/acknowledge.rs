//! Somebody takes an alert on.

use super::desk::{Changes, Said, Says, Written};
use crate::fault::Fault;
use crate::page::Told;
use crate::resources::results::{Alert, one};
use crate::resources::typed;
use crate::state::Actor;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Response;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;
use weir_store::reader;

/// What is written.
const EVENT: &str = "alert.acknowledged";

/// Who takes an alert on.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Acknowledge {
    /// Who: an address or a pseudonym; the token's name where it is left out.
    #[schema(example = "ada@example.org")]
    by: Option<String>,
    /// What there is to say about it.
    note: Option<String>,
    /// Id of the event: repeat it where the same is sent again.
    #[schema(format = "uuid")]
    event_id: Option<String>,
}

/// Takes an alert on: it is not told again while it lasts. An event `alert.acknowledged` in the
/// log, which `acknowledged_by` of the alert shows a moment later; the first one counts. It needs
/// the scope `write`.
#[utoipa::path(post, path = "/v1/alerts/{id}/acknowledge", tag = "findings",
    params(("id" = String, Path)), request_body = Option<Acknowledge>,
    responses((status = 200, body = Told<Written>)))]
pub(crate) async fn acknowledge(
    Path(id): Path<String>,
    Said(actor, said): Said<Actor, Acknowledge>,
) -> Result<Response<Body>, Fault> {
    let asker = actor.0;
    let alert: Alert = typed(one(&asker, "alert", reader::alerts, id).await?)?;
    let mut fields = Map::new();
    let changes = Changes {
        action: "alert.acknowledge",
        target_kind: "alert",
        target: alert.id.clone(),
        reason: said.note.clone(),
        detail: None,
    };
    fields.insert("alert_id".into(), alert.id.into());
    fields.insert("rule".into(), alert.rule.into());
    fields.insert("note".into(), said.note.map_or(Json::Null, Json::String));
    let says = Says {
        bearer: &asker.bearer,
        by: said.by,
        event_id: said.event_id,
    };
    let written = asker.state.desk.write(EVENT, fields, says, changes);
    let written = written.await?;
    Ok(asker.told(written, std::iter::empty()).response())
}
