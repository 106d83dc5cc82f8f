//! A log with long pauses: few events an hour, so that one commit brings days of them and each
//! series opens the windows of all these days at once.

use crate::engine::{self, Cost};
use crate::generate::Spec;
use crate::report::Figure;
use crate::system::history;
use anyhow::Result;
use std::sync::Arc;
use weir_catalog::Catalog;

const ENGINEERS: u64 = 1000;
/// Seconds of a day, and events of one: the generator's least.
const DAY: u64 = 24 * 60 * 60;

/// The engines of the three stages over so many days, in one thread and without Kafka.
fn measure(catalog: &Arc<Catalog>, days: u64) -> Result<Cost> {
    let spec = Spec {
        rate: 1,
        ..history(ENGINEERS, 4)
    };
    let cost = engine::chain(catalog, spec, days * DAY, &mut |_| Ok(true))?;
    eprintln!("  {days} days: {cost:?}");
    Ok(cost)
}

/// Core-seconds of the stages per million events, with windows of every size.
pub fn figures(catalog: &Arc<Catalog>, quick: bool) -> Result<Vec<Figure>> {
    let days = if quick { 5 } else { 30 };
    eprintln!("sparse: {ENGINEERS} engineers over {days} days");
    let cost = measure(catalog, days)?;
    let per_million = |seconds: f64| seconds * 1e6 / cost.events as f64;
    let all = cost.combine + cost.window + cost.score;
    Ok(vec![Figure {
        name: format!("the stages on a sparse log: {ENGINEERS} engineers, {days} days"),
        goal: String::new(),
        least: String::new(),
        measured: format!("{:.2} core-s", per_million(all)),
        note: format!(
            "{:.2} M events, one a second, windows of four sizes, {:.2} rows per event; combine {:.2}, window {:.2}, score {:.2} core-s per million events, without Kafka",
            cost.events as f64 / 1e6,
            cost.partial_rows as f64 / cost.events as f64,
            per_million(cost.combine),
            per_million(cost.window),
            per_million(cost.score),
        ),
        met: None,
        command: "sparse".into(),
        detail: serde_json::to_value(&cost)?,
    }])
}
