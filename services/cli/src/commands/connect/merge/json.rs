//! JSON, with the comments and trailing commas that some clients allow.

use super::{Values, place};
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use serde_json::Value;

/// What clients read: what is looser than this would be guessed.
const AS_CLIENTS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

pub fn merge(text: &str, values: &Values) -> Result<String, String> {
    let root = CstRootNode::parse(text, &AS_CLIENTS).map_err(|e| e.to_string())?;
    let Some(top) = root.object_value_or_create() else {
        return Err("it is no object".to_owned());
    };
    for (path, value) in values {
        let Some((last, on_the_way)) = path.split_last() else {
            continue;
        };
        let mut object = top.clone();
        for (depth, name) in on_the_way.iter().enumerate() {
            once(&object, name, &path[..=depth])?;
            object = object
                .object_value_or_create(name)
                .ok_or_else(|| format!("{} is no object", place(&path[..=depth])))?;
        }
        once(&object, last, path)?;
        match object.get(last) {
            Some(is) if is.value().and_then(|v| v.to_serde_value()).as_ref() == Some(value) => {}
            Some(is) => is.set_value(input(value)),
            None => {
                object.append(last, input(value));
            }
        }
    }
    let merged = root.to_string();
    // A file that is made ends as files do; another one ends as it did.
    Ok(match text.trim().is_empty() && !merged.ends_with('\n') {
        true => merged + "\n",
        false => merged,
    })
}

/// Readers do not agree on which of two counts.
fn once(object: &CstObject, name: &str, path: &[String]) -> Result<(), String> {
    let same = object.properties();
    let same = same
        .iter()
        .filter(|p| p.decoded_name().as_deref() == Some(name));
    match same.count() {
        0 | 1 => Ok(()),
        _ => Err(format!("{} stands in it twice", place(path))),
    }
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(b) => CstInputValue::Bool(*b),
        Value::Number(n) => CstInputValue::Number(n.to_string()),
        Value::String(s) => CstInputValue::String(s.clone()),
        Value::Array(list) => CstInputValue::Array(list.iter().map(input).collect()),
        Value::Object(map) => {
            let fields = map.iter().map(|(k, v)| (k.clone(), input(v)));
            CstInputValue::Object(fields.collect())
        }
    }
}
