#![allow(clippy::unwrap_used)]
//! The two decoders, side by side: the same verdict and the same values for every record, whole or
//! damaged. And both beside a third one where that one has an opinion.

use super::*;
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::rc::Rc;
use weir_fuzz::rand::Rng;
use weir_fuzz::rand::seq::IndexedRandom;
use weir_fuzz::{Chance, damage, rounds};
use weir_model::avro::{
    LeafKind, Projection, Value as Decoded, encode_json, leaf_paths, map_entries,
};

/// Both decoders of a pair of schemas.
struct Both {
    engine: Result<Projection, weir_model::avro::SchemaError>,
    /// As the engine with another catalog, which asks for nothing.
    blind: Result<Projection, weir_model::avro::SchemaError>,
    oracle: Option<Resolved>,
    paths: Vec<String>,
}

impl Both {
    fn new(writer: &str, reader: &str) -> Both {
        let mut paths = Vec::new();
        for leaf in leaf_paths(reader).unwrap() {
            if leaf.kind == LeafKind::Map {
                paths.push(format!("{}.platform", leaf.path));
            }
            paths.push(leaf.path);
        }
        let refs: Vec<&str> = paths.iter().map(String::as_str).collect();
        let reader_types = Rc::new(Types::parse(reader).unwrap());
        let oracle = Types::parse(writer).ok();
        let both = Both {
            engine: Projection::compile(writer, reader, &refs),
            blind: Projection::compile(writer, reader, &[]),
            oracle: oracle.and_then(|w| Resolved::new(Rc::new(w), reader_types).ok()),
            paths,
        };
        assert_eq!(
            both.engine.is_ok(),
            both.oracle.is_some(),
            "{:?}: {writer}",
            both.engine.err()
        );
        assert_eq!(both.engine.is_ok(), both.blind.is_ok());
        both
    }

    /// Whether it is an event; panics where the two do not agree.
    fn read(&self, body: &[u8]) -> bool {
        let (Ok(engine), Ok(blind), Some(oracle)) = (&self.engine, &self.blind, &self.oracle)
        else {
            return false;
        };
        let mut row = vec![Decoded::Null; self.paths.len()];
        let decoded = engine.decode(body, &mut row);
        let plain = oracle.read(body);
        assert_eq!(
            decoded.is_ok(),
            plain.is_ok(),
            "{decoded:?}, {plain:?}: {body:02x?}"
        );
        assert_eq!(
            blind.decode(body, &mut []).is_ok(),
            plain.is_ok(),
            "{body:02x?}"
        );
        let Ok(plain) = plain else {
            return false;
        };
        for (path, value) in self.paths.iter().zip(&row) {
            let expected = at(&plain, path);
            assert!(
                same(value, expected),
                "{path}: {value:?}, {expected:?}: {body:02x?}"
            );
        }
        true
    }
}

fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    match value {
        Value::Record(fields) => {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            let found = fields.iter().find(|(n, _)| n == name);
            found.map_or(&Value::Null, |(_, v)| at(v, rest))
        }
        Value::Map(entries) if !path.is_empty() => entries.get(path).unwrap_or(&Value::Null),
        whole => whole,
    }
}

fn same(value: &Decoded, expected: &Value) -> bool {
    match (value, expected) {
        (Decoded::Null, Value::Null) => true,
        (Decoded::Bool(a), Value::Bool(b)) => a == b,
        (Decoded::Int(a), Value::Int(b)) => a == b,
        (Decoded::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Decoded::Str(a), Value::Text(b)) => a == b,
        (Decoded::Map(raw), Value::Map(b)) => {
            let a: std::collections::BTreeMap<&str, &str> = map_entries(raw).collect();
            let text = |v: &Value| {
                if let Value::Text(t) = v {
                    Some(t.clone())
                } else {
                    None
                }
            };
            let b = b.iter().filter_map(|(k, v)| Some((k.as_str(), text(v)?)));
            a.iter().map(|(k, v)| (*k, (*v).to_owned())).eq(b)
        }
        _ => false,
    }
}

/// Every event type that is shipped: its schema and the bodies of its examples.
fn shipped() -> Vec<(String, Vec<Vec<u8>>)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas/events");
    let mut types = Vec::new();
    for file in std::fs::read_dir(&root).unwrap().map(|e| e.unwrap().path()) {
        if file.extension().is_none_or(|e| e != "avsc") {
            continue;
        }
        let schema = std::fs::read_to_string(&file).unwrap();
        let examples = std::fs::read_dir(root.join("examples").join(file.file_stem().unwrap()));
        let mut bodies = Vec::new();
        for example in examples.unwrap().map(|e| e.unwrap().path()) {
            let json = serde_json::from_str(&std::fs::read_to_string(example).unwrap()).unwrap();
            bodies.push(encode_json(&schema, &json).unwrap());
        }
        types.push((schema, bodies));
    }
    assert!(types.len() >= 3);
    types
}

#[test]
fn fuzz_records_two_decoders_agree_on_every_damaged_record() {
    let types: Vec<(Both, Vec<Vec<u8>>)> = shipped()
        .into_iter()
        .map(|(schema, bodies)| (Both::new(&schema, &schema), bodies))
        .collect();
    for (both, bodies) in &types {
        assert!(bodies.iter().all(|b| both.read(b)));
    }
    let (mut events, mut dead) = (0u64, 0u64);
    rounds(100_000, |chance| {
        let (both, bodies) = types.choose(chance).unwrap();
        let mut body = bodies.choose(chance).unwrap().clone();
        damage(chance, &mut body);
        if both.read(&body) {
            events += 1;
        } else {
            dead += 1;
        }
    });
    // Neither verdict is the only one.
    assert!(
        events > dead / 50 && dead > events / 50,
        "{events} events, {dead} dead"
    );
}

/// Random schemas out of few words, so that one can often be read as another.
struct Schemas<'c> {
    chance: &'c mut Chance,
    /// Types that were defined and may be referred to: records, enums, fixed.
    names: Vec<String>,
}

impl Schemas<'_> {
    fn any(&mut self, depth: u32) -> Json {
        match self
            .chance
            .random_range(0..if depth == 0 { 12 } else { 20 })
        {
            0 => json!("null"),
            1 => json!("boolean"),
            2 => json!("int"),
            3 => json!("long"),
            4 => json!("float"),
            5 => json!("double"),
            6 => json!("bytes"),
            7 | 8 => json!("string"),
            9 => self.time(),
            10 => self.named(),
            11 => match self.names.choose(self.chance) {
                Some(name) => json!(name),
                None => json!("string"),
            },
            12 | 13 => self.record(depth - 1),
            14 => json!({"type": "array", "items": self.any(depth - 1)}),
            15 => json!({"type": "map", "values": "string"}),
            16 => json!({"type": "map", "values": self.any(depth - 1)}),
            17 => json!(["null", self.no_union(depth - 1)]),
            18 => json!([self.no_union(depth - 1), "null"]),
            _ => {
                let n = self.chance.random_range(0..4);
                (0..n).map(|_| self.no_union(depth - 1)).collect()
            }
        }
    }

    fn no_union(&mut self, depth: u32) -> Json {
        match self.any(depth) {
            Json::Array(_) => json!("long"),
            other => other,
        }
    }

    fn time(&mut self) -> Json {
        let unit = *["millis", "micros", "nanos"].choose(self.chance).unwrap();
        json!({"type": "long", "logicalType": format!("timestamp-{unit}")})
    }

    fn new_name(&mut self) -> Option<String> {
        let space = *["", "", "a.", "b."].choose(self.chance).unwrap();
        let name = format!("{space}N{}", self.chance.random_range(0..6));
        (!self.names.contains(&name)).then(|| {
            self.names.push(name.clone());
            name
        })
    }

    fn named(&mut self) -> Json {
        let Some(name) = self.new_name() else {
            return json!("long");
        };
        if self.chance.random() {
            return json!({"type": "fixed", "name": name, "size": self.chance.random_range(0..3)});
        }
        let symbols = &["A", "B", "C"][..self.chance.random_range(1..=3)];
        let mut of = json!({"type": "enum", "name": name, "symbols": symbols});
        if self.chance.random() {
            of["default"] = json!("A");
        }
        of
    }

    fn record(&mut self, depth: u32) -> Json {
        let Some(name) = self.new_name() else {
            return json!("boolean");
        };
        let mut fields = Vec::new();
        for i in 0..self.chance.random_range(0..5) {
            if self.chance.random_ratio(1, 5) {
                continue;
            }
            let mut field = json!({"name": format!("f{i}"), "type": self.any(depth)});
            if self.chance.random_ratio(1, 6) {
                field["aliases"] = json!([format!("f{}", self.chance.random_range(0..5))]);
            }
            fields.push(field);
        }
        if self.chance.random() {
            fields.reverse();
        }
        json!({"type": "record", "name": name, "fields": fields})
    }
}

/// Puts some parts of a schema in the place of others, and says some fields' defaults.
fn evolve(chance: &mut Chance, schema: &mut Json) {
    let part = |chance: &mut Chance| {
        Schemas {
            chance,
            names: vec!["N0".into(), "N1".into()],
        }
        .any(0)
    };
    match schema {
        Json::Array(branches) => branches.iter_mut().for_each(|b| evolve(chance, b)),
        Json::Object(o) => {
            for key in ["type", "items", "values"] {
                if let Some(inner) = o.get_mut(key).filter(|v| !v.is_string()) {
                    evolve(chance, inner);
                }
            }
            let fields = o.get_mut("fields").and_then(Json::as_array_mut);
            for f in fields.into_iter().flatten() {
                if chance.random_ratio(1, 8) {
                    f["type"] = part(chance);
                }
                evolve(chance, &mut f["type"]);
                if f["type"] == "long" && chance.random_ratio(1, 3) {
                    f["default"] = json!(7);
                }
            }
        }
        plain if chance.random_ratio(1, 12) => *plain = part(chance),
        _ => {}
    }
}

/// Bytes of a schema, more or less.
fn body(chance: &mut Chance, of: &Json, depth: u32, out: &mut Vec<u8>) {
    if let Json::Array(branches) = of {
        let i = chance.random_range(0..=branches.len().saturating_sub(1));
        out.push(i as u8 * 2);
        if let Some(branch) = branches.get(i) {
            body(chance, branch, depth + 1, out);
        }
        return;
    }
    let ty = &of["type"];
    match of.as_str().or(ty.as_str()).unwrap_or_default() {
        "null" => {}
        "boolean" | "enum" => out.push(chance.random_range(0..2)),
        "int" | "long" => out.push(chance.random()),
        "float" => out.extend(chance.random::<f32>().to_le_bytes()),
        "double" => out.extend(chance.random::<f64>().to_le_bytes()),
        "bytes" | "string" => out.extend([4, b'h', b'i']),
        "fixed" => out.extend(std::iter::repeat_n(
            0xab,
            of["size"].as_u64().unwrap_or(0) as usize,
        )),
        "array" | "map" if depth < 6 => {
            let mut items = Vec::new();
            for _ in 0..2 {
                if of["type"] == "map" {
                    items.extend([2, b'k']);
                }
                let inner = if of["type"] == "map" {
                    &of["values"]
                } else {
                    &of["items"]
                };
                body(chance, inner, depth + 1, &mut items);
            }
            if chance.random() && items.len() < 60 {
                out.extend([3, items.len() as u8 * 2]);
            } else {
                out.push(4);
            }
            out.extend(items);
            out.push(0);
        }
        "record" if depth < 12 => {
            for f in of["fields"].as_array().into_iter().flatten() {
                body(chance, &f["type"], depth + 1, out);
            }
        }
        _ => out.push(0),
    }
}

#[test]
fn fuzz_schemas_two_decoders_agree_on_every_pair() {
    let (mut refused, mut events, mut dead) = (0u64, 0u64, 0u64);
    rounds(20_000, |chance| {
        let mut schemas = Schemas {
            chance,
            names: vec!["R".into()],
        };
        let fields: Vec<Json> = (0..4)
            .map(|i| json!({"name": format!("f{i}"), "type": schemas.any(3)}))
            .collect();
        let reader = json!({"type": "record", "name": "R", "fields": fields});
        let mut writer = reader.clone();
        if chance.random_ratio(3, 4) {
            evolve(chance, &mut writer);
        }
        let (reader, writer_text) = (reader.to_string(), writer.to_string());
        if Types::parse(&reader).is_err() {
            return;
        }
        let both = Both::new(&writer_text, &reader);
        let _ = weir_model::schemas::check_envelope(&writer_text);
        for _ in 0..4 {
            let mut bytes = Vec::new();
            body(chance, &writer, 0, &mut bytes);
            if chance.random() {
                damage(chance, &mut bytes);
            }
            match (both.read(&bytes), &both.engine) {
                (_, Err(_)) => refused += 1,
                (true, _) => events += 1,
                (false, _) => dead += 1,
            }
        }
    });
    println!("{refused} refused, {events} events, {dead} dead");
    assert!(refused.min(events).min(dead) * 50 > refused + events + dead);
}

#[test]
fn fuzz_schemas_a_text_that_is_none_is_an_error() {
    let texts: Vec<String> = shipped().into_iter().map(|(schema, _)| schema).collect();
    rounds(2000, |chance| {
        let reader = texts.choose(chance).unwrap();
        let mut text = reader.clone().into_bytes();
        damage(chance, &mut text);
        let Ok(text) = String::from_utf8(text) else {
            return;
        };
        Both::new(&text, reader);
        let _ = weir_model::schemas::check_envelope(&text);
        let _ = weir_model::schemas::check_backward_transitive(reader, &[&text]);
    });
}
