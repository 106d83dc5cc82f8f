//! What would happen if this version took over a running system: its versions are compared with
//! what is known here, and nothing is changed.

use crate::lag;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use weir_catalog::Catalog;
use weir_engine::combine::Position;
use weir_engine::{score, window};
use weir_kafka::admin::{Admin, Partitions, Raw, standard};
use weir_kafka::{Brokers, SchemaRegistry, compacted};
use weir_model::schemas::{RegisteredSchema, check_backward_transitive, schema_id};
use weir_model::topics;
use weir_processor::{Next, Run, StageName};
use weir_store::{Migration, Plan, Store};

/// What a question may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What becomes of a part of the system, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It stays as it is.
    GoesOn,
    /// It is brought up to date, and goes on.
    Updated,
    /// It is made again of what it was made of: that takes time.
    Again,
    /// This version does not take it over.
    Refused,
}

/// A part of the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// `run`, `topics`, `schemas`, `positions`, `snapshots`, `tables`.
    pub part: &'static str,
    /// What there is.
    pub running: String,
    /// What this version has.
    pub here: String,
    /// What becomes of it.
    pub verdict: Verdict,
    /// That in words.
    pub what: String,
}

/// What would happen.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// This version.
    pub version: &'static str,
    /// The worst of all parts.
    pub verdict: Verdict,
    /// By part.
    pub parts: Vec<Part>,
}

/// Compares what Kafka holds with what is known here. Blocks; ClickHouse is compared by [`tables`].
///
/// # Errors
/// Kafka does not answer, or what it holds of the run cannot be read.
pub fn kafka(brokers: &Brokers, catalog: &Catalog) -> Result<Vec<Part>> {
    let admin = Admin::new(brokers, LIMIT)?;
    let there = admin.names()?;
    let now = weir_processor::current(brokers, LIMIT)?;
    let old = match &now {
        Some(run) if run.catalog != format!("{:016x}", catalog.hash) => {
            weir_processor::current_catalog(brokers, LIMIT)?
        }
        _ => None,
    };
    let run = run(now.as_ref(), old.as_ref(), catalog, &there);
    let known = SchemaRegistry::open(brokers, LIMIT)?.all();
    let mut parts = vec![topics(catalog, &there), schemas(&known, catalog)];
    // A new run has neither positions nor snapshots yet.
    if let (Some(now), Verdict::GoesOn) = (&now, run.verdict) {
        let of_combine = Some(StageName::Combine.label());
        let readings = lag::readings(brokers, catalog, now.number, of_combine)?;
        parts.push(positions(readings.iter().map(|r| r.metadata.as_str())));
        parts.push(snapshots(&formats(brokers, now.number)?));
    }
    parts.insert(0, run);
    Ok(parts)
}

/// All parts together, with the worst verdict of them.
pub fn of(parts: Vec<Part>) -> Check {
    Check {
        version: env!("CARGO_PKG_VERSION"),
        verdict: parts
            .iter()
            .map(|p| p.verdict)
            .max()
            .unwrap_or(Verdict::GoesOn),
        parts,
    }
}

fn run(
    now: Option<&Run>,
    old: Option<&Catalog>,
    catalog: &Catalog,
    there: &[(String, u32)],
) -> Part {
    let count = |topic: &str| there.iter().find(|(n, _)| n == topic).map(|(_, p)| *p);
    let made = Partitions::default();
    let partitions = Partitions {
        partials: count(topics::PARTIALS).unwrap_or(made.partials),
        terms: count(topics::TERMS).unwrap_or(made.terms),
        ..made
    };
    let running = now.map_or_else(
        || "none".to_owned(),
        |r| format!("run {}, catalog {}", r.number, r.catalog),
    );
    let (verdict, what) = match weir_processor::next(now, old, catalog, &partitions) {
        Ok(Next::GoesOn(run)) => (Verdict::GoesOn, format!("goes on in run {}", run.number)),
        Ok(Next::Begins(1)) => (Verdict::Updated, "begins run 1".to_owned()),
        Ok(Next::Begins(n)) => {
            let what = format!("begins run {n}: everything is derived again from the raw log");
            (Verdict::Again, what)
        }
        Err(e) => (Verdict::Refused, e.to_string()),
    };
    Part {
        part: "run",
        running,
        here: format!("catalog {:016x}", catalog.hash),
        verdict,
        what,
    }
}

fn topics(catalog: &Catalog, there: &[(String, u32)]) -> Part {
    let raw = catalog.events.iter().map(|e| Raw {
        event_type: &e.name,
        low_volume: e.low_volume,
    });
    let wanted = standard(raw, &Partitions::default());
    let missing: Vec<&str> = wanted
        .iter()
        .map(|t| t.name.as_str())
        .filter(|name| !there.iter().any(|(n, _)| n == name))
        .collect();
    let (verdict, what) = match missing.is_empty() {
        true => (Verdict::GoesOn, "all are there".to_owned()),
        false => (Verdict::Updated, format!("makes {}", missing.join(", "))),
    };
    Part {
        part: "topics",
        running: (wanted.len() - missing.len()).to_string(),
        here: wanted.len().to_string(),
        verdict,
        what,
    }
}

/// What was written under a schema that is registered must be readable by this version's.
fn schemas(known: &[RegisteredSchema], catalog: &Catalog) -> Part {
    let (mut new, mut refused) = (Vec::new(), Vec::new());
    for (subject, schema) in catalog.writer_schemas() {
        let mut olds: Vec<&RegisteredSchema> =
            known.iter().filter(|k| k.subject == subject).collect();
        olds.sort_by_key(|s| s.version);
        if !olds.iter().any(|k| k.id == schema_id(&schema)) {
            new.push(format!("{subject} {}", olds.len() + 1));
        }
        let texts: Vec<&str> = olds.iter().map(|s| s.schema.as_str()).collect();
        if let Err(why) = check_backward_transitive(&schema, &texts) {
            refused.push(format!("{subject}: {why}"));
        }
    }
    let (verdict, what) = match (refused.is_empty(), new.is_empty()) {
        (false, _) => (Verdict::Refused, refused.join("; ")),
        (true, false) => (Verdict::Updated, format!("registers {}", new.join(", "))),
        (true, true) => (Verdict::GoesOn, "all can be read".to_owned()),
    };
    Part {
        part: "schemas",
        running: known.len().to_string(),
        here: catalog.events.len().to_string(),
        verdict,
        what,
    }
}

/// What combine keeps beside its offsets.
fn positions<'a>(metadata: impl Iterator<Item = &'a str>) -> Part {
    let (mut read, mut unread) = (0, 0);
    for text in metadata.filter(|m| !m.is_empty()) {
        match Position::parse(text) {
            Ok(_) => read += 1,
            Err(_) => unread += 1,
        }
    }
    let (verdict, what) = match unread {
        0 => (Verdict::GoesOn, "all can be read".to_owned()),
        n => {
            let what =
                format!("{n} are of a version that is not known here: combine does not start");
            (Verdict::Refused, what)
        }
    };
    Part {
        part: "positions",
        running: (read + unread).to_string(),
        here: read.to_string(),
        verdict,
        what,
    }
}

/// How many records of snapshots there are of a run, by stage and first byte.
type Formats = BTreeMap<(&'static str, u8), u64>;

fn formats(brokers: &Brokers, run: u32) -> Result<Formats> {
    let stages = [StageName::Window, StageName::Score].map(StageName::label);
    let prefixes = stages.map(|stage| (stage, format!("{stage}/r{run}/")));
    let mut found = Formats::new();
    for (key, value) in compacted::read_all(brokers, topics::STATE, LIMIT)? {
        let key = String::from_utf8_lossy(&key);
        let stage = prefixes.iter().find(|(_, p)| key.starts_with(p.as_str()));
        if let (Some((stage, _)), Some(first)) = (stage, value.first()) {
            *found.entry((stage, *first)).or_default() += 1;
        }
    }
    Ok(found)
}

fn snapshots(found: &Formats) -> Part {
    let known = |stage: &str| match stage == StageName::Window.label() {
        true => window::snapshot::FORMATS,
        false => score::snapshot::FORMATS,
    };
    let read = found
        .iter()
        .filter(|((stage, format), _)| known(stage).contains(format))
        .map(|(_, n)| n)
        .sum::<u64>();
    let all = found.values().sum::<u64>();
    let (verdict, what) = match all - read {
        0 => (Verdict::GoesOn, "all can be read".to_owned()),
        n => {
            let what = format!(
                "{n} are of a version that is not known here: their partitions are folded from \
                 the beginning of what they read, which must still be there"
            );
            (Verdict::Again, what)
        }
    };
    Part {
        part: "snapshots",
        running: all.to_string(),
        here: read.to_string(),
        verdict,
        what,
    }
}

/// Compares what ClickHouse holds with what is known here.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn tables(store: &Store, catalog: &Catalog, migrations: &[Migration]) -> Result<Part> {
    Ok(planned(&store.plan(migrations, catalog).await?))
}

fn planned(plan: &Plan) -> Part {
    let last = |names: &[&String]| names.last().map_or("none", |n| n.as_str()).to_owned();
    let applied: Vec<&String> = plan.applied.iter().chain(&plan.unknown).collect();
    let ours: Vec<&String> = plan.applied.iter().chain(&plan.pending).collect();
    let (verdict, what) = if !plan.changed.is_empty() {
        let names = plan.changed.join(", ");
        let what = format!("{names} was applied with another text: the sink does not start");
        (Verdict::Refused, what)
    } else if !plan.unknown.is_empty() {
        let names = plan.unknown.join(", ");
        let what = format!("{names} was applied by a later version, and stays");
        (Verdict::GoesOn, what)
    } else if !plan.pending.is_empty() {
        let what = format!("applies {}", plan.pending.join(", "));
        (Verdict::Updated, what)
    } else if !plan.statements.is_empty() {
        let what = format!("changes tables: {}", shortened(&plan.statements));
        (Verdict::Updated, what)
    } else {
        (
            Verdict::GoesOn,
            "views that changed are made anew".to_owned(),
        )
    };
    Part {
        part: "tables",
        running: last(&applied),
        here: last(&ours),
        verdict,
        what,
    }
}

/// The beginnings of statements.
fn shortened(statements: &[String]) -> String {
    let first = |s: &String| {
        s.lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(70)
            .collect()
    };
    let all: Vec<String> = statements.iter().map(first).collect();
    all.join("; ")
}

#[cfg(test)]
mod tests;
