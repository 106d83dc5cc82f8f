//! Events that wait in a temporary file until it is known which of them are published, and in which
//! order.

use crate::sorter::scratch;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use weir_model::codes::INPUT;

/// Takes events.
pub struct Spool {
    out: BufWriter<File>,
    at: u64,
}

impl Spool {
    /// An empty one, in the folder of temporary files.
    pub fn new() -> Result<Spool> {
        Ok(Spool {
            out: BufWriter::with_capacity(1 << 18, scratch()?),
            at: 0,
        })
    }

    /// Adds an event (record key and value) and says where it stands.
    pub fn append(&mut self, key: &[u8], value: &[u8]) -> Result<u64> {
        let at = self.at;
        let full = || {
            format!(
                "{INPUT}: the folder of temporary files takes no more; \
                 make room there, or name another with TMPDIR"
            )
        };
        for part in [key, value] {
            self.out
                .write_all(&(part.len() as u32).to_be_bytes())
                .and_then(|()| self.out.write_all(part))
                .with_context(full)?;
            self.at += 4 + part.len() as u64;
        }
        Ok(at)
    }

    /// Ends writing.
    pub fn reader(self) -> Result<Spooled> {
        let mut file = self.out.into_inner().map_err(|e| e.into_error())?;
        file.rewind()?;
        Ok(Spooled {
            file: BufReader::with_capacity(1 << 17, file),
            at: 0,
        })
    }
}

/// Gives events back, fastest in the order in which they came.
pub struct Spooled {
    file: BufReader<File>,
    at: u64,
}

impl Spooled {
    /// Key and value of the event at `offset`.
    pub fn read(&mut self, offset: u64) -> Result<(Vec<u8>, Vec<u8>)> {
        let step = i64::try_from(offset)? - i64::try_from(self.at)?;
        self.file.seek_relative(step)?;
        self.at = offset;
        Ok((self.part()?, self.part()?))
    }

    fn part(&mut self) -> Result<Vec<u8>> {
        let mut length = [0; 4];
        self.file.read_exact(&mut length)?;
        let mut part = vec![0; u32::from_be_bytes(length) as usize];
        self.file.read_exact(&mut part)?;
        self.at += 4 + part.len() as u64;
        Ok(part)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn events_come_back_in_any_order() {
        let mut spool = Spool::new().unwrap();
        let long = vec![7; 300_000];
        let places: Vec<u64> = [(&b"a"[..], &b"one"[..]), (b"", &long), (b"c", b"")]
            .iter()
            .map(|(k, v)| spool.append(k, v).unwrap())
            .collect();
        let mut spooled = spool.reader().unwrap();
        assert_eq!(spooled.read(places[2]).unwrap(), (b"c".to_vec(), vec![]));
        assert_eq!(
            spooled.read(places[0]).unwrap(),
            (b"a".to_vec(), b"one".to_vec())
        );
        assert_eq!(spooled.read(places[1]).unwrap(), (vec![], long));
    }
}
