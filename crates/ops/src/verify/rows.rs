//! What the store shows, row by row: asked directly, or kept on disk by bucket of the subject.

use super::disk::Disk;
use anyhow::{Context, Result};
use serde_json::Value as Json;
use std::io;
use tokio::runtime::Runtime;
use weir_catalog::Catalog;
use weir_model::Micros;
use weir_model::codes::TEMPORARY;
use weir_oracle::{BUCKETS, Share, Shelves};
use weir_store::Store;
use weir_store::audit::{self, BUCKET, RowSet};

/// Columns of a row by name.
pub type Columns = serde_json::Map<String, Json>;

/// The store and the runtime to ask it with.
pub struct Asked<'a> {
    pub store: &'a Store,
    pub runtime: &'a Runtime,
    pub catalog: &'a Catalog,
    /// By event type: what was final when the log was read.
    pub final_through: &'a [Micros],
}

impl Asked<'_> {
    /// The lines of a kind, one by one: a table may be larger than memory.
    fn lines(&self, kind: RowSet, f: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let sql = kind.sql(self.catalog, self.final_through, BUCKETS)?;
        let mut answer = self.store.query(&sql, &[], "JSONEachRow")?;
        let mut rest: Vec<u8> = Vec::new();
        while let Some(bytes) = self.runtime.block_on(answer.next())? {
            rest.extend_from_slice(&bytes);
            let whole = rest.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
            let lines = rest[..whole].split(|b| *b == b'\n');
            lines.filter(|l| !l.is_empty()).try_for_each(&mut *f)?;
            rest.drain(..whole);
        }
        if rest.is_empty() { Ok(()) } else { f(&rest) }
    }

    /// How many rows there are, about: what is not merged yet counts for itself.
    pub fn about(&self) -> Result<u64> {
        let sql = audit::count(self.catalog)?;
        let told = self.runtime.block_on(self.store.scalar(&sql, &[]))?;
        told.and_then(|n| n.parse().ok())
            .context("ClickHouse did not tell how many rows there are")
    }

    /// Puts all rows onto shelves. `on` hears of each.
    pub fn keep(&self, disk: &mut Disk, on: &mut dyn FnMut()) -> Result<()> {
        for (number, kind) in RowSet::all(self.catalog).into_iter().enumerate() {
            self.lines(kind, &mut |line| {
                on();
                let shelf = number * BUCKETS + bucket(line)?;
                disk.put(shelf, line).with_context(no_room)
            })?;
        }
        Ok(())
    }
}

/// What is said where the temporary files fail.
pub fn no_room() -> String {
    format!(
        "{TEMPORARY}: the folder {} of temporary files cannot be used; make room there, name another with TMPDIR, or give more --memory",
        std::env::temp_dir().display()
    )
}

/// The bucket that a line begins with.
fn bucket(line: &[u8]) -> Result<usize> {
    let number = std::str::from_utf8(line).ok().and_then(|text| {
        let text = text.strip_prefix("{\"")?.strip_prefix(BUCKET)?;
        let (number, _) = text.strip_prefix("\":")?.split_once(',')?;
        number.parse().ok()
    });
    number
        .filter(|b| *b < BUCKETS)
        .context("ClickHouse wrote a line without a bucket")
}

/// Where rows are compared from.
pub enum Rows<'a> {
    /// All, as they are asked.
    Asked(Asked<'a>),
    /// Those of a share, as they were put on shelves; with who hears of each.
    Kept(&'a mut Disk, Share, &'a mut dyn FnMut()),
}

impl Rows<'_> {
    /// The rows of a kind, which is the `number`th of the catalog's.
    pub fn each(
        &mut self,
        (number, kind): (usize, RowSet),
        f: &mut dyn FnMut(Columns) -> Result<()>,
    ) -> Result<()> {
        let mut read = |line: &[u8]| {
            f(serde_json::from_slice(line).context("ClickHouse wrote a line that is no JSON")?)
        };
        match self {
            Rows::Asked(asked) => asked.lines(kind, &mut read),
            Rows::Kept(disk, share, on) => {
                let first = number * BUCKETS;
                let shelves = first + share.0.start..first + share.0.end;
                let mut failed = None;
                let kept = disk.all(shelves, &mut |line| {
                    on();
                    read(line).map_err(|e| {
                        failed = Some(e);
                        io::Error::other("a row")
                    })
                });
                match failed {
                    Some(e) => Err(e),
                    None => kept.with_context(no_room),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_begins_with_its_bucket() {
        let bucket = |line: &str| bucket(line.as_bytes());
        assert_eq!(bucket("{\"weir_bucket\":17,\"id\":\"a\"}").unwrap(), 17);
        assert!(bucket("{\"weir_bucket\":1024,\"id\":\"a\"}").is_err());
        assert!(bucket("{\"id\":\"a\"}").is_err());
    }
}
