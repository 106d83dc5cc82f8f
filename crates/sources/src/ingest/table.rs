//! A table of another tool into the log.
//!
//! The file is read once. Its events wait in a temporary file; what is kept of each beside that is
//! sorted twice: by identity, to find the row that counts and what is published already, and by
//! time, since what comes late in its partition is counted but not judged. Each sort holds 32 MiB
//! at most: 10 million rows take about 100 MiB of memory and 5 GB of temporary files.

use super::published::Published;
use super::{OnProgress, Report};
use crate::Outgoing;
use crate::ledger::{Progress, identities::Known};
use crate::map::{BadRow, Mapped, Mapper, Mapping, Row, Rows};
use crate::sorter::{Sorted, Sorter, ordered, part};
use crate::spool::{Spool, Spooled};
use anyhow::{Result, bail};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use weir_catalog::EventDef;
use weir_kafka::Brokers;
use weir_model::codes::INPUT;
use weir_model::{Micros, codes, topics};
use weir_privacy::Privacy;

/// A file to import.
pub struct Table<'a> {
    /// How it is read.
    pub mapping: Mapping,
    /// The event type that the mapping is for.
    pub event: &'a EventDef,
    /// Tenant of the events.
    pub tenant: &'a str,
    /// The file.
    pub path: &'a Path,
    /// Nothing is added to it any more: its last line needs no end.
    pub complete: bool,
    /// Time of the import.
    pub now: Micros,
    /// Writes pseudonyms in place of names.
    pub privacy: Option<Arc<Privacy>>,
}

/// An event that may be published: hash of its identity (16), rank (8), row (8), time (8), place in
/// the spool (8), hash of its content (4).
type Candidate = [u8; 52];
/// An event that is to be published: time (8), row (8), place in the spool (8), identity with
/// content (20).
type Chosen = [u8; 44];

/// Imports a table.
pub fn table(brokers: &Brokers, table: Table, on: OnProgress) -> Result<Report> {
    let begun = Instant::now();
    let mut report = Report::default();
    let map = format!("{}/{}", table.tenant, table.mapping.name);
    let topic = topics::events(&table.event.name);
    let (tenant, event) = (table.tenant, table.event);
    let privacy = table.privacy.clone();
    let mut reading = Reading::new(table)?;
    reading.run(&mut report, on)?;
    let (mut published, mut known, sources) = Published::take_over(
        brokers,
        (tenant, &event.name),
        privacy.as_ref(),
        &mut report,
    )?;
    known_as_a_whole(&map, &sources)?;
    let chosen = choose(
        reading.candidates.sorted()?,
        reading.mapper.keeps_first(),
        &mut known,
        &mut published,
        &mut report,
    )?;
    // Also of those that are not published again: nothing is lost by it.
    published.meet(&reading.mapper.met())?;
    let total = report.written;
    report.written = 0;
    let writing = Instant::now();
    let mut spooled = reading.spool.reader()?;
    for entry in chosen {
        send(&entry?, &mut spooled, &topic, &mut published)?;
        report.written += 1;
        on(report.written, Some(total));
    }
    published.end()?;
    report.timed(begun, writing);
    Ok(report)
}

/// Refuses a table that a version of weir imported that remembered hashes of files: of what rows
/// these were nobody knows.
fn known_as_a_whole(map: &str, sources: &HashMap<String, Progress>) -> Result<()> {
    let old = |p: &Progress| matches!(p, Progress::Rows { map: m, .. } if m == map);
    if sources.values().any(old) {
        bail!(
            "{INPUT}: an older version of weir imported tables of {map} (tenant and mapping), and did not write down which rows; \
             import them into a new data directory"
        );
    }
    Ok(())
}

/// The rows of a file on their way.
struct Reading {
    rows: Rows,
    mapper: Mapper,
    file: String,
    csv: bool,
    spool: Spool,
    candidates: Sorter<52>,
}

impl Reading {
    fn new(table: Table) -> Result<Reading> {
        let format = table.mapping.format;
        let mapper = Mapper::new(table.mapping, table.event, table.tenant, table.now)?;
        let mapper = mapper.hiding(table.privacy);
        let name = table.path.file_name();
        Ok(Reading {
            rows: Rows::open(table.path, format, mapper.reads(), table.complete)?,
            mapper,
            file: name.map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
            csv: format == crate::map::Format::Csv,
            spool: Spool::new()?,
            candidates: Sorter::default(),
        })
    }

    fn run(&mut self, report: &mut Report, on: OnProgress) -> Result<()> {
        while let Some(row) = self.rows.next_row()? {
            let (number, line, mapped) = match row {
                Ok(row) => (row.number, row.line, self.mapped(&row)),
                Err(BadRow {
                    number,
                    line,
                    error,
                }) => (
                    number,
                    line,
                    Err(error.context(codes::IMPORT_ROW.to_string())),
                ),
            };
            match mapped {
                Ok(Some(event)) => self.keep(number, &event)?,
                Ok(None) => report.left_out += 1,
                Err(e) => {
                    report.refused += 1;
                    let row = if self.csv {
                        format!(", row {number}")
                    } else {
                        String::new()
                    };
                    report.reason(|| format!("{} line {line}{row}: {e:#}", self.file));
                }
            }
            on(number, None);
        }
        report.waiting = self.rows.waiting;
        Ok(())
    }

    fn mapped(&mut self, row: &Row) -> Result<Option<Mapped>> {
        self.mapper.map(row)
    }

    fn keep(&mut self, row: u64, event: &Mapped) -> Result<()> {
        let place = self.spool.append(event.source.as_bytes(), &event.value)?;
        let mut entry: Candidate = [0; 52];
        entry[..16].copy_from_slice(&event.identity[..16]);
        entry[16..24].copy_from_slice(&event.rank);
        entry[24..32].copy_from_slice(&row.to_be_bytes());
        entry[32..40].copy_from_slice(&ordered(event.time.0));
        entry[40..48].copy_from_slice(&place.to_be_bytes());
        entry[48..].copy_from_slice(&event.identity[16..]);
        self.candidates.push(entry)
    }
}

/// Of each identity the row that counts, where nothing was published for it, in the order of time.
fn choose(
    candidates: Sorted<52>,
    first_counts: bool,
    known: &mut Known,
    published: &mut Published,
    report: &mut Report,
) -> Result<Sorted<44>> {
    let mut chosen: Sorter<44> = Sorter::default();
    let mut take = |row: Candidate, report: &mut Report| -> Result<()> {
        let mut identity = [0; 20];
        identity[..16].copy_from_slice(&row[..16]);
        identity[16..].copy_from_slice(&row[48..]);
        match known.find(&identity)? {
            Some(differs) => {
                report.already += 1;
                report.differing += u64::from(differs);
                Ok(())
            }
            None => {
                let mut entry: Chosen = [0; 44];
                entry[..8].copy_from_slice(&row[32..40]);
                entry[8..16].copy_from_slice(&row[24..32]);
                entry[16..24].copy_from_slice(&row[40..48]);
                entry[24..].copy_from_slice(&identity);
                report.written += 1;
                chosen.push(entry)
            }
        }
    };
    let mut counts: Option<Candidate> = None;
    for (n, row) in candidates.enumerate() {
        let row = row?;
        if n % 4096 == 0 {
            published.idle()?;
        }
        match &mut counts {
            Some(best) if best[..16] == row[..16] => {
                report.doubled += 1;
                if !first_counts {
                    *best = row;
                }
            }
            _ => {
                if let Some(best) = counts.replace(row) {
                    take(best, report)?;
                }
            }
        }
    }
    if let Some(best) = counts {
        take(best, report)?;
    }
    chosen.sorted()
}

fn send(
    entry: &Chosen,
    spooled: &mut Spooled,
    topic: &str,
    published: &mut Published,
) -> Result<()> {
    let place = u64::from_be_bytes(part(entry, 16));
    let (key, value) = spooled.read(place)?;
    published.add(part(entry, 24), |p| {
        p.record(&Outgoing {
            topic: topic.to_owned(),
            partition: None,
            key,
            value: Some(value),
            log_time: None,
            tick: None,
        })
    })
}
