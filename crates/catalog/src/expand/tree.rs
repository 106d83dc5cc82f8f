//! Trees of YAML that macros add to: what is written by itself is put where it belongs.

use crate::reader::File;
use crate::yaml::{self, At, Key, Node, Value};
use weir_model::codes;

pub(super) fn event_name(root: &Node) -> Option<&str> {
    match &field(root, "event")?.value {
        Value::Text(name) => Some(name),
        _ => None,
    }
}

pub(super) fn is_setting(root: &Node) -> bool {
    field(root, "setting").is_some_and(|n| matches!(n.value, Value::Bool(true)))
}

fn field<'n>(root: &'n Node, name: &str) -> Option<&'n Node> {
    let Value::Map(entries) = &root.value else {
        return None;
    };
    entries.iter().find(|(k, _)| k.name == name).map(|(_, n)| n)
}

/// Its own YAML, every place in it that of the macro: errors point to what somebody wrote.
pub(super) fn parsed(file: File<'_>, key: &Key, text: &str, at: At) -> Node {
    let mut node = Node {
        at,
        value: Value::Map(Vec::new()),
    };
    if text.is_empty() {
        return node;
    }
    match yaml::parse(text) {
        Ok(parsed) => node = parsed,
        // Something in it that the macro takes as it is.
        Err((_, said)) => file.say(
            key.at,
            codes::CATALOG_SYNTAX,
            format!("what \"{}\" stands for is not readable: {said}", key.name),
            "put what is not a plain name into quotes, or write an expression",
        ),
    }
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
pub(super) fn extend(root: &mut Node, name: &str, new: Vec<(Key, Node)>, at: At) {
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
pub(super) fn keep(root: &mut Node, by: &[String], windows: &[&str], at: At) {
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
