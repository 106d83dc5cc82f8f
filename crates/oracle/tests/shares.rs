//! What is put on shelves, and judged by buckets, is what the whole says.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use weir_catalog::{Catalog, load_sources};
use weir_fuzz::rand::rngs::StdRng;
use weir_fuzz::rand::seq::IndexedRandom;
use weir_fuzz::rand::{Rng, SeedableRng};
use weir_model::headers::Meta;
use weir_model::{Micros, avro, schemas, wire};
use weir_oracle::{BUCKETS, Divided, Fold, Record, Truth, conclude};

const BEGIN: i64 = 1_763_632_860_000_000;
/// Between two events.
const STEP: i64 = 60_000_000;

/// Rules that others inhibit whose subjects are in other shares.
const MORE: &str = "
detectors:
  calls_of_all: {event: llm.call, window: 1h, value: calls, limit: {above: 14}}
  calls_of_team: {event: llm.call, by: [team], window: 1h, value: calls, limit: {above: 2}}
alerts:
  all_calls: {detector: calls_of_all, impact: a, action: b}
  team_calls: {detector: calls_of_team, unless: all_calls, impact: a, action: b}
  all_quiet: {no_data: {event: llm.call, by: [], silence: 1h}, impact: a, action: b}
  person_quiet:
    no_data: {event: llm.call, by: [engineer], silence: 1h}
    unless: all_quiet
    impact: a
    action: b
  calls_unless_quiet: {detector: calls_of_team, unless: all_quiet, impact: a, action: b}
";

/// When an event is appended. Nothing comes for five days, which rules on silence tell.
fn appended(i: u64) -> i64 {
    let pause = if i >= 1400 { 5 * Micros::DAY.0 } else { 0 };
    BEGIN + i as i64 * STEP + pause
}

/// By event type: values of a log of one partition, with some said twice and some that are none.
fn log(catalog: &Catalog) -> Vec<Vec<Vec<u8>>> {
    let mut rng = StdRng::seed_from_u64(5);
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas/events/examples");
    let mut all = Vec::new();
    for def in &catalog.events {
        let examples: Vec<serde_json::Value> = std::fs::read_dir(root.join(&def.name))
            .unwrap()
            .map(|e| std::fs::read_to_string(e.unwrap().path()).unwrap())
            .map(|text| serde_json::from_str(&text).unwrap())
            .collect();
        let mut values = Vec::new();
        for i in 0..1500u64 {
            let mut event = examples.choose(&mut rng).unwrap().clone();
            let late = rng.random_range(0..100) * i64::from(i % 9 == 0);
            event["event_time"] = (appended(i) - late * STEP).into();
            // Every twentieth is an older one again, beyond the horizon or not.
            let back = if i % 20 == 19 {
                rng.random_range(1..19)
            } else {
                0
            };
            let id = format!("00000000-0000-7000-8000-{:012x}", i - back);
            if let Some(path) = &def.identity
                && event.get(path).is_some()
            {
                event[path] = id.clone().into();
            }
            event["event_id"] = id.into();
            event["tenant"] = ["acme", "globex"][rng.random_range(0..2)].into();
            for person in ["engineer", "author"] {
                if event.get(person).is_some_and(|p| p.is_object()) {
                    event[person]["email"] = format!("e{}", rng.random_range(0..12)).into();
                    event[person]["team"] = ["", "a", "b", "c"][rng.random_range(0..4)].into();
                }
            }
            let body = avro::encode_json(&def.schema_json, &event).unwrap();
            values.push(wire::framed(schemas::schema_id(&def.schema_json), &body));
            if i % 100 == 0 {
                values.push(vec![9]);
            }
        }
        all.push(values);
    }
    all
}

/// Shelves in memory.
type Map = BTreeMap<usize, Vec<Vec<u8>>>;

/// Folds a log; where there are shelves, what is held is put there after each so many records.
fn fold(catalog: &Catalog, log: &[Vec<Vec<u8>>], mut shelves: Option<(&mut Map, usize)>) -> Fold {
    let writer = |text: &String| (schemas::schema_id(text), schemas::guid(text), text.clone());
    let writers: Vec<_> = catalog
        .events
        .iter()
        .map(|e| writer(&e.schema_json))
        .collect();
    let mut fold = Fold::new(catalog, &vec![1; log.len()], &writers).unwrap();
    for (event, values) in log.iter().enumerate() {
        for (i, value) in values.iter().enumerate() {
            let record = Record {
                offset: i as i64,
                append_time: Micros(appended(i as u64)),
                value: Some(value),
                meta: Meta::default(),
            };
            fold.record(catalog, event, 0, &record);
            if let Some((shelves, each)) = &mut shelves
                && i % *each == *each - 1
            {
                assert!(fold.bytes() > 0);
                fold.shelve(catalog, *shelves).unwrap();
                assert_eq!(fold.bytes(), 0);
            }
        }
        fold.end(event, 0);
    }
    fold
}

/// What a log says where memory holds `limit` bytes of cells, and in how many shares that was found
/// out.
fn divided(catalog: &Catalog, log: &[Vec<Vec<u8>>], each: usize, limit: usize) -> (Truth, usize) {
    let mut shelves = Map::default();
    let fold = fold(catalog, log, Some((&mut shelves, each)));
    let mut divided = Divided::new(catalog, fold, &mut shelves).unwrap();
    let mut together = Truth {
        final_through: divided.final_through.clone(),
        totals: divided.totals.clone(),
        ..Truth::default()
    };
    let (mut shares, mut next) = (0, 0);
    while let Some((share, part)) = divided.next(catalog, limit, &mut shelves).unwrap() {
        assert_eq!(share.0.start, next);
        (shares, next) = (shares + 1, share.0.end);
        assert_eq!(part.final_through, together.final_through);
        let sizes = |t: &Truth| {
            let judged = t.anomalies.len() + t.kpis.len() + t.alerts.len();
            t.merged.len() + judged
        };
        let before = sizes(&together) + sizes(&part);
        together.merged.extend(part.merged);
        together.anomalies.extend(part.anomalies);
        together.kpis.extend(part.kpis);
        together.alerts.extend(part.alerts);
        // Nothing is of two shares.
        assert_eq!(sizes(&together), before);
    }
    assert_eq!(next, BUCKETS);
    (together, shares)
}

#[test]
fn shares_together_are_the_whole() {
    let mut sources = Catalog::embedded_sources();
    sources.push(("catalog/more.yaml".into(), MORE.into()));
    let catalog = load_sources(sources).unwrap();
    let log = log(&catalog);
    let whole = conclude(&catalog, fold(&catalog, &log, None));
    let (kpis, alerts) = (whole.kpis.len(), whole.alerts.len());
    println!(
        "{kpis} kpis, {} anomalies, {alerts} alerts",
        whole.anomalies.len()
    );
    assert!(whole.merged.len() > 1000 && kpis > 100 && alerts > 0);
    for rule in ["all_calls", "team_calls", "all_quiet", "person_quiet"] {
        assert!(whole.alerts.values().any(|a| a.rule == rule), "{rule}");
    }
    let counts = whole.totals.by_event.values();
    assert!(counts.clone().all(|c| c.late > 0 && c.dead > 0));
    assert!(counts.map(|c| c.counted_twice).sum::<u64>() > 0);
    // Once in one share, once in several.
    for (each, limit, least) in [(700, usize::MAX, 1), (97, 1 << 20, 3)] {
        let (together, shares) = divided(&catalog, &log, each, limit);
        println!("{shares} shares of at most {limit} bytes");
        assert!(shares >= least && (least > 1 || shares == 1));
        assert_eq!(together.merged, whole.merged);
        assert_eq!(together.anomalies, whole.anomalies);
        assert_eq!(together.kpis, whole.kpis);
        assert_eq!(together.alerts, whole.alerts);
        assert_eq!(together.totals, whole.totals);
    }
}
