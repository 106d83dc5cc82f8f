//! Schema ids, and the rules by which a schema may follow another.

use apache_avro::Schema;
use apache_avro::schema::RecordSchema;
use apache_avro::schema_compatibility::SchemaCompatibility;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// Writes a schema's JSON in its one normal form: keys sorted, no whitespace, with logical types,
/// without what does not change the bytes: `doc`, `default`, and weir's own keys, `weir.…`.
pub fn canonical(schema_json: &str) -> Result<String, serde_json::Error> {
    let mut out = String::with_capacity(schema_json.len());
    write(&serde_json::from_str(schema_json)?, &mut out);
    Ok(out)
}

fn write(v: &Json, out: &mut String) {
    match v {
        Json::Object(map) => {
            let mut keys: Vec<&String> = map
                .keys()
                .filter(|k| *k != "doc" && *k != "default" && !k.starts_with("weir."))
                .collect();
            keys.sort();
            out.push('{');
            for (i, k) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Json::from(k.as_str()).to_string());
                out.push(':');
                write(&map[k], out);
            }
            out.push('}');
        }
        Json::Array(list) => {
            out.push('[');
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn digest(schema_json: &str) -> [u8; 32] {
    // A text that is no JSON still has one id: that of its bytes.
    let text = canonical(schema_json).unwrap_or_else(|_| schema_json.to_owned());
    Sha256::digest(text.as_bytes()).into()
}

/// The id of a schema where no registry gives one: the first four bytes of the SHA-256 of its [`canonical`] form, big
/// endian, without the top bit, never 0. Ids of registries count up from 1 and so do not meet it in practice.
pub fn schema_id(schema_json: &str) -> u32 {
    let d = digest(schema_json);
    (u32::from_be_bytes([d[0], d[1], d[2], d[3]]) & 0x7fff_ffff).max(1)
}

/// The 16-byte id of a schema: bytes 4 to 19 of the same hash, marked as a UUID of version 8.
pub fn guid(schema_json: &str) -> [u8; 16] {
    let mut g = [0; 16];
    g.copy_from_slice(&digest(schema_json)[4..20]);
    g[6] = g[6] & 0x0f | 0x80;
    g[8] = g[8] & 0x3f | 0x80;
    g
}

/// A writer's schema: the value of a record of [`crate::topics::SCHEMAS`], as JSON. Its key is the id as decimal text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredSchema {
    /// The four-byte id.
    pub id: u32,
    /// The 16-byte id; hyphenated in JSON.
    #[serde(with = "guid_text")]
    pub guid: [u8; 16],
    /// `<topic>-value`.
    pub subject: String,
    /// Counts up from 1 within the subject.
    pub version: u32,
    /// The schema's JSON.
    pub schema: String,
}

impl RegisteredSchema {
    /// A schema under its own ids.
    pub fn new(
        subject: impl Into<String>,
        version: u32,
        schema: impl Into<String>,
    ) -> RegisteredSchema {
        let schema = schema.into();
        RegisteredSchema {
            id: schema_id(&schema),
            guid: guid(&schema),
            subject: subject.into(),
            version,
            schema,
        }
    }
    /// The record's key.
    pub fn key(&self) -> String {
        self.id.to_string()
    }
    /// The record's value.
    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
    /// From a record's value.
    pub fn decode(value: &[u8]) -> Result<RegisteredSchema, serde_json::Error> {
        serde_json::from_slice(value)
    }
}

mod guid_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(guid: &[u8; 16], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&uuid::Uuid::from_bytes(*guid).to_string())
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<[u8; 16], D::Error> {
        let text = String::deserialize(d)?;
        uuid::Uuid::parse_str(&text)
            .map(uuid::Uuid::into_bytes)
            .map_err(D::Error::custom)
    }
}

/// Whether a text is a schema that weir can work with: names as Avro has them, and a size that is bounded unfolded (see
/// `docs/semantics.md`). Everything that reads schemas holds them to this first.
///
/// # Errors
/// What is wrong, and where it can be said the name or type.
pub fn check(schema_json: &str) -> Result<(), crate::avro::SchemaError> {
    crate::avro::JsonEncoder::new(schema_json).map(|_| ())
}

/// Checked before: the generic parser ends with a panic where a name is none.
fn parse(schema_json: &str) -> Result<Schema, String> {
    check(schema_json).map_err(|e| e.to_string())?;
    Schema::parse_str(schema_json).map_err(|e| format!("not an avro schema: {e}"))
}

/// Whether data written under every older schema can be read under the new one.
///
/// # Errors
/// What differs, in words, from the first older schema that cannot be read.
pub fn check_backward_transitive(new: &str, olds: &[&str]) -> Result<(), String> {
    let reader = parse(new)?;
    for (i, old) in olds.iter().enumerate() {
        let writer = parse(old).map_err(|e| format!("version {}: {e}", i + 1))?;
        SchemaCompatibility::can_read(&writer, &reader)
            .map_err(|e| format!("cannot read what was written under version {}: {e}", i + 1))?;
        // The decoder's own rules, which say where.
        crate::avro::Projection::compile(old, new, &[])
            .map_err(|e| format!("cannot read what was written under version {}: {e}", i + 1))?;
    }
    Ok(())
}

/// Whether an event type's schema has the envelope: `event_id` (string), `event_time` (timestamp-micros), `tenant`
/// (string), `source` (string) and `resource` (map of strings).
///
/// # Errors
/// The field and what it must be.
pub fn check_envelope(schema_json: &str) -> Result<(), String> {
    let schema = parse(schema_json)?;
    let Schema::Record(record) = &schema else {
        return Err("the schema of an event type must be a record".to_owned());
    };
    let text = |s: &Schema| matches!(s, Schema::String | Schema::Uuid);
    field(record, "event_id", "a string", text)?;
    field(
        record,
        "event_time",
        "a long with logicalType timestamp-micros",
        |s| matches!(s, Schema::TimestampMicros),
    )?;
    field(record, "tenant", "a string", text)?;
    field(record, "source", "a string", text)?;
    field(
        record,
        "resource",
        "a map of strings",
        |s| matches!(s, Schema::Map(m) if matches!(*m.types, Schema::String)),
    )
}

fn field(
    record: &RecordSchema,
    name: &str,
    what: &str,
    ok: impl Fn(&Schema) -> bool,
) -> Result<(), String> {
    match record.lookup.get(name).and_then(|i| record.fields.get(*i)) {
        Some(f) if ok(&f.schema) => Ok(()),
        Some(_) => Err(format!("field {name} must be {what}")),
        None => Err(format!(
            "field {name} is missing; every event has it, as {what}"
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const CALL: &str = include_str!("../../../schemas/events/llm.call.avsc");

    fn with(extra: Json) -> String {
        let mut json: Json = serde_json::from_str(CALL).unwrap();
        json["fields"].as_array_mut().unwrap().push(extra);
        json.to_string()
    }

    #[test]
    fn ids_follow_what_is_written_and_nothing_else() {
        let pretty = serde_json::from_str::<Json>(CALL).unwrap();
        assert_eq!(schema_id(CALL), schema_id(&pretty.to_string()));
        let undocumented = CALL.replace("One call of a language model", "A call");
        assert_ne!(undocumented, CALL);
        assert_eq!(schema_id(CALL), schema_id(&undocumented));
        assert_ne!(
            schema_id(CALL),
            schema_id(&CALL.replace("timestamp-micros", "timestamp-millis"))
        );
        assert_ne!(guid(CALL), guid(&CALL.replace("provider", "vendor")));
        assert_eq!(
            canonical(r#"{"type": "long", "doc": "d", "weir.type": "u64", "logicalType": "x"}"#)
                .unwrap(),
            r#"{"logicalType":"x","type":"long"}"#
        );
        // Stands in the log: may never change.
        assert_eq!(schema_id(r#""string""#), 0x69e5_c1c9);
    }

    #[test]
    fn registered_schemas_are_read_back() {
        let r = RegisteredSchema::new("weir.events.llm.call-value", 2, CALL);
        let value = r.encode().unwrap();
        assert_eq!(RegisteredSchema::decode(&value).unwrap(), r);
        assert_eq!(r.key(), schema_id(CALL).to_string());
        let json: Json = serde_json::from_slice(&value).unwrap();
        assert_eq!(json["guid"], uuid::Uuid::from_bytes(guid(CALL)).to_string());
    }

    #[test]
    fn a_new_version_must_read_every_older_one() {
        let optional = with(serde_json::json!({"name": "region", "type": "string", "default": ""}));
        let required = with(serde_json::json!({"name": "region", "type": "string"}));
        let number = with(serde_json::json!({"name": "region", "type": "long", "default": 0}));
        assert_eq!(
            check_backward_transitive(&optional, &[CALL, &required]),
            Ok(())
        );
        assert!(check_backward_transitive(&required, &[&optional]).is_ok());
        assert!(
            check_backward_transitive(&required, &[&optional, CALL])
                .unwrap_err()
                .contains("version 2")
        );
        assert!(check_backward_transitive(&number, &[CALL, &optional]).is_err());
    }

    #[test]
    fn a_name_that_is_none_is_an_error() {
        for name in ["Llm Call", "1m", ""] {
            let named = CALL.replace("\"LlmCall\"", &format!("{name:?}"));
            assert_ne!(named, CALL);
            assert!(check_envelope(&named).unwrap_err().contains("is no name"));
            assert!(check_backward_transitive(CALL, &[&named]).is_err());
        }
    }

    #[test]
    fn the_envelope_is_required() {
        assert_eq!(check_envelope(CALL), Ok(()));
        assert!(
            check_envelope(&CALL.replace("\"tenant\"", "\"owner\""))
                .unwrap_err()
                .contains("tenant")
        );
        assert!(
            check_envelope(&CALL.replace("timestamp-micros", "timestamp-millis"))
                .unwrap_err()
                .contains("event_time")
        );
        assert!(check_envelope("\"string\"").is_err());
    }
}
