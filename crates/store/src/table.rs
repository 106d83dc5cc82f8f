//! The tables of one event type: parts of its aggregates, and its raw events.

use crate::StoreError;
use crate::client::ident;
use crate::measure;
use weir_catalog::EventDef;
use weir_model::avro::{LeafKind, leaf_paths};
use weir_model::measure::Accumulator;

/// Columns before the dimensions of a table of parts; the encoder writes them in this order.
const HEAD: &[(&str, &str)] = &[
    ("run", "UInt32"),
    ("tenant", "LowCardinality(String)"),
    (
        "rollup",
        "LowCardinality(String) COMMENT 'names of the dimensions, comma separated'",
    ),
    (
        "late",
        "UInt8 COMMENT '1: part of a minute that came after its window was final'",
    ),
    ("window_size", "LowCardinality(String)"),
    ("window_start", "DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))"),
    ("window_end", "DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))"),
    ("late_partition", "Int32 CODEC(ZSTD(1))"),
    ("late_offset", "Int64 CODEC(ZSTD(1))"),
    ("late_row", "UInt32 CODEC(ZSTD(1))"),
    ("version", "UInt64 CODEC(Delta, ZSTD(1))"),
];

/// The table of parts of an event type.
#[derive(Clone, Debug)]
pub struct PartsTable {
    /// `parts_llm_call`
    pub name: String,
    /// Names of dimensions, sorted.
    pub dimensions: Vec<String>,
    /// Measures in order of declaration.
    pub measures: Vec<(String, Accumulator)>,
}

impl PartsTable {
    /// Of an event type.
    ///
    /// # Errors
    /// Two columns would have the same name.
    pub fn of(event: &EventDef) -> Result<PartsTable, StoreError> {
        let table = PartsTable {
            name: format!("parts_{}", underscored(&event.name)),
            dimensions: event.dimensions.iter().map(|d| d.name.clone()).collect(),
            measures: event
                .measures
                .iter()
                .map(|m| (m.name.clone(), m.kind.accumulator()))
                .collect(),
        };
        let mut names = table.columns();
        names.sort();
        match names.windows(2).find(|w| w[0].0 == w[1].0) {
            None => Ok(table),
            Some(w) => Err(StoreError::Catalog {
                event: event.name.clone(),
                reason: format!(
                    "two columns of its table are named {}; rename the measure or dimension",
                    w[0].0
                ),
            }),
        }
    }

    /// (name, type and codec) in the order of RowBinary.
    pub fn columns(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = HEAD
            .iter()
            .map(|(n, t)| (n.to_string(), t.to_string()))
            .collect();
        all.extend(
            self.dimensions
                .iter()
                .map(|d| (d.clone(), "String CODEC(ZSTD(1))".to_string())),
        );
        all.extend(self.measure_columns());
        all
    }

    fn measure_columns(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.measures.iter().flat_map(|(m, a)| {
            measure::columns(*a)
                .iter()
                .map(move |(suffix, kind)| (format!("{m}{suffix}"), kind.to_string()))
        })
    }

    /// The list of columns of an insert.
    pub fn insert_columns(&self) -> String {
        self.columns()
            .iter()
            .map(|(n, _)| ident(n))
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn key(&self) -> String {
        // Late parts stand apart, so that a view of hours need not read the minutes.
        let mut key = vec![
            "run",
            "tenant",
            "rollup",
            "late",
            "window_size",
            "window_start",
        ]
        .into_iter()
        .map(String::from)
        .collect::<Vec<_>>();
        key.extend(self.dimensions.iter().map(|d| ident(d)));
        key.extend(["late_partition", "late_offset", "late_row"].map(String::from));
        key.join(", ")
    }

    /// `CREATE TABLE`.
    pub fn create(&self) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (\n{}\n)\nENGINE = ReplacingMergeTree(version)\nPARTITION BY toYYYYMM(window_start)\nORDER BY ({})\n{SETTINGS}",
            ident(&self.name),
            list(&self.columns()),
            self.key(),
        )
    }

    /// Statements that bring an older table up to this one: columns are only ever added.
    pub fn alter(&self, present: &[String]) -> Vec<String> {
        let missing = |name: &String| !present.iter().any(|p| p == name);
        let mut statements = Vec::new();
        for (name, kind) in self.measure_columns().filter(|(n, _)| missing(n)) {
            statements.push(format!(
                "ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {kind}",
                ident(&self.name),
                ident(&name)
            ));
        }
        statements
    }

    /// Dimensions that the table does not have yet.
    pub fn new_dimensions(&self, present: &[String]) -> Vec<&str> {
        self.dimensions
            .iter()
            .filter(|d| !present.contains(d))
            .map(String::as_str)
            .collect()
    }
}

const SETTINGS: &str = "SETTINGS index_granularity = 4096, min_bytes_for_wide_part = 33554432";

fn list(columns: &[(String, String)]) -> String {
    columns
        .iter()
        .map(|(n, t)| format!("    {} {t}", ident(n)))
        .collect::<Vec<_>>()
        .join(",\n")
}

/// `llm.call` as part of a name of a table.
pub fn underscored(event: &str) -> String {
    event.replace(['.', '-'], "_")
}

/// A column of the archive.
#[derive(Clone, PartialEq, Debug)]
pub struct Leaf {
    /// Column name: the path with `_`.
    pub column: String,
    /// Dotted path, as `weir_model::avro::Projection` takes it.
    pub path: String,
    /// What it holds.
    pub kind: LeafKind,
    /// Null is allowed on the way.
    pub nullable: bool,
}

impl Leaf {
    /// ClickHouse's name of its type.
    fn plain(&self) -> String {
        let plain = match self.kind {
            LeafKind::Bool => "Bool",
            LeafKind::Int => "Int64",
            LeafKind::Float => "Float64",
            LeafKind::Text => "String",
            LeafKind::TimestampMicros => "DateTime64(6, 'UTC')",
            // A map cannot be null in a column: a null one is empty.
            LeafKind::Map => return "Map(LowCardinality(String), String)".into(),
        };
        match self.nullable {
            true => format!("Nullable({plain})"),
            false => plain.into(),
        }
    }

    fn sql(&self) -> String {
        let codec = match (self.kind, self.nullable) {
            (LeafKind::TimestampMicros, false) => "Delta, ZSTD(1)",
            _ => "ZSTD(1)",
        };
        format!("{} CODEC({codec})", self.plain())
    }
}

/// The archive of raw events of a type.
#[derive(Clone, Debug)]
pub struct EventsTable {
    /// `events_llm_call`
    pub name: String,
    /// Columns from the schema.
    pub leaves: Vec<Leaf>,
}

/// Columns of the archive that the log gives.
const LOG: &[(&str, &str)] = &[
    ("log_partition", "Int32"),
    ("log_offset", "Int64 CODEC(Delta, ZSTD(1))"),
    ("log_time", "DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))"),
];

impl EventsTable {
    /// Of an event type.
    ///
    /// # Errors
    /// Its schema does not parse or is not a record.
    pub fn of(event: &EventDef) -> Result<EventsTable, StoreError> {
        let leaves = leaf_paths(&event.schema_json).map_err(|e| StoreError::Catalog {
            event: event.name.clone(),
            reason: e.to_string(),
        })?;
        let leaves = leaves
            .into_iter()
            .map(|l| Leaf {
                column: l.path.replace('.', "_"),
                path: l.path,
                kind: l.kind,
                nullable: l.nullable,
            })
            .collect();
        Ok(EventsTable {
            name: format!("events_{}", underscored(&event.name)),
            leaves,
        })
    }

    /// (name, type and codec) in the order of RowBinary.
    pub fn columns(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = LOG
            .iter()
            .map(|(n, t)| (n.to_string(), t.to_string()))
            .collect();
        all.extend(self.leaves.iter().map(|l| (l.column.clone(), l.sql())));
        all
    }

    /// The list of columns of an insert.
    pub fn insert_columns(&self) -> String {
        self.columns()
            .iter()
            .map(|(n, _)| ident(n))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// `CREATE TABLE`.
    pub fn create(&self) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (\n{}\n)\nENGINE = ReplacingMergeTree\nPARTITION BY toYYYYMM(event_time)\nORDER BY (tenant, event_time, log_partition, log_offset)\n{SETTINGS}",
            ident(&self.name),
            list(&self.columns()),
        )
    }

    /// Statements that bring an older table up to this one, of which (name, type) are present:
    /// columns are added, and take what a field has learned to be, e.g. null.
    pub fn alter(&self, present: &[(String, String)]) -> Vec<String> {
        let mut statements = Vec::new();
        for leaf in &self.leaves {
            let what = match present.iter().find(|(name, _)| *name == leaf.column) {
                None => "ADD COLUMN IF NOT EXISTS",
                Some((_, kind)) if *kind != leaf.plain() => "MODIFY COLUMN",
                Some(_) => continue,
            };
            statements.push(format!(
                "ALTER TABLE {} {what} {} {}",
                ident(&self.name),
                ident(&leaf.column),
                leaf.sql()
            ));
        }
        statements
    }
}
