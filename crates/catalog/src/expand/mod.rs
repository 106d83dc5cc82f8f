//! Macros: `slas:` and `budgets:` become measures, KPIs and alert rules of the kinds that there
//! are, before anything else is read. The engine knows neither.

mod budget;
mod sla;

use crate::problem::suggest;
use crate::reader::File;
use crate::yaml::{self, At, Key, Node, Value};
use weir_model::codes;

/// The macros: section of the files, kind, and what reads one.
const MACROS: [(&str, &str, Read); 2] = [
    ("slas", "sla", sla::read),
    ("budgets", "budget", budget::read),
];

/// Sections that are macros.
pub(crate) fn sections() -> impl Iterator<Item = &'static str> {
    MACROS.iter().map(|(section, ..)| *section)
}

/// What a macro became, as one would have written it.
#[derive(Debug, Clone)]
pub struct Expanded {
    /// `slas` or `budgets`: where it is declared.
    pub section: &'static str,
    /// `sla` or `budget`: what the names of its parts begin with.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// For people.
    pub title: String,
    /// Event type whose measures it adds to, or reads.
    pub event: String,
    /// Dimensions of its subjects.
    pub by: Vec<String>,
    /// The declarations that it stands for, as YAML.
    pub text: String,
}

impl Expanded {
    /// Whether a measure, KPI or rule is one of its parts.
    pub fn made(&self, name: &str) -> bool {
        let rest = name
            .strip_prefix(self.kind)
            .and_then(|r| r.strip_prefix('_'));
        let part = rest.and_then(|r| r.strip_prefix(self.name.as_str()));
        part.is_some_and(|p| p.starts_with('_'))
    }
}

/// What one macro adds, as YAML.
struct Added {
    event: String,
    by: Vec<String>,
    title: String,
    /// Stored windows that its rollup needs.
    windows: &'static [&'static str],
    measures: String,
    kpis: String,
    alerts: String,
}

/// Reads one macro.
type Read = fn(File<'_>, &Key, &Node) -> Option<Added>;

/// A macro's section in a file.
pub(crate) type Section<'a> = (&'static str, File<'a>, Node);

/// Expands the macros: measures and rollups go into the files of their event types, KPIs and rules
/// into sections of the macro's file.
pub(crate) fn expand<'a>(
    sections: &mut Vec<Section<'a>>,
    events: &mut [(File<'a>, Node)],
) -> Vec<Expanded> {
    let mut out: Vec<Expanded> = Vec::new();
    let mut added = Vec::new();
    for (section, file, node) in sections.iter() {
        let Some((section, kind, read)) = MACROS.iter().find(|(s, ..)| s == section) else {
            continue;
        };
        for (key, value) in file.entries(node, section) {
            if !file.check_name(key, "a macro") || !is_first(*file, key, kind, &out) {
                continue;
            }
            let Some(a) = read(*file, key, value) else {
                continue;
            };
            let text = text(&a);
            if let Some(more) = place(*file, key, &a, events) {
                added.extend(more);
            }
            out.push(Expanded {
                section,
                kind,
                name: key.name.clone(),
                title: a.title,
                event: a.event,
                by: a.by,
                text,
            });
        }
    }
    sections.retain(|(s, ..)| !self::sections().any(|of| of == *s));
    sections.extend(added);
    out.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    out
}

fn is_first(file: File<'_>, key: &Key, kind: &str, before: &[Expanded]) -> bool {
    let known = before.iter().any(|e| e.kind == kind && e.name == key.name);
    if known {
        file.say(
            key.at,
            codes::CATALOG_DUPLICATE,
            format!("\"{}\" is declared in another file too", key.name),
            "rename or remove one of them",
        );
    }
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
    part(format!("# of {}\nmeasures:\n", a.event), &a.measures);
    part("kpis:\n".into(), &a.kpis);
    part("alerts:\n".into(), &a.alerts);
    out
}

/// Adds measures and a rollup to the event type's file, and gives the sections of the rest.
fn place<'a>(
    file: File<'a>,
    key: &Key,
    a: &Added,
    events: &mut [(File<'a>, Node)],
) -> Option<Vec<Section<'a>>> {
    let is_it = |(_, root): &(_, Node)| event_name(root) == Some(&a.event);
    let Some(at) = events.iter().position(is_it) else {
        let names = events.iter().filter_map(|(_, root)| event_name(root));
        file.say(
            key.at,
            codes::CATALOG_REFERENCE,
            format!(
                "\"{}\" is about event \"{}\", which has no catalog file",
                key.name, a.event
            ),
            suggest(&a.event, names),
        );
        return None;
    };
    let root = &mut events[at].1;
    if let Value::Map(new) = parsed(&a.measures, key.at).value {
        extend(root, "measures", new, key.at);
    }
    keep(root, &a.by, a.windows, key.at);
    let sections = [("kpis", &a.kpis), ("alerts", &a.alerts)];
    let with = |(name, text): (&'static str, &String)| (name, file, parsed(text, key.at));
    let filled = sections.into_iter().filter(|(_, text)| !text.is_empty());
    Some(filled.map(with).collect())
}

fn event_name(root: &Node) -> Option<&str> {
    let Value::Map(entries) = &root.value else {
        return None;
    };
    let (_, node) = entries.iter().find(|(k, _)| k.name == "event")?;
    match &node.value {
        Value::Text(name) => Some(name),
        _ => None,
    }
}

/// Its own YAML, every place in it that of the macro: errors point to what somebody wrote.
fn parsed(text: &str, at: At) -> Node {
    let empty = Node {
        at,
        value: Value::Map(Vec::new()),
    };
    if text.is_empty() {
        return empty;
    }
    let mut node = yaml::parse(text).unwrap_or(empty);
    relocate(&mut node, at);
    node
}

fn relocate(node: &mut Node, at: At) {
    node.at = at;
    match &mut node.value {
        Value::List(list) => list.iter_mut().for_each(|n| relocate(n, at)),
        Value::Map(map) => map.iter_mut().for_each(|(k, n)| {
            k.at = at;
            relocate(n, at);
        }),
        _ => {}
    }
}

/// Adds to a map within a map, which is made where it is missing; what is no map stays as it is,
/// for its reader to refuse.
fn extend(root: &mut Node, name: &str, new: Vec<(Key, Node)>, at: At) {
    let Value::Map(entries) = &mut root.value else {
        return;
    };
    let found = entries.iter_mut().find(|(k, _)| k.name == name);
    match found.map(|(_, n)| &mut n.value) {
        Some(Value::Map(inner)) => inner.extend(new),
        Some(_) => {}
        None => {
            let key = Key {
                at,
                name: name.to_owned(),
            };
            let value = Value::Map(new);
            entries.push((key, Node { at, value }));
        }
    }
}

/// Sees to it that the rollup by these dimensions exists and stores these windows.
fn keep(root: &mut Node, by: &[String], windows: &[&str], at: At) {
    let text = |t: &str| Node {
        at,
        value: Value::Text(t.to_owned()),
    };
    let list = |names: Vec<Node>| Node {
        at,
        value: Value::List(names),
    };
    let Value::Map(entries) = &mut root.value else {
        return;
    };
    let default = entries.iter().find(|(k, _)| k.name == "windows");
    let default: Option<Vec<Node>> = match default.map(|(_, n)| &n.value) {
        Some(Value::List(l)) => Some(l.clone()),
        _ => None,
    };
    let Some(rollups) = entries.iter_mut().find(|(k, _)| k.name == "rollups") else {
        return;
    };
    let Value::List(rollups) = &mut rollups.1.value else {
        return;
    };
    let found = rollups
        .iter()
        .position(|r| dimensions(r) == Some(sorted(by)));
    let stored = found.and_then(|i| windows_of(&rollups[i])).or(default);
    let mut kept = match (found, stored) {
        // Every size is stored where nothing is said.
        (Some(_), None) => return,
        (_, stored) => stored.filter(|_| found.is_some()).unwrap_or_default(),
    };
    let has = |kept: &[Node], w: &str| {
        kept.iter()
            .any(|n| matches!(&n.value, Value::Text(t) if t == w))
    };
    for w in windows {
        if !has(&kept, w) {
            kept.push(text(w));
        }
    }
    let named = |name: &str, node: Node| {
        let name = name.to_owned();
        (Key { at, name }, node)
    };
    let by = list(by.iter().map(|d| text(d)).collect());
    let rollup = Node {
        at,
        value: Value::Map(vec![named("by", by), named("windows", list(kept))]),
    };
    match found {
        Some(i) => rollups[i] = rollup,
        None => rollups.push(rollup),
    }
}

fn sorted(by: &[String]) -> Vec<String> {
    let mut by = by.to_vec();
    by.sort();
    by
}

/// Dimensions of a declared rollup, sorted.
fn dimensions(rollup: &Node) -> Option<Vec<String>> {
    let list = match &rollup.value {
        Value::List(l) => l,
        Value::Map(m) => match &m.iter().find(|(k, _)| k.name == "by")?.1.value {
            Value::List(l) => l,
            _ => return None,
        },
        _ => return None,
    };
    let name = |n: &Node| match &n.value {
        Value::Text(t) => Some(t.clone()),
        _ => None,
    };
    Some(sorted(&list.iter().map(name).collect::<Option<Vec<_>>>()?))
}

fn windows_of(rollup: &Node) -> Option<Vec<Node>> {
    let Value::Map(m) = &rollup.value else {
        return None;
    };
    match &m.iter().find(|(k, _)| k.name == "windows")?.1.value {
        Value::List(l) => Some(l.clone()),
        _ => None,
    }
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
