//! Which run this is: derived results carry the catalog's hash and a run number, and a new catalog
//! starts a new run.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use weir_catalog::Catalog;
use weir_kafka::admin::{Admin, Partitions, Raw, standard};
use weir_kafka::compacted::{Table, read_all};
use weir_kafka::{Brokers, Error, StageError};
use weir_model::{codes, topics};

/// Key of the current run in [`topics::CATALOG`]; catalogs lie beside it under their hashes.
const CURRENT: &[u8] = b"run";

/// The derivation that is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// 1, 2, ...
    pub number: u32,
    /// Hash of its catalog, 16 hex digits.
    pub catalog: String,
    /// Partitions of `weir.partials` that its state is made for.
    pub partials: u32,
    /// Partitions of `weir.terms` that its state is made for.
    pub terms: u32,
}

/// What a catalog looks like in [`topics::CATALOG`].
#[derive(Serialize, Deserialize)]
struct Kept {
    sources: Vec<(String, String)>,
}

fn key(hash: u64) -> String {
    format!("catalog/{hash:016x}")
}

fn unreadable(what: &str, e: impl std::fmt::Display) -> StageError {
    StageError::new(
        codes::INVARIANT,
        format!("{what} in {} cannot be read: {e}", topics::CATALOG),
    )
}

/// The current run as it stands in the log, if there is one.
pub fn current(brokers: &Brokers, deadline: Duration) -> Result<Option<Run>, StageError> {
    let all = read_all(brokers, topics::CATALOG, deadline)?;
    let Some((_, value)) = all.iter().find(|(k, _)| k == CURRENT) else {
        return Ok(None);
    };
    serde_json::from_slice(value)
        .map(Some)
        .map_err(|e| unreadable("the current run", e))
}

/// The catalog of the current run, if there is one.
pub fn current_catalog(
    brokers: &Brokers,
    deadline: Duration,
) -> Result<Option<Catalog>, StageError> {
    let all = read_all(brokers, topics::CATALOG, deadline)?;
    let find = |key: &[u8]| {
        all.iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v.as_slice())
    };
    let Some(run) = find(CURRENT) else {
        return Ok(None);
    };
    let run: Run = serde_json::from_slice(run).map_err(|e| unreadable("the current run", e))?;
    kept_catalog(&run, find(format!("catalog/{}", run.catalog).as_bytes())).map(Some)
}

/// A catalog from its entry.
fn kept_catalog(run: &Run, entry: Option<&[u8]>) -> Result<Catalog, StageError> {
    let entry =
        entry.ok_or_else(|| unreadable(&format!("catalog {}", run.catalog), "it is missing"))?;
    let kept: Kept =
        serde_json::from_slice(entry).map_err(|e| unreadable("the catalog of the run", e))?;
    weir_catalog::load_sources(kept.sources)
        .map_err(|e| unreadable("the catalog of the run", format!("{e:?}")))
}

/// The run of this catalog: the current one where the catalog is the same; else the next one, which
/// is begun (run 1 on a new system), or refused where a meaning changed without a new version
/// (WEIR-0108). Topics that are missing are created; partials or terms with another number of
/// partitions than the state was made with are an error (WEIR-0207).
pub fn run_of(
    brokers: &Brokers,
    catalog: &Catalog,
    partitions: &Partitions,
    deadline: Duration,
) -> Result<Run, StageError> {
    let admin = Admin::new(brokers, deadline)?;
    let there = admin.names()?;
    let count = |topic: &str| there.iter().find(|(n, _)| n == topic).map(|(_, p)| *p);
    // What exists decides: the configured numbers are for topics to be created.
    let wanted = Partitions {
        partials: count(topics::PARTIALS).unwrap_or(partitions.partials),
        terms: count(topics::TERMS).unwrap_or(partitions.terms),
        ..partitions.clone()
    };
    let raw = catalog.events.iter().map(|e| Raw {
        event_type: &e.name,
        low_volume: e.low_volume,
    });
    admin.ensure(&standard(raw, &wanted), wanted.replication)?;

    let hash = format!("{:016x}", catalog.hash);
    let all = read_all(brokers, topics::CATALOG, deadline)?;
    let find = |key: &[u8]| {
        all.iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v.as_slice())
    };
    let now: Option<Run> = find(CURRENT)
        .map(serde_json::from_slice)
        .transpose()
        .map_err(|e| unreadable("the current run", e))?;
    let old = match &now {
        Some(run) if run.catalog != hash => {
            let entry = find(format!("catalog/{}", run.catalog).as_bytes());
            Some(kept_catalog(run, entry)?)
        }
        _ => None,
    };
    let number = match next(now.as_ref(), old.as_ref(), catalog, &wanted)? {
        Next::GoesOn(run) => return Ok(run),
        Next::Begins(number) => number,
    };
    begin(
        brokers,
        catalog,
        Run {
            number,
            catalog: hash,
            partials: wanted.partials,
            terms: wanted.terms,
        },
    )
}

/// What a processor makes of the run that it finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It goes on in it.
    GoesOn(Run),
    /// It begins one with this number: everything is derived again from the first offset.
    Begins(u32),
}

/// What a processor with this catalog makes of the current run (`old` is its catalog, where that is
/// another one) and of topics with so many partitions.
///
/// # Errors
/// A meaning changed without a new version (WEIR-0108), or partials or terms have another number of
/// partitions than the state was made with (WEIR-0207).
pub fn next(
    now: Option<&Run>,
    old: Option<&Catalog>,
    catalog: &Catalog,
    partitions: &Partitions,
) -> Result<Next, StageError> {
    let Some(run) = now else {
        return Ok(Next::Begins(1));
    };
    if run.catalog != format!("{:016x}", catalog.hash) {
        let refused = old.map_or_else(Vec::new, |old| weir_catalog::evolve(old, catalog));
        if refused.is_empty() {
            return Ok(Next::Begins(run.number + 1));
        }
        let lines: Vec<String> = refused
            .iter()
            .map(|p| format!("{}:{}: {}; {}", p.file, p.line, p.message, p.remedy))
            .collect();
        return Err(StageError::new(codes::CATALOG_MEANING, lines.join("\n")));
    }
    let changed = [
        (topics::PARTIALS, run.partials, partitions.partials),
        (topics::TERMS, run.terms, partitions.terms),
    ];
    for (topic, expected, found) in changed {
        if expected != found {
            return Err(Error::PartitionsChanged {
                topic: topic.into(),
                expected,
                found,
            }
            .into());
        }
    }
    Ok(Next::GoesOn(run.clone()))
}

/// Begins the next run under the same catalog: everything is derived again from the first offset.
pub fn reprocess(
    brokers: &Brokers,
    catalog: &Catalog,
    partitions: &Partitions,
    deadline: Duration,
) -> Result<Run, StageError> {
    let admin = Admin::new(brokers, deadline)?;
    let there = admin.names()?;
    let count = |topic: &str, or: u32| {
        there
            .iter()
            .find(|(n, _)| n == topic)
            .map_or(or, |(_, p)| *p)
    };
    let run = Run {
        number: current(brokers, deadline)?.map_or(1, |r| r.number + 1),
        catalog: format!("{:016x}", catalog.hash),
        partials: count(topics::PARTIALS, partitions.partials),
        terms: count(topics::TERMS, partitions.terms),
    };
    begin(brokers, catalog, run)
}

/// The catalog first: a run whose catalog is missing could not be compared with the next.
fn begin(brokers: &Brokers, catalog: &Catalog, run: Run) -> Result<Run, StageError> {
    let table = Table::new(brokers, topics::CATALOG)?;
    let kept = Kept {
        sources: catalog.sources.as_ref().clone(),
    };
    let json = |e: serde_json::Error| StageError::new(codes::INVARIANT, e.to_string());
    table.put(
        key(catalog.hash).as_bytes(),
        Some(&serde_json::to_vec(&kept).map_err(json)?),
    )?;
    table.put(CURRENT, Some(&serde_json::to_vec(&run).map_err(json)?))?;
    tracing::info!(run = run.number, catalog = run.catalog, "a new run begins");
    Ok(run)
}

/// What the stages of a run share.
#[derive(Clone)]
pub struct Scope {
    /// Where Kafka is.
    pub brokers: Brokers,
    /// The catalog.
    pub catalog: Arc<Catalog>,
    /// The run.
    pub run: Run,
    /// Partitions of the raw topics, by event type.
    pub raw: Vec<u32>,
    /// Partitions of `weir.state`.
    pub state: u32,
}

impl Scope {
    /// Limit of calls.
    pub(crate) fn limit(&self) -> Duration {
        self.brokers.timeouts.call
    }
}

impl Scope {
    /// For a run whose topics exist.
    pub fn new(brokers: &Brokers, catalog: Arc<Catalog>, run: Run) -> Result<Scope, StageError> {
        let there = Admin::new(brokers, brokers.timeouts.call)?.names()?;
        let count = |topic: &str| {
            there
                .iter()
                .find(|(n, _)| n == topic)
                .map(|(_, p)| *p)
                .ok_or_else(|| {
                    StageError::new(
                        codes::BROKER_UNREACHABLE,
                        format!("topic {topic} is missing: start the processor first"),
                    )
                })
        };
        let raw = catalog
            .events
            .iter()
            .map(|e| count(&topics::events(&e.name)))
            .collect::<Result<_, _>>()?;
        let state = count(topics::STATE)?;
        Ok(Scope {
            brokers: brokers.clone(),
            catalog,
            run,
            raw,
            state,
        })
    }
}
