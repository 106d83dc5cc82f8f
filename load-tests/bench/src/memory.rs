//! Bytes that stage 2 holds for each active series.

use crate::child::Child;
use crate::engine::{self, Held};
use crate::report::Figure;
use crate::system::history;
use anyhow::{Context, Result};
use std::sync::Arc;
use weir_catalog::Catalog;

/// Events per engineer, over ten minutes of log.
const EVENTS: u64 = 6;

/// Resident growth of a process that only holds stage 2.
fn measure(catalog: &Arc<Catalog>, engineers: u64) -> Result<Held> {
    let dir = tempfile::Builder::new().prefix("weir-bench-").tempdir()?;
    let file = dir.path().join("partials");
    let mut spec = history(engineers, 4);
    spec.rate = engineers * EVENTS / 600;
    engine::write_partials(catalog, spec, engineers * EVENTS, &file)?;
    let (_, printed) = Child::start(&["hold", "4", &file.to_string_lossy()])?.wait()?;
    let held: Held = serde_json::from_str(printed.trim()).context("what the process printed")?;
    eprintln!("  {engineers} engineers: {held:?}");
    Ok(held)
}

/// Figure 5.
pub fn figures(catalog: &Arc<Catalog>, quick: bool) -> Result<Vec<Figure>> {
    let sizes: &[u64] = if quick {
        &[20_000, 100_000]
    } else {
        &[100_000, 1_000_000]
    };
    eprintln!("memory: {sizes:?} engineers");
    sizes
        .iter()
        .map(|&engineers| {
            let held = measure(catalog, engineers)?;
            let each = held.resident as f64 / held.series as f64;
            Ok(Figure {
                name: format!("bytes resident per active series, {}k engineers", engineers / 1000),
                goal: "300".into(),
                least: "1,024".into(),
                measured: format!("{each:.0}"),
                note: format!(
                    "{} series with percentiles and distinct in 1m, 5m, 1h and 1d, {:.1} open windows each ({:.0} bytes per open window); {EVENTS} events per engineer over 10 minutes",
                    held.series,
                    held.open as f64 / held.series as f64,
                    held.resident as f64 / held.open as f64,
                ),
                met: Some((each <= 300.0, each <= 1024.0)),
                command: "memory".into(),
                detail: serde_json::to_value(&held)?,
            })
        })
        .collect()
}
