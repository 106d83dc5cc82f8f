//! Stage 2 against a plain recomputation: whatever the cuts between blocks, the number of shards,
//! the crashes.
#![allow(clippy::unwrap_used)]

mod hostile;
mod naive;
mod world;

use super::*;
use crate::terms::{Fact, TermsReader};
use proptest::prelude::*;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use weir_model::records::{AggregateBlock, Part};
use world::{Log, blocks, catalog, options};

/// Everything that left, as sorted lines.
#[derive(Debug, Default, PartialEq)]
struct Lines {
    on_time: Vec<String>,
    late: Vec<String>,
    anomalies: Vec<String>,
    early: Vec<String>,
    kpis: Vec<String>,
    facts: Vec<String>,
}

fn decoded(out: &WindowOut) -> Vec<AggregateBlock> {
    out.aggregates
        .iter()
        .map(|b| AggregateBlock::decode(b).unwrap())
        .collect()
}

/// `keyed`: with offsets, as they only agree between runs over the same blocks.
fn lines(catalog: &Catalog, out: WindowOut, keyed: bool) -> Lines {
    let mut l = Lines::default();
    for block in decoded(&out) {
        for mut row in block.rows {
            if row.part == Part::OnTime {
                l.on_time.push(format!("{} {row:?}", block.event));
            } else {
                if !keyed {
                    row.part = Part::OnTime;
                }
                l.late.push(format!("{} {row:?}", block.event));
            }
        }
    }
    for mut a in out.anomalies {
        a.revision *= i64::from(keyed);
        if a.early {
            l.early.push(format!("{a:?}"))
        } else {
            l.anomalies.push(format!("{a:?}"))
        }
    }
    for mut k in out.kpis {
        k.revision *= i64::from(keyed);
        l.kpis.push(format!("{k:?}"));
    }
    for (_, bytes) in out.terms {
        let reader = TermsReader::parse(&bytes).unwrap();
        assert_eq!((reader.catalog, reader.run), (catalog.hash, 1));
        for fact in reader {
            match fact.unwrap() {
                Fact::FinalThrough { .. } if !keyed => {}
                fact => l.facts.push(format!("{fact:?}")),
            }
        }
    }
    for all in [
        &mut l.on_time,
        &mut l.late,
        &mut l.anomalies,
        &mut l.early,
        &mut l.kpis,
        &mut l.facts,
    ] {
        all.sort();
    }
    l
}

/// The first line in which two sorted lists differ.
fn apart<'a>(got: &'a [String], want: &'a [String]) -> Option<(Option<&'a str>, Option<&'a str>)> {
    let line = |lines: &'a [String], i: usize| lines.get(i).map(String::as_str);
    let at = (0..got.len().max(want.len())).find(|i| line(got, *i) != line(want, *i))?;
    Some((line(got, at), line(want, at)))
}

fn run(catalog: &Arc<Catalog>, blocks: &[Vec<u8>], shards: u32) -> (WindowOut, WindowStats) {
    let mut window = Window::new(catalog.clone(), options(shards)).unwrap();
    let mut out = WindowOut::default();
    for (i, block) in blocks.iter().enumerate() {
        window.fold(i as i64, block, true, &mut out).unwrap();
    }
    (out, window.stats())
}

/// As `run`, but with snapshots of some shards now and then, and crashes.
fn run_crashing(
    catalog: &Arc<Catalog>,
    blocks: &[Vec<u8>],
    shards: u32,
    rng: &mut ChaCha8Rng,
) -> WindowOut {
    let mut topic: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut out = WindowOut::default();
    let mut window = Window::new(catalog.clone(), options(shards)).unwrap();
    let mut committed = 0;
    while committed < blocks.len() {
        window
            .fold(committed as i64, &blocks[committed], true, &mut out)
            .unwrap();
        committed += 1;
        for shard in 0..shards {
            if rng.random_bool(0.1) && window.dirty(shard) {
                for (key, value) in window.snapshot(shard) {
                    match value {
                        Some(v) => topic.insert(key, v),
                        None => topic.remove(&key),
                    };
                }
            }
        }
        if rng.random_bool(0.3) {
            topic.insert("marker".into(), window.marker());
        }
        if rng.random_bool(0.1) {
            let mut parts: Vec<_> = topic.clone().into_iter().collect();
            parts.shuffle(rng);
            window = Window::new(catalog.clone(), options(shards)).unwrap();
            window.restore(&mut parts.into_iter()).unwrap();
            let from = window.resume_from();
            assert!((0..=committed as i64).contains(&from));
            let mut nothing = WindowOut::default();
            for i in from..committed as i64 {
                window
                    .fold(i, &blocks[i as usize], false, &mut nothing)
                    .unwrap();
            }
            assert!(
                nothing.aggregates.is_empty()
                    && nothing.kpis.is_empty()
                    && nothing.terms.is_empty()
            );
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn equals_a_plain_recomputation(seed in any::<u64>(), shards in prop::sample::select(vec![1u32, 3, 8])) {
        let catalog = catalog();
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let log = Log::random(&catalog, rng);
        let want = naive::fold(&catalog, &log);
        let (out, stats) = run(&catalog, &blocks(&catalog, &log, rng), shards);
        prop_assert_eq!(stats.invariant_breaks, 0);
        prop_assert_eq!(&stats.final_through, &want.through);

        let mut rows = BTreeMap::new();
        let mut late = BTreeMap::new();
        for row in decoded(&out).iter().flat_map(|b| b.rows.iter().map(move |r| (&b.event, r))) {
            let (event, row) = row;
            let key = (event.clone(), row.subject.clone(), row.window, row.start, row.end);
            if row.part == Part::OnTime {
                prop_assert!(rows.insert(key, row.values.clone()).is_none());
            } else {
                naive::merge_into(late.entry(key).or_insert_with(|| naive::empty(&catalog, event)), &row.values);
            }
        }
        prop_assert_eq!(&rows, &want.on_time);
        prop_assert_eq!(&late, &want.late);
        let early: BTreeSet<_> = out.anomalies.iter().filter(|a| a.early).map(|a| a.id.clone()).collect();
        let told = out.anomalies.iter().filter(|a| a.early).count();
        prop_assert_eq!(early.len(), told);
        let limits = out.anomalies.iter().filter(|a| !a.early && a.detector.starts_with("early"));
        for a in limits {
            prop_assert!(early.contains(&a.id), "no early record of {:?}", a);
        }
        let got = lines(&catalog, out, false);
        prop_assert_eq!(apart(&got.anomalies, &want.anomalies), None);
        prop_assert_eq!(apart(&got.kpis, &want.kpis), None);
        prop_assert_eq!(apart(&got.facts, &want.facts), None);
    }

    #[test]
    fn a_crash_changes_nothing(seed in any::<u64>(), shards in prop::sample::select(vec![1u32, 3, 8])) {
        let catalog = catalog();
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let log = Log::random(&catalog, rng);
        let blocks = blocks(&catalog, &log, rng);
        let want = lines(&catalog, run(&catalog, &blocks, shards).0, true);
        let got = lines(&catalog, run_crashing(&catalog, &blocks, shards, rng), true);
        prop_assert_eq!(got, want);
    }
}

#[test]
fn another_run_or_catalog_is_refused() {
    let catalog = catalog();
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let log = Log::random(&catalog, rng);
    let blocks = blocks(&catalog, &log, rng);
    let mut window = Window::new(catalog.clone(), options(3)).unwrap();
    let mut out = WindowOut::default();
    for (i, b) in blocks.iter().take(9).enumerate() {
        window.fold(i as i64, b, true, &mut out).unwrap();
    }
    let mut parts: Vec<_> = (0..3)
        .flat_map(|s| window.snapshot(s))
        .map(|(k, v)| (k, v.unwrap()))
        .collect();
    let mut other = Window::new(
        catalog.clone(),
        WindowOptions {
            run: 2,
            ..options(3)
        },
    )
    .unwrap();
    let refused = other.restore(&mut parts.clone().into_iter());
    assert!(
        matches!(refused, Err(EngineError::OtherRun { .. })),
        "{refused:?}"
    );
    // Its blocks are passed over, those of a run to come are refused.
    other.fold(0, &blocks[0], true, &mut out).unwrap();
    assert_eq!(other.stats().foreign_blocks, 1);
    let mut older = Window::new(
        catalog.clone(),
        WindowOptions {
            run: 0,
            ..options(3)
        },
    )
    .unwrap();
    assert!(matches!(
        older.fold(0, &blocks[0], true, &mut out),
        Err(EngineError::OtherRun { .. })
    ));
    let mut changed = Catalog::clone(&catalog);
    changed.hash += 1;
    let mut other = Window::new(Arc::new(changed), options(3)).unwrap();
    assert!(matches!(
        other.restore(&mut parts.clone().into_iter()),
        Err(EngineError::OtherRun { .. })
    ));
    assert!(matches!(
        other.fold(0, &blocks[0], true, &mut out),
        Err(EngineError::OtherRun { .. })
    ));
    let last = parts[0].1.len() - 1;
    parts[0].1[last] ^= 1;
    let damaged = Window::new(catalog, options(3))
        .unwrap()
        .restore(&mut parts.into_iter());
    assert!(
        matches!(damaged, Err(EngineError::Corrupt { .. })),
        "{damaged:?}"
    );
}

#[test]
fn a_row_for_a_final_pane_is_a_late_part_and_a_break() {
    use crate::partial::WatermarkEntry;
    let catalog = catalog();
    let mut window = Window::new(catalog.clone(), options(8)).unwrap();
    let mut out = WindowOut::default();
    let mark = |partition, watermark| WatermarkEntry {
        event: 0,
        partition,
        partitions: 2,
        watermark,
    };
    let at = |m: i64| Micros(m * Micros::MINUTE.0);
    let row = world::one_row(&catalog, 0);
    let mut block = |rows: &[Micros], marks: &[WatermarkEntry], offset| {
        let bytes = world::block(&catalog, rows, &row, marks);
        window.fold(offset, &bytes, true, &mut out).unwrap();
    };
    block(&[at(100)], &[mark(0, at(200))], 0);
    // One of the two partitions was not heard of: nothing is final.
    block(&[at(101)], &[], 1);
    block(&[], &[mark(1, at(150))], 2);
    block(&[at(149), at(150)], &[], 3);
    let stats = window.stats();
    assert_eq!((stats.invariant_breaks, stats.late_parts), (1, 1));
    assert_eq!(stats.final_through[0], at(150));
    let aggregates = decoded(&out);
    let late: Vec<_> = aggregates
        .iter()
        .flat_map(|b| &b.rows)
        .filter(|r| r.part != Part::OnTime)
        .collect();
    assert_eq!(late.len(), 1);
    assert_eq!(
        (late[0].start, late[0].part),
        (
            at(149),
            Part::Late {
                partition: 0,
                offset: 3,
                row: 0
            }
        )
    );
    let mut provisional = Blocks::new(catalog.events.len(), 1);
    window.live(&mut provisional).unwrap();
    let out = WindowOut {
        aggregates: provisional.take().unwrap(),
        ..WindowOut::default()
    };
    let live = decoded(&out).into_iter().flat_map(|b| b.rows);
    let live: Vec<_> = live.map(|v| (v.window.label(), v.start)).collect();
    assert_eq!(live, [("1m", at(150)), ("1h", at(120))]);
}
