//! The Rust text of the records. The traits it names are those of `weir_model::records`.

use super::earlier::Earlier;
use super::{Enum, Field, Of, Record, Types};
use crate::text::{doc, field, line, variant};

const DERIVES: &str = "#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]";
const ENUM_DERIVES: &str = "#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, \
                            Serialize, Deserialize)]";

pub(super) fn write(types: &Types) -> String {
    let mut out = String::new();
    for e in &types.enums {
        enumeration(&mut out, e);
    }
    for r in &types.records {
        structure(&mut out, r);
        bytes(&mut out, r);
        columns(&mut out, r);
        record(&mut out, r);
    }
    out
}

fn enumeration(out: &mut String, e: &Enum) {
    let name = &e.name;
    doc(out, &e.doc);
    line(out, ENUM_DERIVES);
    line(out, &format!("pub enum {name} {{"));
    for (symbol, about) in &e.symbols {
        doc(out, about);
        line(out, &format!("#[serde(rename = {symbol:?})]"));
        line(out, &format!("{},", variant(symbol)));
    }
    line(out, "}");
    line(out, &format!("impl {name} {{"));
    line(out, "/// All, in the order of their numbers.");
    let all: Vec<String> = e.symbols.iter().map(|(s, _)| variant(s)).collect();
    let all = all.join(", Self::");
    let n = e.symbols.len();
    line(out, &format!("pub const ALL: [Self; {n}] = [Self::{all}];"));
    line(out, "/// The schema's symbol.");
    line(out, "pub fn symbol(self) -> &'static str { match self {");
    for (symbol, _) in &e.symbols {
        line(out, &format!("Self::{} => {symbol:?},", variant(symbol)));
    }
    line(out, "} } }");
    line(out, &format!("impl Field for {name} {{"));
    line(
        out,
        "fn put(&self, out: &mut Vec<u8>) { (*self as i32).put(out); }",
    );
    line(
        out,
        "fn get(c: &mut Cursor) -> Result<Self, DecodeError> { symbol(c, &Self::ALL) } }",
    );
    line(out, &format!("impl Cells for {name} {{"));
    line(
        out,
        "fn cells(&self, put: &mut impl FnMut(Cell<'_>)) { put(Cell::Text(self.symbol())); } }",
    );
}

fn structure(out: &mut String, r: &Record) {
    doc(out, &r.doc);
    line(out, DERIVES);
    line(out, &format!("pub struct {} {{", r.rust));
    for f in &r.fields {
        doc(out, &f.doc);
        line(
            out,
            &format!("pub {}: {},", field(&f.name), rust_type(&f.of)),
        );
    }
    line(out, "}");
}

fn bytes(out: &mut String, r: &Record) {
    line(out, &format!("impl Field for {} {{", r.rust));
    line(out, "fn put(&self, out: &mut Vec<u8>) {");
    for f in &r.fields {
        line(out, &format!("self.{}.put(out);", field(&f.name)));
    }
    line(out, "}");
    line(out, "fn get(c: &mut Cursor) -> Result<Self, DecodeError> {");
    line(out, "Ok(Self {");
    for f in &r.fields {
        line(out, &format!("{}: Field::get(c)?,", field(&f.name)));
    }
    line(out, "}) } }");
}

fn columns(out: &mut String, r: &Record) {
    let columns = flat("self", &r.fields);
    line(out, &format!("impl Cells for {} {{", r.rust));
    line(out, "fn cells(&self, put: &mut impl FnMut(Cell<'_>)) {");
    for (path, _) in &columns {
        line(out, &format!("{path}.cells(put);"));
    }
    line(out, "} }");
    line(out, &format!("impl Stored for {} {{", r.rust));
    line(out, "const COLUMNS: &'static [Column] = &[");
    for (_, f) in &columns {
        let (name, kind, about) = (&f.column, kind(&f.of), &f.doc);
        line(
            out,
            &format!("Column {{ name: {name:?}, kind: {kind}, doc: {about:?} }},"),
        );
    }
    line(out, "]; }");
}

fn record(out: &mut String, r: &Record) {
    let Record {
        schema, rust, text, ..
    } = r;
    line(out, &format!("impl {rust} {{"));
    line(out, "/// Name and text of the schema.");
    line(
        out,
        &format!("pub const SCHEMA: (&'static str, &'static str) = ({schema:?}, {text:?});"),
    );
    line(
        out,
        "/// Id of the schema that these records are written under.",
    );
    line(out, "pub fn schema_id() -> u32 {");
    line(
        out,
        &format!("static ID: LazyLock<u32> = LazyLock::new(|| schema_id({rust}::SCHEMA.1));"),
    );
    line(out, "*ID }");
    line(out, "/// Appends the record's value, framed.");
    line(
        out,
        "pub fn encode(&self, out: &mut Vec<u8>) { encode(Self::schema_id(), self, out); }",
    );
    line(out, "/// From a record's value.");
    line(out, "///");
    line(out, "/// # Errors");
    line(
        out,
        "/// It is not framed, has a schema that is neither this nor an earlier one, or does not \
         decode.",
    );
    line(
        out,
        "pub fn decode(value: &[u8]) -> Result<Self, RecordError> {",
    );
    if r.earlier.is_empty() {
        line(out, "decode(Self::schema_id(), &[], value) }");
    } else {
        let known = r.earlier.iter().enumerate();
        let known: String = known
            .map(|(i, e)| format!("(schema_id({:?}), {rust}::earlier_{i}),", e.text))
            .collect();
        let n = r.earlier.len();
        let list = format!("LazyLock<[Reader<{rust}>; {n}]> = LazyLock::new(|| [{known}]);");
        line(out, &format!("static EARLIER: {list}"));
        line(out, "decode(Self::schema_id(), &*EARLIER, value) }");
    }
    for (i, e) in r.earlier.iter().enumerate() {
        earlier(out, i, e);
    }
    line(out, "}");
}

/// Reads the bytes of an earlier schema.
fn earlier(out: &mut String, i: usize, e: &Earlier) {
    line(
        out,
        &format!("fn earlier_{i}(c: &mut Cursor) -> Result<Self, DecodeError> {{"),
    );
    for name in &e.fields {
        line(out, &format!("let {} = Field::get(c)?;", field(name)));
    }
    let known = e.fields.iter().map(|name| format!("{},", field(name)));
    let missing = e.missing.iter();
    let missing = missing.map(|name| format!("{}: Default::default(),", field(name)));
    let all: String = known.chain(missing).collect();
    line(out, &format!("Ok(Self {{ {all} }}) }}"));
}

/// The fields that are columns, with the way to their values.
fn flat<'a>(path: &str, fields: &'a [Field]) -> Vec<(String, &'a Field)> {
    let mut all = Vec::new();
    for f in fields {
        let path = format!("{path}.{}", field(&f.name));
        match &f.of {
            Of::Record(_, within) => all.extend(flat(&path, within)),
            _ => all.push((path, f)),
        }
    }
    all
}

fn rust_type(of: &Of) -> String {
    match of {
        Of::Bool => "bool".to_owned(),
        Of::Int => "i32".to_owned(),
        Of::Long => "i64".to_owned(),
        Of::U32 => "u32".to_owned(),
        Of::U64 => "u64".to_owned(),
        Of::Double => "f64".to_owned(),
        Of::Text | Of::Label => "String".to_owned(),
        Of::Micros => "Micros".to_owned(),
        Of::Enum(name) | Of::Record(name, _) => name.clone(),
        Of::Optional(of) => format!("Option<{}>", rust_type(of)),
        Of::Pairs(of) => format!("Vec<(String, {})>", rust_type(of)),
    }
}

/// What a column holds, as an expression.
fn kind(of: &Of) -> String {
    let name = match of {
        Of::Bool => "Bool",
        Of::Int => "I32",
        Of::Long => "I64",
        Of::U32 => "U32",
        Of::U64 => "U64",
        Of::Double => "F64",
        Of::Text => "Text",
        Of::Label | Of::Enum(_) => "Label",
        Of::Micros => "Time",
        Of::Optional(of) => return format!("ColumnType::Optional(&{})", kind(of)),
        Of::Pairs(of) => return format!("ColumnType::Map(&{})", kind(of)),
        Of::Record(..) => unreachable!("its fields are the columns"),
    };
    format!("ColumnType::{name}")
}
