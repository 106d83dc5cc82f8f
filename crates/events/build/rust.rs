//! The Rust text of the types.

use crate::schema::{Event, Field, Shape, Type, Types};
use serde_json::Value as Json;
use weir_avsc::text::{doc, field, line, variant};

/// All types, and the enum over the event types.
pub fn write(types: &Types) -> String {
    let mut out = String::new();
    for (name, named) in &types.named {
        match &named.shape {
            Shape::Record(fields) => record(&mut out, types, name, &named.doc, fields),
            Shape::Enum { symbols, default } => {
                enumeration(&mut out, name, &named.doc, symbols, default.as_deref());
            }
        }
    }
    for event in &types.events {
        let doc = format!("`{}`: {}", event.event_type, event.doc);
        record(&mut out, types, &event.rust, &doc, &event.fields);
        event_impl(&mut out, event);
    }
    any_event(&mut out, &types.events);
    out
}

fn record(out: &mut String, types: &Types, name: &str, about: &str, fields: &[Field]) {
    let borrows = fields.iter().any(|f| f.of.borrows());
    let (life, any) = if borrows { ("<'a>", "<'_>") } else { ("", "") };
    doc(out, about);
    let has_defaults = fields.iter().any(|f| f.default.is_some());
    if !has_defaults {
        line(out, "#[derive(Default)]");
    }
    line(
        out,
        "#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]",
    );
    line(out, "#[serde(deny_unknown_fields)]");
    line(out, &format!("pub struct {name}{life} {{"));
    for f in fields {
        doc(out, &f.doc);
        if f.default.is_some() {
            let path = format!("{name}::default_{}", f.name);
            line(out, &format!("#[serde(default = {path:?})]"));
        }
        line(
            out,
            &format!("pub {}: {},", field(&f.name), rust_type(&f.of)),
        );
    }
    line(out, "}");

    if has_defaults {
        defaults(out, types, name, borrows, fields);
    }

    line(out, &format!("impl Put for {name}{any} {{"));
    line(out, "fn put(&self, out: &mut Vec<u8>) {");
    for f in fields {
        line(out, &format!("self.{}.put(out);", field(&f.name)));
    }
    line(out, "} }");
}

/// What fields hold that are not set, each as a function, which serde needs, and all together.
fn defaults(out: &mut String, types: &Types, name: &str, borrows: bool, fields: &[Field]) {
    let (life, any) = if borrows { ("<'a>", "<'_>") } else { ("", "") };
    line(out, &format!("impl{life} {name}{life} {{"));
    for f in fields {
        if let Some(default) = &f.default {
            let (of, value) = (rust_type(&f.of), value(types, &f.of, default));
            line(
                out,
                &format!("fn default_{}() -> {of} {{ {value} }}", f.name),
            );
        }
    }
    line(out, "}");

    line(out, &format!("impl Default for {name}{any} {{"));
    line(out, "fn default() -> Self { Self {");
    for f in fields {
        let value = match &f.default {
            Some(_) => format!("Self::default_{}()", f.name),
            None => "Default::default()".to_owned(),
        };
        line(out, &format!("{}: {value},", field(&f.name)));
    }
    line(out, "} } }");
}

fn enumeration(
    out: &mut String,
    name: &str,
    about: &str,
    symbols: &[String],
    default: Option<&str>,
) {
    doc(out, about);
    line(
        out,
        "#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]",
    );
    line(out, &format!("pub enum {name} {{"));
    for (i, symbol) in symbols.iter().enumerate() {
        doc(out, &format!("`{symbol}`"));
        line(out, &format!("#[serde(rename = {symbol:?})]"));
        if default.map_or(i == 0, |d| d == symbol) {
            line(out, "#[default]");
        }
        line(out, &format!("{},", variant(symbol)));
    }
    line(out, "}");
    // The variants stand in the order of the symbols, which is what is written.
    line(out, &format!("impl Put for {name} {{"));
    line(
        out,
        "fn put(&self, out: &mut Vec<u8>) { (*self as i32).put(out); } }",
    );
}

fn event_impl(out: &mut String, event: &Event) {
    let Event {
        rust,
        event_type,
        schema,
        ..
    } = event;
    line(out, &format!("impl {rust}<'_> {{"));
    line(out, "/// Name of the event type.");
    line(
        out,
        &format!("pub const TYPE: &'static str = {event_type:?};"),
    );
    line(out, "/// The schema's text.");
    line(
        out,
        &format!("pub const SCHEMA: &'static str = {schema:?};"),
    );
    line(out, "}");
    line(out, &format!("impl<'a> Event<'a> for {rust}<'a> {{"));
    line(out, "fn event_type(&self) -> &'static str { Self::TYPE }");
    line(out, "fn schema_id(&self) -> u32 {");
    line(
        out,
        &format!("static ID: LazyLock<u32> = LazyLock::new(|| schema_id({rust}::SCHEMA));"),
    );
    line(out, "*ID }");
    line(out, "fn source(&self) -> &str { &self.source }");
    line(out, "fn event_id(&self) -> Uuid { self.event_id }");
    line(out, "fn event_time(&self) -> Micros { self.event_time }");
    line(out, "fn set_envelope(&mut self, envelope: Envelope<'a>) {");
    for name in ["event_id", "event_time", "tenant", "source", "resource"] {
        line(out, &format!("self.{name} = envelope.{name};"));
    }
    line(out, "}");
    line(
        out,
        "fn put_body(&self, out: &mut Vec<u8>) { self.put(out); }",
    );
    line(
        out,
        "fn to_json(&self) -> serde_json::Result<Json> { serde_json::to_value(self) }",
    );
    line(out, "}");
}

fn any_event(out: &mut String, events: &[Event]) {
    line(
        out,
        "/// The event types that are known at build time: (name, schema).",
    );
    line(out, "pub const TYPES: &[(&str, &str)] = &[");
    for e in events {
        line(out, &format!("({0}::TYPE, {0}::SCHEMA),", e.rust));
    }
    line(out, "];");
    line(out, "/// An event of any type.");
    line(out, "#[derive(Debug, Clone, PartialEq)]");
    line(
        out,
        "#[allow(clippy::large_enum_variant)] // the largest is the most frequent",
    );
    line(out, "pub enum AnyEvent<'a> {");
    for e in events {
        doc(out, &format!("`{}`", e.event_type));
        line(out, &format!("{0}({0}<'a>),", e.rust));
    }
    line(out, "}");
    for e in events {
        line(
            out,
            &format!("impl<'a> From<{0}<'a>> for AnyEvent<'a> {{", e.rust),
        );
        line(
            out,
            &format!(
                "fn from(event: {0}<'a>) -> Self {{ AnyEvent::{0}(event) }} }}",
                e.rust
            ),
        );
    }
    line(out, "impl<'a> AnyEvent<'a> {");
    line(
        out,
        "pub(crate) fn inner(&self) -> &dyn Event<'a> { match self {",
    );
    for e in events {
        line(out, &format!("AnyEvent::{}(event) => event,", e.rust));
    }
    line(out, "} }");
    line(
        out,
        "pub(crate) fn inner_mut(&mut self) -> &mut dyn Event<'a> { match self {",
    );
    for e in events {
        line(out, &format!("AnyEvent::{}(event) => event,", e.rust));
    }
    line(out, "} }");
    line(
        out,
        "/// Reads an event of a named type from JSON; `None` where no type has the name.",
    );
    line(
        out,
        "pub fn from_json(event_type: &str, json: Json) -> serde_json::Result<Option<AnyEvent<'static>>> {",
    );
    line(out, "Ok(Some(match event_type {");
    for e in events {
        line(
            out,
            &format!(
                "{0}::TYPE => AnyEvent::{0}(serde_json::from_value(json)?),",
                e.rust
            ),
        );
    }
    line(out, "_ => return Ok(None), })) }");
    line(out, "}");
}

fn rust_type(of: &Type) -> String {
    match of {
        Type::Bool => "bool".to_owned(),
        Type::Int => "i32".to_owned(),
        Type::Long => "i64".to_owned(),
        Type::Micros => "Micros".to_owned(),
        Type::Float => "f32".to_owned(),
        Type::Double => "f64".to_owned(),
        Type::Text => "Text<'a>".to_owned(),
        Type::Uuid => "Uuid".to_owned(),
        Type::Nullable(of) => format!("Option<{}>", rust_type(of)),
        Type::List(of) => format!("Vec<{}>", rust_type(of)),
        Type::Map(of) => format!("Map<'a, {}>", rust_type(of)),
        Type::Named(name, true) => format!("{name}<'a>"),
        Type::Named(name, false) => name.clone(),
    }
}

/// A default of the schema as a Rust expression. One that is of another type does not compile.
fn value(types: &Types, of: &Type, json: &Json) -> String {
    match (of, json) {
        (Type::Nullable(_), Json::Null) => "None".to_owned(),
        (Type::Text, Json::String(s)) => format!("Text::Borrowed({s:?})"),
        (Type::Micros, Json::Number(n)) => format!("Micros({n})"),
        (Type::Float, Json::Number(n)) => format!("{n}f32"),
        (Type::Double, Json::Number(n)) => format!("{n}f64"),
        (Type::List(_), Json::Array(l)) if l.is_empty() => "Vec::new()".to_owned(),
        (Type::Map(_), Json::Object(m)) if m.is_empty() => "Map::new()".to_owned(),
        (Type::Named(name, _), Json::String(s)) => {
            debug_assert!(types.named.contains_key(name));
            format!("{name}::{}", variant(s))
        }
        _ => json.to_string(),
    }
}
