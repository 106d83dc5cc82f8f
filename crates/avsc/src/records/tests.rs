#![allow(clippy::unwrap_used)]

use super::Types;
use serde_json::{Value as Json, json};

fn written(schema: &Json) -> Result<String, String> {
    let mut types = Types::default();
    types.add("alert", &schema.to_string())?;
    Ok(types.write())
}

fn with(extra: Json) -> Result<String, String> {
    let text = include_str!("../../../../schemas/records/alert.avsc");
    let mut schema: Json = serde_json::from_str(text).unwrap();
    schema["fields"].as_array_mut().unwrap().push(extra);
    written(&schema)
}

#[test]
fn a_field_that_is_added_to_the_schema_is_everywhere() {
    let text = with(json!({
        "name": "match", "type": ["null", "string"], "weir.type": "label",
        "weir.column": "alert_match", "doc": "which of them",
    }))
    .unwrap();
    for wanted in [
        "pub r#match: Option<String>,",
        "self.r#match.put(out);",
        "r#match: Field::get(c)?,",
        "self.r#match.cells(put);",
        "name: \"alert_match\", kind: Kind::Optional(&Kind::Label), doc: \"which of them\" }",
    ] {
        assert_eq!(text.matches(wanted).count(), 1, "{wanted}");
    }
    assert!(text.contains("self.subject.tenant.cells(put);"));
}

#[test]
fn what_has_no_place_in_a_record_is_refused_by_name() {
    let texts = json!({"type": "array", "items": "string"});
    for (field, reason) in [
        (
            json!({"name": "n", "type": "long", "weir.type": "u16", "doc": "d"}),
            "weir.type u16",
        ),
        (
            json!({"name": "n", "type": "string", "weir.type": "u32", "doc": "d"}),
            "weir.type u32",
        ),
        (json!({"name": "n", "type": texts, "doc": "d"}), "n: a list"),
        (
            json!({"name": "n", "type": ["null", texts], "doc": "d"}),
            "n: a list",
        ),
        (
            json!({"name": "n", "type": "bytes", "doc": "d"}),
            "n: a record of results",
        ),
        (
            json!({"name": "n", "type": ["null", "int", "long"], "doc": "d"}),
            "n: a union",
        ),
        (json!({"name": "n", "type": "long"}), "doc is missing"),
    ] {
        let error = with(field.clone()).unwrap_err();
        assert!(error.contains(reason), "{field}: {error}");
    }
}
