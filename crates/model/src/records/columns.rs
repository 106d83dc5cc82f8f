//! Records as rows: which columns a record has, and what stands in them. How a store names and
//! writes these is its own affair.

use crate::Micros;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColumnType {
    /// True or false.
    Bool,
    /// 32 bits with a sign.
    I32,
    /// 64 bits with a sign.
    I64,
    /// 32 bits without a sign.
    U32,
    /// 64 bits without a sign.
    U64,
    /// A float.
    F64,
    /// A text.
    Text,
    /// A text of which there are few.
    Label,
    /// A time.
    Time,
    /// The same, or nothing.
    Optional(&'static ColumnType),
    /// From labels to values.
    Map(&'static ColumnType),
}

/// A column of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnType,
    /// What that means.
    pub doc: &'static str,
}

/// A piece of a row. Most columns are one piece. An optional one is [`Cell::Null`], or
/// [`Cell::Present`] and the value. A map is [`Cell::Entries`], then the name and value of each.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Cell<'a> {
    /// Of a [`ColumnType::Bool`].
    Bool(bool),
    /// Of a [`ColumnType::I32`].
    I32(i32),
    /// Of a [`ColumnType::I64`].
    I64(i64),
    /// Of a [`ColumnType::U32`].
    U32(u32),
    /// Of a [`ColumnType::U64`].
    U64(u64),
    /// Of a [`ColumnType::F64`].
    F64(f64),
    /// Of a [`ColumnType::Text`] or [`ColumnType::Label`].
    Text(&'a str),
    /// Of a [`ColumnType::Time`].
    Time(Micros),
    /// An optional value that is absent.
    Null,
    /// An optional value follows.
    Present,
    /// So many entries of a map follow.
    Entries(usize),
}

/// A value that stands in a row.
pub trait Cells {
    /// Puts its pieces in order.
    fn cells(&self, put: &mut impl FnMut(Cell<'_>));
}

/// A record that is a row of a table.
pub trait Stored: Cells {
    /// Its columns, in the order in which [`Cells::cells`] puts their values.
    const COLUMNS: &'static [Column];
}

macro_rules! plain {
    ($($type:ty: $cell:ident),+) => {
        $(impl Cells for $type {
            fn cells(&self, put: &mut impl FnMut(Cell<'_>)) {
                put(Cell::$cell(*self));
            }
        })+
    };
}

plain!(bool: Bool, i32: I32, i64: I64, u32: U32, u64: U64, f64: F64, Micros: Time);

impl Cells for String {
    fn cells(&self, put: &mut impl FnMut(Cell<'_>)) {
        put(Cell::Text(self));
    }
}

impl<T: Cells> Cells for Option<T> {
    fn cells(&self, put: &mut impl FnMut(Cell<'_>)) {
        match self {
            None => put(Cell::Null),
            Some(value) => {
                put(Cell::Present);
                value.cells(put);
            }
        }
    }
}

impl<T: Cells> Cells for Vec<(String, T)> {
    fn cells(&self, put: &mut impl FnMut(Cell<'_>)) {
        put(Cell::Entries(self.len()));
        for (name, value) in self {
            name.cells(put);
            value.cells(put);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::avro::{Cursor, DecodeError};
    use crate::records::codec::{Field, Reader, RecordError, decode, encode, symbol};
    use crate::records::{Subject, tests::Oracle};
    use crate::schemas::schema_id;
    use serde::{Deserialize, Serialize};
    use std::sync::LazyLock;

    include!(concat!(env!("OUT_DIR"), "/test_results.rs"));

    fn sample() -> Sample {
        Sample {
            r#type: "a".into(),
            subject: Subject {
                tenant: "acme".into(),
                dimensions: vec![("team".into(), "core".into())],
            },
            yes: true,
            count: Some(u64::MAX),
            small: -7,
            at: None,
            light: Some(Light::DeepGreen),
            parts: vec![("x".into(), Some(0.5)), ("y".into(), None)],
        }
    }

    #[test]
    fn a_record_of_all_types_is_a_row() {
        let columns: Vec<(&str, ColumnType)> =
            Sample::COLUMNS.iter().map(|c| (c.name, c.kind)).collect();
        assert_eq!(
            columns,
            [
                ("sample_type", ColumnType::Label),
                ("tenant", ColumnType::Label),
                ("dimensions", ColumnType::Map(&ColumnType::Text)),
                ("yes", ColumnType::Bool),
                ("count", ColumnType::Optional(&ColumnType::U64)),
                ("small", ColumnType::I32),
                ("at", ColumnType::Optional(&ColumnType::Time)),
                ("light", ColumnType::Optional(&ColumnType::Label)),
                (
                    "parts",
                    ColumnType::Map(&ColumnType::Optional(&ColumnType::F64))
                ),
            ]
        );
        let mut row = Vec::new();
        sample().cells(&mut |cell| row.push(format!("{cell:?}")));
        let count = format!("U64({})", u64::MAX);
        let expected = [
            "Text(\"a\")",
            "Text(\"acme\")",
            "Entries(1) Text(\"team\") Text(\"core\")",
            "Bool(true)",
            "Present",
            &count,
            "I32(-7)",
            "Null",
            "Present Text(\"deep_green\")",
            "Entries(2) Text(\"x\") Present F64(0.5) Text(\"y\") Null",
        ];
        assert_eq!(row.join(" "), expected.join(" "));
    }

    #[test]
    fn a_record_of_all_types_is_read_back_and_by_any_avro_program() {
        let mut value = Vec::new();
        sample().encode(&mut value);
        assert_eq!(Sample::decode(&value).as_ref(), Ok(&sample()));
        for n in 0..value.len() {
            assert!(Sample::decode(&value[..n]).is_err());
        }
        let schema = apache_avro::Schema::parse_str(Sample::SCHEMA.1).unwrap();
        assert_eq!(value[1..5], Sample::schema_id().to_be_bytes());
        let read = apache_avro::from_avro_datum(&schema, &mut &value[5..], None).unwrap();
        let light = crate::records::tests::field(&read, "light");
        assert_eq!(
            *light,
            Oracle::Union(1, Box::new(Oracle::Enum(1, "deep_green".into())))
        );
        // What was written under the schema before, by another program, is read as this one is.
        let old = include_str!("../../tests/schemas/earlier/sample.1.avsc");
        let old = apache_avro::Schema::parse_str(old).unwrap();
        let Oracle::Record(mut fields) = read else {
            unreachable!("it is a record");
        };
        fields.retain(|(name, _)| name != "at");
        for (name, value) in &mut fields {
            match name.as_str() {
                "small" => "little".clone_into(name),
                "light" => *value = Oracle::Union(1, Box::new(Oracle::Enum(0, "red".into()))),
                _ => {}
            }
        }
        let old_id = schema_id(include_str!("../../tests/schemas/earlier/sample.1.avsc"));
        let mut before = vec![0];
        before.extend(old_id.to_be_bytes());
        before.extend(apache_avro::to_avro_datum(&old, Oracle::Record(fields)).unwrap());
        let red = Some(Light::Red);
        let expected = Sample {
            light: red,
            ..sample()
        };
        assert_eq!(Sample::decode(&before).as_ref(), Ok(&expected));
        for n in 0..before.len() {
            assert!(Sample::decode(&before[..n]).is_err());
        }
        // What only rows need does not enter the id.
        let plain = Sample::SCHEMA.1.replace("\"weir.type\": \"label\",", "");
        assert_ne!(plain, Sample::SCHEMA.1);
        assert_eq!(schema_id(&plain), Sample::schema_id());
    }
}
