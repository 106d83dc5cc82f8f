//! Values, attributes, ids and numbers.

use opentelemetry_proto::tonic::common::v1 as proto;
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;

/// null is the default, as the JSON mapping of protobuf has it.
pub(super) fn or_default<'de, D, T>(d: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

/// A number that may be written as a text.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Num<T>(pub T);

struct NumVisitor<T>(std::marker::PhantomData<T>);

macro_rules! number {
    ($type:ty, $what:literal) => {
        impl Visitor<'_> for NumVisitor<$type> {
            type Value = Num<$type>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($what)
            }
            fn visit_u64<E: Error>(self, v: u64) -> Result<Self::Value, E> {
                <$type>::try_from(v).map(Num).map_err(E::custom)
            }
            fn visit_i64<E: Error>(self, v: i64) -> Result<Self::Value, E> {
                <$type>::try_from(v).map(Num).map_err(E::custom)
            }
            fn visit_f64<E: Error>(self, v: f64) -> Result<Self::Value, E> {
                // Exponents are allowed for integers; a fraction is none.
                if v.fract() == 0.0 && v.abs() < 9e15 {
                    <$type>::try_from(v as i64).map(Num).map_err(E::custom)
                } else {
                    Err(E::custom(format!("{v} is no integer")))
                }
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<Self::Value, E> {
                v.parse().map(Num).map_err(E::custom)
            }
        }
        impl<'de> Deserialize<'de> for Num<$type> {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_any(NumVisitor::<$type>(std::marker::PhantomData))
            }
        }
    };
}
number!(u64, "an unsigned integer, as a number or a text");
number!(i64, "an integer, as a number or a text");
number!(u32, "an unsigned integer, as a number or a text");

impl Visitor<'_> for NumVisitor<f64> {
    type Value = Num<f64>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or \"NaN\", \"Infinity\", \"-Infinity\"")
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<Self::Value, E> {
        Ok(Num(v as f64))
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<Self::Value, E> {
        Ok(Num(v as f64))
    }
    fn visit_f64<E: Error>(self, v: f64) -> Result<Self::Value, E> {
        Ok(Num(v))
    }
    fn visit_str<E: Error>(self, v: &str) -> Result<Self::Value, E> {
        v.parse().map(Num).map_err(E::custom)
    }
}
impl<'de> Deserialize<'de> for Num<f64> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(NumVisitor::<f64>(std::marker::PhantomData))
    }
}

/// An enum: its number, or its name in the .proto file.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Enum(pub i32);

impl Enum {
    /// Reads a number or one of `names` by its ending, e.g. `DELTA`.
    pub(super) fn read<'de, D>(d: D, names: &[(&str, i32)]) -> Result<Enum, D::Error>
    where
        D: Deserializer<'de>,
    {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Number(i32),
            Name(String),
            Nothing(()),
        }
        match Raw::deserialize(d)? {
            Raw::Number(n) => Ok(Enum(n)),
            Raw::Nothing(()) => Ok(Enum(0)),
            Raw::Name(name) => {
                let known = names.iter().find(|(n, _)| name.ends_with(n));
                Ok(Enum(known.map_or(0, |(_, i)| *i)))
            }
        }
    }
}

/// Bytes written in hexadecimal digits.
#[derive(Debug, Default, Clone)]
pub(super) struct Hex(pub Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let digits = text.as_bytes();
        if digits.len() % 2 != 0 {
            return Err(D::Error::custom("an id has an odd number of digits"));
        }
        let digit = |b: u8| (b as char).to_digit(16);
        let byte = |pair: &[u8]| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8);
        let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
        bytes
            .map(Hex)
            .ok_or_else(|| D::Error::custom("an id is not written in hexadecimal digits"))
    }
}

/// A value; `{}` is null.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Any {
    string_value: Option<String>,
    bool_value: Option<bool>,
    int_value: Option<Num<i64>>,
    double_value: Option<Num<f64>>,
    array_value: Option<Array>,
    kvlist_value: Option<Kvlist>,
    bytes_value: Option<String>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Array {
    #[serde(deserialize_with = "or_default")]
    values: Vec<Any>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Kvlist {
    #[serde(deserialize_with = "or_default")]
    values: Vec<Pair>,
}

/// An attribute.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Pair {
    #[serde(deserialize_with = "or_default")]
    key: String,
    value: Option<Any>,
}

impl From<Any> for proto::AnyValue {
    fn from(a: Any) -> Self {
        use proto::any_value::Value as V;
        let value = if let Some(s) = a.string_value {
            Some(V::StringValue(s))
        } else if let Some(b) = a.bool_value {
            Some(V::BoolValue(b))
        } else if let Some(i) = a.int_value {
            Some(V::IntValue(i.0))
        } else if let Some(f) = a.double_value {
            Some(V::DoubleValue(f.0))
        } else if let Some(list) = a.array_value {
            let values = list.values.into_iter().map(Into::into).collect();
            Some(V::ArrayValue(proto::ArrayValue { values }))
        } else if let Some(list) = a.kvlist_value {
            let values = pairs(list.values);
            Some(V::KvlistValue(proto::KeyValueList { values }))
        } else {
            // Bytes are of no use to any mapping: kept as they are written, which is enough to
            // tell two records apart.
            a.bytes_value.map(|b| V::BytesValue(b.into_bytes()))
        };
        proto::AnyValue { value }
    }
}

/// Attributes as messages.
pub(super) fn pairs(list: Vec<Pair>) -> Vec<proto::KeyValue> {
    list.into_iter()
        .map(|p| proto::KeyValue {
            key: p.key,
            value: p.value.map(Into::into),
            ..Default::default()
        })
        .collect()
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct ResourceJson {
    #[serde(deserialize_with = "or_default")]
    attributes: Vec<Pair>,
}

impl From<ResourceJson> for Resource {
    fn from(r: ResourceJson) -> Self {
        Resource {
            attributes: pairs(r.attributes),
            ..Default::default()
        }
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct ScopeJson {
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    version: String,
    #[serde(deserialize_with = "or_default")]
    attributes: Vec<Pair>,
}

impl From<ScopeJson> for proto::InstrumentationScope {
    fn from(s: ScopeJson) -> Self {
        proto::InstrumentationScope {
            name: s.name,
            version: s.version,
            attributes: pairs(s.attributes),
            ..Default::default()
        }
    }
}
