//! Expressions over the fields of an event: which events a measure sees, what it takes of them,
//! and which calls a price is for.

use crate::avro::{EventSchema, Field, FieldType};
use crate::expr::{self, Compiled, ExprProblem, Name, Tree};
use crate::problem::suggest;
use crate::reader::File;
use crate::types::{Bound, FieldExpr, FieldTerm};
use crate::yaml::{Node, Value};
use std::cell::RefCell;

/// An event type: its name and its schema.
pub(crate) type Typed<'a> = (&'a str, &'a EventSchema);

/// What is wrong with a name, and what to do.
type Told = (String, String);

/// Where the names of an expression are looked up.
#[derive(Clone, Copy)]
pub(crate) struct Over<'a> {
    /// Event types: a name is a field of each of them, of one type.
    pub events: &'a [Typed<'a>],
    /// Who names the field, for messages.
    pub who: &'a str,
    /// Why all of the event types have to have it: follows on their name in messages.
    pub because: &'a str,
}

/// Whether a text is written like the path of a field. A dash is part of it only where the schema
/// has that very path: it can be in the key of a map.
pub(crate) fn is_path(text: &str, schema: &EventSchema) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let number = text.starts_with(|c: char| c.is_ascii_digit());
    match text.chars().all(part) {
        true => !number,
        false => text.chars().all(|c| part(c) || c == '-') && schema.field(text).is_some(),
    }
}

/// Smallest and largest value of an expression, by the bounds of its fields.
pub(crate) fn range(e: &FieldExpr, tree: &Tree, bounds: &[Bound]) -> (f64, f64) {
    let of = |path: &str, unit: f64| {
        let b = bounds.iter().find(|b| b.path == path);
        let (min, max) = b.map_or((None, None), |b| (b.min, b.max));
        (
            min.map_or(f64::NEG_INFINITY, |v| v / unit),
            max.map_or(f64::INFINITY, |v| v / unit),
        )
    };
    expr::range(tree, &|i| match &e.terms[i] {
        FieldTerm::Number(path) => of(path, 1.0),
        FieldTerm::Seconds(path) => of(path, FieldTerm::MICROS_PER_SECOND),
        FieldTerm::Truth(_) | FieldTerm::Is(..) => (0.0, 1.0),
    })
}

impl Over<'_> {
    /// Compiles what is true or false of an event.
    pub fn condition(&self, file: File<'_>, node: &Node) -> Option<(FieldExpr, Tree)> {
        self.compile(file, node, expr::condition)
    }

    /// Compiles a number.
    pub fn number(&self, file: File<'_>, node: &Node) -> Option<(FieldExpr, Tree)> {
        self.compile(file, node, expr::number)
    }

    fn compile(&self, file: File<'_>, node: &Node, by: Compiler) -> Option<(FieldExpr, Tree)> {
        let source = match &node.value {
            Value::Text(t) => t.as_str(),
            _ => file.text(node, "the expression")?,
        };
        let terms = RefCell::new(Vec::new());
        let term = |term: FieldTerm| -> usize {
            let mut terms = terms.borrow_mut();
            terms.iter().position(|t| *t == term).unwrap_or_else(|| {
                terms.push(term);
                terms.len() - 1
            })
        };
        let mut name = |path: &str| {
            let field = self.field(path)?;
            let path = path.to_string();
            match field.kind {
                FieldType::Number if field.time => Ok(Name::Term(term(FieldTerm::Seconds(path)))),
                FieldType::Number => Ok(Name::Term(term(FieldTerm::Number(path)))),
                FieldType::Bool => Ok(Name::Truth(term(FieldTerm::Truth(path)))),
                FieldType::Text => Err((
                    format!("\"{path}\" is a text"),
                    format!("compare it with one, e.g. `{path} == 'batch'`"),
                )),
                FieldType::Other => Err((
                    format!("\"{path}\" is no single value"),
                    "name another field".into(),
                )),
            }
        };
        let mut is = |path: &str, text: &str| {
            let field = self.field(path)?;
            match field.kind {
                FieldType::Text => Ok(term(FieldTerm::Is(path.to_string(), text.to_string()))),
                _ => Err((
                    format!("\"{path}\" is {} and is compared with a text", field.name()),
                    "write the other side without quotes".into(),
                )),
            }
        };
        let compiled = by(source, &mut name, &mut is);
        let c = match compiled {
            Ok(c) => c,
            Err(problems) => {
                for p in problems {
                    file.say(file.inside(node.at, p.offset), p.code, p.message, p.remedy);
                }
                return None;
            }
        };
        let expr = FieldExpr {
            source: source.to_string(),
            terms: terms.into_inner(),
            ops: c.ops,
        };
        Some((expr, c.tree))
    }

    /// A field of every event type.
    fn field(&self, path: &str) -> Result<Field, Told> {
        let who = self.who;
        let mut found: Option<(Field, &str)> = None;
        for (event, schema) in self.events {
            let Some(field) = schema.field(path) else {
                let paths = schema.paths();
                return Err((
                    format!(
                        "{who} names field \"{path}\", which {event} does not have{}",
                        self.because
                    ),
                    suggest(path, paths.iter().map(String::as_str)),
                ));
            };
            match found {
                Some((first, other)) if !first.same(field) => {
                    return Err((
                        format!(
                            "\"{path}\" is {} in {other} and {} in {event}",
                            first.name(),
                            field.name()
                        ),
                        "name a field that is the same in both".into(),
                    ));
                }
                _ => found = Some((field, event)),
            }
        }
        found.map(|(field, _)| field).ok_or_else(|| {
            (
                format!("{who} names field \"{path}\", and no event type is priced"),
                "declare a measure with `cost:`, or remove the condition".into(),
            )
        })
    }
}

type Compiler = fn(&str, expr::Resolve<'_>, expr::TextIs<'_>) -> Result<Compiled, Vec<ExprProblem>>;
