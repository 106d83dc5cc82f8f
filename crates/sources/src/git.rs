//! The history of a repository as `productivity.recorded`, one event per commit.
//!
//! `git` itself reads the history, with settings of weir's alone.

mod open;
mod read;

use weir_catalog::Assistants;
use weir_events::{Engineer, Map, ProductivityRecorded, event_id};
use weir_model::Micros;
use weir_model::person::canonical_email;

pub use open::Repository;
pub use read::{Commits, Listed};

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

impl Repository {
    /// The event of a commit.
    pub fn event<'a>(
        &'a self,
        tenant: &'a str,
        team: &'a str,
        c: &'a Commit,
        known: &'a Assistants,
    ) -> ProductivityRecorded<'a> {
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
        ProductivityRecorded {
            event_id: event_id(time, c.id.as_bytes()),
            event_time: time,
            tenant: tenant.into(),
            source: format!("git/{}", self.name).into(),
            resource: Map::from([("vcs.repository.name".into(), self.name.as_str().into())]),
            engineer: Engineer {
                email: printable(&email).into(),
                team: team.into(),
            },
            repository: Some(printable(&self.name).into()),
            change_kind: kind.into(),
            assistant: known.of(&c.author, &c.email, &c.message).map(Into::into),
            change_id: Some(c.id.as_str().into()),
            commits: 1,
            lines_added: c.files.iter().map(|f| f.0).sum(),
            lines_deleted: c.files.iter().map(|f| f.1).sum(),
            files_changed: c.files.len() as i64,
            bugs_fixed: i64::from(is_fix(&c.message)),
            commits_with_tests: Some(i64::from(tests > 0)),
            ..ProductivityRecorded::default()
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
    use std::collections::BTreeMap;
    use std::io::{Seek, Write};
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    fn git(dir: &Path, args: &[&str]) -> String {
        let out = Command::new("git")
            .arg("-C")
            .arg(dir)
            .args(["-c", "user.name=Ada", "-c", "user.email=Ada@Example.com"])
            .args(["-c", "protocol.file.allow=always"])
            .args(args)
            .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
            .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
            .stderr(Stdio::null())
            .output()
            .unwrap();
        assert!(out.status.success(), "git {args:?}");
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    fn commit(dir: &Path, file: &str, message: &str) {
        let path = dir.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(&path, old + "one\ntwo\n").unwrap();
        git(dir, &["add", "."]);
        git(dir, &["commit", "-m", message]);
    }

    /// A repository of a first commit in a directory of its own.
    fn first() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let d = dir.path().join("plain");
        std::fs::create_dir(&d).unwrap();
        git(&d, &["init", "-b", "main"]);
        commit(&d, "a.rs", "First");
        (dir, d)
    }

    fn read(repo: &Repository, known: &[String]) -> Vec<Commit> {
        let mut list = tempfile::tempfile().unwrap();
        let head = repo.head.clone().unwrap();
        repo.list(&head, known, &mut |c| Ok(writeln!(list, "{}", c.id)?))
            .unwrap();
        list.rewind().unwrap();
        let commits = repo.commits(list).unwrap();
        commits.map(Result::unwrap).collect()
    }

    /// What a repository comes to, for comparisons.
    fn sums(path: &Path) -> (String, BTreeMap<String, (i64, i64, String)>) {
        let repo = Repository::open(path).unwrap();
        let known = weir_catalog::Catalog::embedded().unwrap().assistants;
        let of = |c: &Commit| {
            let b = repo.event("t", "", c, &known);
            let email = b.engineer.email.into_owned();
            (c.id.clone(), (b.lines_added, b.lines_deleted, email))
        };
        let commits = read(&repo, &[]).iter().map(of).collect();
        (repo.name.clone(), commits)
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
        let commits = read(&repo, &[]);
        assert_eq!(commits.len(), 5);
        let known = weir_catalog::Catalog::embedded().unwrap().assistants;
        let body = |c| repo.event("t", "", c, &known);
        let first = body(&commits[0]);
        assert_eq!(
            (
                first.lines_added,
                first.files_changed,
                first.change_kind.as_ref()
            ),
            (2, 1, "commit")
        );
        assert_eq!(commits[0].files[0].2, "src/a b.rs");
        let second = body(&commits[1]);
        assert_eq!(
            (second.change_kind.as_ref(), second.assistant.as_deref()),
            ("test", Some("claude"))
        );
        // Those that touch tests, alone or among others.
        assert_eq!(
            (first.commits_with_tests, second.commits_with_tests),
            (Some(0), Some(1))
        );
        assert_eq!(commits.iter().map(|c| body(c).bugs_fixed).sum::<i64>(), 1);
        let last = body(&commits[4]);
        assert_eq!((last.change_kind.as_ref(), last.commits), ("merge", 1));
        let event = repo.event("t", "", &commits[0], &known);
        assert_eq!(event.engineer.email, "ada@example.com");
        assert_eq!(event.event_time, Micros::from_secs(1_767_323_045));

        let old = repo.head.clone().unwrap();
        commit(d, "src/e.rs", "Later");
        let new = read(&Repository::open(d).unwrap(), &[old]);
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
        let commits = read(&repo, &[]);
        let seen: Vec<_> = commits
            .iter()
            .map(|c| (c.message.trim(), c.files.len(), c.id.len()))
            .collect();
        let n = commits[0].id.len();
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

    #[test]
    fn bare_mirror_worktree_and_clone_are_one_repository() {
        let (dir, plain) = first();
        let map = "Grace <grace@example.com> <ada@example.com>\n";
        std::fs::write(plain.join(".mailmap"), map).unwrap();
        git(&plain, &["add", "."]);
        git(&plain, &["commit", "-m", "Names"]);
        commit(&plain, "sub/b.rs", "Second");
        let at = |name: &str| dir.path().join(name);
        let path = |name: &str| at(name).to_str().unwrap().to_owned();
        git(
            dir.path(),
            &["clone", "--bare", "plain", &path("bare/plain.git")],
        );
        git(
            dir.path(),
            &["clone", "--mirror", "plain", &path("mirror/plain.git")],
        );
        git(&plain, &["worktree", "add", "--detach", &path("elsewhere")]);
        let wanted = sums(&plain);
        assert_eq!((wanted.0.as_str(), wanted.1.len()), ("plain", 3));
        assert!(wanted.1.values().all(|c| c.2 == "grace@example.com"));
        for way in [
            "bare/plain.git",
            "mirror/plain.git",
            "elsewhere",
            "plain/sub",
            "plain/.git",
        ] {
            assert_eq!(sums(&at(way)), wanted, "{way}");
        }
        // What lies in the working tree and was not committed says nothing.
        std::fs::write(plain.join(".mailmap"), "").unwrap();
        std::fs::write(plain.join(".gitattributes"), "* -diff\n").unwrap();
        assert_eq!(sums(&plain), wanted);
    }

    #[test]
    fn settings_of_the_repository_change_no_number() {
        let (_dir, d) = first();
        commit(&d, "a.rs", "Second");
        std::fs::rename(d.join("a.rs"), d.join("é.rs")).unwrap();
        git(&d, &["add", "."]);
        git(&d, &["commit", "-m", "Rename"]);
        let wanted = sums(&d);
        let ran = d.join("ran");
        let touch = format!("touch {}", ran.display());
        for (name, value) in [
            ("diff.algorithm", "histogram"),
            ("diff.renames", "copies"),
            ("diff.external", touch.as_str()),
            ("diff.x.textconv", touch.as_str()),
            ("core.quotePath", "true"),
            ("core.fsmonitor", touch.as_str()),
            ("log.showSignature", "true"),
            ("log.mailmap", "false"),
            ("i18n.logOutputEncoding", "latin1"),
            ("diff.orderFile", "/nowhere"),
            ("core.attributesFile", "/nowhere"),
        ] {
            git(&d, &["config", name, value]);
        }
        std::fs::create_dir_all(d.join(".git/info")).unwrap();
        std::fs::write(d.join(".git/info/attributes"), "* diff=x -text\n").unwrap();
        let (first, second) = (
            git(&d, &["rev-parse", "HEAD~2"]),
            git(&d, &["rev-parse", "HEAD"]),
        );
        git(&d, &["replace", &second, &first]);
        assert_eq!(sums(&d), wanted);
        assert!(!ran.exists());
    }

    #[test]
    fn shallow_partial_empty_and_headless_ones_say_so() {
        let (dir, plain) = first();
        commit(&plain, "a.rs", "Second");
        commit(&plain, "a.rs", "Third");
        git(&plain, &["config", "uploadpack.allowFilter", "true"]);
        let url = format!("file://{}", plain.display());
        let at = |name: &str| dir.path().join(name);
        git(dir.path(), &["clone", "--depth", "2", &url, "shallow"]);
        let shallow = Repository::open(&at("shallow")).unwrap();
        let cut: Vec<&String> = shallow.cut.iter().collect();
        assert_eq!(cut, [&git(&plain, &["rev-parse", "HEAD~1"])]);
        assert_eq!(read(&shallow, &[]).len(), 2);

        git(
            dir.path(),
            &["clone", "--bare", "--filter=blob:none", &url, "blobless"],
        );
        let refused = Repository::open(&at("blobless")).unwrap_err().to_string();
        assert!(refused.starts_with("WEIR-0314: "), "{refused}");
        assert!(refused.contains("fetch --refetch"), "{refused}");

        git(dir.path(), &["init", "-b", "main", "empty"]);
        assert_eq!(Repository::open(&at("empty")).unwrap().head, None);
        git(&plain, &["symbolic-ref", "HEAD", "refs/heads/nowhere"]);
        let refused = Repository::open(&plain).unwrap_err().to_string();
        assert!(
            refused.contains("symbolic-ref HEAD refs/heads/main"),
            "{refused}"
        );
        let refused = Repository::open(dir.path()).unwrap_err().to_string();
        assert!(refused.starts_with("WEIR-0301: "), "{refused}");
    }

    #[test]
    fn odd_commits_are_read_with_the_others() {
        let (_dir, d) = first();
        let tree = git(&d, &["write-tree"]);
        let parent = git(&d, &["rev-parse", "HEAD"]);
        let raw = |author: &[u8], time: &str, message: &[u8]| {
            let mut text = format!("tree {tree}\nparent {parent}\n").into_bytes();
            for who in ["author", "committer"] {
                text.extend_from_slice(format!("{who} ").as_bytes());
                text.extend_from_slice(author);
                text.extend_from_slice(format!(" {time} +0000\n").as_bytes());
            }
            text.push(b'\n');
            text.extend_from_slice(message);
            std::fs::write(d.join("raw"), text).unwrap();
            let id = git(
                &d,
                &["hash-object", "-t", "commit", "-w", "--literally", "raw"],
            );
            git(&d, &["update-ref", "HEAD", &id]);
            std::fs::remove_file(d.join("raw")).unwrap();
            let repo = Repository::open(&d).unwrap();
            let mut times = Vec::new();
            let head = repo.head.clone().unwrap();
            repo.list(&head, &[], &mut |c| {
                times.push(c.time);
                Ok(())
            })
            .unwrap();
            (times, repo)
        };
        let (times, _) = raw(b"A <a@example.com>", "-86400", b"before all");
        assert_eq!(times, ["1767323045", ""]);
        let (times, _) = raw(b"A <a@example.com>", "18446744073709551615", b"after all");
        assert_eq!(times.len(), 2);
        assert!(times[1].parse::<i64>().is_err());
        let long = vec![b'x'; 6 << 20];
        let (_, repo) = raw(b"J\xf6rg <>", "1767323050", &long);
        let commits = read(&repo, &[]);
        assert_eq!(commits.len(), 2);
        assert_eq!(commits[1].author, "J\u{fffd}rg");
        let known = weir_catalog::Catalog::embedded().unwrap().assistants;
        let event = repo.event("t", "", &commits[1], &known);
        assert_eq!(event.engineer.email, "unknown");
        assert!(commits[1].message.len() < 5 << 20);
    }
}
