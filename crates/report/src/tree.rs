//! Keys of an exported report, as they are declared: texts are expressions over the report, a map
//! with `each` is a list of what it makes of each item.

use crate::ReportError;
use crate::words::Words;
use minijinja::Value;
use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;
use std::fmt;

/// A tree of keys in their order, with expressions at its ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// An expression.
    Leaf(String),
    /// Keys.
    Map(Vec<(String, Tree)>),
}

/// What it comes to: keys keep their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Filled {
    /// A value.
    Leaf(Json),
    /// A list.
    List(Vec<Filled>),
    /// Keys.
    Map(Vec<(String, Filled)>),
}

/// Names the items of a list.
const EACH: &str = "each";
/// What is made of each.
const OF: &str = "of";
/// The key that each stands under, in place of a list.
const KEY: &str = "key";
/// What an item is called in the expressions below `of`.
const ROW: &str = "row";

impl Tree {
    /// Filled with a report's values.
    ///
    /// # Errors
    /// An expression cannot be computed.
    pub fn fill(&self, words: &Words) -> Result<Filled, ReportError> {
        self.within(words, None)
    }

    fn within(&self, words: &Words, row: Option<&Value>) -> Result<Filled, ReportError> {
        let keys = match self {
            Tree::Leaf(expression) => {
                let value = words.value(expression, row.map(|r| (ROW, r)))?;
                return Ok(Filled::Leaf(json(&value)));
            }
            Tree::Map(keys) => keys,
        };
        let get = |name: &str| keys.iter().find(|(k, _)| k == name).map(|(_, t)| t);
        let (Some(Tree::Leaf(each)), Some(of)) = (get(EACH), get(OF)) else {
            let filled = keys
                .iter()
                .map(|(k, t)| Ok((k.clone(), t.within(words, row)?)));
            return Ok(Filled::Map(filled.collect::<Result<_, ReportError>>()?));
        };
        let items = words.value(each, row.map(|r| (ROW, r)))?;
        let items: Vec<Value> = items.try_iter().map(Iterator::collect).unwrap_or_default();
        let made = items.iter().map(|item| of.within(words, Some(item)));
        let made = made.collect::<Result<Vec<Filled>, ReportError>>()?;
        let Some(Tree::Leaf(key)) = get(KEY) else {
            return Ok(Filled::List(made));
        };
        let keys = items
            .iter()
            .map(|item| Ok(words.value(key, Some((ROW, item)))?.to_string()));
        let keys = keys.collect::<Result<Vec<String>, ReportError>>()?;
        Ok(Filled::Map(keys.into_iter().zip(made).collect()))
    }
}

fn json(value: &Value) -> Json {
    if value.is_undefined() {
        return Json::Null;
    }
    let json = serde_json::to_value(value).unwrap_or(Json::Null);
    // Counts are whole numbers, and look like it.
    match json.as_f64() {
        Some(x) if x.fract() == 0.0 && x.abs() < WHOLE => Json::from(x as i64),
        _ => json,
    }
}

/// All whole numbers below it are floats.
const WHOLE: f64 = 9_007_199_254_740_992.0;

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Tree, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an expression, or keys with expressions")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Tree, E> {
                Ok(Tree::Leaf(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut keys = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    keys.push(pair);
                }
                Ok(Tree::Map(keys))
            }
        }
        from.deserialize_any(Reads)
    }
}

impl Serialize for Filled {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Filled::Leaf(value) => value.serialize(to),
            Filled::List(items) => items.serialize(to),
            Filled::Map(keys) => {
                let mut map = to.serialize_map(Some(keys.len()))?;
                for (key, value) in keys {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}
