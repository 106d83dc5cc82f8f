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
use weir_model::codes;
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

    /// Writes an event of these fields; returns once Kafka has acknowledged it. Dies the process
    /// before, it may be there all the same: the same id sent again changes nothing then.
    ///
    /// # Errors
    /// 404 where the catalog does not have the type, 422 for what does not fit it, 503 where Kafka
    /// does not answer.
    pub async fn write(
        &self,
        event_type: &'static str,
        mut fields: Map<String, Json>,
        says: Says<'_>,
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
        fields.insert("type".into(), event_type.into());
        fields.insert("event_id".into(), id.as_str().into());
        fields.insert("event_time".into(), now.0.into());
        fields.insert("engineer".into(), serde_json::json!({"email": by}));
        let sender = Sender {
            tenant: &says.bearer.tenant,
            name: &says.bearer.name,
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
        Ok(Written {
            event_id: id,
            event_type,
            event_time: crate::standing::rfc3339(now),
            by,
        })
    }
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
