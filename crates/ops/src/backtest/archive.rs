//! Archived events, folded by stage 1 of the engine: what is not kept as windows is counted anew,
//! by the declarations at hand.

use anyhow::{Context, Result, anyhow};
use serde_json::{Map, Value as Json};
use std::sync::Arc;
use weir_catalog::Catalog;
use weir_engine::combine::{Combine, CombineOptions, Fold, Input, Position, Record};
use weir_model::avro::JsonEncoder;
use weir_model::headers::Meta;
use weir_model::{Micros, wire};

/// A block of partials is closed at so many bytes.
const BLOCK: usize = 512 * 1024;
/// Rows wait for so many events.
const EVENTS: u64 = 50_000;

/// Counts the archived events of one type.
pub(super) struct Counter {
    combine: Combine,
    event: usize,
    encoder: JsonEncoder,
    schema: Json,
    id: u32,
    events: u64,
    value: Vec<u8>,
}

impl Counter {
    /// For an event type of a catalog, in a run of this number.
    pub fn new(catalog: &Arc<Catalog>, event: usize, run: u32) -> Result<Counter> {
        let options = CombineOptions {
            partials: 1,
            run,
            max_block: BLOCK,
            partitions: vec![1; catalog.events.len()],
        };
        let mut combine = Combine::new(catalog.clone(), options).map_err(|e| anyhow!(e))?;
        let text = &catalog.events[event].schema_json;
        let id = weir_model::schemas::schema_id(text);
        combine
            .add_schema(event, id, [0; 16], text)
            .map_err(|e| anyhow!(e))?;
        combine.open(
            Input {
                event,
                partition: 0,
            },
            Position::default(),
        );
        Ok(Counter {
            combine,
            event,
            encoder: JsonEncoder::new(text).context("the schema cannot be written with")?,
            schema: serde_json::from_str(text)?,
            id,
            events: 0,
            value: Vec::new(),
        })
    }

    /// Counts an event, given by the columns of its archive. `on` gets blocks of partials. Events
    /// come in the order of their times: none is late.
    pub fn count(
        &mut self,
        columns: &Map<String, Json>,
        on: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let event = value_of(&self.schema, "", columns);
        self.value.clear();
        self.encoder
            .encode(&event, &mut self.value)
            .context("an archived event cannot be read")?;
        let at = columns.get("event_time").and_then(Json::as_i64);
        let framed = wire::framed(self.id, &self.value);
        let record = Record {
            offset: self.events as i64,
            append_time: Micros(at.unwrap_or_default()),
            value: Some(&framed),
            meta: Meta::default(),
        };
        let input = Input {
            event: self.event,
            partition: 0,
        };
        // Dead letters were none of the stream's numbers either.
        if let Fold::UnknownSchema(_) = self.combine.fold(input, &record) {
            anyhow::bail!("the schema of archived events is not known");
        }
        self.events += 1;
        if self.events.is_multiple_of(EVENTS) {
            self.drain(on)?;
        }
        Ok(())
    }

    /// Hands the rows over that wait.
    pub fn drain(&mut self, on: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut done = Ok(());
        self.combine.drain(true, &mut |_, block| {
            if done.is_ok() {
                done = on(block);
            }
        });
        done
    }
}

/// The value of a type, from the columns below a path. What the archive has no column for (arrays)
/// is empty.
fn value_of(schema: &Json, path: &str, columns: &Map<String, Json>) -> Json {
    let kind = match schema {
        Json::Object(of) => of.get("type").unwrap_or(schema),
        other => other,
    };
    let found = || columns.get(&path.replace('.', "_")).cloned();
    match (kind, kind.as_str()) {
        (Json::Array(branches), _) => {
            let other = branches.iter().find(|b| b.as_str() != Some("null"));
            let value = other.map_or(Json::Null, |b| value_of(b, path, columns));
            // A record of which nothing is told is null.
            match &value {
                Json::Object(of) if found().is_none() && of.values().all(Json::is_null) => {
                    Json::Null
                }
                _ => value,
            }
        }
        (Json::Object(_), _) => value_of(kind, path, columns),
        (_, Some("record")) => {
            let fields = schema.get("fields").and_then(Json::as_array);
            let of = fields.into_iter().flatten().filter_map(|f| {
                let name = f.get("name")?.as_str()?;
                let below = match path.is_empty() {
                    true => name.to_owned(),
                    false => format!("{path}.{name}"),
                };
                let value = value_of(f.get("type")?, &below, columns);
                let lacks = value.is_null() && f.get("default").is_some();
                (!lacks).then(|| (name.to_owned(), value))
            });
            Json::Object(of.collect())
        }
        (_, Some("array")) => Json::Array(Vec::new()),
        (_, Some("map")) => found().unwrap_or_else(|| Json::Object(Map::new())),
        _ => found().unwrap_or(Json::Null),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;
    use weir_model::avro::encode_json;

    #[test]
    fn columns_become_the_event_that_they_were_made_of() {
        let schema = json!({"type": "record", "name": "E", "fields": [
            {"name": "id", "type": "string"},
            {"name": "who", "type": {"type": "record", "name": "W", "fields": [
                {"name": "mail", "type": "string"},
                {"name": "age", "type": ["null", "long"], "default": null},
            ]}},
            {"name": "boss", "type": ["null", {"type": "record", "name": "B", "fields": [
                {"name": "mail", "type": "string"},
            ]}], "default": null},
            {"name": "tags", "type": {"type": "map", "values": "string"}, "default": {}},
            {"name": "parts", "type": {"type": "array", "items": "long"}, "default": []},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        ]});
        let columns = json!({"id": "a", "who_mail": "m", "who_age": 7, "boss_mail": null,
            "tags": {"k": "v"}, "at": 5});
        let value = value_of(&schema, "", columns.as_object().unwrap());
        let wanted = json!({"id": "a", "who": {"mail": "m", "age": 7}, "tags": {"k": "v"},
            "parts": [], "at": 5});
        assert_eq!(value, wanted);
        let text = schema.to_string();
        assert_eq!(encode_json(&text, &value), encode_json(&text, &wanted));
    }
}
