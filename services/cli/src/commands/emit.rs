//! `weir emit`: one event, from a shell.

use super::door::Gateway;
use crate::args::{EmitArgs, SystemArgs};
use crate::output;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use std::time::Duration;
use weir_model::avro::{Leaf, LeafKind, leaf_paths};
use weir_model::codes::{BUSY, CONFIG, INPUT, NOT_RUNNING};

/// The variable that names the source of events.
const SOURCE: &str = "WEIR_SOURCE";
/// Longest wait between two tries, whatever the gateway asks for.
const LONGEST: Duration = Duration::from_secs(30);

/// How long a gateway is waited for.
pub struct Patience {
    /// Sent so often, again where the gateway says so.
    pub tries: usize,
    /// Longest wait for an answer.
    pub answer: Duration,
}

impl Patience {
    /// Of somebody who wants to know that it came.
    const LONG: Patience = Patience {
        tries: 5,
        answer: Duration::from_secs(30),
    };
    /// Of a command that has something else to do.
    pub const SHORT: Patience = Patience {
        tries: 1,
        answer: Duration::from_secs(3),
    };
}

pub fn run(system: &SystemArgs, a: &EmitArgs) -> Result<ExitCode> {
    let item = item(system, a)?;
    let gateway = Gateway::find(system, &a.gateway)?;
    let (status, said) = post(&gateway, a.validate, &item, &Patience::LONG)?;
    let accepted = said["accepted"].as_u64().unwrap_or(0);
    if a.json {
        output::json(&said)?;
    } else if accepted == 1 {
        let what = if a.validate {
            "would be taken"
        } else {
            "is in the log"
        };
        println!("{} {what}", item["event_id"].as_str().unwrap_or_default());
    }
    if accepted == 1 {
        return Ok(ExitCode::SUCCESS);
    }
    let text = |v: &Value, name: &str| v[name].as_str().unwrap_or_default().to_owned();
    match said["refused"].as_array().and_then(|all| all.first()) {
        Some(why) => bail!(
            "{}: {}. {}",
            text(why, "code"),
            text(why, "message"),
            text(why, "remedy")
        ),
        None if said["code"].is_string() => {
            bail!("{}: {}", text(&said, "code"), text(&said, "detail"))
        }
        None => bail!("{BUSY}: the gateway answered {status}"),
    }
}

/// The item, with an id of its own: sent again it is the same event.
fn item(system: &SystemArgs, a: &EmitArgs) -> Result<Value> {
    let catalog = system.catalog()?;
    // A type that only the other side knows is sent all the same: it will say.
    let event = catalog.events.iter().find(|e| e.name == a.event);
    let leaves = event.map_or(Ok(Vec::new()), |e| leaf_paths(&e.schema_json))?;
    let mut item = Map::new();
    item.insert("type".into(), a.event.clone().into());
    let now = jiff::Timestamp::now();
    let random: [u8; 16] = rand::random();
    let id = weir_events::event_id(weir_model::Micros(now.as_microsecond()), &random);
    item.insert("event_id".into(), id.to_string().into());
    item.insert("event_time".into(), now.to_string().into());
    if let Ok(source) = std::env::var(SOURCE) {
        item.insert("source".into(), source.into());
    }
    for field in &a.fields {
        let (path, value) = field_of(field, &leaves)?;
        put(&mut item, &path, value).map_err(|at| {
            anyhow!("{INPUT}: {field}: {at} is given a value already; give each field once")
        })?;
    }
    Ok(Value::Object(item))
}

/// Path and value of `path=text` or `path:=JSON`.
fn field_of(field: &str, leaves: &[Leaf]) -> Result<(String, Value)> {
    let usage = || anyhow!("{INPUT}: `{field}` is no field: write name=value, or name:=JSON");
    let (path, text) = field.split_once('=').ok_or_else(usage)?;
    if let Some(path) = path.strip_suffix(':') {
        let value = serde_json::from_str(text)
            .with_context(|| format!("{INPUT}: {path}: `{text}` is no JSON"))?;
        return Ok((path.to_owned(), value));
    }
    if path.is_empty() {
        return Err(usage());
    }
    let kind = leaves.iter().find(|l| l.path == path).map(|l| l.kind);
    let value = match kind {
        Some(LeafKind::Bool | LeafKind::Int | LeafKind::Float) => {
            // What does not parse is sent as it is, and refused with the reason.
            serde_json::from_str(text).unwrap_or_else(|_| text.into())
        }
        Some(LeafKind::TimestampMicros) => text.parse::<i64>().map_or(text.into(), Value::from),
        Some(LeafKind::Text | LeafKind::Map) | None => text.into(),
    };
    Ok((path.to_owned(), value))
}

/// Sets a field; the keys of `resource` may have dots in them.
fn put(item: &mut Map<String, Value>, path: &str, value: Value) -> Result<(), String> {
    let Some((first, rest)) = path.split_once('.') else {
        // What is set without being asked for gives way.
        let own = matches!(path, "event_id" | "event_time" | "source");
        return match item.insert(path.to_owned(), value) {
            Some(_) if !own => Err(path.to_owned()),
            _ => Ok(()),
        };
    };
    let inner = item.entry(first).or_insert_with(|| json!({}));
    match inner {
        Value::Object(inner) if first == "resource" => {
            inner.insert(rest.to_owned(), value);
            Ok(())
        }
        Value::Object(inner) => put(inner, rest, value),
        _ => Err(first.to_owned()),
    }
}

/// Sends an event or a list of them, again where that is asked for; status and body of the last answer.
pub fn post(
    gateway: &Gateway,
    validate: bool,
    item: &Value,
    patience: &Patience,
) -> Result<(u16, Value)> {
    let query = if validate { "?validate=1" } else { "" };
    let url = format!("{}/v1/events{query}", gateway.url);
    if url.starts_with("https:") {
        bail!(
            "{CONFIG}: {url} speaks TLS, and this command plain HTTP alone: send with curl, or name \
             a gateway without TLS in WEIR_URL"
        );
    }
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(patience.answer))
        .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let mut last = None;
    for attempt in 1..=patience.tries {
        let sent = agent
            .post(&url)
            .header(
                "authorization",
                format!("Bearer {}", gateway.token.expose()),
            )
            .header("content-type", "application/json")
            .send(item.to_string());
        let mut wait = Duration::from_millis(200) * (1 << attempt);
        match sent {
            Ok(mut response) => {
                let status = response.status().as_u16();
                let asked = response.headers().get("retry-after");
                let asked = asked.and_then(|v| v.to_str().ok()?.parse().ok());
                wait = asked.map_or(wait, Duration::from_secs).min(LONGEST);
                let text = response.body_mut().read_to_string()?;
                let said = serde_json::from_str(&text).unwrap_or(Value::Null);
                if !matches!(status, 429 | 503) {
                    return Ok((status, said));
                }
                last = Some(Ok((status, said)));
            }
            Err(e) => {
                last = Some(Err(anyhow!(
                    "{NOT_RUNNING}: no gateway answers at {url}: {e}"
                )));
            }
        }
        if attempt < patience.tries {
            std::thread::sleep(wait);
        }
    }
    last.unwrap_or_else(|| bail!("{NOT_RUNNING}: nothing was sent to {url}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn texts_of_a_shell_become_what_the_field_is() {
        let catalog = weir_catalog::Catalog::embedded().unwrap();
        let call = catalog
            .events
            .iter()
            .find(|e| e.name == "llm.call")
            .unwrap();
        let leaves = leaf_paths(&call.schema_json).unwrap();
        let mut item = Map::new();
        for field in [
            "model=7",
            "tokens_input=7",
            "success=false",
            "engineer.email=a@b.c",
            "engineer.team=x=y",
            "resource.service.name=ci",
            "cost_usd=0.5",
            "tokens_output=many",
            "source=s",
            "error_type:=null",
        ] {
            let (path, value) = field_of(field, &leaves).unwrap();
            put(&mut item, &path, value).unwrap();
        }
        let expected = json!({
            "model": "7", "tokens_input": 7, "success": false,
            "engineer": {"email": "a@b.c", "team": "x=y"}, "resource": {"service.name": "ci"},
            "cost_usd": 0.5, "tokens_output": "many", "source": "s", "error_type": null,
        });
        assert_eq!(Value::Object(item.clone()), expected);
        assert!(put(&mut item, "model", json!(1)).is_err());
        assert!(put(&mut item, "model.x", json!(1)).is_err());
        for bad in ["model", "=x", "a:=", "a:={"] {
            assert!(field_of(bad, &leaves).is_err(), "{bad}");
        }
    }
}
