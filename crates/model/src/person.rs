//! People in events: the one spelling of an address, and which fields hold one.

use serde_json::Value as Json;
use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization;

/// What a text field holds, told by the attribute `weir.form` of the field in its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// `email`: the e-mail address of a person, or what stands for one.
    Email,
    /// `team`: the name of a team.
    Team,
}

/// The one spelling of an e-mail address: without white space around it, in Unicode's normal form C, in lower case.
///
/// Nothing else is changed: dots and what follows a plus sign stay, for whether they matter is a rule of each provider; so
/// do quotes and names of hosts in punycode. A pseudonym is treated as an address is: it must not depend on its case.
pub fn canonical_email(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    write_canonical(text, &mut out);
    out
}

/// As [`canonical_email`], into a buffer, whose text is replaced. Allocates nothing where it has the capacity.
pub fn write_canonical(text: &str, out: &mut String) {
    out.clear();
    let text = text.trim();
    if text.is_ascii() {
        out.push_str(text);
        out.make_ascii_lowercase();
        return;
    }
    // Lower case may leave letters that compose: normal form once more.
    out.extend(text.nfc().flat_map(char::to_lowercase).nfc());
}

/// Dotted paths of the fields of a schema that have a form, sorted. A schema that does not parse has none.
pub fn forms(schema_json: &str) -> Vec<(String, Form)> {
    let Ok(json) = serde_json::from_str::<Json>(schema_json) else {
        return Vec::new();
    };
    let (mut records, mut out) = (HashMap::new(), Vec::new());
    collect(&json, &mut records);
    walk(&json, "", &records, 0, &mut out);
    out.sort();
    out
}

fn collect<'j>(schema: &'j Json, records: &mut HashMap<&'j str, &'j Json>) {
    match schema {
        Json::Array(branches) => branches.iter().for_each(|b| collect(b, records)),
        Json::Object(o) => {
            if let (Some("record"), Some(name)) = (schema["type"].as_str(), schema["name"].as_str())
            {
                records.insert(name, schema);
            }
            o.get("type").into_iter().for_each(|t| collect(t, records));
            fields(schema).for_each(|f| collect(&f["type"], records));
        }
        _ => {}
    }
}

fn fields(schema: &Json) -> impl Iterator<Item = &Json> {
    schema["fields"].as_array().into_iter().flatten()
}

fn walk(
    schema: &Json,
    path: &str,
    records: &HashMap<&str, &Json>,
    depth: usize,
    out: &mut Vec<(String, Form)>,
) {
    let schema = match schema {
        Json::String(name) => {
            let short = name.rsplit('.').next().unwrap_or(name);
            records.get(short).copied().unwrap_or(schema)
        }
        Json::Array(branches) => {
            for b in branches {
                walk(b, path, records, depth, out);
            }
            return;
        }
        _ => schema,
    };
    // A record within itself would have no end.
    for f in fields(schema).filter(|_| depth < 8) {
        let name = f["name"].as_str().unwrap_or_default();
        let path = match path {
            "" => name.to_owned(),
            _ => format!("{path}.{name}"),
        };
        match f["weir.form"].as_str() {
            Some("email") => out.push((path.clone(), Form::Email)),
            Some("team") => out.push((path.clone(), Form::Team)),
            _ => {}
        }
        walk(&f["type"], &path, records, depth + 1, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_address_has_one_spelling() {
        for (text, want) in [
            ("ada@example.com", "ada@example.com"),
            (" \t Ada@Example.COM\u{a0}\n", "ada@example.com"),
            ("jo\u{308}rg@example.com", "jörg@example.com"),
            ("JÖRG@Example.com", "jörg@example.com"),
            ("JO\u{308}RG@EXAMPLE.COM", "jörg@example.com"),
            // What is a rule of the provider stays.
            ("a.da+x@Example.com", "a.da+x@example.com"),
            ("", ""),
        ] {
            assert_eq!(canonical_email(text), want, "{text:?}");
        }
    }

    #[test]
    fn forms_are_found_at_any_depth() {
        let schema = r#"{"type": "record", "name": "E", "fields": [
            {"name": "a", "type": "string", "weir.form": "email"},
            {"name": "b", "type": ["null", {"type": "record", "name": "P", "namespace": "n", "fields": [
                {"name": "mail", "type": ["null", "string"], "weir.form": "email"},
                {"name": "team", "type": "string", "weir.form": "team"},
                {"name": "more", "type": ["null", "P"]}]}]},
            {"name": "c", "type": "n.P"},
            {"name": "d", "type": "string", "weir.form": "other"}]}"#;
        let all = forms(schema);
        for path in ["a", "b.mail", "b.more.mail", "c.mail"] {
            assert!(all.contains(&(path.into(), Form::Email)), "{path}");
        }
        assert!(all.contains(&("c.team".into(), Form::Team)));
        assert!(!all.iter().any(|(p, _)| p == "d"));
        assert!(forms("{").is_empty());
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own(text in "\\PC{0,20}") {
            let once = canonical_email(&text);
            prop_assert_eq!(canonical_email(&once), once);
        }
    }
}
