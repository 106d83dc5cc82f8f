//! Commits from git: first all that there are with their times, then, by one process that lives as
//! long as the import, what each of some of them changed.

use super::{Commit, Repository};
use crate::sorter::scratch;
use anyhow::{Context, Result, anyhow, bail};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::process::{Child, ChildStdout, Stdio};
use weir_model::codes::{INCOMPLETE_REPOSITORY, INPUT, MISSING_PROGRAM};

/// Longest part of a message that is kept, bytes.
const MESSAGE: usize = 4 << 20;

/// A commit in the list of all.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its hash, hex.
    pub id: String,
    /// Commit time as git writes it: seconds, or something odd.
    pub time: String,
}

/// A running child of git whose output is read.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    /// What it complains of.
    err: File,
    what: &'static str,
    done: bool,
}

impl Running {
    fn spawn(mut command: std::process::Command, what: &'static str) -> Result<Running> {
        // A file takes any number of warnings while nobody reads them.
        let err = scratch()?;
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(err.try_clone()?)
            .spawn()
            .with_context(|| {
                format!("{MISSING_PROGRAM}: cannot run git; install it and try again")
            })?;
        let out = child.stdout.take().context("git has no output")?;
        Ok(Running {
            child,
            out: BufReader::with_capacity(1 << 18, out),
            err,
            what,
            done: false,
        })
    }

    /// Waits for its end, and fails with what it complained of last where that was not a good one.
    fn end(&mut self) -> Result<()> {
        self.done = true;
        let status = self.child.wait()?;
        if status.success() {
            return Ok(());
        }
        let length = self.err.seek(SeekFrom::End(0))?;
        self.err
            .seek(SeekFrom::Start(length.saturating_sub(4096)))?;
        let mut complaint = Vec::new();
        self.err.read_to_end(&mut complaint)?;
        let complaint = String::from_utf8_lossy(&complaint);
        let lost = [
            "missing",
            "unable to read",
            "bad object",
            "could not fetch",
            "promisor",
        ];
        if lost.iter().any(|w| complaint.contains(w)) {
            bail!(
                "{INCOMPLETE_REPOSITORY}: objects of the history are missing or damaged ({}); `git fsck` says which, a fresh clone has them",
                complaint.trim()
            );
        }
        bail!(
            "{INPUT}: {} ended with {status} ({}); `git fsck` checks the repository",
            self.what,
            complaint.trim()
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.done {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Repository {
    /// Calls `f` with each commit in the history of `target` that is not in that of `known`,
    /// parents before children.
    pub fn list(
        &self,
        target: &str,
        known: &[String],
        f: &mut dyn FnMut(Listed) -> Result<()>,
    ) -> Result<()> {
        let mut c = self.git();
        c.args([
            "rev-list",
            "--topo-order",
            "--reverse",
            "--format=%H %ct",
            target,
        ]);
        if !known.is_empty() {
            c.arg("--not").args(known);
        }
        let mut running = Running::spawn(c, "git rev-list")?;
        let mut line = String::new();
        while running.out.read_line(&mut line)? > 0 {
            if !line.starts_with("commit ") {
                let (id, time) = line
                    .trim_end()
                    .split_once(' ')
                    .unwrap_or((line.trim_end(), ""));
                f(Listed {
                    id: id.to_owned(),
                    time: time.to_owned(),
                })?;
            }
            line.clear();
        }
        running.end()
    }

    /// Hashes of the first commits of a history, sorted.
    pub fn roots(&self, target: &str) -> Result<Vec<String>> {
        let mut c = self.git();
        c.args(["rev-list", "--max-parents=0", target]);
        let out = c.output()?;
        let text = String::from_utf8_lossy(&out.stdout);
        let mut roots: Vec<String> = text.lines().map(str::to_owned).collect();
        roots.sort();
        Ok(roots)
    }

    /// Whether this clone has a commit.
    pub fn has(&self, commit: &str) -> Result<bool> {
        let mut c = self.git();
        c.args(["cat-file", "-e", &format!("{commit}^{{commit}}")]);
        Ok(c.output()?.status.success())
    }

    /// The commits whose hashes stand in `list`, a line each, in that order, with what they
    /// changed.
    pub fn commits(&self, list: File) -> Result<Commits> {
        let mut c = self.git();
        c.args([
            "diff-tree",
            "--stdin",
            "--root",
            "--always",
            "-r",
            "--numstat",
            "-z",
        ]);
        c.args([
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--diff-algorithm=myers",
        ]);
        c.args(["--ignore-submodules=none", "--encoding=UTF-8"]);
        c.arg("--format=%H%x00%P%x00%aE%x00%aN%x00%ct%x00%B%x00");
        c.stdin(list);
        Ok(Commits {
            running: Running::spawn(c, "git diff-tree")?,
            next: None,
        })
    }
}

/// A stream of commits.
///
/// Everything is ended by NUL, the one byte that neither a message nor a path can hold: six fields
/// of a commit, then its files, each with tabs, which a hash does not have.
pub struct Commits {
    running: Running,
    /// Hash of the commit that follows, where it has been read.
    next: Option<String>,
}

impl Iterator for Commits {
    type Item = Result<Commit>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.running.done {
            return None;
        }
        match self.commit() {
            Ok(Some(c)) => Some(Ok(c)),
            Ok(None) => self.running.end().err().map(Err),
            Err(e) => {
                // Drop ends the child.
                Some(Err(e))
            }
        }
    }
}

impl Commits {
    /// The text up to the next NUL; `None` at the end. What is too long is cut.
    fn token(&mut self) -> Result<Option<String>> {
        let mut token = Vec::new();
        let mut ended = false;
        while !ended {
            let part = self.running.out.fill_buf()?;
            if part.is_empty() {
                if token.is_empty() {
                    return Ok(None);
                }
                break;
            }
            let nul = part.iter().position(|b| *b == 0);
            let n = nul.unwrap_or(part.len());
            let room = MESSAGE.saturating_sub(token.len());
            token.extend_from_slice(&part[..n.min(room)]);
            ended = nul.is_some();
            self.running.out.consume(n + usize::from(ended));
        }
        Ok(Some(String::from_utf8_lossy(&token).into_owned()))
    }

    fn commit(&mut self) -> Result<Option<Commit>> {
        let id = match self.next.take() {
            Some(id) => id,
            None => match self.token()? {
                Some(id) => id,
                None => return Ok(None),
            },
        };
        let mut field = || {
            self.token()?
                .ok_or_else(|| anyhow!("git wrote a commit with missing fields"))
        };
        let (parents, email, author) = (field()?, field()?, field()?);
        let (time, message) = (field()?, field()?);
        let mut files = Vec::new();
        while let Some(token) = self.token()? {
            let line = token.trim_start_matches('\n');
            let mut parts = line.splitn(3, '\t');
            match (parts.next(), parts.next(), parts.next()) {
                (Some(added), Some(deleted), Some(path)) => {
                    let n = |s: &str| if s == "-" { Some(0) } else { s.parse().ok() };
                    if let (Some(added), Some(deleted)) = (n(added), n(deleted)) {
                        files.push((added, deleted, path.to_owned()));
                    }
                }
                _ if line.is_empty() => {}
                _ => {
                    self.next = Some(line.to_owned());
                    break;
                }
            }
        }
        Ok(Some(Commit {
            id,
            parents: parents.split_whitespace().count(),
            email,
            author,
            time: time
                .parse()
                .with_context(|| format!("git wrote `{time}` as a time"))?,
            message,
            files,
        }))
    }
}
