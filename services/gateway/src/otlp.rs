//! OTLP: records of OpenTelemetry, mapped onto event types by declaration.

mod doubled;
pub(crate) mod grpc;
mod http;
mod observed;

pub(crate) use doubled::Logged;
pub(crate) use http::{post, signal_of};

use crate::budget::Reserved;
use crate::events::finished;
use crate::metric;
use crate::take::{Batch, Candidate, From};
use crate::{Shared, State};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Instant;
use weir_http::Problem;
use weir_model::codes;
use weir_otlp::{Encoding, Mapped, Refused, Request, Signal, Unmapped};

/// The event type of what no declaration understands.
const UNMAPPED: &str = "otel.unmapped";

/// A request as it came.
pub(crate) enum Sent {
    /// A body.
    Body(Signal, Encoding, Vec<u8>),
    /// Decoded already.
    Request(Request),
}

impl Sent {
    fn signal(&self) -> Signal {
        match self {
            Sent::Body(signal, ..) => *signal,
            Sent::Request(Request::Logs(_)) => Signal::Logs,
            Sent::Request(Request::Metrics(_)) => Signal::Metrics,
            Sent::Request(Request::Traces(_)) => Signal::Traces,
        }
    }
}

/// What is told of a request that was taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Records that were not taken, and will not be if they come again.
    pub rejected: u64,
    /// Why, of the first.
    pub message: String,
}

/// What a request turned out to be.
enum Read {
    /// Events, and what is told beside.
    Batch(Batch, Told),
    /// Not to be kept.
    Refused(Problem),
    /// No request at all.
    Unreadable(Problem),
}

/// Maps a request and writes what it says.
pub(crate) async fn take(
    state: &Shared,
    from: From,
    sent: Sent,
    reserved: Reserved,
) -> Result<Told, Problem> {
    let from = Arc::new(from);
    let turn = state.turns.next().await;
    let (at, by) = (state.clone(), from.clone());
    let read = finished(tokio::task::spawn_blocking(move || read(&at, &by, sent)).await);
    drop(turn);
    match read {
        Read::Refused(problem) => Err(problem),
        // Nothing of the bytes is kept: they may hold what people said.
        Read::Unreadable(problem) => Err(state
            .refuse_whole(&from, problem, Vec::new(), reserved)
            .await),
        Read::Batch(batch, told) => {
            if !batch.is_empty() {
                state.deliver(&from, &batch, reserved).await?;
            }
            Ok(told)
        }
    }
}

fn read(state: &State, from: &From, sent: Sent) -> Read {
    let signal = sent.signal();
    let mapped = match &sent {
        Sent::Body(signal, encoding, body) => {
            state.mappings.map(*signal, *encoding, body, from.now.0)
        }
        Sent::Request(request) => Ok(state.mappings.map_request(request, from.now.0)),
    };
    // What was decoded takes many times the bytes that came.
    drop(sent);
    let mut mapped = match mapped {
        Ok(mapped) => mapped,
        Err(refused) => return Read::Unreadable(unreadable(&refused)),
    };
    if !state.logged.is_complete() {
        let starting = "it is starting: what was imported is not read yet";
        return Read::Refused(Problem::busy(starting));
    }
    let events = mapped.events.len();
    if let Err(problem) = state.rates.take(&from.bearer.id, events, Instant::now()) {
        return Read::Refused(problem);
    }
    let observed = match state.types.has(observed::OBSERVED) {
        true => observed::observed(&mapped.events),
        false => Vec::new(),
    };
    let doubles = match state.types.has(doubled::DOUBLED) {
        true => {
            let (tenant, events) = (&from.bearer.tenant, &mut mapped.events);
            state.logged.look(|logged| logged.replace(tenant, events))
        }
        false => 0,
    };
    count(state, signal, &mapped, doubles);
    let unmapped = mapped.unmapped.iter().filter(|_| state.types.has(UNMAPPED));
    let mut items = std::mem::take(&mut mapped.events);
    items.extend(unmapped.map(unmapped_item));
    items.extend(observed);
    // What was dropped on the way here is not in the bytes of dead letters either.
    let raw: Vec<Vec<u8>> = items
        .iter()
        .map(|item| serde_json::to_vec(item).unwrap_or_default())
        .collect();
    let candidates = raw.iter().zip(items).map(|(raw, item)| Candidate {
        raw,
        item: Ok(item),
    });
    let batch = state.judge(from, candidates);
    let outcome = batch.outcome();
    let mut told = Told {
        rejected: mapped.rejected + outcome.refused.len() as u64,
        message: mapped.message,
    };
    if let (true, Some(first)) = (told.message.is_empty(), outcome.refused.first()) {
        told.message = format!("{}: {}", first.code, first.message);
    }
    Read::Batch(batch, told)
}

fn unreadable(refused: &Refused) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        codes::NOT_OTLP,
        refused.to_string(),
    )
}

/// An event that says what was not understood.
fn unmapped_item(u: &Unmapped) -> Map<String, Value> {
    let item = json!({
        "type": UNMAPPED,
        "source": u.emitter,
        "emitter": u.emitter,
        "version": u.version,
        "signal": u.signal.name(),
        "name": u.name,
        "records": u.count,
        "example": u.example.to_string(),
    });
    match item {
        Value::Object(item) => item,
        _ => Map::new(),
    }
}

fn count(state: &State, signal: Signal, mapped: &Mapped, doubles: u64) {
    let unmapped: u64 = mapped.unmapped.iter().map(|u| u.count).sum();
    for (outcome, n) in [
        ("event", mapped.events.len() as u64 - doubles),
        ("doubled", doubles),
        ("unmapped", unmapped),
        ("repeated", mapped.repeated),
        ("ignored", mapped.ignored),
        ("rejected", mapped.rejected),
    ] {
        metrics::counter!(
            metric::RECORDS, "signal" => signal.name(), "outcome" => outcome
        )
        .increment(n);
    }
    for u in &mapped.unmapped {
        let emitter = state
            .emitters
            .label(&format!("{}/{}", u.emitter, u.version));
        metrics::counter!(metric::UNMAPPED, "emitter" => emitter).increment(u.count);
    }
}
