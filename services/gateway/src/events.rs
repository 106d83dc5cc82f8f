//! `POST /v1/events`: events as JSON.

use crate::answer::Refusal;
use crate::body::{self, Packing, too_large};
use crate::budget::Reserved;
use crate::json::{self, Split};
use crate::take::{Batch, Candidate, From};
use crate::{Shared, cloud, emitter};
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value};
use std::time::Instant;
use weir_http::door::media_type;
use weir_http::token::Scope;
use weir_http::{Problem, now};
use weir_model::codes;

/// Beyond so many bytes a body is read on a thread that may take its time.
const LONG: usize = 64 << 10;

/// How items stand in a body.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// An object, or an array of them.
    Json,
    /// One a line.
    Lines,
    /// A CloudEvent, or an array of them.
    Cloud,
    /// The data of a CloudEvent with these attributes.
    Data(Map<String, Value>),
}

impl Form {
    fn of(headers: &HeaderMap) -> Result<Form, Problem> {
        let attributes = cloud::attributes(headers);
        match media_type(headers).as_str() {
            "application/json" => Ok(attributes.map_or(Form::Json, Form::Data)),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Form::Lines),
            cloud::STRUCTURED | cloud::BATCHED => Ok(Form::Cloud),
            other => Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                codes::MEDIA_TYPE,
                format!(
                    "content type {other:?} is not read here: send application/json, \
                     application/x-ndjson or CloudEvents"
                ),
            )),
        }
    }
}

/// Takes events.
pub(crate) async fn post(state: &Shared, request: Request) -> Result<Response<Body>, Problem> {
    let (head, body) = request.into_parts();
    let bearer = state.door.open(&head, &[Scope::Write])?;
    let form = Form::of(&head.headers)?;
    let packing = Packing::of(&head.headers)?;
    let from = From {
        bearer,
        emitter: emitter::of(&head.headers),
        now: now(),
    };
    let mut reserved = state.budget.nothing();
    let packed = body::read(&state.config, body, &mut reserved).await?;
    let from = std::sync::Arc::new(from);
    let read = read(state, &from, (form, packing), packed, reserved).await;
    let (batch, reserved) = match read {
        Read::Batch(batch, reserved) => (batch, reserved),
        Read::Refused(problem) => return Err(problem),
        Read::Dead(problem, raw, reserved) => {
            if validates(&head) {
                return Err(problem);
            }
            return Err(state.refuse_whole(&from, problem, raw, reserved).await);
        }
    };
    if !validates(&head) && !batch.is_empty() {
        state.deliver(&from, &batch, reserved).await?;
    }
    Ok(batch.outcome().response())
}

/// `?validate=1`: only to be checked.
fn validates(head: &Parts) -> bool {
    let query = head.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "validate" && !matches!(&*value, "" | "0" | "false"))
}

/// What a body turned out to be.
enum Read {
    Batch(Batch, Reserved),
    /// Not to be kept.
    Refused(Problem),
    /// No events at all; to be kept as a dead letter.
    Dead(Problem, Vec<u8>, Reserved),
}

async fn read(
    state: &Shared,
    from: &std::sync::Arc<From>,
    how: (Form, Packing),
    packed: Vec<u8>,
    reserved: Reserved,
) -> Read {
    let _turn = state.turns.next().await;
    if packed.len() < LONG && how.1 == Packing::Plain {
        return read_now(state, from, how, packed, reserved);
    }
    let (state, from) = (state.clone(), from.clone());
    let task = move || read_now(&state, &from, how, packed, reserved);
    finished(tokio::task::spawn_blocking(task).await)
}

/// What a task came to; its panic is one here.
pub(crate) fn finished<T>(task: Result<T, tokio::task::JoinError>) -> T {
    match task {
        Ok(done) => done,
        Err(e) => std::panic::resume_unwind(e.into_panic()),
    }
}

fn read_now(
    state: &Shared,
    from: &From,
    (form, packing): (Form, Packing),
    packed: Vec<u8>,
    mut reserved: Reserved,
) -> Read {
    let config = &state.config;
    let body = match body::unpack(packing, packed, config.body.bytes(), &mut reserved) {
        Ok(body) => body,
        Err(problem) => return Read::Refused(problem),
    };
    let items = match form {
        Form::Json | Form::Cloud => whole(&body, config.events),
        Form::Lines => lines(&body, config.events),
        Form::Data(_) => Ok(vec![&body[..]]),
    };
    let items = match items {
        Ok(items) => items,
        Err(problem) if problem.status == StatusCode::BAD_REQUEST => {
            return Read::Dead(problem, body, reserved);
        }
        Err(problem) => return Read::Refused(problem),
    };
    if let Err(problem) = state
        .rates
        .take(&from.bearer.id, items.len(), Instant::now())
    {
        return Read::Refused(problem);
    }
    let candidates = items.iter().map(|raw| Candidate {
        raw,
        item: item(raw, &form, config.event.bytes()),
    });
    let batch = state.judge(from, candidates);
    Read::Batch(batch, reserved)
}

fn no_json(why: impl std::fmt::Display) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        codes::NOT_JSON,
        format!("the body is no JSON: {why}"),
    )
}

fn too_many(most: usize) -> Problem {
    too_large(&format!("the body has more than {most} events"))
}

fn whole(body: &[u8], most: usize) -> Result<Vec<&[u8]>, Problem> {
    let text = std::str::from_utf8(body).map_err(no_json)?;
    match json::split(text, most) {
        Split::Items(items) => Ok(items.into_iter().map(str::as_bytes).collect()),
        Split::TooMany => Err(too_many(most)),
        Split::Not(why) => Err(no_json(why)),
    }
}

fn lines(body: &[u8], most: usize) -> Result<Vec<&[u8]>, Problem> {
    let lines = body.split(|b| *b == b'\n');
    let lines = lines
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    let lines: Vec<_> = lines.take(most + 1).collect();
    match lines.len() > most {
        true => Err(too_many(most)),
        false => Ok(lines),
    }
}

/// One item.
fn item(raw: &[u8], form: &Form, largest: usize) -> Result<Map<String, Value>, Refusal> {
    if raw.len() > largest {
        let message = format!(
            "the event has {} bytes, at most {largest} are taken",
            raw.len()
        );
        return Err(Refusal::new(codes::EVENT_TOO_LARGE, message));
    }
    let not = |why: String| Refusal::new(codes::NOT_JSON, format!("the event is no JSON: {why}"));
    let text = std::str::from_utf8(raw).map_err(|e| not(e.to_string()))?;
    match (json::parse(text).map_err(not)?, form) {
        (data, Form::Data(attributes)) => cloud::item(attributes.clone(), data),
        (Value::Object(event), Form::Cloud) => cloud::structured(event),
        (Value::Object(item), _) => Ok(item),
        _ => Err(Refusal::new(
            codes::UNFIT,
            "an event is an object with its fields",
        )),
    }
}
