//! What one pays: `weir up` with the shipped catalog and events of every type that is simulated,
//! from the log to ClickHouse, all processes together.

use crate::child::Child;
use crate::report::Figure;
use crate::running::{Cpu, Up, Weir, on_disk};
use crate::system::beside;
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;
use weir_model::topics;

const ENGINEERS: u32 = 500;

/// All that was measured.
#[derive(Debug, Serialize)]
struct Measured {
    events: f64,
    cpu: Cpu,
    kafka_bytes: f64,
    /// Of these, what is deleted once snapshots have covered it for ten cycles.
    passing_bytes: f64,
    clickhouse_bytes: f64,
    aggregates: f64,
    kpis: f64,
    seconds: f64,
    verify_cpu: f64,
    verify_clickhouse: f64,
    verify_peak: u64,
}

/// Bytes of the tables of a system, without what ClickHouse tells of itself.
const TABLES: &str = "SELECT sum(bytes_on_disk) AS n FROM system.parts WHERE active AND database = currentDatabase()";
const AGGREGATES: &str = "SELECT sum(rows) AS n FROM system.parts WHERE active \
     AND database = currentDatabase() AND startsWith(table, 'parts_')";
const KPIS: &str = "SELECT count() AS n FROM kpis";

/// Bytes of the topics between the stages, in a broker's folder.
fn passing(kafka: &Path) -> u64 {
    let logs = std::fs::read_dir(kafka.join("data"));
    let logs = logs.into_iter().flatten().flatten();
    let between = logs.filter(|log| {
        let name = log.file_name();
        let topic = name.to_str().and_then(|n| n.rsplit_once('-'));
        topic.is_some_and(|(topic, _)| [topics::PARTIALS, topics::TERMS].contains(&topic))
    });
    between.map(|log| on_disk(&log.path())).sum()
}

fn measure(weir: &Weir<'_>, days: u32) -> Result<Measured> {
    let kafka = weir.data.join("kafka");
    let mut up = Up::start(weir, 1)?;
    let (before, empty) = (up.cpu()?, on_disk(&kafka));
    let (days, engineers) = (days.to_string(), ENGINEERS.to_string());
    let arguments = [
        "simulate",
        "--engineers",
        &engineers,
        "--days",
        &days,
        "--json",
    ];
    let written = weir.json(&arguments)?;
    let events = written["written"].as_f64().context("no events written")?;
    up.settle()?;
    let cpu = up.cpu()?.minus(before);
    eprintln!("  {events} events: {cpu:?}");
    let kafka_bytes = on_disk(&kafka).saturating_sub(empty) as f64;
    let passing_bytes = passing(&kafka) as f64;
    let (clickhouse_bytes, aggregates) = (weir.number(TABLES)?, weir.number(AGGREGATES)?);
    let kpis = weir.number(KPIS)?;
    eprintln!("  {kafka_bytes} and {clickhouse_bytes} bytes, {aggregates} rows, {kpis} of KPIs");

    let before = up.cpu()?;
    let (usage, _) = Child::spawn(weir.command(&["verify", "--json"]), "weir verify")?.wait()?;
    let verify_clickhouse = up.cpu()?.minus(before).clickhouse;
    eprintln!("  verify: {usage:?}, ClickHouse {verify_clickhouse:.1} core-s");

    // The same log once more, from its first offset: what an upgrade waits for.
    weir.json(&["reprocess", "--json"])?;
    up.stop()?;
    let mut up = Up::start(weir, 1)?;
    let begun = Instant::now();
    let seconds = up.settle()?.at.duration_since(begun).as_secs_f64();
    up.stop()?;
    Ok(Measured {
        events,
        cpu,
        kafka_bytes,
        passing_bytes,
        clickhouse_bytes,
        aggregates,
        kpis,
        seconds,
        verify_cpu: usage.cpu(),
        verify_clickhouse,
        verify_peak: usage.peak,
    })
}

/// What the whole pipeline costs. `program`: another weir than the one beside this program.
pub fn figures(quick: bool, program: Option<&Path>) -> Result<Vec<Figure>> {
    let beside = || beside("weir");
    let program: PathBuf = program.map_or_else(beside, |p| Ok(p.to_owned()))?;
    let dir = tempfile::Builder::new().prefix("weir-bench-").tempdir()?;
    let days = if quick { 1 } else { 30 };
    eprintln!("whole: {ENGINEERS} engineers over {days} days");
    let data = dir.path().join("data");
    let weir = Weir {
        program: &program,
        data: &data,
    };
    let m = measure(&weir, days)?;
    let detail = serde_json::to_value(&m)?;
    let figure = |name: &str, goal: &str, measured: String, met: bool, note: String| Figure {
        name: name.into(),
        goal: goal.into(),
        least: String::new(),
        measured,
        note,
        met: Some((met, met)),
        command: "whole".into(),
        detail: detail.clone(),
    };
    let million = |seconds: f64| seconds * 1e6 / m.events;
    let (cpu, verify) = (
        million(m.cpu.all()),
        million(m.verify_cpu + m.verify_clickhouse),
    );
    let at_once = m.kafka_bytes / m.events;
    let kafka = (m.kafka_bytes - m.passing_bytes) / m.events;
    let clickhouse = m.clickhouse_bytes / m.events;
    let seconds = million(m.seconds);
    let log = format!(
        "{:.2} M events of {ENGINEERS} engineers over {days} days",
        m.events / 1e6
    );
    Ok(vec![
        figure(
            "**the whole**: weir + ClickHouse + Kafka, core-s per million events",
            "15",
            format!("{cpu:.1}"),
            cpu <= 15.0,
            format!(
                "shipped catalog, every event type that is simulated, {log}; weir {:.1}, ClickHouse {:.1}, Kafka {:.1}; {:.2} rows of aggregates and {:.2} of KPIs per event",
                million(m.cpu.weir),
                million(m.cpu.clickhouse),
                million(m.cpu.kafka),
                m.aggregates / m.events,
                m.kpis / m.events
            ),
        ),
        figure(
            "the whole on disk per event: Kafka / ClickHouse",
            "250 / 200 B",
            format!("{kafka:.0} / {clickhouse:.0} B"),
            kafka <= 250.0 && clickhouse <= 200.0,
            format!(
                "all topics, snapshots included, without partials and terms, which are deleted after ten cycles of snapshots ({at_once:.0} B at once); all tables, the archive of events included"
            ),
        ),
        figure(
            "from a million events of history to everything in ClickHouse",
            "30 s",
            format!("{seconds:.0} s"),
            seconds <= 30.0,
            format!(
                "{:.0} s for {:.2} M events: a new run over the log from its first offset, by the clock, on a machine with other work",
                m.seconds,
                m.events / 1e6
            ),
        ),
        figure(
            "`verify`, core-s per million events",
            "40",
            format!("{verify:.1}"),
            verify <= 40.0,
            format!(
                "weir {:.1}, ClickHouse {:.1}; largest resident {} MiB",
                million(m.verify_cpu),
                million(m.verify_clickhouse),
                m.verify_peak >> 20
            ),
        ),
    ])
}
