//! What stage 2 costs: nanoseconds per row, bytes per active series.
//!
//! `cargo run --release -p weir-engine --example window_cost [series] [minutes]`
//!
//! The last line is of a sparse log, of which each commit brings a week.
#![allow(clippy::disallowed_methods)] // It measures time.

use std::sync::Arc;
use std::time::Instant;
use weir_catalog::types::{
    Catalog, Dimension, EventDef, MeasureDef, MeasureKind, RollupDef, Tenants,
};
use weir_engine::measure::{Layout, encode};
use weir_engine::partial::{BlockWriter, SHARDS, WatermarkEntry};
use weir_engine::window::{Window, WindowOptions, WindowOut};
use weir_model::measure::{MeasureValue, Sample};
use weir_model::records::AggregateBlock;
use weir_model::{Fixed, Micros, WindowSize, hash};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let series: u64 = args.next().map_or(Ok(100_000), |a| a.parse())?;
    let minutes: i64 = args.next().map_or(Ok(10), |a| a.parse())?;
    for windows in [&[WindowSize::Minute][..], &WindowSize::ALL[..]] {
        measure(series, minutes, windows)?;
    }
    sparse(series / 100, 4)
}

const START: i64 = 1_772_668_800_000_000;

/// Series with a row every quarter of an hour or so: all windows of a week open in one block, and
/// the next one lets go of them.
fn sparse(series: u64, weeks: i64) -> Result<(), Box<dyn std::error::Error>> {
    const WEEK: i64 = 7 * 24 * 60;
    let catalog = Arc::new(catalog(&WindowSize::ALL));
    let layout = Layout::new(&catalog.events[0]);
    let mut window = Window::new(catalog.clone(), options())?;
    let mut out = WindowOut::default();
    let mut writer = BlockWriter::new(catalog.hash, 1);
    let (mut block, mut row) = (Vec::new(), Vec::new());
    let (mut offset, mut rows) = (0, 0u64);
    let (mut fold, mut letting_go) = (0.0, 0.0);
    for week in 0..weeks {
        for s in 0..series {
            start(&mut writer, s);
            let mut minute = week * WEEK;
            loop {
                minute +=
                    1 + (hash::distinct(&(s as i64 ^ minute << 20).to_le_bytes()) % 28) as i64;
                if minute >= (week + 1) * WEEK {
                    break;
                }
                row.clear();
                let values = values(s, minute, &catalog.events[0].measures);
                encode(&layout, &values, &mut row);
                writer.row(Micros(START + minute * Micros::MINUTE.0), false, &row);
                rows += 1;
            }
        }
        writer.finish(&mut block);
        fold += timed(&mut window, (&mut offset, &block), &mut out)?;
        writer.watermark(WatermarkEntry {
            event: 0,
            partition: 0,
            partitions: 1,
            watermark: Micros(START + (week + 1) * WEEK * Micros::MINUTE.0),
        });
        writer.finish(&mut block);
        letting_go += timed(&mut window, (&mut offset, &block), &mut out)?;
        out = WindowOut::default();
    }
    println!(
        "{series} sparse series, {weeks} weeks: rows in {:.0} ns each, windows let go {:.0} ns per row in",
        fold * 1e9 / rows as f64,
        letting_go * 1e9 / rows as f64,
    );
    Ok(())
}

/// Folds a block; seconds.
fn timed(
    window: &mut Window,
    (offset, block): (&mut i64, &[u8]),
    out: &mut WindowOut,
) -> Result<f64, Box<dyn std::error::Error>> {
    let start = Instant::now();
    window.fold(*offset, block, true, out)?;
    *offset += 1;
    Ok(start.elapsed().as_secs_f64())
}

/// Starts the group of a series.
fn start(writer: &mut BlockWriter, s: u64) {
    let name = format!("engineer{s:07}@example.com");
    let mut key = Vec::new();
    hash::subject_key(&mut key, "acme", [("engineer", name.as_str())]);
    writer.group(
        (0, 0),
        hash::subject(&key),
        "acme",
        [name.as_str()].into_iter(),
    );
}

fn options() -> WindowOptions {
    WindowOptions {
        partition: 0,
        partials: 1,
        run: 1,
        shards: SHARDS as u32,
        terms: 1,
        partitions: vec![1],
    }
}

fn measure(
    series: u64,
    minutes: i64,
    windows: &[WindowSize],
) -> Result<(), Box<dyn std::error::Error>> {
    let catalog = Arc::new(catalog(windows));
    let layout = Layout::new(&catalog.events[0]);
    let before = resident();
    let mut window = Window::new(catalog.clone(), options())?;
    let mut out = WindowOut::default();
    let mut writer = BlockWriter::new(catalog.hash, 1);
    let (mut block, mut row) = (Vec::new(), Vec::new());
    let (mut offset, mut rows, mut aggregates) = (0, 0u64, 0u64);
    let (mut fold, mut letting_go) = (0.0, 0.0);
    let mut held = (0, 0);
    for minute in 0..minutes {
        let pane = Micros(START + minute * Micros::MINUTE.0);
        for s in 0..series {
            // Each series has one row in each minute.
            row.clear();
            let values = values(s, minute, &catalog.events[0].measures);
            encode(&layout, &values, &mut row);
            start(&mut writer, s);
            writer.row(pane, false, &row);
            rows += 1;
            if writer.size() > 600 * 1024 || s + 1 == series {
                writer.finish(&mut block);
                fold += timed(&mut window, (&mut offset, &block), &mut out)?;
            }
        }
        if minute + 1 == minutes {
            let stats = window.stats();
            held = (stats.bytes, resident().saturating_sub(before));
        }
        let watermark = pane.plus(Micros::MINUTE);
        writer.watermark(WatermarkEntry {
            event: 0,
            partition: 0,
            partitions: 1,
            watermark,
        });
        writer.finish(&mut block);
        letting_go += timed(&mut window, (&mut offset, &block), &mut out)?;
        for block in out.aggregates.drain(..) {
            aggregates += AggregateBlock::decode(&block)?.rows.len() as u64;
        }
    }
    let labels: Vec<_> = windows.iter().map(|w| w.label()).collect();
    println!(
        "{series} series, windows {}: rows in {:.0} ns each, windows let go {:.0} ns per row in ({aggregates} out), {} bytes per \
         series counted, {} resident (output buffers included)",
        labels.join(" "),
        fold * 1e9 / rows as f64,
        letting_go * 1e9 / rows as f64,
        held.0 as u64 / series,
        held.1 as u64 / series,
    );
    Ok(())
}

fn values(s: u64, minute: i64, kinds: &[MeasureDef]) -> Vec<MeasureValue> {
    let ms = ((s * 7919 + minute as u64 * 104_729) % 9000 + 20) as f64;
    // Three events: two of no tokens, and the third one fails for one in nine.
    let sample = |value: f64, exact: i64| Sample {
        at: Micros(minute),
        id: s,
        value,
        exact: Fixed::from_int(exact),
        hash: hash::distinct(&s.to_le_bytes()),
    };
    let (total, tokens) = ((ms * 4.6) as i64, 1200 + (s % 700) as i64);
    let fold = kinds.iter().map(|m| {
        let mut value = m.kind.accumulator().empty();
        let (exact, events) = match m.name.as_str() {
            "failures" => (0, &[ms][..usize::from(s.is_multiple_of(9))]),
            "latency" => (total, &[ms, ms * 1.4, ms * 2.2][..]),
            _ => (tokens, &[ms, ms * 1.4, ms * 2.2][..]),
        };
        for (i, x) in events.iter().enumerate() {
            value.add(&sample(*x, if i == 0 { exact } else { 0 }));
        }
        value
    });
    fold.collect()
}

fn catalog(windows: &[WindowSize]) -> Catalog {
    let kinds = [
        ("calls", "count"),
        ("failures", "count"),
        ("latency", "distribution"),
        ("tokens", "sum"),
        ("users", "distinct"),
    ];
    let measures = kinds.into_iter().map(|(name, kind)| MeasureDef {
        name: name.into(),
        version: 1,
        unit: String::new(),
        title: String::new(),
        kind: MeasureKind::of_field(kind, "x").unwrap_or(MeasureKind::Count),
        filter: Vec::new(),
    });
    Catalog {
        hash: 1,
        events: vec![EventDef {
            name: "job".into(),
            version: 1,
            schema_json: "{}".into(),
            identity: None,
            low_volume: false,
            disorder: Micros::MINUTE,
            setting: false,
            bounds: Vec::new(),
            dimensions: vec![Dimension {
                name: "engineer".into(),
                path: "x".into(),
            }],
            measures: measures.collect(),
            rollups: vec![RollupDef {
                dimensions: vec![0],
                windows: windows.to_vec(),
                by_need: false,
            }],
        }],
        kpis: Vec::new(),
        detectors: Vec::new(),
        rules: Vec::new(),
        tenants: Tenants {
            default_zone: jiff::tz::TimeZone::UTC,
            zones: Vec::new(),
        },
        aliases: Default::default(),
        assistants: Default::default(),
        expanded: Vec::new(),
        sources: Arc::default(),
    }
}

/// Resident bytes of this process.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|p| p.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}
