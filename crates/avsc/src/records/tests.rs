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
        "name: \"alert_match\", kind: ColumnType::Optional(&ColumnType::Label), doc: \"which of them\" }",
    ] {
        assert_eq!(text.matches(wanted).count(), 1, "{wanted}");
    }
    assert!(text.contains("self.subject.tenant.cells(put);"));
}

#[test]
fn an_earlier_schema_must_be_readable_as_todays() {
    let text = include_str!("../../../../schemas/records/alert.avsc");
    let today: Json = serde_json::from_str(text).unwrap();
    let read = |change: &dyn Fn(&mut Json)| {
        let mut before = today.clone();
        change(&mut before);
        let mut types = Types::default();
        types.add("alert", text)?;
        types.add_earlier("alert", &before.to_string())
    };
    let field = |json: &Json, name: &str| {
        let fields = json["fields"].as_array().unwrap();
        fields.iter().position(|f| f["name"] == name).unwrap()
    };
    assert_eq!(read(&|_| {}), Ok(()));
    // A field and the newest symbol may be missing.
    let worst = field(&today, "worst");
    let drop_worst = |json: &mut Json| {
        json["fields"].as_array_mut().unwrap().remove(worst);
    };
    assert_eq!(read(&drop_worst), Ok(()));
    let state = field(&today, "state");
    let symbol = |json: &mut Json, i: usize| {
        let symbols = json["fields"][state]["type"]["symbols"].as_array_mut();
        symbols.unwrap().remove(i);
    };
    assert_eq!(read(&|json| symbol(json, 3)), Ok(()));
    let other = Err("state: its type is another one".to_owned());
    assert_eq!(read(&|json| symbol(json, 0)), other);
    let name = |json: &mut Json| json["fields"][worst]["name"] = json!("best");
    assert_eq!(read(&name), Err("best: the field is gone".to_owned()));
    let drop_state = |json: &mut Json| {
        json["fields"].as_array_mut().unwrap().remove(state);
    };
    let told = Err("state: null must be among its types".to_owned());
    assert_eq!(read(&drop_state), told);
    let wide = |json: &mut Json| json["fields"][worst]["type"] = json!("double");
    let told = Err("worst: its type is another one".to_owned());
    assert_eq!(read(&wide), told);
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
