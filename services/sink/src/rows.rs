//! Records become rows of tables, gathered until they are inserted.

use crate::archive::{Archive, Schemas};
use crate::metric;
use bytes::Bytes;
use std::collections::HashMap;
use weir_catalog::Catalog;
use weir_kafka::{Brokers, Error, Message};
use weir_model::records::{AggregateReader, Alert, Anomaly, DeadLetter, Kpi, Late};
use weir_model::{Micros, headers, topics};
use weir_store::encode::PartsEncoder;
use weir_store::results::{self, Fixture};
use weir_store::{PartsTable, StoreError};

/// Rows of one table that wait.
pub(crate) struct Buffer {
    pub table: String,
    pub columns: String,
    pub bytes: Vec<u8>,
    pub rows: usize,
}

impl Buffer {
    fn new(table: &str, columns: String) -> Buffer {
        Buffer {
            table: table.into(),
            columns,
            bytes: Vec::new(),
            rows: 0,
        }
    }

    /// What waits, leaving room for as much again.
    pub fn take(&mut self) -> Waiting {
        let room = self.bytes.len() + self.bytes.len() / 8;
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(room));
        Waiting {
            table: self.table.clone(),
            columns: self.columns.clone(),
            bytes: Bytes::from(bytes),
            rows: std::mem::take(&mut self.rows),
        }
    }
}

/// Rows of one table, to be inserted.
pub(crate) struct Waiting {
    pub table: String,
    pub columns: String,
    pub bytes: Bytes,
    pub rows: usize,
}

/// What a topic's records are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Records {
    Aggregates,
    Anomalies,
    Kpis,
    Alerts,
    Late,
    DeadLetters,
    People,
    Events(usize),
}

const FIXTURES: [(Records, Fixture); 6] = [
    (Records::Anomalies, results::ANOMALIES),
    (Records::Kpis, results::KPIS),
    (Records::Alerts, results::ALERTS),
    (Records::Late, results::LATE),
    (Records::DeadLetters, results::DEAD_LETTERS),
    (Records::People, results::PEOPLE),
];

/// All buffers, and who fills them.
pub(crate) struct Router {
    buffers: Vec<Buffer>,
    parts: Vec<(String, PartsEncoder)>,
    archives: Vec<Archive>,
    schemas: Schemas,
    kinds: HashMap<String, Records>,
}

impl Router {
    pub fn new(catalog: &Catalog, brokers: Brokers) -> Result<Router, StoreError> {
        // Buffers: the fixed tables, then parts by event type, then archives by event type.
        let mut buffers: Vec<Buffer> = FIXTURES
            .iter()
            .map(|(_, f)| Buffer::new(f.table, f.insert_columns()))
            .collect();
        let mut parts = Vec::new();
        for event in &catalog.events {
            let table = PartsTable::of(event)?;
            buffers.push(Buffer::new(&table.name, table.insert_columns()));
            parts.push((event.name.clone(), PartsEncoder::new(table)));
        }
        let mut archives = Vec::new();
        let mut kinds = HashMap::from([
            (topics::AGGREGATES.to_string(), Records::Aggregates),
            (topics::ANOMALIES.to_string(), Records::Anomalies),
            (topics::KPIS.to_string(), Records::Kpis),
            (topics::ALERTS.to_string(), Records::Alerts),
            (topics::LATE.to_string(), Records::Late),
            (topics::DLQ.to_string(), Records::DeadLetters),
            (topics::PEOPLE.to_string(), Records::People),
        ]);
        for (i, event) in catalog.events.iter().enumerate() {
            let archive = Archive::new(event)?;
            buffers.push(Buffer::new(&archive.table.name, archive.columns.clone()));
            archives.push(archive);
            kinds.insert(topics::events(&event.name), Records::Events(i));
        }
        Ok(Router {
            buffers,
            parts,
            archives,
            schemas: Schemas::new(brokers),
            kinds,
        })
    }

    /// Every topic that is read, sorted.
    pub fn topics(&self) -> Vec<String> {
        let mut all: Vec<String> = self.kinds.keys().cloned().collect();
        all.sort();
        all
    }

    /// Buffers that hold rows.
    pub fn waiting(&mut self) -> impl Iterator<Item = &mut Buffer> {
        self.buffers.iter_mut().filter(|b| b.rows > 0)
    }

    /// The most rows that wait for one table, and all bytes.
    pub fn size(&self) -> (usize, usize) {
        (
            self.buffers.iter().map(|b| b.rows).max().unwrap_or(0),
            self.buffers.iter().map(|b| b.bytes.len()).sum(),
        )
    }

    /// Adds the rows of records of one topic. A record that cannot be read is left out and counted.
    pub fn push<'m>(
        &mut self,
        topic: &str,
        records: impl Iterator<Item = Message<'m>>,
    ) -> Result<(), Error> {
        let Some(kind) = self.kinds.get(topic).copied() else {
            return Ok(());
        };
        let mut skipped = 0;
        for m in records {
            let done = match kind {
                Records::Events(i) => {
                    let buffer = &mut self.buffers[FIXTURES.len() + self.parts.len() + i];
                    let before = buffer.bytes.len();
                    let read = self.archives[i].push(&mut buffer.bytes, &m, &mut self.schemas)?;
                    buffer.rows += usize::from(buffer.bytes.len() > before);
                    read
                }
                Records::Aggregates => self.aggregates(&m),
                _ => self.fixture(kind, &m),
            };
            if !done {
                skipped += 1;
                if !matches!(kind, Records::Events(_)) {
                    tracing::error!(record = ?m, "a result cannot be read and is left out; run `weir verify`");
                }
            }
        }
        if skipped > 0 {
            metrics::counter!(metric::SKIPPED, "topic" => topic.to_string()).increment(skipped);
        }
        Ok(())
    }

    fn aggregates(&mut self, m: &Message<'_>) -> bool {
        let Some(Ok(mut block)) = m.value().map(AggregateReader::new) else {
            return false;
        };
        // An event type of another run's catalog: no view shows it.
        let Some(i) = self.parts.iter().position(|(name, _)| name == block.event) else {
            return true;
        };
        let buffer = &mut self.buffers[FIXTURES.len() + i];
        let before = buffer.bytes.len();
        match self.parts[i]
            .1
            .block(&mut buffer.bytes, &mut block, m.offset().unsigned_abs())
        {
            Ok(rows) => {
                buffer.rows += rows;
                true
            }
            Err(_) => {
                buffer.bytes.truncate(before);
                false
            }
        }
    }

    fn fixture(&mut self, kind: Records, m: &Message<'_>) -> bool {
        let Some(i) = FIXTURES.iter().position(|(k, _)| *k == kind) else {
            return false;
        };
        let buffer = &mut self.buffers[i];
        let out = &mut buffer.bytes;
        let value = m.value().unwrap_or_default();
        let sequence = m.offset().unsigned_abs();
        let read = match kind {
            Records::Anomalies => Anomaly::decode(value)
                .map(|a| results::anomaly(out, &a, sequence))
                .is_ok(),
            Records::Kpis => Kpi::decode(value)
                .map(|k| results::kpi(out, &k, sequence))
                .is_ok(),
            Records::Alerts => Alert::decode(value)
                .map(|a| results::alert(out, &a))
                .is_ok(),
            Records::Late => Late::decode(value)
                .map(|l| results::late(out, &l, m.partition(), m.offset()))
                .is_ok(),
            Records::People => person(out, m),
            _ => dead_letter(m)
                .map(|d| {
                    results::dead_letter(
                        out,
                        &d,
                        value,
                        Micros::from_millis(m.timestamp()),
                        m.partition(),
                        m.offset(),
                    )
                })
                .is_some(),
        };
        buffer.rows += usize::from(read);
        read
    }
}

/// A record of the directory; without a value it was deleted.
fn person(out: &mut Vec<u8>, m: &Message<'_>) -> bool {
    let Some(of) = m.key().and_then(weir_privacy::read_key) else {
        return false;
    };
    let at = Micros::from_millis(m.timestamp());
    results::person(out, of, m.value(), at, m.offset());
    true
}

/// What the headers of a dead letter say.
fn dead_letter(m: &Message<'_>) -> Option<DeadLetter> {
    let mut d = DeadLetter {
        code: 0,
        message: String::new(),
        topic: String::new(),
        partition: -1,
        offset: -1,
        tenant: String::new(),
    };
    let mut tenant = None;
    m.each_header(|name, value| {
        let text = String::from_utf8_lossy(value);
        match name {
            headers::ERROR_CODE => d.code = text.trim_start_matches("WEIR-").parse().unwrap_or(0),
            headers::ERROR_MESSAGE => d.message = text.into_owned(),
            headers::SOURCE_TOPIC => d.topic = text.into_owned(),
            headers::SOURCE_PARTITION => d.partition = text.parse().unwrap_or(-1),
            // The first one is the stage's own.
            headers::TENANT if tenant.is_none() => tenant = Some(text.into_owned()),
            headers::SOURCE_OFFSET => d.offset = text.parse().unwrap_or(-1),
            _ => {}
        }
    });
    d.tenant = tenant.unwrap_or_default();
    (d.code > 0 && d.offset >= 0).then_some(d)
}
