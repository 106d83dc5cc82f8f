//! What stage 1 costs: CPU nanoseconds per event for folding and for draining, bytes of partials
//! per event.
//!
//! `cargo run --release -p weir-engine --example combine_cost [events] [engineers]`
//!
//! Events of `capability.executed` (14 fields, 5 rollups) under the catalog of this repository,
//! from so many engineers, 10,000 a second of log time; a drain every 100,000 events (catching up)
//! and every 250 (live, a commit every 25 ms).
#![allow(clippy::disallowed_methods)] // It measures time.

use rand::{Rng, SeedableRng};
use std::path::Path;
use std::sync::Arc;
use weir_engine::combine::{Combine, CombineOptions, Fold, Input, Position, Record};
use weir_model::avro::JsonEncoder;
use weir_model::headers::Meta;
use weir_model::{Micros, wire};

type Error = Box<dyn std::error::Error>;

const PARTITIONS: u32 = 4;
const START: i64 = 1_760_000_000_000_000;
const GAP: i64 = 100;

fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    let events: usize = args.next().map_or(Ok(1_000_000), |a| a.parse())?;
    let engineers: u32 = args.next().map_or(Ok(100_000), |a| a.parse())?;
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let catalog = Arc::new(weir_catalog::load(&schemas)?);
    let name = "capability.executed";
    let event = catalog
        .events
        .iter()
        .position(|e| e.name == name)
        .ok_or("no such event type")?;
    let encoder = JsonEncoder::new(&catalog.events[event].schema_json)?;
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
    let mut values = Vec::with_capacity(events);
    for i in 0..events {
        values.push(wire::framed(
            1,
            &random_event(&mut rng, &encoder, i, engineers)?,
        ));
    }
    let bytes: usize = values.iter().map(Vec::len).sum();
    println!(
        "{events} events of {} bytes, {engineers} engineers",
        bytes / events.max(1)
    );
    println!(
        "{:>9} {:>10} {:>10} {:>11} {:>11} {:>8}",
        "drain at", "fold ns", "drain ns", "rows/event", "bytes/event", "dedup MB"
    );
    for every in [100_000, 10_000, 250] {
        measure(&catalog, event, &values, every)?;
    }
    Ok(())
}

fn random_event(
    rng: &mut impl Rng,
    encoder: &JsonEncoder,
    i: usize,
    engineers: u32,
) -> Result<Vec<u8>, Error> {
    // Few engineers and capabilities do most of the work.
    let skewed = |x: f64, n: f64| (x * x * n) as u32;
    let engineer = skewed(rng.random(), f64::from(engineers));
    let capability = skewed(rng.random(), 40.0);
    let disorder = rng.random_range(0..30_000_000);
    let platform = ["Linux", "macOS", "Windows"][engineer as usize % 3];
    let value = serde_json::json!({
        "event_id": format!("{:08x}-{:04x}-7{:03x}-8{:03x}-{:012x}", rng.random::<u32>(), i & 0xffff, i & 0xfff, 7, i),
        "event_time": START + i as i64 * GAP - disorder,
        "tenant": "acme",
        "source": "laptop-17",
        "resource": {"platform": platform, "host.name": "h1"},
        "engineer": {"email": format!("engineer{engineer}@example.com"), "team": format!("team-{}", engineer % 50)},
        "capability": format!("sc:capability-{capability}"),
        "duration_ms": (rng.random::<f64>() * 6.0).exp() * 20.0,
        "success": rng.random_bool(0.95),
        "error_type": null,
        "tokens_saved": rng.random_range(0..5000),
        "api_calls_avoided": rng.random_range(0..4),
        "time_saved_minutes": f64::from(rng.random_range(0..240u32)) / 8.0,
        "context_size_tokens": rng.random_range(100..60_000),
    });
    let mut body = Vec::new();
    encoder.encode(&value, &mut body)?;
    Ok(body)
}

fn measure(
    catalog: &Arc<weir_catalog::Catalog>,
    event: usize,
    values: &[Vec<u8>],
    every: usize,
) -> Result<(), Error> {
    let options = CombineOptions {
        partials: 16,
        run: 1,
        max_block: 700 << 10,
        partitions: vec![PARTITIONS; catalog.events.len()],
    };
    let mut combine = Combine::new(catalog.clone(), options)?;
    combine.add_schema(event, 1, [0; 16], &catalog.events[event].schema_json)?;
    let input = |partition| Input { event, partition };
    for p in 0..PARTITIONS {
        combine.open(input(p), Position::default());
    }
    let (mut fold, mut drain, mut out, mut rows) = (0, 0, 0, 0);
    let mut offset = 0i64;
    for chunk in values.chunks(every) {
        let parts: Vec<Vec<Record>> = chunk
            .chunks(chunk.len().div_ceil(PARTITIONS as usize))
            .map(|part| {
                part.iter()
                    .map(|value| {
                        offset += 1;
                        let append_time = Micros(START + offset * GAP);
                        Record {
                            offset,
                            append_time,
                            value: Some(value),
                            meta: Meta::default(),
                        }
                    })
                    .collect()
            })
            .collect();
        let t0 = cpu()?;
        let mut other = 0;
        for (p, part) in parts.iter().enumerate() {
            // As the shell does: one partition's records of one fetch at a time.
            for batch in part.chunks(1000) {
                combine.fold_batch(input(p as u32), batch, &mut |_, f| {
                    other += usize::from(matches!(f, Fold::Dead(_)))
                });
            }
        }
        let t1 = cpu()?;
        if other > 0 {
            return Err("an event is a dead letter".into());
        }
        rows += combine.buffered_rows();
        combine.drain(true, &mut |_, block| out += block.len());
        fold += t1 - t0;
        drain += cpu()? - t1;
    }
    let n = values.len() as f64;
    println!(
        "{every:>9} {:>10.0} {:>10.0} {:>11.2} {:>11.1} {:>8.1}",
        fold as f64 / n,
        drain as f64 / n,
        rows as f64 / n,
        out as f64 / n,
        combine.memory().dedup_bytes as f64 / 1e6
    );
    Ok(())
}

/// CPU time of this thread in nanoseconds (Linux).
fn cpu() -> Result<u64, Error> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(stat.split(' ').next().ok_or("no schedstat")?.parse()?)
}
