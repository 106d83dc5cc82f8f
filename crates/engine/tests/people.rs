//! People and teams with several spellings: the engine and the oracle put the same name in their
//! place.
#![allow(clippy::unwrap_used)]

mod calls;

use calls::START;
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weir_catalog::{Catalog, load_sources};
use weir_engine::combine::Record;
use weir_engine::measure::{self, Layout};
use weir_engine::partial::Block;
use weir_model::avro::JsonEncoder;
use weir_model::headers::Meta;
use weir_model::measure::MeasureValue;
use weir_model::{Micros, hash, wire};

const EVENT: &str = "\
event: llm.call
dimensions: {engineer: engineer.email, team: engineer.team}
measures:
  calls: {count: true}
  hers: {count: true, where: {engineer.email: ada@example.com}}
  engineers: {distinct: engineer.email}
windows: [1h]
rollups: [[], [engineer], [team]]
";

const ALIASES: &str = "\
aliases:
  acme:
    engineers:
      ada@example.com: [A.Lovelace@old.example, ada]
      jörg@example.com: []
    teams:
      payments: [Payments, pay]
";

fn catalog(aliases: &str) -> Arc<Catalog> {
    let mut all = Catalog::embedded_sources();
    all.retain(|(f, _)| f == "events/llm.call.avsc");
    all.push(("catalog/llm.call.yaml".into(), EVENT.into()));
    all.push(("catalog/tenants.yaml".into(), aliases.into()));
    Arc::new(load_sources(all).unwrap_or_else(|e| panic!("{e}")))
}

/// (rollup, tenant, values) -> (calls, hers, engineers)
type Rows = BTreeMap<(usize, String, Vec<String>), (u64, u64, BTreeSet<u64>)>;

/// Calls of (tenant, e-mail, team).
type Call<'a> = (&'a str, &'a str, &'a str);

fn records(catalog: &Catalog, calls: &[Call]) -> Vec<Vec<u8>> {
    let encoder = JsonEncoder::new(&catalog.events[0].schema_json).unwrap();
    let one = |(i, (tenant, email, team)): (usize, &Call)| {
        let event = json!({
            "event_id": format!("e{i}"), "event_time": START, "tenant": tenant, "source": "s",
            "engineer": {"email": email, "team": team}, "provider": "p", "model": "m",
        });
        let mut body = Vec::new();
        encoder.encode(&event, &mut body).unwrap();
        wire::framed(1, &body)
    };
    calls.iter().enumerate().map(one).collect()
}

fn engine(catalog: &Arc<Catalog>, values: &[Vec<u8>]) -> Rows {
    let (mut combine, input) = calls::combine(catalog);
    let record = |(i, v)| Record {
        offset: i,
        append_time: Micros(START),
        value: Some(v),
        meta: Meta::default(),
    };
    let all: Vec<Record> = (0..)
        .zip(values.iter().map(Vec::as_slice))
        .map(record)
        .collect();
    combine.fold_batch(input, &all, &mut |i, f| panic!("{i}: {f:?}"));
    let (layout, mut out) = (Layout::new(&catalog.events[0]), Rows::new());
    combine.drain(false, &mut |_, block| {
        for group in Block::parse(block).unwrap().groups() {
            let group = group.unwrap();
            let names = group.values.iter().map(|v| v.to_string()).collect();
            let row = group.rows().next().unwrap().unwrap();
            let values = measure::decode(&layout, row.encoded).unwrap();
            let [MeasureValue::Count(n), MeasureValue::Count(hers), who] = &values[..] else {
                panic!("{values:?}")
            };
            let cell = (*n, *hers, hashes(who));
            out.insert((group.rollup, group.tenant.to_owned(), names), cell);
        }
    });
    out
}

fn oracle(catalog: &Catalog, values: &[Vec<u8>]) -> Rows {
    let merged = calls::counted(catalog, values).merged.into_iter();
    merged
        .map(|(key, cell)| match &cell.0[..] {
            [
                weir_oracle::Value::Count(n),
                weir_oracle::Value::Count(hers),
                who,
            ] => {
                let subject = (key.rollup, key.tenant, key.values);
                (subject, (*n, *hers, hashes(who)))
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

/// The hashes of a count of people, as either side shows them.
fn hashes(of: &impl std::fmt::Debug) -> BTreeSet<u64> {
    let text = format!("{of:?}");
    let numbers = text.split(|c: char| !c.is_ascii_digit());
    numbers.filter_map(|n| n.parse().ok()).collect()
}

fn both(aliases: &str, calls: &[Call]) -> Rows {
    let catalog = catalog(aliases);
    let values = records(&catalog, calls);
    let rows = engine(&catalog, &values);
    assert_eq!(rows, oracle(&catalog, &values));
    rows
}

#[test]
fn spellings_are_counted_under_one_name() {
    let calls = [
        ("acme", "ada@example.com", "pay"),
        ("acme", " Ada@Example.com", "Payments"),
        ("acme", "a.lovelace@OLD.example", "payments"),
        ("acme", "ADA", "PAY"),
        ("acme", "jo\u{308}rg@example.com", ""),
        ("acme", "jörg@example.com", ""),
        // Not declared: as it stands. Another tenant: its own people.
        ("acme", "Bob@example.com", ""),
        ("bolt", "a.lovelace@old.example", "pay"),
    ];
    let rows = both(ALIASES, &calls);
    let count = |rollup: usize, tenant: &str, value: &str| {
        let key = (rollup, tenant.to_owned(), vec![value.to_owned()]);
        rows.get(&key).map_or(0, |r| r.0)
    };
    assert_eq!(count(1, "acme", "ada@example.com"), 4);
    assert_eq!(count(1, "acme", "jörg@example.com"), 2);
    assert_eq!(count(1, "acme", "Bob@example.com"), 1);
    assert_eq!(count(1, "bolt", "a.lovelace@old.example"), 1);
    assert_eq!(
        (count(2, "acme", "payments"), count(2, "acme", "PAY")),
        (3, 1)
    );
    assert_eq!(count(2, "bolt", "pay"), 1);
    let (calls, hers, who) = &rows[&(0, "acme".into(), vec![])];
    assert_eq!((*calls, *hers, who.len()), (7, 4, 3));
    assert!(who.contains(&hash::distinct(b"ada@example.com")));
}

#[test]
fn without_aliases_every_text_stands_as_it_is() {
    let rows = both(
        "tenants: {default_zone: UTC}",
        &[("acme", "ADA", "pay"), ("acme", "ada", "pay")],
    );
    assert_eq!(rows[&(0, "acme".into(), vec![])].2.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn engine_and_oracle_rename_alike(calls in prop::collection::vec((
        prop::sample::select(vec!["acme", "bolt"]),
        prop::sample::select(vec!["ada", "ADA ", "a.lovelace@old.example", "JÖRG@example.com", "x", "ada@example.com"]),
        prop::sample::select(vec!["pay", "Pay", "Payments", "payments", ""]),
    ), 1..60)) {
        both(ALIASES, &calls);
    }
}
