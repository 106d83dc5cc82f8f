//! What the store shows, row by row: asked directly, or kept on disk by bucket of the subject.

use super::disk::Disk;
use super::shares;
use anyhow::{Context, Result};
use serde_json::Value as Json;
use std::io;
use tokio::runtime::Runtime;
use weir_catalog::Catalog;
use weir_model::codes::TEMPORARY;
use weir_model::{Micros, WindowSize};
use weir_oracle::{BUCKETS, Share, Shelves};
use weir_store::{Form, PartsTable, Store, merged_sql};

/// Columns of a row by name.
pub type Columns = serde_json::Map<String, Json>;

/// Rows that are compared in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Windows of a size, of the event type with this index.
    Windows(usize, WindowSize),
    Anomalies,
    Kpis,
    Alerts,
}

impl Kind {
    /// All that a catalog gives rise to.
    pub fn all(catalog: &Catalog) -> Vec<Kind> {
        let mut all = Vec::new();
        for (event, def) in catalog.events.iter().enumerate() {
            for size in WindowSize::ALL {
                if def.rollups.iter().any(|r| r.windows.contains(&size)) {
                    all.push(Kind::Windows(event, size));
                }
            }
        }
        all.extend([Kind::Anomalies, Kind::Kpis, Kind::Alerts]);
        all
    }

    /// The question for the rows, each after the bucket of its subject. Only what was final when
    /// the log was read, where the store can tell: time goes on meanwhile.
    fn sql(self, catalog: &Catalog, final_through: &[Micros]) -> Result<String> {
        let (bucket, rest) = match self {
            Kind::Windows(event, size) => {
                let def = &catalog.events[event];
                let through = Some(final_through[event]);
                let merged = merged_sql(catalog, def, size, Form::Full, through)?;
                let columns = "* REPLACE (toUnixTimestamp64Micro(window_start) AS window_start, toUnixTimestamp64Micro(window_end) AS window_end)";
                (
                    shares::of_windows(def),
                    format!("{columns} FROM ({merged})"),
                )
            }
            Kind::Anomalies => (
                shares::of_rows(),
                "id, event, detector AS name, toUnixTimestamp64Micro(window_end) AS at, value, expected, score, toUnixTimestamp64Micro(crosses_at) AS crosses_at, toUnixTimestamp64Micro(crosses_from) AS crosses_from, toUnixTimestamp64Micro(crosses_to) AS crosses_to FROM anomalies WHERE NOT early".to_owned(),
            ),
            Kind::Kpis => (
                shares::of_rows(),
                "id, kpi AS name, toUnixTimestamp64Micro(window_end) AS at, value, score, coverage, status, momentum FROM kpis".to_owned(),
            ),
            Kind::Alerts => (
                shares::of_rows(),
                "id, rule AS name, toUnixTimestamp64Micro(at) AS at, step, value, threshold, worst, windows, reopenings, state, failing, group_key FROM alerts".to_owned(),
            ),
        };
        Ok(format!(
            "SELECT {bucket} AS {BUCKET}, {rest} SETTINGS {SETTINGS}"
        ))
    }
}

/// The first column of each answer.
const BUCKET: &str = "weir_bucket";
/// Numbers come whole, and what ClickHouse groups goes to its own disk beyond 512 MiB.
const SETTINGS: &str = "output_format_json_quote_64bit_integers = 1, output_format_json_quote_decimals = 1, \
                        max_bytes_before_external_group_by = 536870912";

/// The store and the runtime to ask it with.
pub struct Asked<'a> {
    pub store: &'a Store,
    pub runtime: &'a Runtime,
    pub catalog: &'a Catalog,
    /// By event type: what was final when the log was read.
    pub final_through: &'a [Micros],
}

impl Asked<'_> {
    /// The lines of a kind, one by one: a table may be larger than memory.
    fn lines(&self, kind: Kind, f: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let sql = kind.sql(self.catalog, self.final_through)?;
        let mut answer = self.store.query(&sql, &[], "JSONEachRow")?;
        let mut rest: Vec<u8> = Vec::new();
        while let Some(bytes) = self.runtime.block_on(answer.next())? {
            rest.extend_from_slice(&bytes);
            let whole = rest.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
            let lines = rest[..whole].split(|b| *b == b'\n');
            lines.filter(|l| !l.is_empty()).try_for_each(&mut *f)?;
            rest.drain(..whole);
        }
        if rest.is_empty() { Ok(()) } else { f(&rest) }
    }

    /// How many rows there are, about: what is not merged yet counts for itself.
    pub fn about(&self) -> Result<u64> {
        let mut tables = vec![
            "anomalies".to_owned(),
            "kpis".to_owned(),
            "alerts".to_owned(),
        ];
        for event in &self.catalog.events {
            let name = PartsTable::of(event)?.name;
            let run = "run = (SELECT run FROM current_run)";
            tables.push(format!("`{name}` WHERE {run} AND late = 0"));
        }
        let counts = tables
            .iter()
            .map(|t| format!("SELECT count() AS n FROM {t}"));
        let counts: Vec<String> = counts.collect();
        let sql = format!("SELECT sum(n) FROM ({})", counts.join(" UNION ALL "));
        let told = self.runtime.block_on(self.store.scalar(&sql, &[]))?;
        told.and_then(|n| n.parse().ok())
            .context("ClickHouse did not tell how many rows there are")
    }

    /// Puts all rows onto shelves. `on` hears of each.
    pub fn keep(&self, disk: &mut Disk, on: &mut dyn FnMut()) -> Result<()> {
        for (number, kind) in Kind::all(self.catalog).into_iter().enumerate() {
            self.lines(kind, &mut |line| {
                on();
                let shelf = number * BUCKETS + bucket(line)?;
                disk.put(shelf, line).with_context(no_room)
            })?;
        }
        Ok(())
    }
}

/// What is said where the temporary files fail.
pub fn no_room() -> String {
    format!(
        "{TEMPORARY}: the folder {} of temporary files cannot be used; make room there, name another with TMPDIR, or give more --memory",
        std::env::temp_dir().display()
    )
}

/// The bucket that a line begins with.
fn bucket(line: &[u8]) -> Result<usize> {
    let number = std::str::from_utf8(line).ok().and_then(|text| {
        let text = text.strip_prefix("{\"")?.strip_prefix(BUCKET)?;
        let (number, _) = text.strip_prefix("\":")?.split_once(',')?;
        number.parse().ok()
    });
    number
        .filter(|b| *b < BUCKETS)
        .context("ClickHouse wrote a line without a bucket")
}

/// Where rows are compared from.
pub enum Rows<'a> {
    /// All, as they are asked.
    Asked(Asked<'a>),
    /// Those of a share, as they were put on shelves; with who hears of each.
    Kept(&'a mut Disk, Share, &'a mut dyn FnMut()),
}

impl Rows<'_> {
    /// The rows of a kind, which is the `number`th of the catalog's.
    pub fn each(
        &mut self,
        (number, kind): (usize, Kind),
        f: &mut dyn FnMut(Columns) -> Result<()>,
    ) -> Result<()> {
        let mut read = |line: &[u8]| {
            f(serde_json::from_slice(line).context("ClickHouse wrote a line that is no JSON")?)
        };
        match self {
            Rows::Asked(asked) => asked.lines(kind, &mut read),
            Rows::Kept(disk, share, on) => {
                let first = number * BUCKETS;
                let shelves = first + share.0.start..first + share.0.end;
                let mut failed = None;
                let kept = disk.all(shelves, &mut |line| {
                    on();
                    read(line).map_err(|e| {
                        failed = Some(e);
                        io::Error::other("a row")
                    })
                });
                match failed {
                    Some(e) => Err(e),
                    None => kept.with_context(no_room),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_begins_with_its_bucket() {
        let bucket = |line: &str| bucket(line.as_bytes());
        assert_eq!(bucket("{\"weir_bucket\":17,\"id\":\"a\"}").unwrap(), 17);
        assert!(bucket("{\"weir_bucket\":1024,\"id\":\"a\"}").is_err());
        assert!(bucket("{\"id\":\"a\"}").is_err());
    }
}
