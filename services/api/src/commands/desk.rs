//! Where commands become events in the log.

use crate::fault::Fault;
use crate::state::Shared;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;
use weir_catalog::Catalog;
use weir_gateway::{Refusal, Sender, Types, confirmed};
use weir_http::{Bearer, Problem, door::media_type};
use weir_kafka::{Brokers, Courier, Parcel};
use weir_model::{Micros, codes};
use weir_privacy::{Met, Privacy};

/// A record is tried for so long.
const TRIED: Duration = Duration::from_secs(10);
/// A request waits so much longer.
const GRACE: Duration = Duration::from_secs(2);
/// When to come again after Kafka did not acknowledge.
const AGAIN: Duration = Duration::from_secs(5);
/// So much may be under way.
const UNDER_WAY: usize = 4 << 20;
/// Largest body of a command.
const LARGEST: usize = 64 << 10;

/// Writes commands.
pub(crate) struct Desk {
    courier: Courier,
    types: Types,
    privacy: Option<Arc<Privacy>>,
}

/// What was written.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Written {
    /// Id of the event.
    #[schema(format = "uuid")]
    pub event_id: String,
    /// Its type.
    #[schema(example = "alert.acknowledged")]
    pub event_type: &'static str,
    /// When it was said.
    #[schema(format = DateTime)]
    pub event_time: String,
    /// Who said it.
    pub by: String,
}

/// What a command changes, for the audit.
pub(crate) struct Changes {
    /// `alert.silence`.
    pub action: &'static str,
    /// `alert`, `rule`.
    pub target_kind: &'static str,
    /// Its id; never the name of a person.
    pub target: String,
    pub reason: Option<String>,
    pub detail: Option<String>,
}

/// The event type of the audit.
const AUDIT: &str = "audit.recorded";

/// Who says something, and under which id: the same again is the same command.
pub(crate) struct Says<'a> {
    pub bearer: &'a Bearer,
    pub by: Option<String>,
    pub event_id: Option<String>,
}

impl Desk {
    /// Before these brokers.
    ///
    /// # Errors
    /// Properties that the client library does not take, or a schema that cannot be used.
    pub fn new(
        brokers: &Brokers,
        catalog: &Catalog,
        privacy: Option<Arc<Privacy>>,
    ) -> anyhow::Result<Desk> {
        let types = Types::new(catalog).map_err(|e| anyhow::anyhow!("{}: {e}", codes::CONFIG))?;
        Ok(Desk {
            courier: Courier::new(brokers, TRIED, UNDER_WAY)?,
            types: types.hiding(privacy.clone()),
            privacy,
        })
    }

    /// Writes an event of these fields, and beside it who changed what by it; returns once Kafka has
    /// acknowledged both. Dies the process before, they may be there all the same: the same id sent
    /// again changes nothing then.
    ///
    /// # Errors
    /// 404 where the catalog does not have the type, 422 for what does not fit it, 503 where Kafka
    /// does not answer.
    pub async fn write(
        &self,
        event_type: &'static str,
        mut fields: Map<String, Json>,
        says: Says<'_>,
        changes: Changes,
    ) -> Result<Written, Fault> {
        if !self.types.has(event_type) {
            let detail = format!("this catalog has no event type {event_type}");
            return Err(Fault::nothing(detail));
        }
        let now = weir_http::now();
        let by = says.by.filter(|by| !by.trim().is_empty());
        let by = by.unwrap_or_else(|| says.bearer.name.clone());
        let id = match says.event_id {
            Some(id) => id,
            None => weir_events::event_id(now, &random::<16>()?).to_string(),
        };
        let envelope = (id.as_str(), now);
        fields.insert("engineer".into(), serde_json::json!({"email": by}));
        self.send(event_type, envelope, fields, says.bearer).await?;
        if self.types.has(AUDIT) {
            let beside = beside(&id);
            let fields = changes.fields(&by);
            self.send(AUDIT, (&beside, now), fields, says.bearer)
                .await?;
        }
        Ok(Written {
            event_id: id,
            event_type,
            event_time: crate::standing::rfc3339(now),
            by,
        })
    }

    /// Writes one event.
    async fn send(
        &self,
        event_type: &str,
        (id, now): (&str, Micros),
        mut fields: Map<String, Json>,
        bearer: &Bearer,
    ) -> Result<(), Fault> {
        fields.insert("type".into(), event_type.into());
        fields.insert("event_id".into(), id.into());
        fields.insert("event_time".into(), now.0.into());
        let sender = Sender {
            tenant: &bearer.tenant,
            name: &bearer.name,
            now,
        };
        let mut met = Met::default();
        let made = self.types.make(fields, sender, &mut met);
        let made = made.map_err(unfit)?;
        let (key, value) = (Some(made.key.as_bytes()), Some(&made.value[..]));
        let send = |parcel: &Arc<Parcel>| {
            let topic = &made.topic;
            self.courier.send(parcel, topic, key, value, &[])
        };
        let result = confirmed(&self.courier, &met, TRIED + GRACE, (), send).await;
        result.map_err(silent)?;
        if let Some(privacy) = &self.privacy {
            privacy.people().entered(&met);
        }
        Ok(())
    }
}

impl Changes {
    fn fields(self, by: &str) -> Map<String, Json> {
        let text = |given: Option<String>| given.map_or(Json::Null, Json::String);
        let mut fields = Map::new();
        fields.insert("actor".into(), by.into());
        fields.insert("action".into(), self.action.into());
        fields.insert("target_kind".into(), self.target_kind.into());
        fields.insert("target".into(), self.target.into());
        fields.insert("reason".into(), text(self.reason));
        fields.insert("outcome".into(), "done".into());
        fields.insert("detail".into(), text(self.detail));
        fields
    }
}

/// The id of the event beside one: the same again has the same beside it. It differs in the last
/// bit.
fn beside(id: &str) -> String {
    let mut id = id.to_owned();
    let last = id.pop().and_then(|c| c.to_digit(16)).unwrap_or(0);
    id.extend(char::from_digit(last ^ 1, 16));
    id
}

fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    let filled = getrandom::fill(&mut bytes);
    let none = |_| Problem::busy("there are no random bits at the moment");
    filled.map_err(none)?;
    Ok(bytes)
}

fn unfit(refusal: Refusal) -> Fault {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Fault::new(status, refusal.code, refusal.message)
}

fn silent(why: String) -> Fault {
    tracing::warn!("a command was not acknowledged: {why}");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        codes::NOT_ACKNOWLEDGED,
        "Kafka did not acknowledge in time: send the same again, with the same `event_id`",
    )
    .again_after(AGAIN)
    .into()
}

/// Who asks, and what the body says. An empty body says nothing.
pub(crate) struct Said<W, T>(pub W, pub T);

impl<W, T> FromRequest<Shared> for Said<W, T>
where
    W: FromRequestParts<Shared, Rejection = Fault> + Send,
    T: DeserializeOwned,
{
    type Rejection = Fault;

    async fn from_request(request: Request, state: &Shared) -> Result<Said<W, T>, Fault> {
        let (mut head, body) = request.into_parts();
        let who = W::from_request_parts(&mut head, state).await?;
        let limit = state.config.head;
        let bytes = match tokio::time::timeout(limit, read(body)).await {
            Ok(bytes) => bytes?,
            Err(_) => return Err(cut()),
        };
        let kind = media_type(&head.headers);
        if !bytes.is_empty() && kind != "application/json" {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            let detail = "a command is sent as application/json";
            return Err(Fault::new(status, codes::MEDIA_TYPE, detail));
        }
        let text = if bytes.is_empty() { &b"{}"[..] } else { &bytes };
        // A list would be taken for the members in their order.
        let said = serde_json::from_slice::<Map<String, Json>>(text);
        let said = said.and_then(|all| serde_json::from_value(Json::Object(all)));
        let said = said.map_err(|e| Fault::bad(format!("the command cannot be read: {e}")))?;
        Ok(Said(who, said))
    }
}

async fn read(body: Body) -> Result<axum::body::Bytes, Fault> {
    to_bytes(body, LARGEST).await.map_err(|_| cut())
}

fn cut() -> Fault {
    let detail = "the command came too slowly, was cut, or has more than 64 KiB";
    Fault::new(StatusCode::BAD_REQUEST, codes::BODY_CUT, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_beside_has_an_id_of_its_own_and_always_the_same() {
        let id = "019a9f6f-2717-7325-9a71-2c3d4e60d05a";
        assert_eq!(beside(id), "019a9f6f-2717-7325-9a71-2c3d4e60d05b");
        assert_eq!(beside(&beside(id)), id);
    }
}
