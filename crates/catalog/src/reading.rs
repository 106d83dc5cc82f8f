//! What the file of one event type is read with: the file itself, and the schema that its paths
//! lead into.

use crate::avro::{EventSchema, FieldType};
use crate::problem::suggest;
use crate::reader::File;
use crate::yaml::Node;
use weir_model::codes;

pub(crate) struct Reading<'a> {
    pub file: File<'a>,
    pub event: &'a str,
    pub schema: &'a EventSchema,
}

impl Reading<'_> {
    /// Notes a path that does not exist or has another type.
    pub fn field(&self, node: &Node, path: &str, who: &str, wanted: &[FieldType]) -> bool {
        let Some(field) = self.schema.field(path) else {
            let paths = self.schema.paths();
            self.file.say(
                node.at,
                codes::CATALOG_REFERENCE,
                format!(
                    "{who} names field \"{path}\", which {} does not have",
                    self.event
                ),
                suggest(path, paths.iter().map(String::as_str)),
            );
            return false;
        };
        if wanted.contains(&field.kind) {
            return true;
        }
        let wanted: Vec<_> = wanted.iter().map(|k| k.name()).collect();
        self.file.say(
            node.at,
            codes::CATALOG_EXPRESSION,
            format!(
                "{who} needs {}, but \"{path}\" is {}",
                wanted.join(" or "),
                field.kind.name()
            ),
            "name another field",
        );
        false
    }
}
