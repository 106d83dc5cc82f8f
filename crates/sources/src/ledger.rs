//! What importers have already published: entries in the compacted topic `weir.imports`, written in
//! the same transactions as the events they speak of.

pub mod identities;
pub mod turn;

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An entry, one per source; its key in the topic is `key`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Identity of the source.
    pub key: String,
    /// How far it is.
    pub progress: Progress,
}

/// How far a source is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Progress {
    /// A history: all of `finished`, and the first `done` commits of `target` that are not in them.
    Git {
        /// Commits whose whole history is published.
        finished: Vec<String>,
        /// Commit being published.
        target: String,
        /// Commits of it that are published.
        done: u64,
    },
    /// A table: its first `rows` rows, which hash to `hash`.
    Rows {
        /// Name of the mapping.
        map: String,
        /// Rows read.
        rows: u64,
        /// SHA-256 of these rows, hex.
        hash: String,
    },
    /// A snapshot or simulation: its first `records` records.
    Records {
        /// Records written.
        records: u64,
        /// Whether the end marks are written too.
        finished: bool,
    },
    /// Dead letters that were put back: offsets by `topic/partition` of where the records first
    /// stood, so that a letter written again by a later run is known.
    Letters {
        /// See above.
        replayed: BTreeMap<String, BTreeSet<i64>>,
    },
}
