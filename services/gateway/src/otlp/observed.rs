//! What a request tells of its emitters: how many events, and which fields of their calls.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;
use weir_model::hash;

/// The event type that says so.
pub(crate) const OBSERVED: &str = "emitter.observed";
/// Event types that say something about emitters themselves.
const ABOUT: &str = "emitter.";
const CALL: &str = "llm.call";
/// Fields of a call that an emitter tells or not; a call that failed has reasons to tell less.
const FIELDS: [&str; 13] = [
    "request_id",
    "engineer.email",
    "session_id",
    "model",
    "tokens_input",
    "tokens_cache_read",
    "tokens_cache_write",
    "tokens_output",
    "tokens_reasoning",
    "cost_usd",
    "latency_ms",
    "first_token_ms",
    "stop_reason",
];
/// Classes are apart.
const TOKENS: [&str; 5] = [
    "tokens_input",
    "tokens_cache_read",
    "tokens_cache_write",
    "tokens_output",
    "tokens_reasoning",
];

/// What is known of one emitter and version.
#[derive(Default)]
struct Seen<'e> {
    events: u64,
    calls: u64,
    missing: BTreeMap<&'static str, u64>,
    tokens: i64,
    latest: i64,
    ids: Vec<&'e str>,
}

/// An event for each emitter and version. The same request gives the same events.
pub(crate) fn observed(events: &[Map<String, Value>]) -> Vec<Map<String, Value>> {
    let mut all: BTreeMap<(&str, &str), Seen> = BTreeMap::new();
    for event in events {
        let kind = text(event, "type");
        if kind.starts_with(ABOUT) {
            continue;
        }
        let seen = all.entry(emitter(event)).or_default();
        seen.events += 1;
        seen.ids.push(text(event, "event_id"));
        seen.latest = seen.latest.max(number(event, "event_time"));
        if kind == CALL {
            seen.call(event);
        }
    }
    let items = all.iter().map(|(who, seen)| seen.item(*who));
    items.filter_map(|item| item.as_object().cloned()).collect()
}

fn text<'e>(event: &'e Map<String, Value>, name: &str) -> &'e str {
    event.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(event: &Map<String, Value>, name: &str) -> i64 {
    event.get(name).and_then(Value::as_i64).unwrap_or(0)
}

fn emitter(event: &Map<String, Value>) -> (&str, &str) {
    let resource = event.get("resource").and_then(Value::as_object);
    resource.map_or(("", ""), |r| {
        (text(r, "weir.emitter"), text(r, "weir.emitter.version"))
    })
}

/// Whether a field says something.
fn tells(event: &Map<String, Value>, path: &str) -> bool {
    let value = match path.split_once('.') {
        Some((outer, inner)) => event.get(outer).and_then(|held| held.get(inner)),
        None => event.get(path),
    };
    match value {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !matches!(text.as_str(), "" | "unknown"),
        Some(_) => true,
    }
}

impl<'e> Seen<'e> {
    fn call(&mut self, event: &'e Map<String, Value>) {
        let tokens = TOKENS.iter().map(|class| number(event, class));
        self.tokens = tokens.fold(self.tokens, i64::saturating_add);
        if event.get("success") == Some(&Value::Bool(false)) {
            return;
        }
        self.calls += 1;
        for field in FIELDS.into_iter().filter(|f| !tells(event, f)) {
            *self.missing.entry(field).or_default() += 1;
        }
    }

    fn item(&self, (emitter, version): (&str, &str)) -> Value {
        let asked = self.calls * FIELDS.len() as u64;
        let missing: u64 = self.missing.values().sum();
        let ids = [emitter, version]
            .into_iter()
            .chain(self.ids.iter().copied());
        let ids: Vec<&str> = ids.collect();
        let told = |(field, n): (&&'static str, &u64)| ((*field).to_owned(), n.to_string().into());
        let by_field: Map<String, Value> = self.missing.iter().map(told).collect();
        json!({
            "type": OBSERVED,
            "event_id": Uuid::from_u128(hash::identity(ids.join("\0").as_bytes())).to_string(),
            "event_time": self.latest,
            "source": emitter,
            "emitter": emitter,
            "version": version,
            "events": self.events,
            "calls": self.calls,
            "fields_asked": asked,
            "fields_told": asked - missing,
            "missing": by_field,
            "tokens": self.tokens,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn event(id: &str, version: &str, more: Value) -> Map<String, Value> {
        let mut event = json!({
            "type": CALL, "event_id": id, "event_time": 7,
            "resource": {"weir.emitter": "codex", "weir.emitter.version": version},
        });
        let held = event.as_object_mut().unwrap();
        held.extend(more.as_object().unwrap().clone());
        held.clone()
    }

    #[test]
    fn an_emitter_is_seen_with_what_its_calls_tell() {
        let call = json!({"model": "m", "engineer": {"email": "unknown"}, "session_id": "s",
            "tokens_input": 5, "tokens_output": 2, "latency_ms": 1.5, "cost_usd": null});
        let failed = json!({"success": false, "tokens_input": 3});
        let tool = json!({"type": "tool.called", "event_time": 9});
        let meter = json!({"type": "emitter.metered"});
        let events = [
            event("a", "1", call.clone()),
            event("b", "1", failed),
            event("c", "1", tool),
            event("d", "1", meter),
            event("e", "2", call),
        ];
        let made = observed(&events);
        assert_eq!(made.len(), 2);
        let of = |name: &str| made[0][name].clone();
        assert_eq!(
            [
                "events",
                "calls",
                "fields_asked",
                "fields_told",
                "tokens",
                "event_time"
            ]
            .map(of),
            [3, 1, 13, 5, 10, 9]
        );
        assert_eq!(made[0]["missing"]["engineer.email"], "1");
        assert_eq!(made[0]["missing"].get("model"), None);
        assert_eq!(
            (&made[1]["version"], &made[1]["calls"]),
            (&json!("2"), &json!(1))
        );
        // Sent again it is the same, another request another one.
        assert_eq!(observed(&events)[0]["event_id"], made[0]["event_id"]);
        assert_ne!(observed(&events[1..])[0]["event_id"], made[0]["event_id"]);
        assert!(observed(&[]).is_empty());
    }
}
