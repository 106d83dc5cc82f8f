//! Every byte that combine and window write over one generated log with every kind of measure, as a
//! hash: a change of code that is to change nothing keeps it.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use weir_catalog::{Catalog, load_sources};
use weir_engine::combine::{Combine, CombineOptions, Fold, Input, Position, Record};
use weir_engine::window::{Blocks, Window, WindowOptions, WindowOut};
use weir_model::avro::JsonEncoder;
use weir_model::headers::Meta;
use weir_model::{Micros, wire};
use xxhash_rust::xxh3::Xxh3;

const SCHEMA: &str = r#"{
  "type": "record", "name": "Job", "namespace": "weir.events", "doc": "A job.",
  "fields": [
    {"name": "event_id", "type": "string", "doc": "id"},
    {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}, "doc": "when"},
    {"name": "tenant", "type": "string", "doc": "whose"},
    {"name": "source", "type": "string", "doc": "instance"},
    {"name": "resource", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "where"},
    {"name": "team", "type": "string", "doc": "team"},
    {"name": "user", "type": "string", "doc": "user"},
    {"name": "provider", "type": "string", "doc": "provider"},
    {"name": "model", "type": "string", "doc": "model"},
    {"name": "ok", "type": "boolean", "doc": "outcome"},
    {"name": "tokens", "type": "long", "doc": "tokens"},
    {"name": "amount", "type": ["null", "double"], "doc": "any number"},
    {"name": "reported", "type": ["null", "double"], "doc": "reported cost"}
  ]
}"#;

const EVENT: &str = "\
event: job
dimensions: {team: team, user: user}
measures:
  jobs: {count: true}
  failed: {count: true, where: {ok: false}}
  tokens: {sum: tokens}
  amounts: {sum: amount}
  least: {min: amount}
  most: {max: amount}
  squares: {sumsq: amount}
  newest: {last: amount}
  spread: {distribution: amount}
  users: {distinct: user}
  cost:
    cost:
      reported: reported
      provider: provider
      model: model
      tokens: {input: tokens}
  unpriced: {unpriced: cost}
windows: [1m, 5m, 1h, 1d]
rollups:
  - []
  - [team]
  - {by: [user], windows: [5m, 1h]}
  - {by: [team, user], windows: [1m, 1d]}
";

const REST: &str = "\
prices:
  - {provider: p, model: m1, from: 2025-01-01, input: 3}
  - {provider: p, model: m1, from: 2025-10-10, input: 5}
kpis:
  failed_share:
    title: Share
    category: quality
    unit: percent
    by: [team]
    window: 1h/5m
    terms: {failed: job.failed, jobs: job.jobs}
    value: ratio(failed, jobs) * 100
    minimum_sample: {jobs: 2}
detectors:
  slow:
    title: Slow
    event: job
    by: [team]
    window: 5m
    value: spread.p95
    minimum_sample: {jobs: 2}
    zscore: {history: 12, warmup: 4, threshold: 2}
    floor: {absolute: 1}
";

/// Of the partials, of the aggregates (live ones too), of what was judged, of the snapshots.
const PINNED: [u64; 4] = [
    16_348_861_201_253_383_711,
    10_698_048_660_994_361_581,
    8_764_307_571_704_566_073,
    67_896_317_687_066_387,
];

const START: i64 = 1_760_054_400_000_000;
const PARTITIONS: u32 = 2;

/// Numbers that no version of a library changes.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

fn catalog() -> Arc<Catalog> {
    let sources = [
        ("events/job.avsc", SCHEMA),
        ("catalog/job.yaml", EVENT),
        ("catalog/rest.yaml", REST),
    ];
    let sources = sources.map(|(f, t)| (f.to_owned(), t.to_owned())).to_vec();
    let mut catalog = load_sources(sources).unwrap_or_else(|e| panic!("{e}"));
    // What the hash covers is another matter.
    catalog.hash = 7;
    Arc::new(catalog)
}

/// A value that runs through all forms that numbers have in rows.
fn amount(n: &mut Numbers) -> Option<f64> {
    Some(match n.below(12) {
        0 => return None,
        1 => -(n.below(1000) as f64),
        2 => n.below(1 << 40) as f64 * 1e5,
        3 => n.below(1000) as f64 * 1e-7,
        4 => 0.0,
        5 => n.below(1 << 52) as f64 / 1e3,
        _ => n.below(200_000) as f64 / 8.0,
    })
}

fn event(n: &mut Numbers, encoder: &JsonEncoder, i: i64) -> Vec<u8> {
    // Team "crowd" has more users than a distinct count keeps.
    let crowd = n.below(3) == 0;
    let user = n.below(if crowd { 9000 } else { 12 });
    let time = START + i * 40_000 - n.below(90_000_000) as i64;
    let late = if n.below(40) == 0 { 900_000_000 } else { 0 };
    let model = ["m1", "m1-2025", "m2"][n.below(3) as usize];
    let value = serde_json::json!({
        "event_id": format!("e{}", if n.below(50) == 0 { i / 2 } else { i }),
        "event_time": time - late,
        "tenant": if n.below(5) == 0 { "bolt" } else { "acme" },
        "source": "s", "resource": {},
        "team": if crowd { "crowd".to_owned() } else { format!("t{}", user % 3) },
        "user": format!("u{user}"),
        "provider": "p",
        "model": model,
        "ok": n.below(7) > 0,
        "tokens": n.below(5000),
        "amount": amount(n),
        "reported": (n.below(4) == 0).then(|| n.below(900) as f64 / 64.0),
    });
    let mut body = Vec::new();
    encoder.encode(&value, &mut body).unwrap();
    wire::framed(1, &body)
}

/// What was written so far, by where it goes.
#[derive(Default)]
struct Digests {
    partials: Xxh3,
    aggregates: Xxh3,
    judged: Xxh3,
    snapshots: Xxh3,
}

/// Takes in all that stage 2 wrote; returns how much that was: aggregates, anomalies, KPIs, terms.
fn take_in(all: &mut Digests, out: &mut WindowOut) -> [usize; 4] {
    let counts = [
        out.aggregates.len(),
        out.anomalies.len(),
        out.kpis.len(),
        out.terms.len(),
    ];
    for block in out.aggregates.drain(..) {
        all.aggregates.update(&block);
    }
    let judged = format!("{:?} {:?} {:?}", out.anomalies, out.kpis, out.terms);
    all.judged.update(judged.as_bytes());
    *out = WindowOut::default();
    counts
}

#[test]
fn every_byte_of_every_kind_is_as_it_was() {
    let catalog = catalog();
    let encoder = JsonEncoder::new(&catalog.events[0].schema_json).unwrap();
    let options = CombineOptions {
        partials: 1,
        run: 1,
        max_block: 20_000,
        partitions: vec![PARTITIONS],
    };
    let mut combine = Combine::new(catalog.clone(), options).unwrap();
    combine
        .add_schema(0, 1, [0; 16], &catalog.events[0].schema_json)
        .unwrap();
    let inputs = [0, 1].map(|partition| Input {
        event: 0,
        partition,
    });
    for input in inputs {
        combine.open(input, Position::default());
    }
    let options = WindowOptions {
        partition: 0,
        partials: 1,
        run: 1,
        shards: 4,
        terms: 2,
        partitions: vec![PARTITIONS],
    };
    let mut window = Window::new(catalog.clone(), options).unwrap();
    let (mut out, mut live) = (WindowOut::default(), Blocks::new(1, 1));
    let (mut numbers, mut all) = (Numbers(1), Digests::default());
    let (mut offset, mut seen, mut counts) = (0, [0; 3], [0; 4]);
    // Some drains hold a few events and some hold thousands: sums and sketches outgrow their words
    // in the latter.
    let mut i = 0i64;
    while i < 60_000 {
        let n = if numbers.below(2) == 0 { 300 } else { 9000 };
        for input in inputs {
            let values: Vec<_> = (i..i + n)
                .map(|i| event(&mut numbers, &encoder, i))
                .collect();
            let records: Vec<_> = (i..)
                .zip(&values)
                .map(|(offset, value)| Record {
                    offset,
                    append_time: Micros(START + offset * 40_000),
                    value: Some(value),
                    meta: Meta::default(),
                })
                .collect();
            combine.fold_batch(input, &records, &mut |_, fold| match fold {
                Fold::Duplicate => seen[0] += 1,
                Fold::Counted { late: true, .. } => seen[1] += 1,
                _ => seen[2] += 1,
            });
        }
        i += n;
        let mut blocks = Vec::new();
        combine.drain(true, &mut |_, block| blocks.push(block.to_vec()));
        for block in blocks {
            all.partials.update(&block);
            window.fold(offset, &block, true, &mut out).unwrap();
            offset += 1;
            for (all, n) in counts.iter_mut().zip(take_in(&mut all, &mut out)) {
                *all += n;
            }
        }
        window.live(&mut live).unwrap();
        for block in live.take().unwrap() {
            all.aggregates.update(&block);
        }
        for shard in 0..window.shards() {
            let parts = window.snapshot(shard);
            all.snapshots.update(format!("{parts:?}").as_bytes());
        }
    }
    // It went through all of it: duplicates, late events, aggregates, anomalies, KPIs, terms.
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    assert!(counts[..3].iter().all(|n| *n > 0), "{counts:?}");
    let digests = [
        all.partials.digest(),
        all.aggregates.digest(),
        all.judged.digest(),
        all.snapshots.digest(),
    ];
    assert_eq!(digests, PINNED, "{seen:?} {counts:?} {offset}");
}
