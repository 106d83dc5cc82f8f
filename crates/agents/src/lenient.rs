//! Parts of lines as they are needed: each release brings lines of new kinds, and a field that is
//! something else than expected is one that is not there.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// A text; empty where there is none.
#[derive(Debug, Default)]
pub(crate) struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    pub fn some(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(&self.0)
    }

    pub fn owned(&self) -> Option<String> {
        self.some().map(str::to_owned)
    }

    /// As a time: microseconds.
    pub fn time(&self) -> Option<i64> {
        let at: jiff::Timestamp = self.0.parse().ok()?;
        Some(at.as_microsecond())
    }
}

/// A number that is not below zero.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Num(pub Option<f64>);

impl Num {
    /// As a whole number.
    pub fn whole(self) -> Option<i64> {
        let x = self.0?;
        (x.fract() == 0.0 && x < 9e15).then_some(x as i64)
    }
}

/// A truth.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Flag(pub Option<bool>);

/// An object.
#[derive(Debug)]
pub(crate) struct Maybe<T>(pub Option<T>);

impl<T> Default for Maybe<T> {
    fn default() -> Self {
        Maybe(None)
    }
}

/// The objects of a list.
#[derive(Debug)]
pub(crate) struct Each<T>(pub Vec<T>);

impl<T> Default for Each<T> {
    fn default() -> Self {
        Each(Vec::new())
    }
}

/// Answers for all kinds of values that are not wanted.
macro_rules! otherwise {
    ($life:lifetime, $none:expr; $($kind:ident)*) => {
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("any value")
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($none)
        }
        $(otherwise!(@ $kind $life $none);)*
    };
    (@ bool $life:lifetime $none:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($none)
        }
    };
    (@ number $life:lifetime $none:expr) => {
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($none)
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($none)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($none)
        }
    };
    (@ text $life:lifetime $none:expr) => {
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($none)
        }
    };
    (@ list $life:lifetime $none:expr) => {
        fn visit_seq<A: SeqAccess<$life>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok($none)
        }
    };
    (@ object $life:lifetime $none:expr) => {
        fn visit_map<A: MapAccess<$life>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($none)
        }
    };
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;
    otherwise!('de, Text::default(); bool number list object);

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(TextVisitor)
    }
}

struct NumVisitor;

impl<'de> Visitor<'de> for NumVisitor {
    type Value = Num;
    otherwise!('de, Num(None); bool text list object);

    fn visit_i64<E>(self, n: i64) -> Result<Num, E> {
        Ok(Num((n >= 0).then_some(n as f64)))
    }
    fn visit_u64<E>(self, n: u64) -> Result<Num, E> {
        Ok(Num(Some(n as f64)))
    }
    fn visit_f64<E>(self, x: f64) -> Result<Num, E> {
        Ok(Num((x >= 0.0).then_some(x)))
    }
}

impl<'de> Deserialize<'de> for Num {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(NumVisitor)
    }
}

struct FlagVisitor;

impl<'de> Visitor<'de> for FlagVisitor {
    type Value = Flag;
    otherwise!('de, Flag(None); number text list object);

    fn visit_bool<E>(self, b: bool) -> Result<Flag, E> {
        Ok(Flag(Some(b)))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(FlagVisitor)
    }
}

struct MaybeVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for MaybeVisitor<T> {
    type Value = Maybe<T>;
    otherwise!('de, Maybe(None); bool number text list);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Maybe<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|t| Maybe(Some(t)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(MaybeVisitor(PhantomData))
    }
}

struct EachVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EachVisitor<T> {
    type Value = Each<T>;
    otherwise!('de, Each(Vec::new()); bool number text object);

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Each<T>, A::Error> {
        let mut out = Vec::new();
        while let Some(Maybe(item)) = seq.next_element::<Maybe<T>>()? {
            out.extend(item);
        }
        Ok(Each(out))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Each<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(EachVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[derive(serde::Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct All<'a> {
        #[serde(borrow)]
        text: Text<'a>,
        num: Num,
        flag: Flag,
        maybe: Maybe<Inner>,
        each: Each<Inner>,
    }

    #[derive(serde::Deserialize, Default)]
    #[serde(default)]
    struct Inner {
        n: Num,
    }

    fn any() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(json!(null)),
            Just(json!(true)),
            Just(json!(7)),
            Just(json!(-7)),
            Just(json!(0.5)),
            Just(json!("a\"b")),
            Just(json!([1, {"n": 3}, null])),
            Just(json!({"n": 3, "other": [{}]})),
        ]
    }

    proptest! {
        #[test]
        fn any_value_may_stand_anywhere(a in any(), b in any(), c in any(), d in any(), e in any()) {
            let line = json!({"text": a, "num": b, "flag": c, "maybe": d, "each": e}).to_string();
            let all: All = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(all.text.some(), a.as_str());
            prop_assert_eq!(all.num.0, b.as_f64().filter(|x| *x >= 0.0));
            prop_assert_eq!(all.flag.0, c.as_bool());
            prop_assert_eq!(all.maybe.0.is_some(), d.is_object());
            let objects = e.as_array().map_or(0, |l| l.iter().filter(|x| x.is_object()).count());
            prop_assert_eq!(all.each.0.len(), objects);
            prop_assert!(all.each.0.iter().all(|i| i.n.whole() == Some(3)));
        }
    }
}
