//! Values in lines, packed or not, read in blocks: a log may be larger than memory.

use serde::Deserialize;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes that are asked for at once.
const BLOCK: usize = 256 << 10;
/// The longest line that is read; there are some of 100 kB.
const LONGEST: usize = 64 << 20;

/// The lines of a file. What is added while it is read may be seen or not; what has gone is not.
pub(crate) struct Lines {
    input: Box<dyn Read>,
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
    /// Up to here no line ends.
    searched: usize,
}

impl Lines {
    /// Opens a file; one whose name ends in `.zst` is unpacked.
    pub fn open(path: &Path) -> io::Result<Lines> {
        let file = File::open(path)?;
        let packed = path.extension().is_some_and(|e| e == "zst");
        let input: Box<dyn Read> = if packed {
            Box::new(zstd::stream::read::Decoder::new(file)?)
        } else {
            Box::new(file)
        };
        Ok(Lines {
            input,
            buffer: vec![0; BLOCK],
            begin: 0,
            end: 0,
            searched: 0,
        })
    }

    /// The next line, without its end; the last one may have none. `None` at the end of the file.
    pub fn next(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            if let Some(n) = memchr::memchr(b'\n', &self.buffer[self.searched..self.end]) {
                let (from, to) = (self.begin, self.searched + n);
                self.begin = to + 1;
                self.searched = self.begin;
                return Ok(Some(&self.buffer[from..to]));
            }
            self.searched = self.end;
            if !self.fill()? {
                let from = std::mem::replace(&mut self.begin, self.end);
                return Ok((from < self.end).then(|| &self.buffer[from..self.end]));
            }
        }
    }

    /// Reads more; false at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.begin..self.end, 0);
        self.end -= self.begin;
        self.searched -= self.begin;
        self.begin = 0;
        if self.end > LONGEST {
            return Err(io::Error::other("a line is longer than 64 MiB"));
        }
        if self.buffer.len() < self.end + BLOCK {
            self.buffer
                .resize((self.end + BLOCK).next_power_of_two(), 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(n) => {
                    self.end += n;
                    return Ok(n > 0);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

/// Calls `f` with each value of a line: two may be glued together, and the last one may be torn,
/// which says nothing yet. Whether the line held something else than values.
pub(crate) fn values<'a, T: Deserialize<'a>>(line: &'a [u8], mut f: impl FnMut(T)) -> bool {
    let mut values = serde_json::Deserializer::from_slice(line).into_iter::<T>();
    for value in &mut values {
        match value {
            Ok(value) => f(value),
            Err(_) => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn all(path: &Path) -> Vec<Vec<u8>> {
        let mut lines = Lines::open(path).unwrap();
        let mut out = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            out.push(line.to_vec());
        }
        out
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_file(
            lens in prop::collection::vec(prop_oneof![0usize..9, 200_000usize..600_000], 1..6),
            ends: bool,
        ) {
            let lines: Vec<Vec<u8>> = lens.iter().map(|n| vec![b'x'; *n]).collect();
            let mut bytes = lines.join(&b'\n');
            let mut wanted = lines.clone();
            match ends {
                true => bytes.push(b'\n'),
                // Nothing after the last end is no line.
                false if lens.last() == Some(&0) => drop(wanted.pop()),
                false => {}
            }
            prop_assert_eq!(all(file(&bytes).path()), wanted);
        }
    }

    #[test]
    fn glued_values_count_and_a_torn_one_does_not() {
        let of = |line: &str| {
            let mut seen = Vec::new();
            let odd = values::<serde_json::Value>(line.as_bytes(), |v| seen.push(v));
            (seen.len(), odd)
        };
        assert_eq!(of("{\"a\":1}{\"b\":2}"), (2, false));
        assert_eq!(of("{\"a\":1} {\"b\":"), (1, true));
        assert_eq!(of(""), (0, false));
    }
}
