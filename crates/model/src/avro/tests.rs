#![allow(clippy::unwrap_used)]

use super::*;
use apache_avro::types::Value as Oracle;
use apache_avro::{Schema, from_avro_datum, to_avro_datum};
use proptest::prelude::*;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value as Json, json};
use std::collections::HashMap;

/// Random schemas, values, and later versions of schemas.
struct Gen {
    rng: ChaCha8Rng,
    names: u32,
}

impl Gen {
    fn new(seed: u64) -> Gen {
        Gen {
            rng: ChaCha8Rng::seed_from_u64(seed),
            names: 0,
        }
    }

    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    fn record(&mut self, depth: u32) -> Json {
        let n = self.rng.random_range(1..6);
        let fields: Vec<Json> = (0..n)
            .map(|_| json!({"name": self.name("f"), "type": self.ty(depth)}))
            .collect();
        json!({"type": "record", "name": self.name("R"), "fields": fields})
    }

    fn scalar(&mut self) -> Json {
        match self.rng.random_range(0..9) {
            0 => json!("boolean"),
            1 => json!("int"),
            2 => json!("long"),
            3 => json!("float"),
            4 => json!("double"),
            5 => json!({"type": "long", "logicalType": "timestamp-millis"}),
            6 => json!({"type": "long", "logicalType": "timestamp-micros"}),
            7 => json!({"type": "enum", "name": self.name("E"), "symbols": ["A", "B", "C"]}),
            _ => json!("string"),
        }
    }

    fn ty(&mut self, depth: u32) -> Json {
        if depth == 0 {
            return self.scalar();
        }
        match self.rng.random_range(0..16) {
            0 => json!({"type": "array", "items": self.ty(depth - 1)}),
            1 => json!({"type": "map", "values": "string"}),
            2 => json!({"type": "map", "values": self.ty(depth - 1)}),
            3 => json!(["null", self.scalar()]),
            4 => json!([self.scalar(), "null"]),
            5 => json!(["null", self.record(depth - 1)]),
            6 => json!(["null", "long", "string", self.record(depth - 1)]),
            7 | 8 => self.record(depth - 1),
            9 => json!("bytes"),
            10 => json!({"type": "fixed", "name": self.name("F"), "size": 3}),
            _ => self.scalar(),
        }
    }

    fn text(&mut self) -> String {
        let words = [
            "",
            "a",
            "größe",
            "k1",
            "a rather long text that needs two bytes of length, which is more than 64",
        ];
        (*words.choose(&mut self.rng).unwrap()).to_owned()
    }

    fn int(&mut self) -> i64 {
        let shift = self.rng.random_range(0..64);
        self.rng.random::<i64>() >> shift
    }

    fn value(&mut self, ty: &Json) -> Oracle {
        if let Json::Array(branches) = ty {
            let i = self.rng.random_range(0..branches.len());
            return Oracle::Union(i as u32, Box::new(self.value(&branches[i])));
        }
        let name = ty.as_str().or_else(|| ty["type"].as_str()).unwrap();
        match (name, ty["logicalType"].as_str()) {
            ("null", _) => Oracle::Null,
            ("boolean", _) => Oracle::Boolean(self.rng.random()),
            ("int", _) => Oracle::Int(self.int() as i32),
            ("long", Some("timestamp-millis")) => Oracle::TimestampMillis(self.int() >> 12),
            ("long", Some(_)) => Oracle::TimestampMicros(self.int()),
            ("long", _) => Oracle::Long(self.int()),
            ("float", _) => Oracle::Float(self.rng.random::<f32>() * 1e6),
            ("double", _) => Oracle::Double(self.rng.random::<f64>() * 1e12),
            ("string", _) => Oracle::String(self.text()),
            ("bytes", _) => Oracle::Bytes(vec![0xff; self.rng.random_range(0..70)]),
            ("fixed", _) => Oracle::Fixed(3, vec![0xfe; 3]),
            ("enum", _) => {
                let i = self.rng.random_range(0..3u32);
                Oracle::Enum(i, ["A", "B", "C"][i as usize].to_owned())
            }
            ("array", _) => {
                let n = self.rng.random_range(0..3);
                Oracle::Array((0..n).map(|_| self.value(&ty["items"])).collect())
            }
            ("map", _) => {
                let n = self.rng.random_range(0..3);
                Oracle::Map(
                    (0..n)
                        .map(|i| (format!("k{i}"), self.value(&ty["values"])))
                        .collect(),
                )
            }
            ("record", _) => {
                let fields = ty["fields"].as_array().unwrap();
                Oracle::Record(
                    fields
                        .iter()
                        .map(|f| {
                            (
                                f["name"].as_str().unwrap().to_owned(),
                                self.value(&f["type"]),
                            )
                        })
                        .collect(),
                )
            }
            other => unreachable!("{other:?}"),
        }
    }

    /// A later version of a record: fields removed, added with defaults, reordered, promoted.
    fn evolve(&mut self, record: &Json) -> Json {
        let mut fields = Vec::new();
        for f in record["fields"].as_array().unwrap() {
            if self.rng.random_ratio(1, 5) {
                continue;
            }
            fields.push(json!({"name": f["name"], "type": self.promote(&f["type"])}));
        }
        for _ in 0..self.rng.random_range(0..3) {
            let nested = self.name("D");
            let (ty, default) = [
                (json!("long"), json!(-7)),
                (json!("double"), json!(2.5)),
                (json!("string"), json!("später")),
                (json!("boolean"), json!(true)),
                (json!(["null", "string"]), Json::Null),
                (json!({"type": "map", "values": "string"}), json!({"k0": "v"})),
                (
                    json!({"type": "record", "name": nested, "fields": [
                        {"name": "x", "type": "long"}, {"name": "y", "type": "string", "default": "inner"}]}),
                    json!({"x": 4}),
                ),
            ]
            .choose(&mut self.rng)
            .unwrap()
            .clone();
            fields.push(json!({"name": self.name("n"), "type": ty, "default": default}));
        }
        fields.shuffle(&mut self.rng);
        json!({"type": "record", "name": record["name"], "fields": fields})
    }

    fn promote(&mut self, ty: &Json) -> Json {
        match ty {
            Json::String(s) if s == "int" => json!(
                *["int", "long", "float", "double"]
                    .choose(&mut self.rng)
                    .unwrap()
            ),
            Json::String(s) if s == "long" => {
                json!(*["long", "float", "double"].choose(&mut self.rng).unwrap())
            }
            Json::String(s) if s == "float" => {
                json!(*["float", "double"].choose(&mut self.rng).unwrap())
            }
            // What was required may become optional.
            Json::String(s) if s == "string" && self.rng.random() => json!(["null", "string"]),
            Json::Array(b) if b.len() == 2 => {
                // A union may not stand inside of another.
                let branch = |g: &mut Gen, b: &Json| {
                    if b == "string" {
                        b.clone()
                    } else {
                        g.promote(b)
                    }
                };
                Json::Array(b.iter().map(|b| branch(self, b)).collect())
            }
            Json::Object(o) if o["type"] == "record" => self.evolve(ty),
            _ => ty.clone(),
        }
    }
}

/// The value at a path, as the oracle sees it.
fn at<'v>(v: &'v Oracle, path: &str) -> Option<&'v Oracle> {
    match v {
        Oracle::Union(_, inner) => at(inner, path),
        Oracle::Record(fields) if !path.is_empty() => fields.iter().find_map(|(name, inner)| {
            let rest = path.strip_prefix(name.as_str())?;
            if rest.is_empty() {
                at(inner, "")
            } else {
                at(inner, rest.strip_prefix('.')?)
            }
        }),
        Oracle::Map(entries) if !path.is_empty() => entries.get(path).and_then(|v| at(v, "")),
        _ if path.is_empty() => Some(v),
        _ => None,
    }
}

fn assert_same(path: &str, got: Value, expected: Option<&Oracle>) {
    let same = match (got, expected) {
        (Value::Null, None | Some(Oracle::Null)) => true,
        (Value::Bool(a), Some(Oracle::Boolean(b))) => a == *b,
        (Value::Int(a), Some(Oracle::Int(b))) => a == i64::from(*b),
        (Value::Int(a), Some(Oracle::Long(b) | Oracle::TimestampMicros(b))) => a == *b,
        (Value::Int(a), Some(Oracle::TimestampMillis(b))) => a == *b * 1000,
        (Value::Float(a), Some(Oracle::Float(b))) => a == f64::from(*b),
        (Value::Float(a), Some(Oracle::Double(b))) => a == *b,
        (Value::Str(a), Some(Oracle::String(b) | Oracle::Enum(_, b))) => a == b,
        (Value::Map(raw), Some(Oracle::Map(b))) => {
            let a: HashMap<&str, &str> = map_entries(raw).collect();
            a.len() == b.len() && b.iter().all(|(k, v)| matches!(v, Oracle::String(v) if a.get(k.as_str()) == Some(&v.as_str())))
        }
        _ => false,
    };
    assert!(same, "{path}: {got:?}, expected {expected:?}");
}

/// All leaves, and two keys of each map.
fn paths(schema: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for leaf in leaf_paths(schema).unwrap() {
        if leaf.kind == LeafKind::Map {
            paths.push(format!("{}.k0", leaf.path));
            paths.push(format!("{}.k1", leaf.path));
        }
        paths.push(leaf.path);
    }
    paths
}

/// Decodes `body` and compares every value with the oracle's.
fn compare(writer: &str, reader: &str, paths: &[String], body: &[u8]) -> Projection {
    let (w, r) = (
        Schema::parse_str(writer).unwrap(),
        Schema::parse_str(reader).unwrap(),
    );
    let expected = from_avro_datum(&w, &mut &body[..], Some(&r)).unwrap();
    let refs: Vec<&str> = paths.iter().map(String::as_str).collect();
    let projection = Projection::compile(writer, reader, &refs).unwrap();
    let mut row = vec![Value::Bool(true); refs.len()];
    projection.decode(body, &mut row).unwrap();
    for (path, got) in paths.iter().zip(row) {
        assert_same(path, got, at(&expected, path));
    }
    projection
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn agrees_with_the_oracle_on_any_schema_and_its_later_versions(seed: u64) {
        let mut g = Gen::new(seed);
        let writer = g.record(3);
        let reader = if g.rng.random_ratio(1, 4) { writer.clone() } else { g.evolve(&writer) };
        let value = g.value(&writer);
        let (writer, reader) = (writer.to_string(), reader.to_string());
        let body = to_avro_datum(&Schema::parse_str(&writer).unwrap(), value).unwrap();

        let mut all = paths(&reader);
        all.shuffle(&mut g.rng);
        compare(&writer, &reader, &all, &body);
        // Few paths skip what the others read.
        all.truncate(g.rng.random_range(0..3));
        let projection = compare(&writer, &reader, &all, &body);

        for n in 0..body.len() {
            // Of a copy: nothing may be read behind it.
            let cut: Box<[u8]> = body[..n].into();
            let mut row = vec![Value::Null; all.len()];
            prop_assert_eq!(projection.decode(&cut, &mut row), Err(DecodeError::Truncated), "{} of {} bytes", n, body.len());
        }
        let mut row = vec![Value::Null; all.len()];
        let longer = [&body[..], &[0]].concat();
        prop_assert_eq!(projection.decode(&longer, &mut row), Err(DecodeError::Leftover(1)));
    }

    #[test]
    fn damaged_bytes_never_panic(seed: u64, flips: Vec<(u16, u8)>) {
        let mut g = Gen::new(seed);
        let writer = g.record(3);
        let mut body = to_avro_datum(&Schema::parse_str(&writer.to_string()).unwrap(), g.value(&writer)).unwrap();
        for (i, b) in flips {
            if let n @ 1.. = body.len() {
                body[usize::from(i) % n] = b;
            }
        }
        let reader = writer.to_string();
        let all = paths(&reader);
        let refs: Vec<&str> = all.iter().map(String::as_str).collect();
        let projection = Projection::compile(&reader, &reader, &refs).unwrap();
        let mut slow = projection.clone();
        slow.slow = true;
        for n in 0..=body.len() {
            let (mut row, mut other) = (vec![Value::Null; refs.len()], vec![Value::Bool(true); refs.len()]);
            let result = projection.decode(&body[..n], &mut row);
            let slowly = slow.decode(&body[..n], &mut other);
            prop_assert_eq!(result.map(|t| t.are_plain(64)), slowly.map(|t| t.are_plain(64)));
            if result.is_err() {
                continue;
            }
            // Not all floats are equal to themselves.
            prop_assert_eq!(format!("{row:?}"), format!("{other:?}"));
            // Whatever comes out, whole maps are readable as far as they go.
            for v in row {
                if let Value::Map(raw) = v {
                    map_entries(raw).count();
                }
            }
        }
    }

    #[test]
    fn json_is_encoded_as_the_oracle_does(seed: u64) {
        let mut g = Gen::new(seed);
        // One kind of number: JSON does not tell an int from a float in a union.
        let schema = g.record(3);
        let value = g.value(&schema);
        let parsed = Schema::parse_str(&schema.to_string()).unwrap();
        let json = plain(&value);
        let body = encode_json(&schema.to_string(), &json).unwrap();
        let back = from_avro_datum(&parsed, &mut &body[..], None).unwrap();
        prop_assert_eq!(plain(&back), json);
    }
}

fn plain(v: &Oracle) -> Json {
    match v {
        Oracle::Null => Json::Null,
        Oracle::Boolean(b) => json!(b),
        Oracle::Int(i) => json!(i),
        Oracle::Long(i) | Oracle::TimestampMicros(i) | Oracle::TimestampMillis(i) => json!(i),
        Oracle::Float(f) => json!(f),
        Oracle::Double(f) => json!(f),
        Oracle::String(s) | Oracle::Enum(_, s) => json!(s),
        Oracle::Bytes(b) | Oracle::Fixed(_, b) => {
            b.iter().map(|b| char::from(*b)).collect::<String>().into()
        }
        Oracle::Union(_, v) => plain(v),
        Oracle::Array(list) => list.iter().map(plain).collect(),
        Oracle::Map(m) => Json::Object(m.iter().map(|(k, v)| (k.clone(), plain(v))).collect()),
        Oracle::Record(fields) => {
            Json::Object(fields.iter().map(|(k, v)| (k.clone(), plain(v))).collect())
        }
        other => unreachable!("{other:?}"),
    }
}

fn record(fields: Json) -> String {
    json!({"type": "record", "name": "R", "fields": fields}).to_string()
}

fn one<'a>(
    writer: &str,
    reader: &str,
    path: &str,
    body: &'a [u8],
) -> Result<Value<'a>, DecodeError> {
    let mut row = [Value::Null];
    Projection::compile(writer, reader, &[path])
        .unwrap()
        .decode(body, &mut row)?;
    Ok(row[0])
}

#[test]
fn aliases_units_and_branches_are_resolved() {
    let w = record(
        json!([{"name": "old", "type": {"type": "long", "logicalType": "timestamp-millis"}}]),
    );
    let r = record(
        json!([{"name": "t", "aliases": ["old"], "type": {"type": "long", "logicalType": "timestamp-micros"}}]),
    );
    assert_eq!(one(&w, &r, "t", &[6]), Ok(Value::Int(3000)));
    let huge = encode_json(&w, &json!({"old": i64::MAX})).unwrap();
    assert_eq!(one(&w, &r, "t", &huge), Err(DecodeError::Overflow));

    let w = record(json!([{"name": "x", "type": ["string", "long", "null"]}]));
    let r = record(json!([{"name": "x", "type": ["null", "double"]}]));
    assert_eq!(one(&w, &r, "x", &[2, 8]), Ok(Value::Float(4.0)));
    assert_eq!(one(&w, &r, "x", &[4]), Ok(Value::Null));
    assert_eq!(
        one(&w, &r, "x", &[0, 2, b'a']),
        Err(DecodeError::Unresolved)
    );
    assert_eq!(one(&w, &r, "x", &[6]), Err(DecodeError::BadIndex));

    let e = |symbols: Json| {
        record(
            json!([{"name": "e", "type": {"type": "enum", "name": "E", "symbols": symbols, "default": "Z"}}]),
        )
    };
    assert_eq!(
        one(&e(json!(["Z", "N"])), &e(json!(["O", "Z"])), "e", &[2]),
        Ok(Value::Str("Z"))
    );

    let strict = record(json!([{"name": "s", "type": "string"}, {"name": "b", "type": "boolean"}]));
    assert_eq!(
        one(&strict, &strict, "s", &[2, 0xff, 1]),
        Err(DecodeError::BadUtf8)
    );
    assert_eq!(
        one(&strict, &strict, "b", &[2, 0xff, 1]),
        Err(DecodeError::BadUtf8)
    );
    assert_eq!(
        one(&strict, &strict, "b", &[1, 1]),
        Err(DecodeError::BadLength)
    );
    assert_eq!(
        one(&strict, &strict, "b", &[0, 2]),
        Err(DecodeError::BadIndex)
    );
    let varint = record(json!([{"name": "x", "type": "long"}]));
    assert_eq!(
        one(&varint, &varint, "x", &[0xff; 10]),
        Err(DecodeError::Overflow)
    );
    assert_eq!(
        one(&varint, &varint, "x", &[0xff; 9]),
        Err(DecodeError::Truncated)
    );
}

#[test]
fn recursive_types_blocks_with_sizes_and_dotted_keys_are_read() {
    let list = json!({"type": "record", "name": "N", "fields": [{"name": "v", "type": "long"}, {"name": "next", "type": ["null", "N"]}]});
    let s = record(
        json!([{"name": "n", "type": list}, {"name": "m", "type": {"type": "map", "values": "string"}}, {"name": "z", "type": "long"}]),
    );
    // 1 -> 2 -> 3, then a map in two blocks, one of them with its size
    let body = [
        2, 2, 4, 2, 6, 0, 1, 14, 6, b'a', b'.', b'b', 4, b'o', b'k', 2, 2, b'c', 0, 0, 10,
    ];
    assert_eq!(one(&s, &s, "z", &body), Ok(Value::Int(5)));
    assert_eq!(one(&s, &s, "n.next.v", &body), Ok(Value::Int(2)));
    assert_eq!(one(&s, &s, "m.a.b", &body), Ok(Value::Str("ok")));
    let Ok(Value::Map(raw)) = one(&s, &s, "m", &body) else {
        panic!()
    };
    assert_eq!(
        map_entries(raw).collect::<Vec<_>>(),
        [("a.b", "ok"), ("c", "")]
    );
    // Too deep for the stack is an error, not a crash.
    let deep: Vec<u8> = [2, 2].repeat(100_000);
    assert_eq!(one(&s, &s, "z", &deep), Err(DecodeError::TooDeep));
    assert_eq!(
        leaf_paths(&s)
            .unwrap()
            .iter()
            .map(|l| l.path.as_str())
            .collect::<Vec<_>>(),
        ["n.v", "m", "z"]
    );
}

#[test]
fn schemas_that_cannot_be_read_are_refused_with_the_place() {
    let w = record(json!([{"name": "a", "type": "string"}]));
    let missing = record(json!([{"name": "a", "type": "string"}, {"name": "b", "type": "long"}]));
    let e = Projection::compile(&w, &missing, &["a"]).unwrap_err();
    assert!(
        matches!(&e, SchemaError::Incompatible { at, .. } if at == "b"),
        "{e}"
    );
    let other = record(json!([{"name": "a", "type": "long"}]));
    assert!(
        matches!(Projection::compile(&w, &other, &[]), Err(SchemaError::Incompatible { at, .. }) if at == "a")
    );
    assert!(matches!(
        Projection::compile(&w, &w, &["a.b"]),
        Err(SchemaError::Path(_))
    ));
    assert!(matches!(
        Projection::compile("{}", &w, &[]),
        Err(SchemaError::Invalid(_))
    ));
    assert!(
        matches!(encode_json(&w, &json!({"a": "x", "c": 1})), Err(EncodeError::Unknown { at, .. }) if at == "c")
    );
}

/// Every example decodes to what its file says; the snapshots are what the raw archive keeps of it.
#[test]
fn examples_of_every_event_type() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/events");
    let mut types = 0;
    for entry in std::fs::read_dir(&root).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|e| e != "avsc") {
            continue;
        }
        types += 1;
        let event = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let schema = std::fs::read_to_string(&file).unwrap();
        crate::schemas::check_envelope(&schema).unwrap();
        let leaves = leaf_paths(&schema).unwrap();
        let paths: Vec<&str> = leaves.iter().map(|l| l.path.as_str()).collect();
        let projection = Projection::compile(&schema, &schema, &paths).unwrap();
        let mut examples: Vec<_> = std::fs::read_dir(root.join("examples").join(&event))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        examples.sort();
        assert!(examples.len() >= 2, "{event} needs examples");
        for example in examples {
            let json: Json =
                serde_json::from_str(&std::fs::read_to_string(&example).unwrap()).unwrap();
            let body = encode_json(&schema, &json).unwrap();
            let mut row = vec![Value::Null; paths.len()];
            projection.decode(&body, &mut row).unwrap();
            let lines: Vec<String> = leaves
                .iter()
                .zip(&row)
                .map(|(l, v)| format!("{} = {}", l.path, show(*v)))
                .collect();
            let name = format!("{event}.{}", example.file_stem().unwrap().to_str().unwrap());
            insta::assert_snapshot!(name, lines.join("\n"));
        }
    }
    assert!(types >= 3);
}

fn show(v: Value) -> String {
    match v {
        Value::Map(raw) => format!("{:?}", map_entries(raw).collect::<Vec<_>>()),
        v => format!("{v:?}"),
    }
}

/// Not a test of correctness: `cargo test --release -p weir-model -- --ignored --nocapture speed`.
#[test]
#[ignore = "measures"]
fn speed() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/events");
    let schema = std::fs::read_to_string(root.join("capability.executed.avsc")).unwrap();
    let json =
        std::fs::read_to_string(root.join("examples/capability.executed/implement.json")).unwrap();
    let body = encode_json(&schema, &serde_json::from_str(&json).unwrap()).unwrap();
    let paths = [
        "event_id",
        "event_time",
        "tenant",
        "resource.platform",
        "engineer.email",
        "engineer.team",
        "capability",
        "duration_ms",
        "success",
        "tokens_saved",
        "api_calls_avoided",
        "time_saved_minutes",
    ];
    let p = Projection::compile(&schema, &schema, &paths).unwrap();
    let mut row = [Value::Null; 12];
    let n = 5_000_000;
    let start = std::time::Instant::now();
    for _ in 0..n {
        p.decode(std::hint::black_box(&body), &mut row).unwrap();
        std::hint::black_box(&row);
    }
    println!(
        "{} bytes: {:.1} ns",
        body.len(),
        start.elapsed().as_secs_f64() * 1e9 / f64::from(n)
    );
}

/// The long in field `z`.
fn z_of(writer: &str, reader: &str, body: &[u8]) -> Result<i64, DecodeError> {
    match one(writer, reader, "z", body)? {
        Value::Int(z) => Ok(z),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_asked_for_is_held_to_the_same_rules() {
    let of = |ty: Json| {
        record(json!([{"name": "x", "type": ty}, {"name": "z", "type": "long", "default": 0}]))
    };
    let passed =
        |written: Json, read: Json, x: &[u8]| z_of(&of(written), &of(read), &[x, &[2]].concat());
    let same = |ty: Json, x: &[u8]| passed(ty.clone(), ty, x);
    let fine = Ok(1);
    assert_eq!(same(json!("boolean"), &[1]), fine);
    assert_eq!(same(json!("boolean"), &[2]), Err(DecodeError::BadIndex));
    let wide = [0x80, 0x80, 0x80, 0x80, 0x20];
    assert_eq!(same(json!("long"), &wide), fine);
    assert_eq!(same(json!("int"), &wide), Err(DecodeError::Overflow));
    for read in ["long", "float", "double"] {
        let (w, r) = (of(json!("int")), of(json!(read)));
        let body = [&wide[..], &[2]].concat();
        assert!(one(&w, &w, "z", &[0, 2]).is_ok() && one(&w, &r, "x", &[0, 2]).is_ok());
        assert_eq!(one(&w, &r, "x", &body).unwrap_err(), DecodeError::Overflow);
        assert_eq!(one(&w, &r, "z", &body).unwrap_err(), DecodeError::Overflow);
    }
    // Ten bytes, of which the last one does not fit; a number may be longer than it has to be.
    let overlong = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    assert_eq!(same(json!("long"), &overlong), Err(DecodeError::Overflow));
    assert_eq!(same(json!("long"), &[0x82, 0x80, 0x00]), fine);
    let texts = json!({"type": "map", "values": "string"});
    for bad in [&[2, 2, 0xff, 2, b'v', 0], &[2, 2, b'k', 2, 0xff, 0]] {
        assert_eq!(same(texts.clone(), bad), Err(DecodeError::BadUtf8));
    }
    assert_eq!(same(json!("bytes"), &[2, 0xff]), fine);
    assert_eq!(
        passed(json!("bytes"), json!("string"), &[2, 0xff]),
        Err(DecodeError::BadUtf8)
    );
    let symbols = |s: Json| json!({"type": "enum", "name": "E", "symbols": s});
    let (written, read) = (symbols(json!(["A", "B"])), symbols(json!(["A"])));
    assert_eq!(passed(written.clone(), read.clone(), &[0]), fine);
    assert_eq!(passed(written, read, &[2]), Err(DecodeError::Unresolved));
    let union = json!(["null", "long", "string"]);
    let null = json!(["null", "string"]);
    assert_eq!(passed(union.clone(), null.clone(), &[0]), fine);
    assert_eq!(passed(union, null, &[2, 2]), Err(DecodeError::Unresolved));
    let millis = json!({"type": "long", "logicalType": "timestamp-millis"});
    let micros = json!({"type": "long", "logicalType": "timestamp-micros"});
    let huge = encode_json(
        &record(json!([{"name": "t", "type": "long"}])),
        &json!({"t": i64::MAX}),
    );
    assert_eq!(
        passed(millis, micros, &huge.unwrap()),
        Err(DecodeError::Overflow)
    );
}

#[test]
fn blocks_say_no_more_than_there_is() {
    let of = |items: Json| {
        record(
            json!([{"name": "x", "type": {"type": "array", "items": items}}, {"name": "z", "type": "long"}]),
        )
    };
    let read = |items: Json, body: &[u8]| z_of(&of(items.clone()), &of(items), body);
    let longs = json!("long");
    // One item in a block of one byte; of two bytes; of a byte that is not there.
    assert_eq!(read(longs.clone(), &[1, 2, 4, 0, 6]), Ok(3));
    for (body, why) in [
        (&[1, 4, 4, 0, 6][..], DecodeError::BadLength),
        (&[1, 0, 4, 0, 6], DecodeError::BadLength),
        (&[1, 90, 4, 0, 6], DecodeError::Truncated),
        (&[1, 1, 4, 0, 6], DecodeError::BadLength),
        (
            &[0xfe, 0xff, 0xff, 0xff, 0x0f, 4, 0, 6],
            DecodeError::Truncated,
        ),
    ] {
        assert_eq!(read(longs.clone(), body), Err(why), "{body:?}");
    }
    // Items without bytes cost nothing, and are not any number all the same.
    let nulls = json!({"type": "record", "name": "N", "fields": [{"name": "a", "type": "null"}, {"name": "b", "type": "null"}]});
    assert_eq!(read(nulls.clone(), &[4, 0, 6]), Ok(3));
    let many = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 6];
    assert_eq!(read(nulls, &many), Err(DecodeError::Truncated));
    // A record of nothing but itself never ends.
    let own = json!({"type": "record", "name": "S", "fields": [{"name": "a", "type": "S"}, {"name": "b", "type": "S"}]});
    assert_eq!(read(own, &[2, 0, 6]), Err(DecodeError::TooDeep));
}

/// `depth` records, each used twice by the next one.
fn doubled(depth: u32, end: &str) -> String {
    let mut inner = json!(end);
    for i in (0..depth).rev() {
        let again = if i == depth - 1 {
            json!(end)
        } else {
            json!(format!("R{}", i + 1))
        };
        inner = json!({"type": "record", "name": format!("R{i}"),
            "fields": [{"name": "a", "type": inner}, {"name": "b", "type": again}]});
    }
    inner.to_string()
}

#[test]
fn a_schema_that_unfolds_without_end_is_refused_at_once() {
    let begun = std::time::Instant::now();
    let reader = record(json!([{"name": "z", "type": "long", "default": 0}]));
    for end in ["null", "boolean", "long", "string"] {
        let bomb = doubled(38, end);
        assert!(bomb.len() < 4000);
        let writer =
            record(json!([{"name": "x", "type": serde_json::from_str::<Json>(&bomb).unwrap()}]));
        for result in [
            Projection::compile(&writer, &reader, &["z"]).map(|_| ()),
            Projection::compile(&writer, &writer, &[]).map(|_| ()),
            leaf_paths(&writer).map(|_| ()),
            JsonEncoder::new(&writer).map(|_| ()),
        ] {
            assert_eq!(result, Err(SchemaError::TooLarge));
        }
        assert!(Projection::compile(&doubled(11, end), &doubled(11, end), &[]).is_ok());
    }
    // As many types as one likes, in a row; and a chain of names that is deep where the JSON is
    // not.
    let wide: Vec<Json> = (0..9_990)
        .map(|i| json!({"name": format!("f{i}"), "type": "null"}))
        .collect();
    let wide = record(json!(wide));
    assert!(Projection::compile(&wide, &wide, &[]).is_ok());
    let mut chain =
        vec![json!({"name": "f0", "type": {"type": "record", "name": "C0", "fields": []}})];
    for i in 1..2000 {
        let fields = json!([{"name": "c", "type": format!("C{}", i - 1)}]);
        chain.push(json!({"name": format!("f{i}"), "type": {"type": "record", "name": format!("C{i}"), "fields": fields}}));
    }
    assert_eq!(
        Projection::compile(&record(json!(chain)), &reader, &["z"]).map(|_| ()),
        Err(SchemaError::TooLarge)
    );
    let fixed = |size: u64| {
        record(
            json!([{"name": "f", "type": ["null", {"type": "fixed", "name": "F", "size": size}]}]),
        )
    };
    assert!(leaf_paths(&fixed(1 << 20)).is_ok());
    for size in [(1 << 20) + 1, 1 << 40, u64::MAX] {
        assert!(leaf_paths(&fixed(size)).is_err());
    }
    let large = format!("{}{}", " ".repeat(1 << 20), reader);
    assert_eq!(
        Projection::compile(&large, &reader, &[]).map(|_| ()),
        Err(SchemaError::TooLarge)
    );
    assert!(begun.elapsed() < std::time::Duration::from_secs(10));
}

#[test]
fn names_are_checked() {
    let named = |record: &str, field: &str, symbol: &str| {
        json!({"type": "record", "name": record, "fields": [
            {"name": field, "type": {"type": "enum", "name": "E", "symbols": [symbol]}}]})
        .to_string()
    };
    assert!(leaf_paths(&named("_a.B9", "f_", "S")).is_ok());
    for (record, field, symbol) in [
        ("Llm Call", "f", "S"),
        ("1m", "f", "S"),
        ("", "f", "S"),
        ("a..b", "f", "S"),
        ("é", "f", "S"),
        ("R", "a.b", "S"),
        ("R", "", "S"),
        ("R", "f", "x-y"),
    ] {
        let e = leaf_paths(&named(record, field, symbol)).unwrap_err();
        assert!(e.to_string().contains("is no name"), "{e}");
        assert_eq!(e.code(), crate::codes::INCOMPATIBLE_SCHEMA);
    }
}
