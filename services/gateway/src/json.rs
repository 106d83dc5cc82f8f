//! Reading what strangers wrote: each event on its own, so that one that is bad spoils no other.

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::fmt;

/// The texts of the items of a JSON text: of the array that it is, or itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Split<'a> {
    /// Each on its own.
    Items(Vec<&'a str>),
    /// More than may be.
    TooMany,
    /// It is no JSON, and why.
    Not(String),
}

/// Takes a JSON text apart, of at most so many items. What is in them is not looked at.
pub(crate) fn split(text: &str, most: usize) -> Split<'_> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if !text.starts_with('[') {
        return match serde_json::from_str::<&RawValue>(text) {
            Ok(one) => Split::Items(vec![one.get()]),
            Err(e) => Split::Not(e.to_string()),
        };
    }
    let too_many = Cell::new(false);
    let items = Items {
        most,
        too_many: &too_many,
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = items.deserialize(&mut reader);
    match read.and_then(|items| reader.end().map(|()| items)) {
        Ok(items) => Split::Items(items),
        Err(_) if too_many.get() => Split::TooMany,
        Err(e) => Split::Not(e.to_string()),
    }
}

struct Items<'c> {
    most: usize,
    too_many: &'c Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = Vec<&'de str>;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = Vec<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = seq.next_element::<&'de RawValue>()? {
            if out.len() == self.most {
                self.too_many.set(true);
                return Err(de::Error::custom("too many"));
            }
            out.push(item.get());
        }
        Ok(out)
    }
}

/// The value of a JSON text. A key that stands twice in an object is an error: readers do not agree
/// on which of them counts.
///
/// # Errors
/// What is wrong, and where.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text)
        .map(|Strict(value)| value)
        .map_err(|e| e.to_string())
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Strict, D::Error> {
        d.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Value, E> {
        let number = Number::from_f64(v).ok_or_else(|| E::custom("a number out of range"))?;
        Ok(Value::Number(number))
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }
    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(Strict(item)) = seq.next_element()? {
            out.push(item);
        }
        Ok(Value::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let Strict(value) = map.next_value()?;
            if out.contains_key(&key) {
                return Err(de::Error::custom(format!("the key {key:?} stands twice")));
            }
            out.insert(key, value);
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_item_stands_on_its_own() {
        let items = |text| match split(text, 3) {
            Split::Items(all) => all,
            other => panic!("{other:?}"),
        };
        assert_eq!(items(" {\"a\": 1} "), ["{\"a\": 1}"]);
        // What is wrong within one of them does not matter yet.
        let deep = "[".repeat(5000) + &"]".repeat(5000);
        let text = format!("[{{\"a\": 1e999, \"a\": 2}}, {deep}, 3]");
        assert_eq!(items(&text)[1], deep);
        assert_eq!(items("[]"), [""; 0]);
        assert_eq!(split("[1, 2, 3, 4]", 3), Split::TooMany);
        for bad in ["", "[1, 2", "[1] [2]", "{} {}", "{\"a\"}", "nope", "[1,]"] {
            assert!(matches!(split(bad, 3), Split::Not(_)), "{bad}");
        }
    }

    #[test]
    fn what_means_no_one_thing_is_refused() {
        for (bad, why) in [
            ("{\"tenant\": \"a\", \"tenant\": \"b\"}", "stands twice"),
            ("{\"a\": {\"b\": 1, \"b\": 1}}", "stands twice"),
            ("{\"a\": 1e400}", "out of range"),
            ("{\"a\": \"\\ud800\"}", "hex escape"),
        ] {
            let told = parse(bad).unwrap_err();
            assert!(told.contains(why), "{bad}: {told}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(parse(&deep).unwrap_err().contains("recursion"));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e300..1e300).prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..4)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn all_other_json_is_read_as_it_is(value in any_json()) {
            prop_assert_eq!(parse(&value.to_string()).unwrap(), value);
        }
    }
}
