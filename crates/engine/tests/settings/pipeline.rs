//! The three stages one after the other, with restarts; and the oracle.

use super::world::{PARTITIONS, Raw};
use rand::{Rng, RngCore};
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_catalog::Catalog;
use weir_engine::combine::{Combine, CombineOptions, Fold, Input, Position, Record};
use weir_engine::score::{Score, ScoreOptions, ScoreOut};
use weir_engine::window::{Window, WindowOptions, WindowOut};
use weir_model::records::{Alert, Kpi};

const PARTIALS: u32 = 3;
const TERMS: u32 = 2;
const SHARDS: u32 = 4;

type Parts = BTreeMap<String, Vec<u8>>;

/// Partials by partition: combine drains whenever it likes.
fn partials(catalog: &Arc<Catalog>, log: &[Raw], rng: &mut dyn RngCore) -> Vec<Vec<Vec<u8>>> {
    let options = CombineOptions {
        partials: PARTIALS,
        run: 1,
        max_block: 700,
        partitions: PARTITIONS.to_vec(),
    };
    let mut combine = Combine::new(catalog.clone(), options).unwrap();
    for (event, n) in PARTITIONS.into_iter().enumerate() {
        let (id, schema) = (1 + event as u32, &catalog.events[event].schema_json);
        combine
            .add_schema(event, id, [id as u8; 16], schema)
            .unwrap();
        for partition in 0..n {
            combine.open(Input { event, partition }, Position::default());
        }
    }
    let mut out = vec![Vec::new(); PARTIALS as usize];
    let every = 1.0 / f64::from(rng.random_range(1..40u32));
    for (i, raw) in log.iter().enumerate() {
        let input = Input {
            event: raw.event,
            partition: raw.partition,
        };
        let record = Record {
            offset: i as i64,
            append_time: raw.append_time,
            value: raw.value.as_deref(),
            meta: raw.meta,
        };
        let fold = combine.fold(input, &record);
        assert!(
            !matches!(fold, Fold::Dead(_) | Fold::UnknownSchema(_)),
            "{fold:?}"
        );
        if rng.random_bool(every) || i + 1 == log.len() {
            combine.drain(true, &mut |p, block| out[p as usize].push(block.to_vec()));
        }
    }
    out
}

/// The messages of terms and the KPIs of one partition of the partials.
fn windows(
    catalog: &Arc<Catalog>,
    partition: u32,
    blocks: &[Vec<u8>],
    rng: &mut dyn RngCore,
) -> (WindowOut, i64) {
    let fresh = || {
        let options = WindowOptions {
            partition,
            partials: PARTIALS,
            run: 1,
            shards: SHARDS,
            terms: TERMS,
            partitions: PARTITIONS.to_vec(),
        };
        Window::new(catalog.clone(), options).unwrap()
    };
    let (mut window, mut out, mut kept, mut breaks) =
        (fresh(), WindowOut::default(), Parts::new(), 0);
    for (i, block) in blocks.iter().enumerate() {
        window.fold(i as i64, block, true, &mut out).unwrap();
        for shard in 0..SHARDS {
            if rng.random_bool(0.1) && window.dirty(shard) {
                keep(&mut kept, window.snapshot(shard));
            }
        }
        if rng.random_bool(0.2) {
            kept.insert("marker".into(), window.marker());
        }
        if rng.random_bool(0.08) {
            breaks += window.stats().invariant_breaks;
            window = fresh();
            window.restore(&mut kept.clone().into_iter()).unwrap();
            let mut nothing = WindowOut::default();
            for at in window.resume_from()..=i as i64 {
                window
                    .fold(at, &blocks[at as usize], false, &mut nothing)
                    .unwrap();
            }
            assert!(nothing.kpis.is_empty() && nothing.terms.is_empty());
        }
    }
    (out, (breaks + window.stats().invariant_breaks) as i64)
}

fn keep(kept: &mut Parts, parts: Vec<(String, Option<Vec<u8>>)>) {
    for (key, value) in parts {
        match value {
            Some(v) => kept.insert(key, v),
            None => kept.remove(&key),
        };
    }
}

fn scores(
    catalog: &Arc<Catalog>,
    partition: u32,
    messages: &[Vec<u8>],
    rng: &mut dyn RngCore,
) -> ScoreOut {
    let options = ScoreOptions {
        partition,
        partials: PARTIALS,
        run: 1,
    };
    let fresh = || Score::new(catalog.clone(), options).unwrap();
    let (mut score, mut out, mut kept) = (fresh(), ScoreOut::default(), Parts::new());
    for (i, message) in messages.iter().enumerate() {
        score.fold(i as i64, message, true, &mut out).unwrap();
        for shard in 0..score.shards() {
            if rng.random_bool(0.1) && score.dirty(shard) {
                keep(&mut kept, score.snapshot(shard));
            }
        }
        if rng.random_bool(0.2) {
            kept.insert("marker".into(), score.marker());
        }
        if rng.random_bool(0.08) {
            assert_eq!(score.stats().too_late, 0);
            score = fresh();
            score.restore(&mut kept.clone().into_iter()).unwrap();
            let mut nothing = ScoreOut::default();
            for at in score.resume_from()..=i as i64 {
                score
                    .fold(at, &messages[at as usize], false, &mut nothing)
                    .unwrap();
            }
            assert_eq!(nothing, ScoreOut::default());
        }
    }
    assert_eq!(score.stats().too_late, 0);
    out
}

/// What was published, and the steps of alerts.
pub fn engine(
    catalog: &Arc<Catalog>,
    log: &[Raw],
    rng: &mut dyn RngCore,
) -> (Vec<Kpi>, Vec<Alert>) {
    let mut kpis = Vec::new();
    let mut told: Vec<Vec<(u32, Vec<u8>)>> = Vec::new();
    for (p, blocks) in partials(catalog, log, rng).iter().enumerate() {
        let (out, breaks) = windows(catalog, p as u32, blocks, rng);
        assert_eq!(breaks, 0, "rows came after their pane was final");
        kpis.extend(out.kpis);
        told.push(out.terms);
    }
    // The partitions of the partials are read side by side, each in order.
    let mut terms = vec![Vec::new(); TERMS as usize];
    let mut rest: Vec<_> = told.into_iter().map(Vec::into_iter).collect();
    while !rest.is_empty() {
        let p = rng.random_range(0..rest.len());
        match rest[p].next() {
            Some((to, message)) => terms[to as usize].push(message),
            None => drop(rest.swap_remove(p)),
        }
    }
    let mut alerts = Vec::new();
    for (p, messages) in terms.iter().enumerate() {
        let out = scores(catalog, p as u32, messages, rng);
        kpis.extend(out.kpis);
        alerts.extend(out.alerts);
    }
    (kpis, alerts)
}

pub fn oracle(catalog: &Catalog, log: &[Raw]) -> weir_oracle::Truth {
    weir_oracle::conclude(catalog, folded(catalog, log))
}

/// What the oracle counted, before it is judged.
pub fn folded(catalog: &Catalog, log: &[Raw]) -> weir_oracle::Fold {
    let writer = |(i, e): (usize, &weir_catalog::EventDef)| {
        let id = 1 + i as u32;
        (id, [id as u8; 16], e.schema_json.clone())
    };
    let writers: Vec<_> = catalog.events.iter().enumerate().map(writer).collect();
    let mut fold = weir_oracle::Fold::new(catalog, &PARTITIONS, &writers).unwrap();
    for (i, raw) in log.iter().enumerate() {
        let record = weir_oracle::Record {
            offset: i as i64,
            append_time: raw.append_time,
            value: raw.value.as_deref(),
            meta: raw.meta,
        };
        fold.record(catalog, raw.event, raw.partition, &record);
    }
    fold
}
