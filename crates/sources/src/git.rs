//! The history of a repository as `productivity.recorded`, one event per commit.
//!
//! `git` itself reads the history (`git log --numstat -z`), oldest first. The order of a target commit's
//! history never changes, so "the first n commits of this target" says exactly what was published.

use crate::event::{Body, Envelope, Event, ProductivityRecorded, event_id};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use weir_catalog::Assistants;
use weir_model::Micros;
use weir_model::person::canonical_email;

/// A repository to read.
#[derive(Debug, Clone)]
pub struct Repository {
    path: PathBuf,
    /// Name used in events: the folder's.
    pub name: String,
    /// Identity of the history: hashes of its first commits, sorted. It gets another one with each history merged into it.
    pub roots: Vec<String>,
    /// Commit that HEAD points to.
    pub head: String,
}

/// One commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// Its hash.
    pub id: String,
    /// Number of parents.
    pub parents: usize,
    /// Author's e-mail.
    pub email: String,
    /// Author's name.
    pub author: String,
    /// Commit time (when it entered this history), seconds.
    pub time: i64,
    /// Subject and body.
    pub message: String,
    /// (added, deleted, path) by file; no counts for binary files.
    pub files: Vec<(i64, i64, String)>,
}

fn git_in(path: &Path) -> Command {
    let mut c = Command::new("git");
    c.arg("-C").arg(path);
    c
}

impl Repository {
    /// Opens the repository that holds `path`.
    pub fn open(path: &Path) -> Result<Repository> {
        let run = |args: &[&str]| -> Result<String> {
            let out = git_in(path)
                .args(args)
                .output()
                .context("cannot run git: install it and try again")?;
            if !out.status.success() {
                bail!(
                    "WEIR-0301: {} is no readable git repository ({}); give the path of a clone",
                    path.display(),
                    String::from_utf8_lossy(&out.stderr).trim()
                );
            }
            Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
        };
        let top = PathBuf::from(run(&["rev-parse", "--show-toplevel"])?);
        let head = run(&["rev-parse", "HEAD"]).context("the repository has no commit yet")?;
        if run(&["rev-parse", "--is-shallow-repository"])? == "true" {
            bail!(
                "WEIR-0301: {} is a shallow clone, its history is cut off; run `git fetch --unshallow` first",
                path.display()
            );
        }
        let roots = run(&["rev-list", "--max-parents=0", "HEAD"])?;
        let mut roots: Vec<String> = roots.lines().map(str::to_owned).collect();
        roots.sort();
        let name = top
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_else(|| "repository".into());
        Ok(Repository {
            path: top,
            name,
            roots,
            head,
        })
    }

    /// Whether this clone has a commit.
    pub fn has(&self, commit: &str) -> Result<bool> {
        let commit = format!("{commit}^{{commit}}");
        let out = git_in(&self.path)
            .args(["cat-file", "-e", &commit])
            .output()?;
        Ok(out.status.success())
    }

    /// Number of commits of `target` that are not in the history of `known`.
    pub fn count(&self, target: &str, known: &[String]) -> Result<usize> {
        let out = self.git(target, known, &["rev-list", "--count"]).output()?;
        if !out.status.success() {
            bail!(
                "git rev-list failed: {}",
                String::from_utf8_lossy(&out.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&out.stdout).trim().parse()?)
    }

    /// Those commits, oldest first.
    pub fn commits(&self, target: &str, known: &[String]) -> Result<Commits> {
        const LOG: &[&str] = &[
            "log",
            "--reverse",
            "--topo-order",
            "--numstat",
            "-z",
            "--no-renames",
            "--no-show-signature",
            "--format=%H%x00%P%x00%aE%x00%aN%x00%ct%x00%B%x00",
        ];
        let mut child = self
            .git(target, known, LOG)
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().context("git has no output")?;
        Ok(Commits {
            child,
            reader: BufReader::new(out),
            next: None,
            done: false,
        })
    }

    fn git(&self, target: &str, known: &[String], args: &[&str]) -> Command {
        let mut c = git_in(&self.path);
        c.args(["-c", "core.quotepath=off", "-c", "log.mailmap=true"]);
        c.args(args).arg(target);
        if !known.is_empty() {
            c.arg("--not").args(known);
        }
        c
    }

    /// The event of a commit.
    pub fn event(&self, tenant: &str, team: &str, c: &Commit, known: &Assistants) -> Event {
        let time = Micros::from_secs(c.time.max(0));
        let tests = c.files.iter().filter(|(_, _, path)| is_test(path)).count();
        let kind = if c.parents > 1 {
            "merge"
        } else if tests > 0 && tests == c.files.len() {
            "test"
        } else {
            "commit"
        };
        let mut email = canonical_email(&c.email);
        if email.is_empty() {
            email = "unknown".into();
        }
        Event {
            envelope: Envelope {
                event_id: event_id(time, c.id.as_bytes()),
                event_time: time,
                tenant: tenant.into(),
                source: format!("git/{}", self.name),
                resource: vec![("vcs.repository.name".into(), self.name.clone())],
                email: printable(&email),
                team: team.into(),
            },
            body: Body::ProductivityRecorded(ProductivityRecorded {
                repository: Some(printable(&self.name)),
                change_kind: kind.into(),
                assistant: known.of(&c.author, &c.email, &c.message).map(Into::into),
                change_id: Some(c.id.clone()),
                commits: 1,
                lines_added: c.files.iter().map(|f| f.0).sum(),
                lines_deleted: c.files.iter().map(|f| f.1).sum(),
                files_changed: c.files.len() as i64,
                bugs_fixed: i64::from(is_fix(&c.message)),
                ..Default::default()
            }),
        }
    }
}

/// What is used as a dimension may hold no control characters and is at most 512 bytes long.
pub(crate) fn printable(s: &str) -> String {
    let mut out: String = s.chars().filter(|c| !c.is_control()).collect();
    while out.len() > 512 {
        out.pop();
    }
    out
}

/// A stream of commits from a running `git log`.
///
/// Everything is ended by NUL, the one byte that neither a message nor a path can hold: six fields of a commit, then
/// its files, each with tabs, which a hash does not have.
pub struct Commits {
    child: Child,
    reader: BufReader<std::process::ChildStdout>,
    /// Hash of the commit that follows, where it has been read.
    next: Option<String>,
    done: bool,
}

impl Iterator for Commits {
    type Item = Result<Commit>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.commit() {
            Ok(Some(c)) => return Some(Ok(c)),
            Ok(None) => self.done = true,
            // Drop ends the child.
            Err(e) => return Some(Err(e)),
        }
        match self.child.wait() {
            Ok(s) if s.success() => None,
            Ok(s) => Some(Err(anyhow::anyhow!("git log ended with {s}"))),
            Err(e) => Some(Err(e.into())),
        }
    }
}

impl Commits {
    /// The text up to the next NUL; `None` at the end.
    fn token(&mut self) -> Result<Option<String>> {
        let mut token = Vec::new();
        self.reader.read_until(0, &mut token)?;
        if token.pop_if(|last| *last == 0).is_none() && token.is_empty() {
            return Ok(None);
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
                .context("git log wrote a commit with missing fields")
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
                .context("git log wrote a time that is no number")?,
            message,
            files,
        }))
    }
}

impl Drop for Commits {
    fn drop(&mut self) {
        if !self.done {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn is_test(path: &str) -> bool {
    let lower = path.to_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let stem = name.split('.').next().unwrap_or(name);
    lower
        .split('/')
        .rev()
        .skip(1)
        .any(|d| matches!(d, "test" | "tests" | "__tests__" | "spec" | "specs"))
        || stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_spec")
        || name.contains(".test.")
        || name.contains(".spec.")
}

fn is_fix(message: &str) -> bool {
    let subject = message.lines().next().unwrap_or_default().to_lowercase();
    subject
        .split(|c: char| !c.is_alphanumeric())
        .any(|w| matches!(w, "fix" | "fixes" | "fixed" | "bugfix" | "hotfix"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn git(dir: &Path, args: &[&str]) {
        let ok = Command::new("git")
            .arg("-C")
            .arg(dir)
            .args(["-c", "user.name=Ada", "-c", "user.email=Ada@Example.com"])
            .args(args)
            .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
            .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(ok.success(), "git {args:?}");
    }

    fn commit(dir: &Path, file: &str, message: &str) {
        let path = dir.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(&path, old + "one\ntwo\n").unwrap();
        git(dir, &["add", "."]);
        git(dir, &["commit", "-m", message]);
    }

    #[test]
    fn a_history_becomes_events_in_order_and_grows() {
        let dir = tempfile::tempdir().unwrap();
        let d = dir.path();
        git(d, &["init", "-b", "main"]);
        commit(d, "src/a b.rs", "First: ünïcode\n\nbody with\nlines");
        commit(
            d,
            "tests/it.rs",
            "Add a test\n\nCo-Authored-By: Claude <noreply@anthropic.com>",
        );
        git(d, &["checkout", "-b", "side"]);
        commit(d, "src/c.rs", "Fix the parser");
        git(d, &["checkout", "main"]);
        commit(d, "src/d.rs", "More");
        git(d, &["merge", "--no-ff", "side", "-m", "Merge side"]);
        let repo = Repository::open(d).unwrap();
        let commits: Vec<_> = repo
            .commits(&repo.head, &[])
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(commits.len(), 5);
        assert_eq!(repo.count(&repo.head, &[]).unwrap(), 5);
        let known = weir_catalog::Catalog::embedded().unwrap().assistants;
        let body = |c: &Commit| match repo.event("t", "", c, &known).body {
            Body::ProductivityRecorded(b) => b,
            _ => unreachable!(),
        };
        let first = body(&commits[0]);
        assert_eq!(
            (
                first.lines_added,
                first.files_changed,
                first.change_kind.as_str()
            ),
            (2, 1, "commit")
        );
        assert_eq!(commits[0].files[0].2, "src/a b.rs");
        let second = body(&commits[1]);
        assert_eq!(
            (second.change_kind.as_str(), second.assistant.as_deref()),
            ("test", Some("claude"))
        );
        assert_eq!(commits.iter().map(|c| body(c).bugs_fixed).sum::<i64>(), 1);
        let last = body(&commits[4]);
        assert_eq!((last.change_kind.as_str(), last.commits), ("merge", 1));
        let event = repo.event("t", "", &commits[0], &known);
        assert_eq!(event.envelope.email, "ada@example.com");
        assert_eq!(event.envelope.event_time, Micros::from_secs(1_767_323_045));

        let old = repo.head.clone();
        commit(d, "src/e.rs", "Later");
        let repo = Repository::open(d).unwrap();
        let new: Vec<_> = repo
            .commits(&repo.head, &[old])
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(new.len(), 1);
        assert_eq!(new[0].message.trim(), "Later");
    }

    #[test]
    fn a_message_may_hold_any_character_and_a_path_any_line() {
        let dir = tempfile::tempdir().unwrap();
        let d = dir.path();
        git(d, &["init", "-b", "main"]);
        commit(d, "a\nb.rs", "one\u{1}two\u{2}three\u{1f}four");
        git(
            d,
            &["commit", "--allow-empty", "--allow-empty-message", "-m", ""],
        );
        commit(d, "c.rs", "Fix");
        let repo = Repository::open(d).unwrap();
        let commits: Vec<_> = repo
            .commits(&repo.head, &[])
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let seen: Vec<_> = commits
            .iter()
            .map(|c| (c.message.trim(), c.files.len(), c.id.len()))
            .collect();
        let n = repo.head.len();
        assert_eq!(
            seen,
            [
                ("one\u{1}two\u{2}three\u{1f}four", 1, n),
                ("", 0, n),
                ("Fix", 1, n)
            ]
        );
        assert_eq!(commits[0].files[0].2, "a\nb.rs");
    }
}
