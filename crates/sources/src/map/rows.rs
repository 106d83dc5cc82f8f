//! Rows of a CSV or JSONL file, gzipped or not, with the running hash that the ledger knows them by.

use super::Format;
use anyhow::{Context, Result};
use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// One row: its columns by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Value);

/// A stream of rows.
pub struct Rows {
    inner: Inner,
    hash: Sha256,
    /// Rows read so far.
    pub count: u64,
    broken: bool,
}

enum Inner {
    Csv {
        reader: csv::Reader<Box<dyn Read>>,
        names: Vec<String>,
        record: csv::StringRecord,
    },
    Jsonl {
        reader: BufReader<Box<dyn Read>>,
        line: String,
    },
}

impl Rows {
    /// Opens a file.
    pub fn open(path: &Path, format: Format) -> Result<Rows> {
        let mut file = File::open(path)
            .with_context(|| format!("WEIR-0301: cannot read {}", path.display()))?;
        let mut magic = [0u8; 2];
        let n = file.read(&mut magic)?;
        let file = File::open(path)?;
        let input: Box<dyn Read> = if n == 2 && magic == [0x1f, 0x8b] {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        let inner = match format {
            Format::Csv => {
                let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(input);
                let names = reader
                    .headers()?
                    .iter()
                    .map(|h| h.trim().to_owned())
                    .collect();
                Inner::Csv {
                    reader,
                    names,
                    record: csv::StringRecord::new(),
                }
            }
            Format::Jsonl => Inner::Jsonl {
                reader: BufReader::new(input),
                line: String::new(),
            },
        };
        Ok(Rows {
            inner,
            hash: Sha256::new(),
            count: 0,
            broken: false,
        })
    }

    /// True where the last error was not one of a row: the file cannot be read to its end.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// SHA-256 of the rows so far, hex.
    pub fn hash(&self) -> String {
        self.hash
            .clone()
            .finalize()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect()
    }
}

impl Iterator for Rows {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Result<Row>> {
        if self.broken {
            return None;
        }
        let row = match &mut self.inner {
            Inner::Csv {
                reader,
                names,
                record,
            } => match reader.read_record(record) {
                Ok(false) => return None,
                Ok(true) => {
                    let mut columns = Map::new();
                    for (name, value) in names.iter().zip(record.iter()) {
                        self.hash.update(value.as_bytes());
                        self.hash.update([0x1f]);
                        columns.insert(name.clone(), typed(value));
                    }
                    self.hash.update([0x1e]);
                    Ok(Row(Value::Object(columns)))
                }
                Err(e) => {
                    self.broken = e.is_io_error();
                    Err(e.into())
                }
            },
            Inner::Jsonl { reader, line } => {
                line.clear();
                match reader.read_line(line) {
                    Ok(0) => return None,
                    Ok(_) => {
                        self.hash.update(line.trim_end().as_bytes());
                        self.hash.update([0x1e]);
                        serde_json::from_str(line).map(Row).map_err(Into::into)
                    }
                    Err(e) => {
                        // A line that is no text is one row; anything else would come again for ever.
                        self.broken = e.kind() != std::io::ErrorKind::InvalidData;
                        Err(e.into())
                    }
                }
            }
        };
        self.count += 1;
        Some(row)
    }
}

/// A cell: empty is null, what reads as a number is one.
fn typed(cell: &str) -> Value {
    let cell = cell.trim();
    if cell.is_empty() {
        return Value::Null;
    }
    // A leading zero or plus sign marks an identifier, not a quantity.
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let identifier = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if !identifier && let Ok(n) = cell.parse::<i64>() {
        return n.into();
    }
    if !identifier
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && let Ok(x) = cell.parse::<f64>()
    {
        return x.into();
    }
    cell.into()
}
