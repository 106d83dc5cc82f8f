//! Tables of results that are no aggregates: their columns, rows and views. Those of records are
//! the records' own, as their schemas declare them. Only what is no field of one is said here.

use crate::calendar::LAST_MOMENT;
use crate::client::{ident, text};
use crate::row_binary::{length, string, time};
use crate::{Store, StoreError};
use weir_model::Micros;
use weir_model::records::{
    Alert, Anomaly, Cell, Column, ColumnType, DeadLetter, Kpi, Late, Stored,
};

/// A table that is not made from the catalog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fixture {
    /// Table name.
    pub table: &'static str,
    /// Name of its view.
    pub view: &'static str,
    /// Columns that are fields of the record.
    fields: &'static [Column],
    /// Columns that are none: (name, type). They stand after the fields.
    own: &'static [(&'static str, &'static str)],
    /// What the view selects, where that is not the fields.
    select: Option<&'static str>,
    /// SQL of the time whose day a row belongs to.
    pub(crate) time: &'static str,
}

/// Rows of [`anomaly`].
pub const ANOMALIES: Fixture = Fixture {
    table: "anomalies_log",
    view: "anomalies",
    fields: Anomaly::COLUMNS,
    own: &[("version", "UInt64")],
    select: None,
    time: LAST_MOMENT,
};

/// Rows of [`kpi`].
pub const KPIS: Fixture = Fixture {
    table: "kpis_log",
    view: "kpis",
    fields: Kpi::COLUMNS,
    own: &[("version", "UInt64")],
    select: None,
    time: LAST_MOMENT,
};

/// Rows of [`alert`].
pub const ALERTS: Fixture = Fixture {
    table: "alerts_log",
    view: "alerts",
    fields: Alert::COLUMNS,
    own: &[],
    select: None,
    time: "at",
};

/// Rows of [`late`].
pub const LATE: Fixture = Fixture {
    table: "late_log",
    view: "late",
    fields: Late::COLUMNS,
    own: &[("log_partition", "Int32"), ("log_offset", "Int64")],
    select: None,
    time: "watermark",
};

/// Rows of [`dead_letter`]: what headers say, and so no record with fields.
pub const DEAD_LETTERS: Fixture = Fixture {
    table: "dead_letters_log",
    view: "dead_letters",
    fields: &[],
    own: &[
        ("topic", "LowCardinality(String)"),
        ("partition", "Int32"),
        ("offset", "Int64"),
        ("code", "UInt16"),
        ("message", "String"),
        ("value", "String"),
        ("log_time", "DateTime64(6, 'UTC')"),
        ("log_partition", "Int32"),
        ("log_offset", "Int64"),
        ("tenant", "LowCardinality(String)"),
    ],
    select: Some(
        "tenant, topic, partition, offset, \
         concat('WEIR-', leftPad(toString(code), 4, '0')) AS code, \
         message, value, log_time, log_partition, log_offset",
    ),
    time: "log_time",
};

/// Rows of [`person`]. It has a view of its own, of what was not erased.
pub const PEOPLE: Fixture = Fixture {
    table: "people_log",
    view: "people",
    fields: &[],
    own: &[
        ("tenant", "LowCardinality(String)"),
        ("pseudonym", "String"),
        ("address", "String"),
        ("changed", "DateTime64(6, 'UTC')"),
        ("version", "UInt64"),
        ("erased", "UInt8"),
    ],
    select: None,
    time: "changed",
};

/// All that have views with days.
pub const ALL: [Fixture; 5] = [ANOMALIES, KPIS, ALERTS, LATE, DEAD_LETTERS];

/// Columns that a view shows first.
const FIRST: [&str; 2] = ["tenant", "dimensions"];
/// The one that it shows last.
const LAST: &str = "id";
/// How a record came to be: views show one run, and say nothing of it.
const HIDDEN: [&str; 3] = ["run", "catalog", "revision"];

impl Fixture {
    /// (name, type) in the order of RowBinary.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let own = self.own.iter().map(|(n, t)| (*n, (*t).to_owned()));
        self.fields.iter().map(|c| (c.name, sql(c.kind))).chain(own)
    }

    /// (column, what it is) of the fields of the record.
    pub(crate) fn docs(&self) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
        self.fields.iter().map(|c| (c.name, c.doc))
    }

    /// The list of columns of an insert.
    pub fn insert_columns(&self) -> String {
        let names: Vec<String> = self.columns().map(|(n, _)| ident(n)).collect();
        names.join(", ")
    }

    /// Statements that add the fields that an older table lacks.
    pub(crate) fn alter(&self, present: &[String]) -> Vec<String> {
        let missing = self
            .fields
            .iter()
            .filter(|c| !present.iter().any(|p| p == c.name));
        missing
            .map(|c| {
                format!(
                    "ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {} COMMENT {}",
                    ident(self.table),
                    ident(c.name),
                    sql(c.kind),
                    text(c.doc)
                )
            })
            .collect()
    }

    /// What its view selects.
    pub(crate) fn select(&self) -> String {
        if let Some(select) = self.select {
            return select.to_owned();
        }
        let has = |name: &&str| self.fields.iter().any(|c| c.name == *name);
        let middle = self
            .fields
            .iter()
            .map(|c| c.name)
            .filter(|n| !FIRST.contains(n) && !HIDDEN.contains(n) && *n != LAST);
        let first = FIRST.into_iter().filter(has);
        let last = Some(LAST).into_iter().filter(has);
        let names: Vec<String> = first.chain(middle).chain(last).map(ident).collect();
        names.join(", ")
    }

    /// Whether its rows belong to a run. What could not be read belongs to none.
    pub(crate) fn of_a_run(&self) -> bool {
        self.columns().any(|(name, _)| name == "run")
    }
}

/// The type of a column.
fn sql(kind: ColumnType) -> String {
    match kind {
        ColumnType::Bool => "Bool".to_owned(),
        ColumnType::I32 => "Int32".to_owned(),
        ColumnType::I64 => "Int64".to_owned(),
        ColumnType::U32 => "UInt32".to_owned(),
        ColumnType::U64 => "UInt64".to_owned(),
        ColumnType::F64 => "Float64".to_owned(),
        ColumnType::Text => "String".to_owned(),
        ColumnType::Label => "LowCardinality(String)".to_owned(),
        ColumnType::Time => "DateTime64(6, 'UTC')".to_owned(),
        // ClickHouse wants the null within.
        ColumnType::Optional(ColumnType::Label) => "LowCardinality(Nullable(String))".to_owned(),
        ColumnType::Optional(of) => format!("Nullable({})", sql(*of)),
        ColumnType::Map(of) => format!("Map(LowCardinality(String), {})", sql(*of)),
    }
}

/// Writes the fields of a record in RowBinary.
fn fields(out: &mut Vec<u8>, record: &impl Stored) {
    record.cells(&mut |cell| match cell {
        Cell::Bool(v) => out.push(u8::from(v)),
        Cell::I32(v) => out.extend_from_slice(&v.to_le_bytes()),
        Cell::I64(v) => out.extend_from_slice(&v.to_le_bytes()),
        Cell::U32(v) => out.extend_from_slice(&v.to_le_bytes()),
        Cell::U64(v) => out.extend_from_slice(&v.to_le_bytes()),
        Cell::F64(v) => out.extend_from_slice(&v.to_le_bytes()),
        Cell::Text(v) => string(out, v.as_bytes()),
        Cell::Time(v) => time(out, v),
        Cell::Null => out.push(1),
        Cell::Present => out.push(0),
        Cell::Entries(n) => length(out, n),
    });
}

/// `sequence` grows with the log: of two records of one id the later one stays, a final one before
/// all early ones.
pub fn anomaly(out: &mut Vec<u8>, a: &Anomaly, sequence: u64) {
    fields(out, a);
    out.extend_from_slice(&(sequence << 1 >> 1 | u64::from(!a.early) << 63).to_le_bytes());
}

/// `sequence` as for [`anomaly`].
pub fn kpi(out: &mut Vec<u8>, k: &Kpi, sequence: u64) {
    fields(out, k);
    out.extend_from_slice(&sequence.to_le_bytes());
}

/// The highest step of an alert stays.
pub fn alert(out: &mut Vec<u8>, a: &Alert) {
    fields(out, a);
}

/// A summary of late events, with where the summary itself stood.
pub fn late(out: &mut Vec<u8>, l: &Late, partition: i32, offset: i64) {
    fields(out, l);
    out.extend_from_slice(&partition.to_le_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
}

/// A dead letter, with where it stood in the dead-letter topic.
pub fn dead_letter(
    out: &mut Vec<u8>,
    d: &DeadLetter,
    value: &[u8],
    at: Micros,
    partition: i32,
    offset: i64,
) {
    string(out, d.topic.as_bytes());
    out.extend_from_slice(&d.partition.to_le_bytes());
    out.extend_from_slice(&d.offset.to_le_bytes());
    out.extend_from_slice(&d.code.to_le_bytes());
    string(out, d.message.as_bytes());
    string(out, value);
    time(out, at);
    out.extend_from_slice(&partition.to_le_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
    string(out, d.tenant.as_bytes());
}

/// A record of the directory: without an address the person was erased.
pub fn person(
    out: &mut Vec<u8>,
    (tenant, pseudonym): (&str, &str),
    address: Option<&[u8]>,
    at: Micros,
    offset: i64,
) {
    let digits: String = address
        .unwrap_or_default()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    string(out, tenant.as_bytes());
    string(out, pseudonym.as_bytes());
    string(out, digits.as_bytes());
    time(out, at);
    out.extend_from_slice(&(offset.unsigned_abs() + 1).to_le_bytes());
    out.push(u8::from(address.is_none()));
}

impl Store {
    /// Takes a person's rows out of the directory, bytes and all; whether there were any.
    ///
    /// # Errors
    /// ClickHouse does not answer, or refuses: it takes access that writes.
    pub async fn forget_person(&self, tenant: &str, pseudonym: &str) -> Result<bool, StoreError> {
        let whose = format!(
            "tenant = {} AND pseudonym = {}",
            text(tenant),
            text(pseudonym)
        );
        let count = format!("SELECT count() FROM people_log WHERE {whose}");
        let there = self.fetch::<u64>(&count).await?;
        self.change(&format!(
            "ALTER TABLE people_log DELETE WHERE {whose} SETTINGS mutations_sync = 2"
        ))
        .await?;
        Ok(there.first().is_some_and(|n| *n > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_show_what_they_always_did() {
        let shown = |f: Fixture| f.select().replace('`', "");
        assert_eq!(
            shown(ANOMALIES),
            "tenant, dimensions, detector, detector_version, kind, severity, event, window, \
             window_start, window_end, value, expected, score, crosses_at, crosses_from, \
             crosses_to, early, id"
        );
        assert_eq!(
            shown(KPIS),
            "tenant, dimensions, kpi, kpi_version, window, window_start, window_end, value, score, \
             status, momentum, sample, coverage, terms, id"
        );
        assert_eq!(
            shown(ALERTS),
            "tenant, dimensions, rule, rule_version, kind, severity, state, step, opened, at, \
             value, threshold, worst, windows, impact, action, reopenings, type, priority, \
             metric, unit, component, client, group_id, group_key, conditions, failing, id"
        );
        assert_eq!(
            shown(LATE),
            "tenant, topic, partition, first_offset, last_offset, events, earliest, watermark"
        );
    }

    #[test]
    fn an_older_table_gets_what_it_lacks() {
        let mut present: Vec<String> = ALERTS.columns().map(|(n, _)| n.to_owned()).collect();
        assert!(ALERTS.alter(&present).is_empty());
        present.retain(|n| n != "worst");
        assert_eq!(
            ALERTS.alter(&present),
            [
                "ALTER TABLE `alerts_log` ADD COLUMN IF NOT EXISTS `worst` Nullable(Float64) \
                 COMMENT 'worst value since it opened'"
            ]
        );
        let label = ColumnType::Optional(&ColumnType::Label);
        assert_eq!(sql(label), "LowCardinality(Nullable(String))");
    }
}
