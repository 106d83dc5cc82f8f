//! The paths of the registry, and what is said there.

use super::{Refused, Registry};
use crate::body::{self, Packing};
use crate::routes::answered;
use crate::{Shared, events};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;
use weir_http::token::Scope;
use weir_http::{Problem, json};
use weir_model::codes;
use weir_model::schemas::RegisteredSchema;

/// The content type of the registry's answers.
const KIND: &str = "application/vnd.schemaregistry.v1+json";
/// The rule by which a schema may follow others; there is no other one here.
const LEVEL: &str = "BACKWARD_TRANSITIVE";
/// The one kind of schema.
const AVRO: &str = "AVRO";
/// In metrics.
const ROUTE: &str = "/subjects";

type Said = Result<Value, Refused>;

/// A question to the registry, answered on a thread that may wait for Kafka.
type Ask = Box<dyn FnOnce(&Registry) -> Said + Send>;

/// All paths.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/subjects", get(subjects))
        .route("/subjects/{subject}", post(lookup))
        .route("/subjects/{subject}/versions", get(versions).post(register))
        .route("/subjects/{subject}/versions/{version}", get(version))
        .route("/subjects/{subject}/versions/{version}/schema", get(text))
        .route("/schemas/types", get(types))
        .route("/schemas/ids/{id}", get(by_id))
        .route("/schemas/ids/{id}/schema", get(text_by_id))
        .route("/schemas/ids/{id}/versions", get(versions_by_id))
        .route("/schemas/ids/{id}/subjects", get(subjects_by_id))
        .route("/config", get(level).put(set_level))
        .route("/config/{subject}", get(level).put(set_level))
        .route("/mode", get(mode))
        .route("/mode/{subject}", get(mode))
        .route(
            "/compatibility/subjects/{subject}/versions/{version}",
            post(compatible_with),
        )
        .route(
            "/compatibility/subjects/{subject}/versions",
            post(compatible),
        )
}

/// What is sent: a schema, or a level.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    schema: String,
    #[serde(default)]
    schema_type: Option<String>,
    #[serde(default)]
    references: Option<Vec<Value>>,
}

async fn subjects(State(state): State<Shared>, request: Request) -> Response<Body> {
    let ask = |registry: &Registry| -> Said {
        let all = registry.all()?;
        let mut names: Vec<String> = all.into_iter().map(|s| s.subject).collect();
        names.sort();
        names.dedup();
        Ok(json!(names))
    };
    answer(&state, request, |_| Box::new(ask)).await
}

async fn versions(
    State(state): State<Shared>,
    Path(subject): Path<String>,
    request: Request,
) -> Response<Body> {
    let ask = move |registry: &Registry| -> Said {
        let versions = registry.versions(&subject)?;
        Ok(json!(
            versions.iter().map(|s| s.version).collect::<Vec<_>>()
        ))
    };
    answer(&state, request, |_| Box::new(ask)).await
}

async fn version(
    State(state): State<Shared>,
    Path((subject, version)): Path<(String, String)>,
    request: Request,
) -> Response<Body> {
    let ask =
        move |registry: &Registry| -> Said { Ok(whole(&find(registry, &subject, &version)?)) };
    answer(&state, request, |_| Box::new(ask)).await
}

async fn text(
    State(state): State<Shared>,
    Path((subject, version)): Path<(String, String)>,
    request: Request,
) -> Response<Body> {
    let ask = move |registry: &Registry| -> Said { plain(&find(registry, &subject, &version)?) };
    answer(&state, request, |_| Box::new(ask)).await
}

async fn by_id(
    State(state): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Response<Body> {
    let ask = move |registry: &Registry| -> Said {
        let found = registry.by_id(number(&id)?)?;
        Ok(json!({"schema": found.schema, "guid": guid(&found)}))
    };
    answer(&state, request, |_| Box::new(ask)).await
}

async fn text_by_id(
    State(state): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Response<Body> {
    let ask = move |registry: &Registry| -> Said { plain(&registry.by_id(number(&id)?)?) };
    answer(&state, request, |_| Box::new(ask)).await
}

async fn versions_by_id(
    State(state): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Response<Body> {
    let ask = move |registry: &Registry| -> Said {
        let found = registry.by_id(number(&id)?)?;
        Ok(json!([{"subject": found.subject, "version": found.version}]))
    };
    answer(&state, request, |_| Box::new(ask)).await
}

async fn subjects_by_id(
    State(state): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Response<Body> {
    let ask =
        move |registry: &Registry| -> Said { Ok(json!([registry.by_id(number(&id)?)?.subject])) };
    answer(&state, request, |_| Box::new(ask)).await
}

async fn types(State(state): State<Shared>, request: Request) -> Response<Body> {
    answer(&state, request, |_| Box::new(|_| Ok(json!([AVRO])))).await
}

async fn mode(State(state): State<Shared>, request: Request) -> Response<Body> {
    let said = json!({"mode": "READWRITE"});
    answer(&state, request, |_| Box::new(|_| Ok(said))).await
}

async fn level(State(state): State<Shared>, request: Request) -> Response<Body> {
    let said = json!({"compatibilityLevel": LEVEL});
    answer(&state, request, |_| Box::new(|_| Ok(said))).await
}

async fn set_level(State(state): State<Shared>, request: Request) -> Response<Body> {
    let ask = |sent: Vec<u8>| -> Ask {
        Box::new(move |_| {
            let sent: Value = serde_json::from_slice(&sent).unwrap_or_default();
            match sent["compatibility"].as_str() {
                Some(LEVEL) => Ok(json!({"compatibility": LEVEL})),
                _ => Err(Refused::Invalid(format!("the level is {LEVEL}, always"))),
            }
        })
    };
    answer(&state, request, ask).await
}

async fn lookup(
    State(state): State<Shared>,
    Path(subject): Path<String>,
    request: Request,
) -> Response<Body> {
    let ask = |sent: Vec<u8>| -> Ask {
        Box::new(move |registry| Ok(whole(&registry.lookup(&subject, &schema(&sent)?)?)))
    };
    answer(&state, request, ask).await
}

async fn register(
    State(state): State<Shared>,
    Path(subject): Path<String>,
    request: Request,
) -> Response<Body> {
    let ask = |sent: Vec<u8>| -> Ask {
        Box::new(move |registry| Ok(whole(&registry.register(&subject, &schema(&sent)?)?)))
    };
    answer(&state, request, ask).await
}

async fn compatible_with(
    State(state): State<Shared>,
    Path((subject, version)): Path<(String, String)>,
    request: Request,
) -> Response<Body> {
    let ask = |sent: Vec<u8>| -> Ask {
        Box::new(move |registry| {
            let version = find(registry, &subject, &version)?.version;
            verdict(registry.compatible(&subject, &schema(&sent)?, Some(version)))
        })
    };
    answer(&state, request, ask).await
}

async fn compatible(
    State(state): State<Shared>,
    Path(subject): Path<String>,
    request: Request,
) -> Response<Body> {
    let ask = |sent: Vec<u8>| -> Ask {
        Box::new(move |registry| verdict(registry.compatible(&subject, &schema(&sent)?, None)))
    };
    answer(&state, request, ask).await
}

fn verdict(compatible: Result<(), Refused>) -> Said {
    match compatible {
        Ok(()) => Ok(json!({"is_compatible": true})),
        Err(Refused::Incompatible(why)) => Ok(json!({"is_compatible": false, "messages": [why]})),
        Err(e) => Err(e),
    }
}

/// The schema that was sent.
fn schema(sent: &[u8]) -> Result<String, Refused> {
    let sent: Sent = serde_json::from_slice(sent)
        .map_err(|e| Refused::Invalid(format!("no schema was sent: {e}")))?;
    if sent.schema_type.is_some_and(|kind| kind != AVRO) {
        return Err(Refused::Invalid(format!("schemas are {AVRO} here")));
    }
    if sent.references.is_some_and(|all| !all.is_empty()) {
        let why = "references are not resolved here: send the schema as a whole";
        return Err(Refused::Invalid(why.to_owned()));
    }
    Ok(sent.schema)
}

/// A version by its number, or `latest` (`-1`).
fn find(registry: &Registry, subject: &str, version: &str) -> Result<RegisteredSchema, Refused> {
    let mut versions = registry.versions(subject)?;
    if matches!(version, "latest" | "-1") {
        return versions.pop().ok_or(Refused::Version);
    }
    let found = versions
        .into_iter()
        .find(|s| s.version.to_string() == version);
    found.ok_or(Refused::Version)
}

fn number(id: &str) -> Result<u32, Refused> {
    id.parse().map_err(|_| Refused::Schema)
}

fn guid(schema: &RegisteredSchema) -> String {
    uuid::Uuid::from_bytes(schema.guid).to_string()
}

fn whole(s: &RegisteredSchema) -> Value {
    json!({
        "subject": s.subject, "id": s.id, "guid": guid(s), "version": s.version,
        "schemaType": AVRO, "schema": s.schema,
    })
}

fn plain(s: &RegisteredSchema) -> Said {
    serde_json::from_str(&s.schema).map_err(|e| Refused::Invalid(e.to_string()))
}

/// Lets somebody in, reads what he sent, and asks.
async fn answer(
    state: &Shared,
    request: Request,
    ask: impl FnOnce(Vec<u8>) -> Ask,
) -> Response<Body> {
    let begun = Instant::now();
    answered(ROUTE, begun, said(state, request, ask).await)
}

async fn said(
    state: &Shared,
    request: Request,
    ask: impl FnOnce(Vec<u8>) -> Ask,
) -> Result<Response<Body>, Problem> {
    let (head, body) = request.into_parts();
    let scopes: &[Scope] = match writes(&head) {
        true => &[Scope::Write],
        false => &[Scope::Write, Scope::Read],
    };
    state.door.open(&head, scopes)?;
    let packing = Packing::of(&head.headers)?;
    let mut reserved = state.budget.nothing();
    let packed = body::read(&state.config, body, &mut reserved).await?;
    let sent = body::unpack(packing, packed, state.config.body.bytes(), &mut reserved)?;
    let (ask, registry) = (ask(sent), state.clone());
    let task = tokio::task::spawn_blocking(move || ask(&registry.registry));
    let mut response = match events::finished(task.await) {
        Ok(said) => json(StatusCode::OK, &said),
        Err(Refused::Kafka(e)) => {
            tracing::warn!("the schemas cannot be read: {e}");
            let detail = "Kafka does not answer: ask again";
            let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, codes::NOT_ACKNOWLEDGED);
            let problem = Problem::new(status, code, detail);
            return Err(problem.again_after(state.config.wait));
        }
        Err(refused) => {
            let (status, number, message) = refused.said();
            json(status, &json!({"error_code": number, "message": message}))
        }
    };
    let kind = HeaderValue::from_static(KIND);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// Whether it changes something; to look a schema up is a POST too.
fn writes(head: &Parts) -> bool {
    let path = head.uri.path().trim_end_matches('/');
    head.method == "PUT"
        || (path.starts_with(ROUTE) && path.ends_with("/versions")) && head.method == "POST"
}

impl Refused {
    /// Status, number and words, as clients of registries know them.
    fn said(self) -> (StatusCode, u32, String) {
        let not_found = StatusCode::NOT_FOUND;
        let unfit = StatusCode::UNPROCESSABLE_ENTITY;
        match self {
            Refused::Subject => {
                let what = "no such subject: they are weir.events.TYPE-value of declared types";
                (not_found, 40401, what.to_owned())
            }
            Refused::Version => (not_found, 40402, "no such version".to_owned()),
            Refused::Schema => (not_found, 40403, "no such schema".to_owned()),
            Refused::Invalid(why) => (unfit, 42201, why),
            Refused::Incompatible(why) => (StatusCode::CONFLICT, 409, why),
            Refused::Kafka(e) => (StatusCode::SERVICE_UNAVAILABLE, 50003, e.to_string()),
        }
    }
}
