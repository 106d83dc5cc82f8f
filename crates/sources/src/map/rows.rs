//! Rows of a CSV or JSONL file. Each row stands alone: a bad one is an error of its own, and the
//! next one is read.

use super::lines::{End, LONGEST, Lines};
use super::{Format, cells, jsonl};
use anyhow::{Result, anyhow, bail};
use cel::Value;
use cel::objects::{Key, Map};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use weir_model::codes::{INPUT, MAPPING};

/// Rows of a quote that is never closed are read again at most so often; after that they are one
/// bad row.
const REREAD: u32 = 64;

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its columns by name.
    pub columns: Value,
    /// Its number, from 1: of JSONL its line, of CSV without the header.
    pub number: u64,
    /// Line on which it begins, from 1.
    pub line: u64,
}

/// Which columns a mapping reads.
#[derive(Debug, Clone, Default)]
pub struct Reads {
    /// By name.
    pub columns: BTreeSet<String>,
    /// Those of them that it asks for with `has()`: they may be absent.
    pub optional: BTreeSet<String>,
    /// It reads the row as a whole.
    pub all: bool,
}

impl Reads {
    /// Whether a column is read.
    pub fn reads(&self, column: &str) -> bool {
        self.all || self.columns.contains(column) || self.optional.contains(column)
    }
}

/// A row that cannot be read, and where.
#[derive(Debug)]
pub struct BadRow {
    /// See [`Row::number`].
    pub number: u64,
    /// See [`Row::line`].
    pub line: u64,
    /// Why.
    pub error: anyhow::Error,
}

/// A stream of rows.
pub struct Rows {
    lines: Lines,
    format: Format,
    reads: Reads,
    names: Vec<String>,
    /// Lines that were read ahead for a quote that did not end.
    again: VecDeque<(Vec<u8>, End)>,
    rereads: u32,
    line: u64,
    /// Line on which the row that was read last begins.
    began: u64,
    number: u64,
    /// Lines at the end of the file that wait for their end.
    pub waiting: u64,
}

impl Rows {
    /// Opens a file. A CSV file is refused where its header does not have what the mapping reads,
    /// once.
    pub fn open(path: &Path, format: Format, reads: &Reads, complete: bool) -> Result<Rows> {
        let mut rows = Rows {
            lines: Lines::open(path, complete)?,
            format,
            reads: reads.clone(),
            names: Vec::new(),
            again: VecDeque::new(),
            rereads: 0,
            line: 0,
            began: 0,
            number: 0,
            waiting: 0,
        };
        if format == Format::Csv {
            rows.header(path)?;
        }
        Ok(rows)
    }

    fn header(&mut self, path: &Path) -> Result<()> {
        let at = path.display();
        let cells = match self.cells()? {
            None => return Ok(()), // it is not written yet
            Some(Ok(cells)) => cells,
            Some(Err(e)) => bail!("{INPUT}: the header of {at} cannot be read: {e}"),
        };
        let name = |c: Option<String>| c.unwrap_or_default().trim().to_owned();
        if cells.iter().flatten().any(|c| c.contains('\r')) {
            bail!(
                "{INPUT}: the lines of {at} end with CR alone; write them with LF first, for example with `tr '\\r' '\\n'`"
            );
        }
        self.names = cells.into_iter().map(name).collect();
        for (i, name) in self.names.iter().enumerate() {
            let twin = self.names[..i].iter().position(|n| n == name);
            if let Some(twin) = twin
                && self.reads.reads(name)
            {
                bail!(
                    "{MAPPING}: {name} is the name of columns {} and {} of {at}, and the mapping reads it; give one of them another name",
                    twin + 1,
                    i + 1
                );
            }
        }
        let absent = self
            .reads
            .columns
            .iter()
            .find(|c| !self.names.contains(c) && !self.reads.optional.contains(*c));
        if let Some(column) = absent {
            bail!(
                "{MAPPING}: the mapping reads row.{column}, which {at} does not have; its columns are {}",
                self.names.join(", ")
            );
        }
        Ok(())
    }

    /// The next row; `None` at the end. Fails where the file cannot be read on.
    pub fn next_row(&mut self) -> Result<Option<Result<Row, BadRow>>> {
        let read = match self.format {
            Format::Csv => self.csv()?,
            Format::Jsonl => self.jsonl()?,
        };
        Ok(read.map(|(line, columns)| match columns {
            Ok(columns) => Ok(Row {
                columns,
                number: self.number,
                line,
            }),
            Err(error) => Err(BadRow {
                number: self.number,
                line,
                error,
            }),
        }))
    }

    fn jsonl(&mut self) -> Result<Option<(u64, Result<Value>)>> {
        let mut line = Vec::new();
        loop {
            let Some(end) = self.lines.read(&mut line)? else {
                return Ok(None);
            };
            self.line += 1;
            self.number = self.line;
            if end == End::TooLong {
                return Ok(Some((self.line, Err(too_long()))));
            }
            // A crash leaves NULs where the next line goes on.
            let text = line.trim_ascii_start();
            let nuls = text.iter().take_while(|b| **b == 0).count();
            let text = text[nuls..].trim_ascii();
            if text.is_empty() {
                continue;
            }
            if end == End::Open {
                self.waiting += 1;
                return Ok(None);
            }
            return Ok(Some((self.line, jsonl::object(text, &self.reads))));
        }
    }

    /// A line of the file, or one that was read ahead.
    fn line(&mut self, line: &mut Vec<u8>) -> Result<Option<End>> {
        if let Some((read, end)) = self.again.pop_front() {
            *line = read;
            return Ok(Some(end));
        }
        self.lines.read(line)
    }

    /// The cells of the next row that is not blank.
    fn cells(&mut self) -> Result<Option<Result<Vec<Option<String>>>>> {
        let mut row = Vec::new();
        let mut end = loop {
            let Some(end) = self.line(&mut row)? else {
                return Ok(None);
            };
            self.line += 1;
            if end == End::TooLong || !row.trim_ascii().is_empty() {
                break end;
            }
        };
        self.began = self.line;
        // Where each line of the row ends: a quote that nothing closes is to cost its own line
        // only.
        let mut ends = vec![(row.len(), end)];
        let mut open = cells::open_after(&row, false);
        let mut more = Vec::new();
        loop {
            let fault = match end {
                End::TooLong => too_long(),
                End::Open => {
                    self.waiting += 1;
                    return Ok(None);
                }
                End::Whole if !open => {
                    self.line += ends.len() as u64 - 1;
                    return Ok(Some(Ok(cells::split(&row))));
                }
                End::Whole if row.len() > LONGEST => too_long(),
                End::Whole => match self.line(&mut more)? {
                    Some(next) => {
                        row.push(b'\n');
                        row.extend_from_slice(&more);
                        open = cells::open_after(&more, true);
                        ends.push((row.len(), next));
                        end = next;
                        continue;
                    }
                    // The rest of a file that grows may bring the quote.
                    None if !self.lines.complete => {
                        self.waiting += 1;
                        return Ok(None);
                    }
                    None => anyhow!("a quote is opened and never closed"),
                },
            };
            self.give_back(&row, &ends);
            return Ok(Some(Err(fault)));
        }
    }

    /// All lines of a bad row but the first are rows of their own.
    fn give_back(&mut self, row: &[u8], ends: &[(usize, End)]) {
        self.rereads += 1;
        if self.rereads > REREAD {
            self.line += ends.len() as u64 - 1;
            return;
        }
        for pair in ends.windows(2).rev() {
            let (begin, (stop, end)) = (pair[0].0 + 1, pair[1]);
            self.again.push_front((row[begin..stop].to_vec(), end));
        }
    }

    fn csv(&mut self) -> Result<Option<(u64, Result<Value>)>> {
        if self.names.is_empty() {
            return Ok(None); // there is no header yet
        }
        let Some(cells) = self.cells()? else {
            return Ok(None);
        };
        self.number += 1;
        let line = self.began;
        let columns = cells.and_then(|cells| {
            if cells.len() != self.names.len() {
                bail!(
                    "{} cells where the header has {}",
                    cells.len(),
                    self.names.len()
                );
            }
            let mut columns = HashMap::with_capacity(cells.len());
            for (name, cell) in self.names.iter().zip(cells) {
                let value = cell.map_or(Value::Null, |c| Value::String(Arc::new(c)));
                columns.insert(Key::String(Arc::new(name.clone())), value);
            }
            Ok(Value::Map(Map {
                map: Arc::new(columns),
            }))
        });
        Ok(Some((line, columns)))
    }
}

/// A row that is too long to be read.
fn too_long() -> anyhow::Error {
    anyhow!("longer than {} MiB", LONGEST >> 20)
}
