//! CloudEvents 1.0 over HTTP: attributes and data become an item as `POST /v1/events` has it.

use crate::answer::Refusal;
use axum::http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use weir_model::codes;

/// Content type of one event with its attributes.
pub(crate) const STRUCTURED: &str = "application/cloudevents+json";
/// Content type of a list of them.
pub(crate) const BATCHED: &str = "application/cloudevents-batch+json";
/// What headers of attributes begin with, where the body is the data alone.
const HEADER: &str = "ce-";
/// The version that is read.
const VERSION: &str = "1.0";
/// Prefix of keys of `resource` for what else was said of an event.
const KEPT: &str = "ce.";
/// Ids that are no UUIDs are made some within this namespace, from source and id: together they say
/// which event it is.
const NAMESPACE: Uuid = Uuid::from_u128(0x6c5b_0d1e_6c3f_4f4e_9a54_8f3a_1c2d_7e90);

/// Attributes in the headers of a request, where there are any.
pub(crate) fn attributes(headers: &HeaderMap) -> Option<Map<String, Value>> {
    headers.get("ce-specversion")?;
    let named = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix(HEADER)?;
        let text = percent_decode_str(value.to_str().ok()?).decode_utf8_lossy();
        Some((name.to_owned(), Value::from(text.trim_matches('"'))))
    });
    Some(named.collect())
}

/// An event whose data stands beside its attributes.
///
/// # Errors
/// What of the specification, or of weir, it does not keep.
pub(crate) fn structured(mut event: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    if event.contains_key("data_base64") {
        return Err(unfit(
            "data_base64 is not read here: send the event's fields as JSON in data",
        ));
    }
    let data = event.remove("data").unwrap_or_else(|| json!({}));
    item(event, data)
}

/// An item of attributes and data.
///
/// # Errors
/// As [`structured`].
pub(crate) fn item(
    mut attributes: Map<String, Value>,
    data: Value,
) -> Result<Map<String, Value>, Refusal> {
    let mut take = |name: &str| match attributes.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(unfit(format!(
            "the attribute {name} is a text, and not empty"
        ))),
    };
    if take("specversion")?.as_deref() != Some(VERSION) {
        return Err(unfit(format!("specversion must be {VERSION}")));
    }
    let missing = |name: &str| unfit(format!("the attribute {name} is missing"));
    let event_type = take("type")?.ok_or_else(|| missing("type"))?;
    let source = take("source")?.ok_or_else(|| missing("source"))?;
    let id = take("id")?.ok_or_else(|| missing("id"))?;
    let time = take("time")?;
    if let Some(kind) = take("datacontenttype")?
        && !is_json(&kind)
    {
        return Err(unfit(format!(
            "data of the type {kind} is not read here: send JSON"
        )));
    }
    let Value::Object(mut item) = data else {
        return Err(unfit("data is an object with the fields of the event type"));
    };
    let id = match Uuid::parse_str(&id) {
        Ok(id) => id,
        Err(_) => Uuid::new_v5(&NAMESPACE, format!("{source}\0{id}").as_bytes()),
    };
    item.insert("type".into(), event_type.into());
    item.insert("event_id".into(), id.to_string().into());
    item.insert("source".into(), source.into());
    if let Some(time) = time {
        item.insert("event_time".into(), time.into());
    }
    keep(&mut item, attributes);
    Ok(item)
}

/// What else is said of an event goes into its resource.
fn keep(item: &mut Map<String, Value>, others: Map<String, Value>) {
    if others.is_empty() {
        return;
    }
    let resource = item.entry("resource").or_insert_with(|| json!({}));
    // Something else there is refused with the other fields.
    if let Value::Object(resource) = resource {
        for (name, value) in others {
            let text = match value {
                Value::String(text) => text,
                Value::Null => continue,
                other => other.to_string(),
            };
            resource
                .entry(format!("{KEPT}{name}"))
                .or_insert(text.into());
        }
    }
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    kind == "application/json" || kind == "text/json" || kind.ends_with("+json")
}

fn unfit(message: impl Into<String>) -> Refusal {
    Refusal::new(codes::UNFIT, format!("CloudEvent: {}", message.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn object(v: Value) -> Map<String, Value> {
        let Value::Object(map) = v else { panic!("{v}") };
        map
    }

    fn event() -> Value {
        json!({
            "specversion": "1.0", "type": "llm.call", "source": "//ci/7", "id": "A-1",
            "time": "2026-03-02T10:00:00Z", "subject": "run", "traceparent": "00-ab", "retry": 2,
            "datacontenttype": "application/json; charset=utf-8",
            "data": {"model": "m", "source": "elsewhere", "resource": {"platform": "Linux"}},
        })
    }

    #[test]
    fn attributes_become_the_envelope() {
        let made = structured(object(event())).unwrap();
        let id = Uuid::new_v5(&NAMESPACE, b"//ci/7\0A-1").to_string();
        let expected = json!({
            "type": "llm.call", "source": "//ci/7", "event_id": id, "model": "m",
            "event_time": "2026-03-02T10:00:00Z",
            "resource": {
                "platform": "Linux", "ce.subject": "run", "ce.traceparent": "00-ab", "ce.retry": "2",
            },
        });
        assert_eq!(Value::Object(made), expected);
        let mut other = event();
        other["id"] = "01931b5e-7a00-7000-8000-000000000001".into();
        let made = structured(object(other.clone())).unwrap();
        assert_eq!(made["event_id"], other["id"]);
        other["source"] = "//ci/8".into();
        other["id"] = "A-1".into();
        assert_ne!(
            structured(object(other)).unwrap()["event_id"],
            id,
            "of another source"
        );
    }

    #[test]
    fn headers_are_attributes_too() {
        let mut headers = HeaderMap::new();
        assert_eq!(attributes(&headers), None);
        for (name, value) in [
            ("ce-specversion", "1.0"),
            ("ce-type", "llm.call"),
            ("CE-Source", "//ci/caf%C3%A9"),
            ("ce-id", "1"),
            ("content-type", "application/json"),
        ] {
            let name: axum::http::HeaderName = name.parse().unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        let made = item(attributes(&headers).unwrap(), json!({"model": "m"})).unwrap();
        assert_eq!(
            (&made["source"], &made["model"]),
            (&json!("//ci/café"), &json!("m"))
        );
    }

    #[test]
    fn what_the_specification_forbids_is_refused() {
        for (name, value, says) in [
            ("specversion", json!("0.3"), "must be 1.0"),
            ("specversion", Value::Null, "must be 1.0"),
            ("id", Value::Null, "id is missing"),
            ("id", json!(""), "not empty"),
            ("source", Value::Null, "source is missing"),
            ("type", json!(1), "a text"),
            ("data", json!([1]), "an object"),
            ("data_base64", json!("e30="), "data_base64"),
            (
                "datacontenttype",
                json!("application/xml"),
                "application/xml",
            ),
        ] {
            let mut wrong = event();
            wrong[name] = value;
            let told = structured(object(wrong)).unwrap_err();
            assert_eq!(told.code, codes::UNFIT);
            assert!(told.message.contains(says), "{name}: {}", told.message);
        }
    }
}
