//! `where`: which events a measure sees.

use crate::avro::FieldType;
use crate::expr;
use crate::fields::Over;
use crate::reader::Fields;
use crate::reading::Reading;
use crate::types::{Condition, Literal};
use crate::yaml::{Node, Value};
use weir_model::codes;

impl Reading<'_> {
    /// What `where` of a measure says: a map of fields and literals, or an expression.
    pub fn filter(&self, who: &str, m: &Fields<'_>) -> Vec<Condition> {
        let Some(node) = m.get("where") else {
            return Vec::new();
        };
        let who = format!("the condition of {who}");
        if let Value::Text(_) = node.value {
            return self.holds(&who, node).into_iter().collect();
        }
        let mut out: Vec<(String, Literal)> = Vec::new();
        for (key, value) in self.file.entries(node, "where") {
            let at = Node {
                at: key.at,
                value: Value::Null,
            };
            let (literal, wanted) = match &value.value {
                Value::Null => (
                    Literal::Null,
                    [FieldType::Number, FieldType::Bool, FieldType::Text].as_slice(),
                ),
                Value::Bool(b) => (Literal::Bool(*b), [FieldType::Bool].as_slice()),
                Value::Number(v) => (Literal::Number(*v), [FieldType::Number].as_slice()),
                Value::Text(t) => (Literal::Text(t.clone()), [FieldType::Text].as_slice()),
                other => {
                    self.file.say(
                        value.at,
                        codes::CATALOG_SYNTAX,
                        format!("a condition compares with {}", other.kind()),
                        "write a text, a number, true, false or null",
                    );
                    continue;
                }
            };
            if !self.field(&at, &key.name, &who, wanted) {
                continue;
            }
            if literal == Literal::Null && self.schema.field(&key.name).is_some_and(|f| !f.nullable)
            {
                self.file.say(
                    value.at,
                    codes::CATALOG_IMPOSSIBLE,
                    format!("\"{}\" is never null", key.name),
                    "compare with a value, or name a field that may be null",
                );
            }
            out.push((key.name.clone(), literal));
        }
        out.sort_by(|a, b| a.0.cmp(&b.0));
        let equals = |(path, literal)| Condition::Equals(path, literal);
        out.into_iter().map(equals).collect()
    }

    fn holds(&self, who: &str, node: &Node) -> Option<Condition> {
        let over = Over {
            events: &[(self.event, self.schema)],
            who,
            because: "",
        };
        let (expr, tree) = over.condition(self.file, node)?;
        if !expr::varies(&tree) {
            self.file.say(
                node.at,
                codes::CATALOG_IMPOSSIBLE,
                format!("{who} asks nothing of the event"),
                "name a field, or leave `where` out",
            );
            return None;
        }
        Some(Condition::Holds(expr))
    }
}
