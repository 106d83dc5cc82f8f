//! Shelves in a temporary file without a name: it is gone with the process however it ends.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use weir_oracle::Shelves;

/// Bytes that wait in memory before they are written, all shelves together.
const HELD: usize = 32 << 20;
/// zstd's level: rows are alike, its fastest one shrinks them to a tenth.
const LEVEL: i32 = 1;

/// The shelves.
pub struct Disk {
    file: File,
    /// Rows that are not written yet, by shelf, each after its length.
    open: Vec<Vec<u8>>,
    held: usize,
    blocks: Vec<Vec<Block>>,
    written: u64,
}

/// Rows of one shelf, compressed.
#[derive(Clone, Copy)]
struct Block {
    at: u64,
    length: usize,
    /// Bytes of the rows.
    rows: usize,
}

impl Disk {
    /// Empty shelves, in the folder of temporary files.
    ///
    /// # Errors
    /// There cannot be a file.
    pub fn new() -> io::Result<Disk> {
        Ok(Disk {
            file: tempfile::tempfile()?,
            open: Vec::new(),
            held: 0,
            blocks: Vec::new(),
            written: 0,
        })
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that are free in the folder of temporary files.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn free() -> io::Result<u64> {
        let disk = rustix::fs::statvfs(std::env::temp_dir())?;
        // What is kept for the administrator is not ours.
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn flush(&mut self) -> io::Result<()> {
        self.blocks.resize(self.open.len(), Vec::new());
        for (rows, blocks) in self.open.iter_mut().zip(&mut self.blocks) {
            if rows.is_empty() {
                continue;
            }
            let rows = std::mem::take(rows);
            let bytes = zstd::bulk::compress(&rows, LEVEL)?;
            self.file.write_all_at(&bytes, self.written)?;
            blocks.push(Block {
                at: self.written,
                length: bytes.len(),
                rows: rows.len(),
            });
            self.written += bytes.len() as u64;
        }
        self.held = 0;
        Ok(())
    }

    /// All rows of some shelves.
    ///
    /// # Errors
    /// They cannot be read, or the receiver's.
    pub fn all(
        &mut self,
        shelves: Range<usize>,
        row: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        for shelf in shelves {
            self.each(shelf, row)?;
        }
        Ok(())
    }
}

impl Shelves for Disk {
    fn put(&mut self, shelf: usize, row: &[u8]) -> io::Result<()> {
        if self.open.len() <= shelf {
            self.open.resize_with(shelf + 1, Vec::new);
        }
        let length = u32::try_from(row.len()).map_err(io::Error::other)?;
        self.open[shelf].extend_from_slice(&length.to_le_bytes());
        self.open[shelf].extend_from_slice(row);
        self.held += size_of::<u32>() + row.len();
        if self.held >= HELD {
            self.flush()?;
        }
        Ok(())
    }

    fn each(
        &mut self,
        shelf: usize,
        row: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        for block in self.blocks.get(shelf).into_iter().flatten() {
            let mut bytes = vec![0; block.length];
            self.file.read_exact_at(&mut bytes, block.at)?;
            rows(&zstd::bulk::decompress(&bytes, block.rows)?, row)?;
        }
        self.open.get(shelf).map_or(Ok(()), |open| rows(open, row))
    }
}

fn rows(mut bytes: &[u8], row: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let (one, rest) = rest
            .split_at_checked(length)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        row(one)?;
        bytes = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The `n`th row of a shelf: 1 KiB that no other row is.
    fn text(shelf: usize, n: usize) -> Vec<u8> {
        let mut hash = (shelf * 1_000_003 + n) as u64;
        let mut next = || {
            hash = hash.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (hash >> 33) as u8
        };
        (0..1024 + shelf).map(|_| next()).collect()
    }

    #[test]
    fn rows_come_back_by_shelf_and_in_order() {
        let mut disk = Disk::new().unwrap();
        let (shelves, each) = (7, HELD / 1024 / 5);
        for n in 0..each {
            for shelf in 0..shelves {
                disk.put(shelf * 3, &text(shelf, n)).unwrap();
            }
        }
        // Some are written, some are not.
        assert!(disk.written() > 0 && disk.held > 0);
        for shelf in 0..shelves {
            let mut n = 0;
            let mut same = |row: &[u8]| {
                assert_eq!(row, text(shelf, n));
                n += 1;
                Ok(())
            };
            disk.each(shelf * 3, &mut same).unwrap();
            assert_eq!(n, each);
            disk.each(shelf * 3 + 1, &mut |_| panic!("nothing was put there"))
                .unwrap();
        }
        let mut n = 0;
        disk.all(1..shelves * 3, &mut |_| {
            n += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(n, each * (shelves - 1));
    }
}
