//! Batches that could not be sent, kept on disk: one JSONL file each, oldest first, bounded.
//!
//! A file is written under another name and renamed, so that half a file is never read. Processes
//! may share a folder: who sends a file renames it first. A file whose taker died is free again
//! after [`FREE_AFTER`], well within the time in which a repeated event id is known.

use std::fs;
use std::io::{ErrorKind, Result, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// When a file is free whose taker, or writer, is not heard of any more.
const FREE_AFTER: Duration = Duration::from_secs(60);
const READY: &str = "jsonl";
const TAKEN: &str = "taken";
const PART: &str = "part";

/// A folder of batches.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    most: u64,
}

/// A batch that was taken out: to be given to [`Spool::done`] or [`Spool::release`].
pub(crate) struct Taken {
    file: PathBuf,
    /// Its events.
    pub lines: Vec<Vec<u8>>,
}

struct Found {
    path: PathBuf,
    size: u64,
    age: Duration,
}

impl Spool {
    /// `most`: bytes of all batches.
    pub fn new(folder: PathBuf, most: u64) -> Spool {
        Spool { folder, most }
    }

    /// Keeps a batch; false where it has no room.
    pub fn write(&self, lines: &[Vec<u8>]) -> Result<bool> {
        let mut body = lines.join(&b'\n');
        body.push(b'\n');
        make(&self.folder)?;
        let kept: u64 = self.files()?.iter().map(|f| f.size).sum();
        if kept + body.len() as u64 > self.most {
            return Ok(false);
        }
        let name = self.folder.join(Uuid::now_v7().to_string());
        let part = name.with_extension(PART);
        create(&part)?.write_all(&body)?;
        fs::rename(&part, name.with_extension(READY))?;
        Ok(true)
    }

    /// The oldest batch; `None`: there is none.
    pub fn take(&self) -> Result<Option<Taken>> {
        for found in self.files()? {
            if is(&found.path, TAKEN) && found.age < FREE_AFTER {
                continue;
            }
            match self.take_one(&found.path) {
                // Another process was faster.
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                taken => return taken.map(Some),
            }
        }
        Ok(None)
    }

    fn take_one(&self, path: &Path) -> Result<Taken> {
        let file = path.with_extension(TAKEN);
        // From now on it is ours for a while.
        fs::File::options()
            .append(true)
            .open(path)?
            .set_modified(SystemTime::now())?;
        fs::rename(path, &file)?;
        let body = fs::read(&file)?;
        let lines = body.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        Ok(Taken {
            lines: lines.map(<[u8]>::to_vec).collect(),
            file,
        })
    }

    /// Gives a batch back that could not be sent. Where that fails it is free by its age.
    pub fn release(&self, taken: &Taken) {
        let _ = fs::rename(&taken.file, taken.file.with_extension(READY));
    }

    /// Forgets a batch that was answered. Where that fails it is sent once more, and counted once.
    pub fn done(&self, taken: &Taken) {
        let _ = fs::remove_file(&taken.file);
    }

    /// All batches, the oldest first: ids sort by their time.
    fn files(&self) -> Result<Vec<Found>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut all = Vec::new();
        for path in entries.map(|e| e.map(|e| e.path())) {
            let path = path?;
            let Ok(status) = fs::metadata(&path) else {
                continue;
            };
            let age = status.modified()?.elapsed().unwrap_or_default();
            let size = status.len();
            if is(&path, PART) && age > FREE_AFTER {
                // Its writer died.
                let _ = fs::remove_file(&path);
            } else if is(&path, READY) || is(&path, TAKEN) {
                all.push(Found { path, size, age });
            }
        }
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(all)
    }
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e == extension)
}

/// A folder for its owner alone.
fn make(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn create(file: &Path) -> Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn lines(texts: &[&str]) -> Vec<Vec<u8>> {
        texts.iter().map(|t| t.as_bytes().to_vec()).collect()
    }

    #[test]
    fn batches_come_back_oldest_first_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().join("a/b"), 1 << 20);
        assert!(spool.take().unwrap().is_none());
        assert!(spool.write(&lines(&["1", "2"])).unwrap());
        assert!(spool.write(&lines(&["3"])).unwrap());
        let first = spool.take().unwrap().unwrap();
        assert_eq!(first.lines, lines(&["1", "2"]));
        let second = spool.take().unwrap().unwrap();
        assert_eq!(second.lines, lines(&["3"]));
        assert!(spool.take().unwrap().is_none());
        spool.release(&first);
        spool.done(&second);
        assert_eq!(spool.take().unwrap().unwrap().lines, lines(&["1", "2"]));
    }

    #[test]
    fn a_full_spool_takes_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().to_owned(), 10);
        assert!(spool.write(&lines(&["12345"])).unwrap());
        assert!(!spool.write(&lines(&["12345"])).unwrap());
        let taken = spool.take().unwrap().unwrap();
        spool.done(&taken);
        assert!(spool.write(&lines(&["12345"])).unwrap());
    }

    #[test]
    fn what_dead_processes_left_is_free_after_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().to_owned(), 1 << 20);
        assert!(spool.write(&lines(&["1"])).unwrap());
        let taken = spool.take().unwrap().unwrap();
        let part = dir.path().join("0.part");
        fs::write(&part, "half").unwrap();
        assert!(spool.take().unwrap().is_none() && part.exists());
        let old = SystemTime::now() - FREE_AFTER - Duration::from_secs(1);
        for file in [&taken.file, &part] {
            let file = fs::File::options().append(true).open(file).unwrap();
            file.set_modified(old).unwrap();
        }
        assert_eq!(spool.take().unwrap().unwrap().lines, lines(&["1"]));
        assert!(!part.exists());
    }
}
