//! Sorts more entries than memory holds: fixed-size entries, compared byte by byte, so that a key
//! is written big end first.
//!
//! Up to [`MEMORY`] bytes of them are held; beyond that sorted runs are written to nameless
//! temporary files, which are gone with the process however it ends.

use anyhow::{Context, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use weir_model::codes::INPUT;

/// Bytes that one sorter holds.
const MEMORY: usize = 32 << 20;

/// Collects entries.
pub struct Sorter<const N: usize> {
    buffer: Vec<[u8; N]>,
    limit: usize,
    runs: Vec<File>,
}

impl<const N: usize> Default for Sorter<N> {
    fn default() -> Self {
        Sorter::holding(MEMORY / N)
    }
}

impl<const N: usize> Sorter<N> {
    /// A sorter that holds `limit` entries in memory.
    pub fn holding(limit: usize) -> Sorter<N> {
        Sorter {
            buffer: Vec::new(),
            limit: limit.max(1),
            runs: Vec::new(),
        }
    }

    /// Adds an entry. Fails where a run cannot be written.
    pub fn push(&mut self, entry: [u8; N]) -> Result<()> {
        if self.buffer.len() >= self.limit {
            self.spill()?;
        }
        self.buffer.push(entry);
        Ok(())
    }

    fn spill(&mut self) -> Result<()> {
        self.buffer.sort_unstable();
        let mut out = BufWriter::with_capacity(1 << 18, scratch()?);
        for entry in self.buffer.drain(..) {
            out.write_all(&entry).with_context(full)?;
        }
        let mut run = out
            .into_inner()
            .map_err(|e| e.into_error())
            .with_context(full)?;
        run.rewind()?;
        self.runs.push(run);
        Ok(())
    }

    /// All entries in order.
    pub fn sorted(mut self) -> Result<Sorted<N>> {
        self.buffer.sort_unstable();
        let mut sources = vec![Source::Memory(self.buffer.into_iter())];
        for run in self.runs {
            sources.push(Source::Run(BufReader::with_capacity(1 << 17, run)));
        }
        let mut heads = BinaryHeap::new();
        for (i, source) in sources.iter_mut().enumerate() {
            if let Some(entry) = source.next()? {
                heads.push(Reverse((entry, i)));
            }
        }
        Ok(Sorted { sources, heads })
    }
}

fn full() -> String {
    format!(
        "{INPUT}: cannot write to the folder of temporary files; \
         make room there, or name another with TMPDIR"
    )
}

/// A nameless file in the folder of temporary files.
pub fn scratch() -> Result<File> {
    tempfile::tempfile().with_context(full)
}

enum Source<const N: usize> {
    Memory(std::vec::IntoIter<[u8; N]>),
    Run(BufReader<File>),
}

impl<const N: usize> Source<N> {
    fn next(&mut self) -> Result<Option<[u8; N]>> {
        match self {
            Source::Memory(entries) => Ok(entries.next()),
            Source::Run(file) => {
                let mut entry = [0; N];
                match file.read_exact(&mut entry) {
                    Ok(()) => Ok(Some(entry)),
                    // Runs hold whole entries.
                    Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
                    Err(e) => Err(e).context("cannot read a temporary file"),
                }
            }
        }
    }
}

/// Entries in order.
pub struct Sorted<const N: usize> {
    sources: Vec<Source<N>>,
    heads: BinaryHeap<Reverse<([u8; N], usize)>>,
}

impl<const N: usize> Iterator for Sorted<N> {
    type Item = Result<[u8; N]>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((entry, i)) = self.heads.pop()?;
        match self.sources[i].next() {
            Ok(Some(next)) => self.heads.push(Reverse((next, i))),
            Ok(None) => {}
            Err(e) => return Some(Err(e)),
        }
        Some(Ok(entry))
    }
}

/// Orders as a number does: for times in keys.
pub fn ordered(n: i64) -> [u8; 8] {
    ((n as u64) ^ (1 << 63)).to_be_bytes()
}

/// The first `M` bytes from `at` of an entry, which is longer than that.
pub fn part<const M: usize>(entry: &[u8], at: usize) -> [u8; M] {
    let mut out = [0; M];
    out.copy_from_slice(&entry[at..at + M]);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out_in_order(
            mut entries in prop::collection::vec(any::<[u8; 5]>(), 0..300),
            limit in 1usize..50,
        ) {
            let mut sorter = Sorter::holding(limit);
            for e in &entries {
                sorter.push(*e).unwrap();
            }
            let out: Vec<_> = sorter.sorted().unwrap().map(Result::unwrap).collect();
            entries.sort_unstable();
            prop_assert_eq!(out, entries);
        }

        #[test]
        fn bytes_order_as_numbers_do(a: i64, b: i64) {
            prop_assert_eq!(ordered(a).cmp(&ordered(b)), a.cmp(&b));
        }
    }
}
