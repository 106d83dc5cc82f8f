//! Calls that an import read in a log and published before they come over OTLP: they are told as
//! doubles (`otel.doubled`), in place of the call.

use serde_json::{Map, Value, json};
use weir_agents::Claims;
use weir_http::Table;

/// The event type of a double.
pub(crate) const DOUBLED: &str = "otel.doubled";

/// What imports published, as the topic tells.
#[derive(Default)]
pub(crate) struct Logged(Claims);

impl Table for Logged {
    fn take(&mut self, key: &[u8], value: Option<&[u8]>) {
        if let Some(value) = value {
            self.0.take(key, value);
        }
    }
}

impl Logged {
    /// Puts what is told of a double in place of each; the number of them.
    pub(crate) fn replace(&self, tenant: &str, events: &mut [Map<String, Value>]) -> u64 {
        let mut doubles = 0;
        for event in events {
            if self.0.hold(tenant, event) {
                *event = double(event);
                doubles += 1;
            }
        }
        doubles
    }
}

/// Who sent it and which it is, under the id that the call would have.
fn double(event: &Map<String, Value>) -> Map<String, Value> {
    let of = |name: &str| event.get(name).cloned().unwrap_or_default();
    let resource = |name: &str| {
        let told = event.get("resource").and_then(|r| r.get(name));
        told.cloned().unwrap_or_else(|| "".into())
    };
    let item = json!({
        "type": DOUBLED,
        "event_id": of("event_id"),
        "event_time": of("event_time"),
        "source": of("source"),
        "resource": of("resource"),
        "emitter": resource("weir.emitter"),
        "version": resource("weir.emitter.version"),
        "event": of("type"),
        "session_id": of("session_id"),
    });
    match item {
        Value::Object(item) => item,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_double_says_who_and_which_and_nothing_that_is_counted() {
        let call = json!({
            "type": "llm.call", "event_id": "an id", "event_time": 7, "source": "s",
            "resource": {"weir.emitter": "codex", "host.name": "h"},
            "session_id": "t", "tokens_input": 9, "engineer": {"email": "ada@example.com"},
        });
        let told = double(call.as_object().unwrap());
        let wanted = json!({
            "type": DOUBLED, "event_id": "an id", "event_time": 7, "source": "s",
            "resource": {"weir.emitter": "codex", "host.name": "h"},
            "emitter": "codex", "version": "", "event": "llm.call", "session_id": "t",
        });
        assert_eq!(Value::Object(told), wanted);
        let mut calls = [call.as_object().unwrap().clone()];
        assert_eq!(Logged::default().replace("acme", &mut calls), 0);
        assert_eq!(Value::Object(calls[0].clone()), call);
    }
}
