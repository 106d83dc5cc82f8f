//! A KPI that goals and milestones stand on: what they are made of is its own expression, with
//! more around it.

use super::{Around, names, quoted};
use crate::reader::File;
use crate::types::JudgedWindow;
use crate::yaml::{Node, Value};
use std::fmt::Write as _;
use weir_model::codes;

/// A KPI as it was written.
pub(super) struct Base<'a> {
    pub(super) name: &'a str,
    /// Its dimensions, sorted.
    pub(super) by: Vec<String>,
    pub(super) decimals: u32,
    /// Size of the stored windows that its own is made of.
    pub(super) stored: &'static str,
    entries: &'a [(crate::yaml::Key, Node)],
    /// Event types that its measures are of, in the order of `around`.
    pub(super) events: Vec<&'a str>,
}

/// What is made of it.
pub(super) struct Derived {
    pub(super) name: String,
    /// The lines from its title to its unit.
    pub(super) head: String,
    pub(super) decimals: u32,
    /// (name, YAML)
    pub(super) terms: Vec<(String, String)>,
    /// The expression, in which `reached` is the KPI's value.
    pub(super) value: String,
    /// In place of the KPI's own.
    pub(super) sample: Option<String>,
}

/// Finds the KPI that a node names, or says that there is none.
pub(super) fn find<'a>(around: &'a Around<'_>, file: File<'a>, node: &'a Node) -> Option<Base<'a>> {
    let name = file.text(node, "kpi")?;
    let kpis = around.sections.iter().filter(|(s, ..)| *s == "kpis");
    let all = kpis.filter_map(|(.., node)| match &node.value {
        Value::Map(entries) => Some(entries),
        _ => None,
    });
    let all: Vec<_> = all.flatten().collect();
    let Some((_, kpi)) = all.iter().find(|(k, _)| k.name == name) else {
        file.say(
            node.at,
            codes::CATALOG_REFERENCE,
            format!("there is no KPI \"{name}\""),
            crate::problem::suggest(name, all.iter().map(|(k, _)| k.name.as_str())),
        );
        return None;
    };
    let Value::Map(entries) = &kpi.value else {
        return None;
    };
    // What is wrong with the KPI is told where it stands.
    let mut base = Base {
        name,
        by: Vec::new(),
        decimals: 2,
        stored: "",
        entries,
        events: Vec::new(),
    };
    if let Some(Value::List(by)) = base.get("by").map(|n| &n.value) {
        base.by = by.iter().filter_map(text).map(str::to_owned).collect();
        base.by.sort();
    }
    if let Some(Value::Number(d)) = base.get("decimals").map(|n| &n.value) {
        base.decimals = *d as u32;
    }
    base.stored = JudgedWindow::parse(base.get("window").and_then(text)?)?
        .stored()
        .label();
    let mut said = String::new();
    let read = ["terms", "let", "value"].map(|n| base.get(n).map(flow));
    read.into_iter().flatten().for_each(|text| said += &text);
    base.events = events(around, &said);
    Some(base)
}

/// Event types of which a text names a measure.
fn events<'a>(around: &'a Around<'_>, said: &str) -> Vec<&'a str> {
    let part = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.');
    let longest = |path: &str| {
        let of = around.events.iter().filter(|e| {
            let rest = path.strip_prefix(e.as_str());
            rest.is_some_and(|r| r.starts_with('.'))
        });
        of.max_by_key(|e| e.len()).map(String::as_str)
    };
    let mut found: Vec<&str> = said.split(part).filter_map(longest).collect();
    found.sort_unstable();
    found.dedup();
    found
}

impl Base<'_> {
    fn get(&self, name: &str) -> Option<&Node> {
        let found = self.entries.iter().find(|(k, _)| k.name == name);
        found.map(|(_, n)| n)
    }

    /// The derived KPI, as one would have written it.
    pub(super) fn derive(&self, kpi: &Derived) -> String {
        let mut out = format!(
            "{}:\n{}  decimals: {}\n  by: {}\n",
            kpi.name,
            kpi.head,
            kpi.decimals,
            names(&self.by)
        );
        for name in ["window", "params"] {
            if let Some(node) = self.get(name) {
                let _ = writeln!(out, "  {name}: {}", flow(node));
            }
        }
        let mut map = |name: &str, more: &mut dyn Iterator<Item = (&str, String)>| {
            let _ = writeln!(out, "  {name}:");
            if let Some(Value::Map(own)) = self.get(name).map(|n| &n.value) {
                for (k, n) in own {
                    let _ = writeln!(out, "    {}: {}", quoted(&k.name), flow(n));
                }
            }
            for (k, text) in more {
                let _ = writeln!(out, "    {k}: {text}");
            }
        };
        let terms = kpi.terms.iter().map(|(k, text)| (k.as_str(), text.clone()));
        map("terms", &mut terms.into_iter());
        let value = self.get("value").map(|n| match &n.value {
            Value::Number(v) => quoted(&format!("{v:?}")),
            _ => flow(n),
        });
        map("let", &mut value.map(|v| ("reached", v)).into_iter());
        let _ = writeln!(out, "  value: {}", quoted(&kpi.value));
        let own = || self.get("minimum_sample").map(flow);
        if let Some(sample) = kpi.sample.clone().or_else(own) {
            let _ = writeln!(out, "  minimum_sample: {sample}");
        }
        out
    }
}

fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(t) => Some(t),
        _ => None,
    }
}

/// A tree in one line of YAML.
pub(super) fn flow(node: &Node) -> String {
    let all = |parts: Vec<String>| parts.join(", ");
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(v) => format!("{v:?}"),
        Value::Text(t) => quoted(t),
        Value::List(list) => format!("[{}]", all(list.iter().map(flow).collect())),
        Value::Map(map) => {
            let entry =
                |(k, n): &(crate::yaml::Key, Node)| format!("{}: {}", quoted(&k.name), flow(n));
            format!("{{{}}}", all(map.iter().map(entry).collect()))
        }
    }
}
