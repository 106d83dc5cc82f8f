//! What an import read in logs, as gateways know it: a call of it that comes over OTLP later is a
//! double. The rules are those of [`joined`](crate::joined), from the other side.

use crate::Agents;
use crate::call::{Call, Tokens, Tool};
use crate::declare::JoinedBy;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use weir_model::hash;

/// Times of one call in a log and over OTLP lie nearer than this where both have an id of it,
/// microseconds.
pub const AROUND: i64 = 60 * 60 * 1_000_000;
/// Claims that are remembered at most, the latest ones: 100 bytes each.
const REMEMBERED: usize = 500_000;
/// Event types.
const CALL: &str = "llm.call";
const TOOL: &str = "tool.called";

/// A call, of a model or a tool, that a log told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Hash of what is equal on both sides.
    pub key: [u8; 16],
    /// The rest.
    of: Of,
}

/// What has to fit besides.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Of {
    /// Model; empty where it is not compared.
    model: Arc<str>,
    /// First and last time that the other side may tell, microseconds.
    from: i64,
    to: i64,
}

/// The same in a record.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    model: Cow<'a, str>,
    from: i64,
    to: i64,
}

impl Claim {
    /// Of a call of a model; none where it could not be told from others.
    pub fn of_call(agents: &Agents, tenant: &str, call: &Call) -> Option<Claim> {
        let otlp = &agents.agent(&call.agent)?.otlp;
        if let (Some(id), JoinedBy::RequestId) = (&call.request_id, otlp.joined_by) {
            return Some(Claim::around(by_id(tenant, CALL, id), call.at));
        }
        let within = otlp.within_micros();
        (call.tokens.sum() > 0).then(|| Claim {
            key: by_tokens(tenant, &call.session, &call.tokens),
            of: Of {
                model: call.model.clone(),
                from: call.began.unwrap_or(call.at) - within,
                to: call.at + within,
            },
        })
    }

    /// Of a call of a tool.
    pub fn of_tool(agents: &Agents, tenant: &str, tool: &Tool) -> Option<Claim> {
        let otlp = &agents.agent(&tool.agent)?.otlp;
        let key = match otlp.tools {
            Some(_) => by_session(tenant, &tool.session),
            None => by_id(tenant, TOOL, &tool.call_id),
        };
        Some(Claim::around(key, tool.at))
    }

    fn around(key: [u8; 16], at: i64) -> Claim {
        Claim {
            key,
            of: Of {
                model: Arc::default(),
                from: at - AROUND,
                to: at + AROUND,
            },
        }
    }

    /// Value of its record.
    ///
    /// # Errors
    /// None in practice: it is texts and numbers.
    pub fn value(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Written {
            model: Cow::Borrowed(&self.of.model),
            from: self.of.from,
            to: self.of.to,
        })
    }
}

fn key(parts: &[&str]) -> [u8; 16] {
    hash::identity(parts.join("\0").as_bytes()).to_be_bytes()
}

fn by_id(tenant: &str, event: &str, id: &str) -> [u8; 16] {
    key(&[tenant, event, "id", id])
}

fn by_session(tenant: &str, session: &str) -> [u8; 16] {
    key(&[tenant, TOOL, "session", session])
}

/// What a side does not tell it did not use.
fn by_tokens(tenant: &str, session: &str, t: &Tokens) -> [u8; 16] {
    let all = [t.input, t.cache_read, t.cache_write, t.output, t.reasoning];
    let all = all.map(|n| n.unwrap_or(0).to_string()).join(",");
    key(&[tenant, CALL, "tokens", session, &all])
}

/// The claims that are known.
#[derive(Debug, Default)]
pub struct Claims {
    by_key: HashMap<[u8; 16], Vec<Of>>,
    /// In the order in which they came.
    order: VecDeque<[u8; 16]>,
    /// Each name once.
    models: HashMap<String, Arc<str>>,
}

impl Claims {
    /// Takes the record of a claim; one that cannot be read is none.
    pub fn take(&mut self, key: &[u8], value: &[u8]) {
        let (Ok(key), Ok(told)) = (key.try_into(), serde_json::from_slice::<Written>(value)) else {
            return;
        };
        let model = self.models.entry(told.model.to_string());
        let of = Of {
            model: model.or_insert_with(|| told.model.into()).clone(),
            from: told.from,
            to: told.to,
        };
        let known = self.by_key.entry(key).or_default();
        if known.contains(&of) {
            return;
        }
        known.push(of);
        self.order.push_back(key);
        if self.order.len() > REMEMBERED {
            self.forget();
        }
    }

    /// The oldest one.
    fn forget(&mut self) {
        let Some(key) = self.order.pop_front() else {
            return;
        };
        if let Some(of) = self.by_key.get_mut(&key) {
            of.remove(0);
            if of.is_empty() {
                self.by_key.remove(&key);
            }
        }
    }

    /// Whether a log told of an event, which is in the form that `POST /v1/events` takes.
    pub fn hold(&self, tenant: &str, event: &Map<String, Value>) -> bool {
        if self.by_key.is_empty() {
            return false;
        }
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        let Some(at) = event.get("event_time").and_then(Value::as_i64) else {
            return false;
        };
        let model = text("model").unwrap_or_default();
        let kept = |key: [u8; 16]| {
            let of = self.by_key.get(&key);
            of.is_some_and(|all| all.iter().any(|of| of.fits(model, at)))
        };
        let session = text("session_id");
        match text("type") {
            Some(CALL) => {
                text("request_id").is_some_and(|id| kept(by_id(tenant, CALL, id)))
                    || session.is_some_and(|s| kept(by_tokens(tenant, s, &tokens(event))))
            }
            Some(TOOL) => {
                text("call_id").is_some_and(|id| kept(by_id(tenant, TOOL, id)))
                    || session.is_some_and(|s| kept(by_session(tenant, s)))
            }
            _ => false,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

impl Of {
    /// Models may differ by the date that one side adds.
    fn fits(&self, model: &str, at: i64) -> bool {
        let same = model.starts_with(&*self.model) || self.model.starts_with(model);
        same && (self.from..=self.to).contains(&at)
    }
}

fn tokens(event: &Map<String, Value>) -> Tokens {
    let n = |name: &str| event.get(name).and_then(Value::as_i64);
    Tokens {
        input: n("tokens_input"),
        cache_read: n("tokens_cache_read"),
        cache_write: n("tokens_cache_write"),
        output: n("tokens_output"),
        reasoning: n("tokens_reasoning"),
        ..Tokens::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn claim(n: i64) -> ([u8; 16], Vec<u8>) {
        let claim = Claim::around(by_id("acme", TOOL, &n.to_string()), 0);
        (claim.key, claim.value().unwrap())
    }

    fn tool(id: &str, at: i64) -> Map<String, Value> {
        let event = json!({"type": TOOL, "call_id": id, "event_time": at});
        event.as_object().unwrap().clone()
    }

    #[test]
    fn what_a_log_told_is_known_near_its_time_and_for_its_tenant() {
        let mut claims = Claims::default();
        assert!(!claims.hold("acme", &tool("1", 0)));
        let (key, value) = claim(1);
        claims.take(&key, &value);
        claims.take(&key, &value);
        claims.take(b"short", &value);
        claims.take(&key, b"{}");
        assert_eq!(claims.len(), 1);
        assert!(claims.hold("acme", &tool("1", AROUND)));
        assert!(!claims.hold("acme", &tool("1", AROUND + 1)), "too far");
        assert!(!claims.hold("other", &tool("1", 0)));
        assert!(!claims.hold("acme", &tool("2", 0)));
        let mut other = tool("1", 0);
        other.insert("type".into(), CALL.into());
        assert!(!claims.hold("acme", &other));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut claims = Claims::default();
        for n in 0..=REMEMBERED as i64 {
            let (key, value) = claim(n);
            claims.take(&key, &value);
        }
        assert_eq!(claims.len(), REMEMBERED);
        assert!(!claims.hold("acme", &tool("0", 0)));
        assert!(claims.hold("acme", &tool("1", 0)));
    }
}
