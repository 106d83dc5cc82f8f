//! Conditions of prices: which calls an entry is for.

use crate::avro::{EventSchema, FieldType};
use crate::expr::{self, Name, Tree};
use crate::problem::suggest;
use crate::reader::File;
use crate::types::{CallTerm, When};
use crate::yaml::{Node, Value};
use weir_model::codes;

/// An event type with a cost: its name and its schema.
pub(crate) type Priced<'a> = (&'a str, &'a EventSchema);

/// What is wrong with a name, and what to do.
type Told = (String, String);

/// Compiles a condition; its names are fields of every event type that is priced.
pub(crate) fn compile(file: File<'_>, node: &Node, priced: &[Priced<'_>]) -> Option<(When, Tree)> {
    let source = match &node.value {
        Value::Text(t) => t.as_str(),
        _ => file.text(node, "when")?,
    };
    let terms = std::cell::RefCell::new(Vec::new());
    let number = |term: CallTerm| -> usize {
        let mut terms = terms.borrow_mut();
        terms.iter().position(|t| *t == term).unwrap_or_else(|| {
            terms.push(term);
            terms.len() - 1
        })
    };
    let mut name = |path: &str| match kind(path, priced)? {
        FieldType::Number => Ok(Name::Term(number(CallTerm::Number(path.to_string())))),
        FieldType::Bool => Ok(Name::Truth(number(CallTerm::Truth(path.to_string())))),
        FieldType::Text => Err((
            format!("\"{path}\" is a text"),
            format!("compare it with one, e.g. `{path} == 'batch'`"),
        )),
        FieldType::Other => Err((
            format!("\"{path}\" is no single value"),
            "name another field".into(),
        )),
    };
    let mut is = |path: &str, text: &str| match kind(path, priced)? {
        FieldType::Text => Ok(number(CallTerm::Is(path.to_string(), text.to_string()))),
        other => Err((
            format!("\"{path}\" is {} and is compared with a text", other.name()),
            "write the other side without quotes".into(),
        )),
    };
    let c = match expr::condition(source, &mut name, &mut is) {
        Ok(c) => c,
        Err(problems) => {
            for p in problems {
                file.say(file.inside(node.at, p.offset), p.code, p.message, p.remedy);
            }
            return None;
        }
    };
    if !expr::varies(&c.tree) {
        file.say(
            node.at,
            codes::CATALOG_IMPOSSIBLE,
            "the condition asks nothing of the call",
            "name a field, or leave `when` out",
        );
        return None;
    }
    let when = When {
        source: source.to_string(),
        terms: terms.into_inner(),
        ops: c.ops,
    };
    Some((when, c.tree))
}

/// The kind of a field: that of every event type that is priced.
fn kind(path: &str, priced: &[Priced<'_>]) -> Result<FieldType, Told> {
    let mut found: Option<(FieldType, &str)> = None;
    for (event, schema) in priced {
        let Some(field) = schema.field(path) else {
            let paths = schema.paths();
            return Err((
                format!(
                    "the condition names field \"{path}\", which {event} does not have, and its calls are priced"
                ),
                suggest(path, paths.iter().map(String::as_str)),
            ));
        };
        match found {
            Some((kind, other)) if kind != field.kind => {
                return Err((
                    format!(
                        "\"{path}\" is {} in {other} and {} in {event}",
                        kind.name(),
                        field.kind.name()
                    ),
                    "name a field that is the same in both".into(),
                ));
            }
            _ => found = Some((field.kind, event)),
        }
    }
    found.map(|(kind, _)| kind).ok_or_else(|| {
        (
            format!("the condition names field \"{path}\", and no event type is priced"),
            "declare a measure with `cost:`, or remove the condition".into(),
        )
    })
}
