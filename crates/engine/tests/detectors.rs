//! Forecasts and shifts: the engine against the oracle, from events to findings, over random
//! histories with gaps, days of other lengths, and restarts.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_catalog::{Catalog, load_sources};
use weir_engine::combine::{Combine, CombineOptions, Input, Position, Record};
use weir_engine::window::{Window, WindowOptions, WindowOut};
use weir_model::avro::JsonEncoder;
use weir_model::headers::Meta;
use weir_model::{Micros, wire};

const SCHEMA: &str = r#"{"type": "record", "name": "TaskDone", "namespace": "weir.events", "fields": [
  {"name": "event_id", "type": "string"},
  {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
  {"name": "tenant", "type": "string"},
  {"name": "source", "type": "string"},
  {"name": "resource", "type": {"type": "map", "values": "string"}, "default": {}},
  {"name": "amount", "type": "double"},
  {"name": "room", "type": "double"}
]}"#;

const CATALOG: &str = "\
event: task.done
disorder: 0s
bounds:
  amount: {min: 0, max: 1e9}
  room: {min: 0, max: 1e9}
measures:
  tasks: {count: true}
  amount: {sum: amount}
  room: {max: room}
  spread: {distribution: amount}
windows: [1h, 1d]
rollups: [[]]
";

const DETECTORS: &str = "\
detectors:
  slope: {event: task.done, window: 1h, value: amount, forecast: {history: 12, warmup: 4, horizon: 24h, above: 400}}
  slope_below: {event: task.done, window: 1d, value: amount, forecast: {history: 8, warmup: 4, horizon: 7d, below: 60}}
  slope_rolling: {event: task.done, window: 3d/1h, value: amount, forecast: {history: 20, warmup: 5, horizon: 12h, above: 4000}}
  holt: {event: task.done, window: 1h, value: amount, forecast: {history: 30, warmup: 4, horizon: 10h, above: room * 3, method: holt, level: 0.5, growth: 0.4}}
  holt_below: {event: task.done, window: 1h, value: spread.mean, minimum_sample: {tasks: 1}, forecast: {history: 9, warmup: 5, horizon: 20h, below: 30, method: holt, damping: 1}}
  shift_windows: {event: task.done, window: 1h, shift: {of: spread, reference: {windows: 6}, groups: 4, minimum_sample: 4}}
  shift_weeks: {event: task.done, window: 1d, shift: {of: spread, reference: {weeks: 1}, threshold: 0.5, minimum_sample: 8}}
  shift_days: {event: task.done, window: 1h, shift: {of: spread, reference: {weeks: 1}, groups: 3, minimum_sample: 3}}
alerts:
  soon: {detector: slope, severity: high, impact: a, action: b}
  spread: {detector: shift_windows, impact: a, action: b}
tenants: {default_zone: Europe/Berlin}
";

/// Two days before the clocks of the zone go forward.
const START: i64 = 1_774_569_600_000_000;

fn catalog() -> Catalog {
    let sources = vec![
        ("events/task.done.avsc".into(), SCHEMA.into()),
        ("catalog/task.done.yaml".into(), CATALOG.into()),
        ("catalog/judges.yaml".into(), DETECTORS.into()),
    ];
    load_sources(sources).unwrap_or_else(|e| panic!("{e}"))
}

/// What an hour holds: hours since the one before, amounts, room.
type Hour = (i64, Vec<f64>, f64);

/// (append time, value); a tick ends the log.
type Log = Vec<(Micros, Option<Vec<u8>>)>;

fn log(hours: &[Hour]) -> Log {
    let encoder = JsonEncoder::new(SCHEMA).unwrap();
    let mut now = START;
    let mut log = Log::new();
    for (passed, amounts, room) in hours {
        now += passed * Micros::HOUR.0;
        for (i, amount) in amounts.iter().enumerate() {
            let at = now + i as i64 * Micros::MINUTE.0;
            let event = json!({
                "event_id": format!("e{}", log.len()), "event_time": at, "tenant": "t",
                "source": "s", "resource": {}, "amount": amount, "room": room,
            });
            let mut body = Vec::new();
            encoder.encode(&event, &mut body).unwrap();
            log.push((Micros(at), Some(wire::framed(1, &body))));
        }
    }
    log.push((Micros(now + 2 * Micros::DAY.0), None));
    log
}

fn meta(at: Micros, value: &Option<Vec<u8>>) -> Meta {
    Meta {
        tick: value.is_none().then_some(at),
        ..Meta::default()
    }
}

/// Value, expected, score, and when bounds are crossed, by id.
type Found = BTreeMap<String, (String, f64, f64, f64, [Option<Micros>; 3])>;

/// By the engine, which commits every few records and is sometimes started again from its
/// snapshots.
fn engine(catalog: &Arc<Catalog>, log: &Log, every: usize) -> Found {
    let options = CombineOptions {
        partials: 1,
        run: 1,
        max_block: 700 << 10,
        partitions: vec![1],
    };
    let mut combine = Combine::new(catalog.clone(), options).unwrap();
    combine.add_schema(0, 1, [1; 16], SCHEMA).unwrap();
    let (event, partition) = (0, 0);
    let input = Input { event, partition };
    combine.open(input, Position::default());
    let new = || {
        let options = WindowOptions {
            partition: 0,
            partials: 1,
            run: 1,
            shards: 1,
            terms: 1,
            partitions: vec![1],
        };
        Window::new(catalog.clone(), options).unwrap()
    };
    let (mut window, mut out, mut blocks) = (new(), WindowOut::default(), 0);
    for (i, (at, value)) in log.iter().enumerate() {
        let record = Record {
            offset: i as i64,
            append_time: *at,
            value: value.as_deref(),
            meta: meta(*at, value),
        };
        combine.fold(input, &record);
        if i % every != 0 && i + 1 < log.len() {
            continue;
        }
        combine.drain(true, &mut |_, block| {
            window.fold(blocks, block, true, &mut out).unwrap();
            blocks += 1;
        });
        if i % (3 * every) == 0 {
            let mut parts: Vec<(String, Vec<u8>)> = window
                .snapshot(0)
                .into_iter()
                .map(|(key, value)| (key, value.unwrap()))
                .collect();
            parts.push(("marker".into(), window.marker()));
            window = new();
            window.restore(&mut parts.into_iter()).unwrap();
        }
    }
    let found = out.anomalies.into_iter().map(|a| {
        let crosses = [a.crosses_at, a.crosses_from, a.crosses_to];
        (a.id, (a.detector, a.value, a.expected, a.score, crosses))
    });
    found.collect()
}

fn oracle(catalog: &Catalog, log: &Log) -> (Found, usize) {
    let writers = [(1, [1; 16], SCHEMA.to_owned())];
    let mut fold = weir_oracle::Fold::new(catalog, &[1], &writers).unwrap();
    for (i, (at, value)) in log.iter().enumerate() {
        let record = weir_oracle::Record {
            offset: i as i64,
            append_time: *at,
            value: value.as_deref(),
            meta: meta(*at, value),
        };
        fold.record(catalog, 0, 0, &record);
    }
    let truth = weir_oracle::conclude(catalog, fold);
    let found = truth.anomalies.into_iter().map(|(id, a)| {
        let crosses = a.crosses;
        let crosses = [
            crosses.map(|c| c.at),
            crosses.map(|c| c.from),
            crosses.and_then(|c| c.to),
        ];
        (id, (a.detector, a.value, a.expected, a.score, crosses))
    });
    (found.collect(), truth.alerts.len())
}

fn hours() -> impl Strategy<Value = Vec<Hour>> {
    // Mostly each hour, sometimes a night or a week later, once in a while after all is forgotten.
    let passed = prop_oneof![20 => Just(1i64), 3 => 2i64..15, 1 => 20i64..200, 1 => 900i64..1000];
    let hour = (passed, 0usize..12, 0.5..2.0f64, 20.0..200.0f64);
    // Values rise and fall by turns.
    let phase = (
        prop::collection::vec(hour, 1..30),
        -8.0..8.0f64,
        0.0..90.0f64,
    );
    prop::collection::vec(phase, 1..4).prop_map(|phases| {
        let mut hours = Vec::new();
        for (phase, growth, level) in phases {
            for (i, (passed, n, noise, room)) in phase.into_iter().enumerate() {
                let amount = (level + growth * i as f64).max(0.0);
                let amounts = (0..n).map(|k| amount * noise / (1.0 + k as f64 / 4.0));
                hours.push((passed, amounts.collect(), room));
            }
        }
        hours
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn engine_and_oracle_find_the_same(hours in hours(), every in 1usize..40) {
        let (catalog, log) = (Arc::new(catalog()), log(&hours));
        let (wanted, _) = oracle(&catalog, &log);
        prop_assert_eq!(engine(&catalog, &log, every), wanted);
    }
}

/// The property above would say little if nothing were ever found.
#[test]
fn growth_and_another_spread_are_found() {
    let hour = |i: usize| (1, vec![10.0 + 3.0 * i as f64; 5], 100.0);
    let mut hours: Vec<Hour> = (0..20).map(hour).collect();
    // Two days of the same, then a third of the values is another one.
    hours.extend((0..60).map(|i| {
        (
            1,
            (0..9).map(|k| 40.0 + f64::from((i + k) % 9)).collect(),
            90.0,
        )
    }));
    hours.extend((0..60).map(|i| {
        (
            1,
            (0..9).map(|k| 60.0 - f64::from((i * k) % 50)).collect(),
            90.0,
        )
    }));
    let (catalog, log) = (Arc::new(catalog()), log(&hours));
    let (wanted, alerts) = oracle(&catalog, &log);
    assert_eq!(engine(&catalog, &log, 7), wanted);
    for name in [
        "slope",
        "slope_rolling",
        "holt",
        "shift_windows",
        "shift_days",
        "shift_weeks",
    ] {
        let n = wanted.values().filter(|(d, ..)| d == name).count();
        assert!(n > 0, "{name} found nothing");
    }
    assert!(alerts > 1);
    // 5 * (10 + 3 i) in the hour i: 70 after five of them, 15 more in each, over 400 in 25.
    let first = wanted
        .values()
        .filter(|(d, ..)| d == "slope")
        .map(|(_, _, _, _, c)| c[0])
        .min();
    assert_eq!(first, Some(Some(Micros(START + 26 * Micros::HOUR.0))));
}
