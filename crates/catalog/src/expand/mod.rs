//! Macros: `slas:`, `budgets:`, `roles:`, `levels:`, `goals:` and `milestones:` become measures,
//! KPIs and alert rules of the kinds that there are, before anything else is read. The engine knows
//! none of them.

mod base;
mod budget;
mod goal;
mod in_force;
mod level;
mod milestone;
mod role;
mod sla;
mod tree;

use crate::problem::{Problem, suggest};
use crate::reader::File;
use crate::yaml::{At, Key, Node, Value};
use tree::{event_name, extend, keep, parsed};
use weir_model::codes;

/// A macro.
struct Macro {
    /// Section of the files.
    section: &'static str,
    kind: &'static str,
    read: Read,
    /// Adds what all of them make together.
    join: Option<Join>,
}

const fn each(section: &'static str, kind: &'static str, read: Read) -> Macro {
    Macro {
        section,
        kind,
        read,
        join: None,
    }
}

/// All of them, each behind those whose KPIs it may stand on.
const MACROS: [Macro; 6] = [
    each("slas", "sla", sla::read),
    each("budgets", "budget", budget::read),
    Macro {
        section: "roles",
        kind: "role",
        read: role::read,
        join: Some(role::join),
    },
    each("levels", "level", level::read),
    each("goals", "goal", goal::read),
    each("milestones", "milestone", milestone::read),
];

/// Sections that are macros.
pub(crate) fn sections() -> impl Iterator<Item = &'static str> {
    MACROS.iter().map(|m| m.section)
}

/// Places of what macros put into another file: their line, plus the number of their file, from 1,
/// times this.
const ELSEWHERE: u64 = 1 << 32;

/// Macros, expanded.
pub(crate) struct Done<'a> {
    pub(crate) all: Vec<Expanded>,
    /// Files that put something into others.
    files: Vec<&'a str>,
}

impl Done<'_> {
    /// Lets what was told of a macro's measures stand where the macro stands.
    pub(crate) fn found(&self, problems: &mut [Problem]) {
        for p in problems.iter_mut().filter(|p| p.line >= ELSEWHERE) {
            let file = (p.line / ELSEWHERE) as usize - 1;
            if let Some(name) = self.files.get(file) {
                (p.file, p.line) = ((*name).to_owned(), p.line % ELSEWHERE);
            }
        }
    }
}

/// What a macro became, as one would have written it.
#[derive(Debug, Clone)]
pub struct Expanded {
    /// `slas`, `budgets`, ...: where it is declared.
    pub section: &'static str,
    /// `sla`, `budget`, ...
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// For people.
    pub title: String,
    /// Event types whose measures it adds to, or reads.
    pub events: Vec<String>,
    /// Dimensions of its subjects.
    pub by: Vec<String>,
    /// The declarations that it stands for, as YAML.
    pub text: String,
    /// Names of the measures, KPIs and rules that it stands for.
    parts: Vec<String>,
}

impl Expanded {
    /// Whether a measure, KPI or rule is one of its parts.
    pub fn made(&self, name: &str) -> bool {
        self.parts.iter().any(|p| p == name)
    }
}

/// What one macro adds, as YAML.
struct Added {
    /// Version of its definition.
    version: u32,
    by: Vec<String>,
    title: String,
    needs: Vec<Needs>,
    kpis: String,
    alerts: String,
}

/// What a macro needs of an event type.
struct Needs {
    event: String,
    /// Rollups.
    by: Vec<Vec<String>>,
    /// Stored windows that these need.
    windows: Vec<&'static str>,
    measures: String,
}

/// An entry of a macro's section, and what it adds.
type Entry<'a, 'k> = (File<'a>, &'k Key, Added);

/// Adds what all entries make together.
type Join = fn(&mut [Entry<'_, '_>]);

/// Reads one macro.
type Read = fn(&Around<'_>, File<'_>, &Key, &Node) -> Option<Added>;

/// A macro's section in a file.
pub(crate) type Section<'a> = (&'static str, File<'a>, Node);

/// What else is declared: as it was written, and by macros before.
struct Around<'a> {
    sections: &'a [Section<'a>],
    /// Event types that are no settings.
    events: Vec<String>,
}

/// Expands the macros: measures and rollups go into the files of their event types, KPIs and rules
/// into sections of the macro's file.
pub(crate) fn expand<'a>(
    sections: &mut Vec<Section<'a>>,
    events: &mut [(File<'a>, Node)],
) -> Done<'a> {
    let mut out: Vec<Expanded> = Vec::new();
    let mut files: Vec<&str> = Vec::new();
    for Macro {
        section,
        kind,
        read,
        join,
    } in &MACROS
    {
        let of_it = |(s, ..): &Section<'a>| s == section;
        let written: Vec<Section<'a>> = sections.extract_if(.., |s| of_it(s)).collect();
        let around = Around {
            sections,
            events: events
                .iter()
                .filter(|(_, root)| !tree::is_setting(root))
                .filter_map(|(_, root)| event_name(root).map(str::to_owned))
                .collect(),
        };
        let mut seen: Vec<&str> = Vec::new();
        let mut made: Vec<Entry<'a, '_>> = Vec::new();
        for (_, file, node) in &written {
            for (key, value) in file.entries(node, section) {
                if !file.check_name(key, "a macro") || !is_first(*file, key, &mut seen) {
                    continue;
                }
                made.extend(read(&around, *file, key, value).map(|a| (*file, key, a)));
            }
        }
        if let Some(join) = join {
            join(&mut made);
        }
        for (file, key, added) in made {
            let number = files.iter().position(|f| *f == file.name);
            let number = number.unwrap_or_else(|| {
                files.push(file.name);
                files.len() - 1
            });
            let elsewhere = At {
                line: key.at.line + ELSEWHERE * (number as u64 + 1),
                ..key.at
            };
            let (parts, more) = place(file, key, elsewhere, &added, events);
            sections.extend(more);
            out.push(Expanded {
                section,
                kind,
                name: key.name.clone(),
                text: text(&added),
                title: added.title,
                events: added.needs.into_iter().map(|n| n.event).collect(),
                by: added.by,
                parts,
            });
        }
    }
    out.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    Done { all: out, files }
}

fn is_first<'k>(file: File<'_>, key: &'k Key, seen: &mut Vec<&'k str>) -> bool {
    let known = seen.contains(&key.name.as_str());
    if known {
        file.say(
            key.at,
            codes::CATALOG_DUPLICATE,
            format!("\"{}\" is declared in another file too", key.name),
            "rename or remove one of them",
        );
    }
    seen.push(&key.name);
    !known
}

/// All of it, for `weir catalog show`.
fn text(a: &Added) -> String {
    let mut out = String::new();
    let mut part = |head: String, body: &str| {
        if !body.is_empty() {
            out.push_str(&head);
            for line in body.lines() {
                out.push_str("  ");
                out.push_str(line);
                out.push('\n');
            }
        }
    };
    for needs in &a.needs {
        part(
            format!("# of {}\nmeasures:\n", needs.event),
            &needs.measures,
        );
    }
    part("kpis:\n".into(), &a.kpis);
    part("alerts:\n".into(), &a.alerts);
    out
}

/// Adds measures and rollups to the event types' files; gives the names of all parts, and the
/// sections of the rest.
fn place<'a>(
    file: File<'a>,
    key: &Key,
    elsewhere: At,
    a: &Added,
    events: &mut [(File<'a>, Node)],
) -> (Vec<String>, Vec<Section<'a>>) {
    let mut parts = Vec::new();
    let mut named = |node: &Node| {
        if let Value::Map(entries) = &node.value {
            parts.extend(entries.iter().map(|(k, _)| k.name.clone()));
        }
    };
    for needs in &a.needs {
        let is_it = |(_, root): &&mut (File<'_>, Node)| event_name(root) == Some(&needs.event);
        let Some((_, root)) = events.iter_mut().find(is_it) else {
            let names = events.iter().filter_map(|(_, root)| event_name(root));
            let said = format!(
                "\"{}\" is about event \"{}\", which has no catalog file",
                key.name, needs.event
            );
            let remedy = suggest(&needs.event, names);
            file.say(key.at, codes::CATALOG_REFERENCE, said, remedy);
            return (parts, Vec::new());
        };
        let measures = parsed(file, key, &needs.measures, elsewhere);
        named(&measures);
        if let Value::Map(new) = measures.value {
            extend(root, "measures", new, elsewhere);
        }
        for by in &needs.by {
            keep(root, by, &needs.windows, elsewhere);
        }
    }
    let sections = [("kpis", &a.kpis), ("alerts", &a.alerts)];
    let filled = sections.into_iter().filter(|(_, text)| !text.is_empty());
    let more: Vec<Section<'a>> = filled
        .map(|(name, text)| (name, file, parsed(file, key, text, key.at)))
        .collect();
    more.iter().for_each(|(_, _, node)| named(node));
    (parts, more)
}

/// A text as YAML writes it, whatever is in it.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// A list of names as YAML writes it.
fn names(list: &[String]) -> String {
    let list: Vec<String> = list.iter().map(|n| quoted(n)).collect();
    format!("[{}]", list.join(", "))
}
