//! What the archive has of calls that are about to be imported: those that came over OTLP. It
//! blocks, since an import asks while it publishes.

use anyhow::{Context, Result};
use serde_json::Value as Json;
use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use weir_agents::{AROUND, Agents, Call, There, Tokens, Tool, has_shared_id};
use weir_kafka::admin::Admin;
use weir_kafka::{Brokers, Tp};
use weir_model::topics;
use weir_runtime::names;
use weir_sources::ingest::{Archive, IMPORT};
use weir_store::{Store, StoreConfig, text};

/// Gateways know a claim that was written within this time.
const KNOWN: Duration = Duration::from_secs(1);
/// Longest wait for the sink.
const SETTLED: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Asks the archive of a tenant.
pub struct Archived<'a> {
    store: Store,
    brokers: Brokers,
    runtime: Runtime,
    agents: &'a Agents,
    tenant: String,
}

impl<'a> Archived<'a> {
    /// See above.
    ///
    /// # Errors
    /// No runtime can be started.
    pub fn new(
        config: &StoreConfig,
        brokers: &Brokers,
        agents: &'a Agents,
        tenant: &str,
    ) -> Result<Archived<'a>> {
        Ok(Archived {
            store: Store::new(config),
            brokers: brokers.clone(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("cannot start the runtime")?,
            agents,
            tenant: tenant.to_owned(),
        })
    }

    /// Rows of an archive that no import of logs made, around some times, one per event.
    fn rows(
        &self,
        table: &str,
        columns: &str,
        times: impl Iterator<Item = i64> + Clone,
        of: &str,
    ) -> Result<Vec<Vec<Json>>> {
        let (Some(from), Some(to)) = (times.clone().min(), times.max()) else {
            return Ok(Vec::new());
        };
        let sql = format!(
            "SELECT DISTINCT event_id, {columns} FROM {table} WHERE tenant = {} \
             AND event_time BETWEEN fromUnixTimestamp64Micro({}) AND fromUnixTimestamp64Micro({}) \
             AND resource['weir.import'] != {} AND ({of})",
            text(&self.tenant),
            from - AROUND,
            to + AROUND,
            text(IMPORT),
        );
        Ok(self.runtime.block_on(self.store.rows(&sql, &[]))?.rows)
    }
}

impl Archive for Archived<'_> {
    /// Blocks until gateways know of what was claimed before, and until what they took without
    /// knowing it is in the archive.
    fn settle(&mut self, event: &str) -> Result<bool> {
        std::thread::sleep(KNOWN);
        let until = Instant::now() + SETTLED;
        let admin = Admin::new(&self.brokers, SETTLED)?;
        let infos = admin.topics(&[&topics::events(event)])?.into_iter();
        let parts = infos.flat_map(|i| i.partitions.into_iter().map(move |p| (i.name.clone(), p)));
        let ends: Vec<(Tp, i64)> = parts
            .filter(|(_, p)| p.end > p.low)
            .map(|(topic, p)| (Tp::new(topic, p.partition), p.end))
            .collect();
        let tps: Vec<Tp> = ends.iter().map(|(tp, _)| tp.clone()).collect();
        loop {
            let read = admin.committed_with_metadata(names::SINK_GROUP, &tps)?;
            let mut both = ends.iter().zip(&read);
            if both.all(|((_, end), (next, _))| next.is_some_and(|n| n >= *end)) {
                return Ok(true);
            }
            if Instant::now() > until {
                return Ok(false);
            }
            std::thread::sleep(LOOK);
        }
    }

    fn calls(&mut self, of: &[&Call]) -> Result<Vec<There>> {
        let (by_id, by_session): (Vec<&Call>, Vec<&Call>) = of
            .iter()
            .copied()
            .partition(|c| has_shared_id(self.agents, c));
        let ids = by_id.iter().filter_map(|c| c.request_id.as_deref());
        let sessions = by_session.iter().map(|c| &*c.session);
        let condition = any("request_id", ids, "session_id", sessions);
        let columns = "ifNull(request_id, ''), ifNull(session_id, ''), model, \
             toUnixTimestamp64Micro(event_time), tokens_input, tokens_cache_read, \
             tokens_cache_write, tokens_output, tokens_reasoning";
        let times = of.iter().map(|c| c.at);
        let rows = self.rows("events_llm_call", columns, times, &condition)?;
        Ok(rows.iter().map(|r| there(r)).collect())
    }

    fn tools(&mut self, of: &[&Tool]) -> Result<Vec<bool>> {
        let apart = |t: &Tool| {
            let agent = self.agents.agent(&t.agent);
            agent.is_some_and(|a| a.otlp.tools.is_some())
        };
        let (by_session, by_id): (Vec<&Tool>, Vec<&Tool>) =
            of.iter().copied().partition(|t| apart(t));
        let ids = by_id.iter().map(|t| t.call_id.as_str());
        let sessions = by_session.iter().map(|t| &*t.session);
        let condition = any("call_id", ids, "session_id", sessions);
        let columns = "ifNull(call_id, ''), ifNull(session_id, '')";
        let times = of.iter().map(|t| t.at);
        let rows = self.rows("events_tool_called", columns, times, &condition)?;
        let ids: HashSet<&str> = rows.iter().map(|r| said(r, 1)).collect();
        let sessions: HashSet<&str> = rows.iter().map(|r| said(r, 2)).collect();
        let is_there = |t: &&Tool| match apart(t) {
            true => sessions.contains(&*t.session),
            false => ids.contains(t.call_id.as_str()),
        };
        Ok(of.iter().map(is_there).collect())
    }
}

/// A condition: one of some ids, or one of some sessions.
fn any<'t>(
    id: &str,
    ids: impl Iterator<Item = &'t str>,
    session: &str,
    sessions: impl Iterator<Item = &'t str>,
) -> String {
    let list = |column: &str, of: BTreeSet<&str>| {
        let of: Vec<String> = of.into_iter().map(text).collect();
        (!of.is_empty()).then(|| format!("{column} IN ({})", of.join(", ")))
    };
    let either = [list(id, ids.collect()), list(session, sessions.collect())];
    let either: Vec<String> = either.into_iter().flatten().collect();
    match either.is_empty() {
        true => "0".to_owned(),
        false => either.join(" OR "),
    }
}

fn there(row: &[Json]) -> There {
    There {
        request_id: said(row, 1).to_owned(),
        session: said(row, 2).to_owned(),
        model: said(row, 3).to_owned(),
        at: number(row, 4).unwrap_or(0),
        tokens: Tokens {
            input: number(row, 5),
            cache_read: number(row, 6),
            cache_write: number(row, 7),
            output: number(row, 8),
            reasoning: number(row, 9),
            ..Tokens::default()
        },
    }
}

fn said(row: &[Json], i: usize) -> &str {
    row.get(i).and_then(Json::as_str).unwrap_or_default()
}

/// ClickHouse may write whole numbers as texts.
fn number(row: &[Json], i: usize) -> Option<i64> {
    match row.get(i)? {
        Json::Number(n) => n.as_i64(),
        Json::String(s) => s.parse().ok(),
        _ => None,
    }
}
