//! What the catalog's files hold, before any of it is understood.

use crate::expand::{self, Section};
use crate::problem::{Problem, suggest};
use crate::reader::File;
use crate::yaml::{self, Node, Value};
use std::cell::RefCell;
use weir_model::codes;

/// Whether a file belongs to the catalog.
pub(crate) fn is_catalog(file: &str) -> bool {
    file.starts_with("catalog/") && file.ends_with(".yaml")
}

/// Top-level names of files that are not about one event type, beside those of macros.
const SECTIONS: &[&str] = &[
    "kpis",
    "scores",
    "detectors",
    "alerts",
    "prices",
    "tenants",
    "assistants",
    "aliases",
];

/// What the catalog's files hold.
#[derive(Default)]
pub(crate) struct Parts<'s> {
    /// Files about one event type.
    pub(crate) events: Vec<(File<'s>, Node)>,
    /// Sections of the others, by name.
    pub(crate) sections: Vec<Section<'s>>,
}

impl<'s> Parts<'s> {
    /// A section, from all files.
    pub(crate) fn section(&self, name: &'static str) -> impl Iterator<Item = (File<'s>, &Node)> {
        let of = self.sections.iter().filter(move |(n, ..)| *n == name);
        of.map(|(_, file, node)| (*file, node))
    }
}

/// Reads the catalog's files; false where one of them is not readable.
pub(crate) fn parts<'s>(
    sources: &'s [(String, String)],
    problems: &'s RefCell<Vec<Problem>>,
) -> (Parts<'s>, bool) {
    let mut parts = Parts::default();
    let mut readable = true;
    for (name, text) in sources.iter().filter(|(f, _)| is_catalog(f)) {
        let file = File {
            name,
            text,
            problems,
        };
        match yaml::parse(text) {
            Ok(root) => sort_in(file, root, &mut parts),
            Err((at, message)) => {
                file.say(
                    at,
                    codes::CATALOG_SYNTAX,
                    format!("not readable YAML: {message}"),
                    "",
                );
                readable = false;
            }
        }
    }
    (parts, readable)
}

/// Puts what one file holds with what is of its sort.
fn sort_in<'s>(file: File<'s>, root: Node, parts: &mut Parts<'s>) {
    match &root.value {
        Value::Map(entries) if entries.iter().any(|(k, _)| k.name == "event") => {
            parts.events.push((file, root));
            return;
        }
        Value::Null => return,
        _ => {}
    }
    for (key, node) in file.entries(&root, "the file") {
        let known = || SECTIONS.iter().copied().chain(expand::sections());
        match known().find(|s| *s == key.name) {
            Some(s) => parts.sections.push((s, file, node.clone())),
            None => file.say(
                key.at,
                codes::CATALOG_SYNTAX,
                format!("unknown field \"{}\" in the file", key.name),
                suggest(&key.name, known().chain(["event"])),
            ),
        }
    }
}
