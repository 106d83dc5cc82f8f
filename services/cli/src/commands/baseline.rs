//! `weir baseline capture`: what is usual of a KPI from now on.

use super::{runtime, show};
use crate::args::{CaptureArgs, SystemArgs};
use crate::output::{self, short};
use anyhow::Result;
use std::process::ExitCode;
use weir_model::Micros;
use weir_ops::baseline::Capture;
use weir_ops::explain::subject;
use weir_sources::baseline::{Baseline, publish};
use weir_store::{Period, Store};

pub fn capture(system: &SystemArgs, a: &CaptureArgs) -> Result<ExitCode> {
    let found = system.find()?;
    let catalog = system.catalog()?;
    let store = Store::new(&found.own_store()?);
    let given = [("from", &a.from), ("to", &a.to)];
    let given = given.map(|(name, day)| (name.to_owned(), day.clone()));
    let period = Period::of(1, &given)?;
    let (Some(from), Some(to)) = period.ends() else {
        anyhow::bail!("a period has two ends");
    };
    let runtime = runtime()?;
    let tenant = weir_ops::tenant::meant(&store, a.tenant.as_deref());
    let tenant = runtime.block_on(tenant)?;
    let capture = Capture {
        kpi: &a.kpi,
        metric: a.metric.as_deref(),
        subject: &subject(&a.subject)?,
        tenant: &tenant,
        days: (from, to),
    };
    let baselines = runtime.block_on(capture.read(&store, &catalog))?;
    let now = Micros(jiff::Timestamp::now().as_microsecond());
    let written = match a.dry_run {
        true => vec![false; baselines.len()],
        false => publish(&found.brokers, &baselines, now)?,
    };
    if a.json {
        let all = baselines.iter().zip(&written);
        let all: Vec<_> = all.map(|(b, new)| json(b, *new)).collect();
        output::json(&serde_json::json!({ "dry_run": a.dry_run, "baselines": all }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = baselines
        .iter()
        .zip(&written)
        .map(|(b, new)| {
            let state = match (a.dry_run, new) {
                (true, _) => "would be published",
                (false, true) => "published",
                (false, false) => "was there",
            };
            vec![
                b.metric.clone(),
                of(b),
                short(b.value),
                b.unit.clone(),
                b.samples.map_or_else(|| "-".into(), |n| n.to_string()),
                state.to_owned(),
            ]
        })
        .collect();
    output::table(
        &["baseline of", "for", "value", "unit", "samples", ""],
        &rows,
    )?;
    println!(
        "captured of {tenant} from {} to {}; {} of them hold from now on",
        show(baselines[0].from),
        show(baselines[0].to),
        written.iter().filter(|new| **new).count()
    );
    Ok(ExitCode::SUCCESS)
}

fn of(b: &Baseline) -> String {
    let parts: Vec<String> = b.subject.iter().map(|(n, v)| format!("{n}={v}")).collect();
    match parts.is_empty() {
        true => "all".to_owned(),
        false => parts.join(","),
    }
}

fn json(b: &Baseline, written: bool) -> serde_json::Value {
    serde_json::json!({
        "event_id": b.id(), "tenant": b.tenant, "metric": b.metric,
        "subject": b.subject.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "value": b.value, "unit": b.unit, "samples": b.samples,
        "period_from": b.from, "period_to": b.to, "written": written,
    })
}
