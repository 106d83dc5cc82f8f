//! Lines of a file, gzipped or not: bounded, and with the last one told apart where it has no end
//! yet.

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use weir_model::codes::INPUT;

/// The longest line or row that is read, in bytes.
pub const LONGEST: usize = 4 << 20;

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With its line end.
    Whole,
    /// With the file: it may still be written.
    Open,
    /// It is longer than [`LONGEST`]; what is over is passed by.
    TooLong,
}

/// The lines of a file.
pub struct Lines {
    input: BufReader<Box<dyn Read>>,
    path: PathBuf,
    /// Whether the file is known to be finished: its last line needs no end.
    pub complete: bool,
    first: bool,
}

impl Lines {
    /// Opens a file. One that was packed, and a pipe that was closed, is finished.
    pub fn open(path: &Path, complete: bool) -> Result<Lines> {
        let unreadable = || format!("{INPUT}: cannot read {}", path.display());
        let file = File::open(path).with_context(unreadable)?;
        let kind = file.metadata().with_context(unreadable)?;
        let mut input: BufReader<Box<dyn Read>> = BufReader::new(Box::new(file));
        let head = input.fill_buf().with_context(unreadable)?;
        let packed = head.starts_with(&[0x1f, 0x8b]);
        if packed {
            input = BufReader::with_capacity(1 << 16, Box::new(MultiGzDecoder::new(input)));
        }
        let head = input.fill_buf().with_context(unreadable)?;
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            bail!(
                "{INPUT}: {} is written in UTF-16; write it as UTF-8 first, for example with `iconv -f UTF-16 -t UTF-8`",
                path.display()
            );
        }
        Ok(Lines {
            input,
            path: path.to_owned(),
            complete: complete || packed || !kind.is_file(),
            first: true,
        })
    }

    /// Reads a line without its end into `line`; `None` after the last one. Fails where the file
    /// cannot be read on.
    pub fn read(&mut self, line: &mut Vec<u8>) -> Result<Option<End>> {
        line.clear();
        let mut end = None;
        loop {
            let part = self.input.fill_buf().with_context(|| {
                format!(
                    "{INPUT}: {} is damaged or cut off; nothing of it was published",
                    self.path.display()
                )
            })?;
            if part.is_empty() {
                break;
            }
            let found = part.iter().position(|b| *b == b'\n');
            let n = found.unwrap_or(part.len());
            let room = LONGEST.saturating_sub(line.len());
            line.extend_from_slice(&part[..n.min(room)]);
            end = Some(match end {
                Some(End::TooLong) => End::TooLong,
                _ if n > room => End::TooLong,
                _ if found.is_some() => End::Whole,
                _ => End::Open,
            });
            self.input.consume(found.map_or(n, |n| n + 1));
            if found.is_some() {
                break;
            }
        }
        if std::mem::take(&mut self.first) && line.starts_with(&[0xef, 0xbb, 0xbf]) {
            line.drain(..3); // the byte order mark of Windows tools
        }
        if line.last() == Some(&b'\r') && end == Some(End::Whole) {
            line.pop();
        }
        Ok(match end {
            Some(End::Open) if self.complete => Some(End::Whole),
            end => end,
        })
    }
}
