//! `assistants:` of the catalog. Its examples are its tests: a list that does not recognise them is
//! refused.

use crate::reader::{Fields, File};
use crate::recognise::{Assistant, Assistants, words};
use crate::yaml::Node;
use weir_model::codes;

/// Reads the section; the first one where there are several, which is told.
pub(crate) fn read<'s>(parts: impl Iterator<Item = (File<'s>, &'s Node)>) -> Assistants {
    let mut found: Option<(Assistants, &str)> = None;
    for (file, node) in parts {
        if let Some((_, other)) = found {
            file.say(
                node.at,
                codes::CATALOG_DUPLICATE,
                format!("assistants are declared in {other} too"),
                "put all of them into one file",
            );
            continue;
        }
        found = Some((section(file, node), file.name));
    }
    found.map(|(a, _)| a).unwrap_or_default()
}

fn section<'s>(file: File<'s>, node: &'s Node) -> Assistants {
    let mut out = Assistants::default();
    const FIELDS: &[&str] = &["trailers", "models", "tools", "people"];
    let Some(f) = file.fields(node, "assistants", FIELDS) else {
        return out;
    };
    out.trailers = texts(&f, "trailers").map(|t| words(t).join("-")).collect();
    out.models = texts(&f, "models").map(str::to_lowercase).collect();
    let tools = f.need("tools", "assistants");
    let tools = tools.map(|n| file.entries(n, "tools")).unwrap_or_default();
    for (key, value) in &tools {
        out.tools.extend(tool(file, &key.name, value));
    }
    for (key, value) in &tools {
        check(file, value, "examples", &out, Some(&key.name));
    }
    check(file, node, "people", &out, None);
    out
}

fn tool<'s>(file: File<'s>, name: &str, node: &'s Node) -> Option<Assistant> {
    const FIELDS: &[&str] = &[
        "addresses",
        "logins",
        "names",
        "shared",
        "versions",
        "marks",
        "lines",
        "examples",
    ];
    let f = file.fields(node, "an assistant", FIELDS)?;
    let lower = |field: &str| texts(&f, field).map(str::to_lowercase).collect();
    let split = |field: &str| -> Vec<Vec<String>> {
        let all = texts(&f, field).map(words);
        all.filter(|w| !w.is_empty()).collect()
    };
    if f.get("examples").is_none() {
        file.say(
            node.at,
            codes::CATALOG_SYNTAX,
            format!("assistant \"{name}\" has no examples"),
            "add `examples:` with trailers as it writes them",
        );
    }
    Some(Assistant {
        name: name.to_owned(),
        addresses: lower("addresses"),
        logins: lower("logins"),
        names: split("names"),
        shared: split("shared"),
        versions: lower("versions"),
        marks: split("marks"),
        lines: split("lines"),
    })
}

fn texts<'s>(f: &Fields<'s>, field: &str) -> impl Iterator<Item = &'s str> {
    let list = f.get(field).and_then(|n| f.file.texts(n, field));
    list.unwrap_or_default().into_iter().map(|(t, _)| t)
}

/// Holds examples against the rules. Each is a message, perhaps after a line `author: Name
/// <address>`.
fn check(file: File<'_>, node: &Node, field: &str, rules: &Assistants, want: Option<&str>) {
    let crate::yaml::Value::Map(entries) = &node.value else {
        return;
    };
    let list = entries.iter().find(|(k, _)| k.name == field);
    let Some(list) = list.and_then(|(_, n)| file.texts(n, field)) else {
        return;
    };
    for (text, at) in list {
        let (author, message) = match text.strip_prefix("author:") {
            Some(rest) => rest.split_once('\n').unwrap_or((rest, "")),
            None => ("", text),
        };
        let (name, address) = author.split_once('<').unwrap_or((author, ""));
        let got = rules.of(name, address.trim_end_matches(['>', ' ']), message);
        if got == want {
            continue;
        }
        let told = |who: Option<&str>| who.map_or("a person".to_owned(), |w| format!("\"{w}\""));
        file.say(
            at,
            codes::CATALOG_IMPOSSIBLE,
            format!(
                "this example is taken for {}, it is of {}",
                told(got),
                told(want)
            ),
            match want {
                Some(_) => "declare its address or name".to_owned(),
                None => "names that people have too belong under `shared`".to_owned(),
            },
        );
    }
}
