//! A line of JSON as a value for expressions, with what is written kept: a number whose text says
//! more than a 64-bit number can (`1.10`, an id of 20 digits) stays its text until somebody asks
//! for a number.

use super::rows::Reads;
use super::value::Odd;
use anyhow::{Result, anyhow, bail};
use cel::Value;
use cel::objects::{Key, Map};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What is nested deeper cannot be read.
const DEPTH: usize = 64;

/// The columns of a row. Only those that are read are taken apart; the others are null.
pub fn object(line: &[u8], reads: &Reads) -> Result<Value> {
    let text = mended(line);
    let entries: Entries = serde_json::from_str(&text).map_err(|e| {
        if text.starts_with('{') {
            anyhow!("{}", placed(&e))
        } else {
            anyhow!("the line is no JSON object")
        }
    })?;
    let mut columns = HashMap::with_capacity(entries.0.len());
    for (name, raw) in entries.0 {
        let value = if columns.contains_key(&Key::from(name.as_str())) {
            Odd::Twice(name.clone()).value()
        } else if reads.reads(&name) {
            value(raw.get(), 1)?
        } else {
            Value::Null
        };
        columns.insert(Key::String(Arc::new(name)), value);
    }
    Ok(Value::Map(Map {
        map: Arc::new(columns),
    }))
}

/// serde's message with the place in the line, of which there is but one.
fn placed(e: &serde_json::Error) -> String {
    let text = e.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) => format!("no JSON at column {}: {what}", e.column()),
        None => text,
    }
}

/// The entries of an object in their order, with their text.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Entries<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut out = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    out.push(entry);
                }
                Ok(Entries(out))
            }
        }
        d.deserialize_map(V)
    }
}

fn value(raw: &str, depth: usize) -> Result<Value> {
    let fault = |e: serde_json::Error| anyhow!("{e}");
    Ok(match raw.as_bytes().first() {
        Some(b'{' | b'[') if depth > DEPTH => Odd::Deep.value(),
        Some(b'{') => {
            let mut map = HashMap::new();
            for (name, raw) in serde_json::from_str::<Entries>(raw).map_err(fault)?.0 {
                let value = if map.contains_key(&Key::from(name.as_str())) {
                    Odd::Twice(name.clone()).value()
                } else {
                    value(raw.get(), depth + 1)?
                };
                map.insert(Key::String(Arc::new(name)), value);
            }
            Value::Map(Map { map: Arc::new(map) })
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(fault)?;
            let items: Result<Vec<Value>> =
                items.iter().map(|r| value(r.get(), depth + 1)).collect();
            Value::List(Arc::new(items?))
        }
        Some(b'"') => Value::String(Arc::new(serde_json::from_str(raw).map_err(fault)?)),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') => Value::Null,
        Some(_) => number(raw),
        None => bail!("a value is missing"),
    })
}

/// A number as one, where its text is the one that the number would be written with.
fn number(raw: &str) -> Value {
    if let Ok(n) = raw.parse::<i64>()
        && n.to_string() == raw
    {
        return Value::Int(n);
    }
    match raw.parse::<f64>() {
        Ok(x) if x.is_finite() && x.to_string() == raw && raw.contains('.') => Value::Float(x),
        _ => Odd::Number(raw.to_owned()).value(),
    }
}

/// The line as text that every reader takes: what is no UTF-8, and halves of a character that was
/// cut, are U+FFFD.
fn mended(line: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(line).into_owned();
    let mut lone = Vec::new();
    let unit = |at: usize| -> Option<u16> {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut from = 0;
    while let Some(found) = text[from..].find('\\') {
        let at = from + found;
        from = at + 2;
        match unit(at) {
            Some(0xd800..0xdc00) if matches!(unit(at + 6), Some(0xdc00..0xe000)) => from = at + 12,
            Some(0xd800..0xe000) => {
                lone.push(at);
                from = at + 6;
            }
            Some(_) => from = at + 6,
            None => {}
        }
        // A backslash before a longer character ends inside it.
        while from < text.len() && !text.is_char_boundary(from) {
            from += 1;
        }
        if from >= text.len() {
            break;
        }
    }
    for at in lone {
        text.replace_range(at..at + 6, "\\ufffd");
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn get(line: &str, column: &str) -> Value {
        let all = Reads {
            all: true,
            ..Reads::default()
        };
        match object(line.as_bytes(), &all).unwrap() {
            Value::Map(m) => m.get(&Key::from(column)).unwrap().clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn half_a_character_costs_the_character_only() {
        let text = |s: &str| Value::String(Arc::new(s.to_owned()));
        assert_eq!(get(r#"{"a":"x\ud83d y"}"#, "a"), text("x\u{fffd} y"));
        assert_eq!(get(r#"{"a":"\ud83d\ude00"}"#, "a"), text("\u{1f600}"));
        assert_eq!(
            get(r#"{"a":"\ude00\ud83d"}"#, "a"),
            text("\u{fffd}\u{fffd}")
        );
        assert_eq!(get(r#"{"a":"\\ud83d"}"#, "a"), text("\\ud83d"));
        assert_eq!(
            get(r#"{"a":"\ud83d\ud83d\ude00"}"#, "a"),
            text("\u{fffd}\u{1f600}")
        );
        assert_eq!(get(r#"{"\udfff":1}"#, "\u{fffd}"), Value::Int(1));
        let all = Reads {
            all: true,
            ..Reads::default()
        };
        assert!(object(b"{\"a\":\"\xff\\\xf0\x9f\x98\x80\"}", &all).is_err()); // no such escape
        assert!(object(b"{\"a\":\"\xff\xf0\"}", &all).is_ok());
    }

    #[test]
    fn numbers_keep_their_text_where_it_says_more() {
        assert_eq!(get(r#"{"a":12}"#, "a"), Value::Int(12));
        assert_eq!(get(r#"{"a":0.25}"#, "a"), Value::Float(0.25));
        for odd in [
            "1.10",
            "184467440737095516161",
            "1e5",
            "-0",
            "12e9999",
            "100.0",
        ] {
            let line = format!("{{\"a\":{odd}}}");
            assert_eq!(get(&line, "a"), Odd::Number(odd.into()).value(), "{odd}");
        }
    }

    #[test]
    fn what_nobody_reads_is_not_taken_apart() {
        let mut reads = Reads::default();
        reads.columns.insert("n".into());
        let deep = format!("{{\"x\":{}{},\"n\":1}}", "[".repeat(90), "]".repeat(90));
        let row = object(deep.as_bytes(), &reads).unwrap();
        let Value::Map(m) = row else { panic!() };
        assert_eq!(m.get(&Key::from("n")), Some(&Value::Int(1)));
        assert_eq!(m.get(&Key::from("x")), Some(&Value::Null));
        assert_eq!(get(&deep, "n"), Value::Int(1));
        let endless = format!("{{\"x\":{}", "[".repeat(3_000_000));
        assert!(object(endless.as_bytes(), &reads).is_err());
        assert!(object(b"[1]", &reads).is_err());
        assert!(object(b"{\"n\":NaN}", &reads).is_err());
    }
}
