//! A repository's hooks, and weir's folder in it: installed beside what was there, and taken away
//! without a trace.

use super::settings::{Settings, Told};
use anyhow::{Context, Result, anyhow, bail};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use weir_model::codes::{HOOK_PLACE, MISSING_PROGRAM};

/// Hooks that are installed: after a commit, and after a merge, which runs no other.
pub const HOOKS: [&str; 2] = ["post-commit", "post-merge"];
/// A hook of ours has this line.
const OURS: &str = "# Written by weir hook install; weir hook remove takes it away.";
/// What a hook that was there before is called.
const BEFORE: &str = "before-weir";
/// weir's folder in that of git.
const FOLDER: &str = "weir";
const SETTINGS: &str = "hook.json";
const PENDING: &str = "pending";
const LAST: &str = "last.json";

/// Variables by which git tells its children where it works.
const GIT_NAMES: [&str; 5] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
];

/// What a hook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    None,
    Ours,
    Chained,
    Other,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::None => "none",
            State::Ours => "installed",
            State::Chained => "installed, after the one that was there",
            State::Other => "another program's",
        }
    }

    pub fn is_ours(self) -> bool {
        matches!(self, State::Ours | State::Chained)
    }
}

/// A commit that waits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pending {
    pub commit: String,
    /// After a merge: counts only where it made a commit.
    pub is_merge: bool,
    file: PathBuf,
}

/// Where hooks and weir's files of a repository are.
pub struct Place {
    /// Folder of hooks.
    pub hooks: PathBuf,
    /// The folder of git that all worktrees share.
    pub common: PathBuf,
}

impl Place {
    /// Of the repository that holds a path, as git itself finds its hooks: `core.hooksPath` counts.
    pub fn find(path: &Path) -> Result<Place> {
        let ask = |what: &[&str]| -> Result<PathBuf> {
            let mut git = Command::new("git");
            // A hook's surroundings name the repository as seen from where git was called.
            for name in GIT_NAMES {
                git.env_remove(name);
            }
            git.arg("-C").arg(path);
            git.args(["rev-parse", "--path-format=absolute"]).args(what);
            let out = git
                .output()
                .with_context(|| format!("{MISSING_PROGRAM}: cannot run git; install it"))?;
            if !out.status.success() {
                bail!(
                    "{HOOK_PLACE}: {} is in no git repository ({})",
                    path.display(),
                    String::from_utf8_lossy(&out.stderr).trim()
                );
            }
            Ok(PathBuf::from(
                String::from_utf8_lossy(&out.stdout).trim_end_matches('\n'),
            ))
        };
        Ok(Place {
            hooks: ask(&["--git-path", "hooks"])?,
            common: ask(&["--git-common-dir"])?,
        })
    }

    /// Other repositories may run the same hooks.
    pub fn is_shared(&self) -> bool {
        !self.hooks.starts_with(&self.common)
    }

    fn own(&self, name: &str) -> PathBuf {
        self.common.join(FOLDER).join(name)
    }

    pub fn state(&self, name: &str) -> State {
        let text = std::fs::read(self.hooks.join(name)).ok();
        let text = text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let is_ours = text.as_ref().map(|t| t.lines().any(|l| l == OURS));
        match is_ours {
            None => State::None,
            Some(false) => State::Other,
            Some(true) if self.before(name).exists() => State::Chained,
            Some(true) => State::Ours,
        }
    }

    fn before(&self, name: &str) -> PathBuf {
        self.hooks.join(format!("{name}.{BEFORE}"))
    }

    /// Installs a hook; one that is there is put aside and runs first.
    pub fn install(&self, name: &str, program: &Path) -> Result<State> {
        let (hook, before) = (self.hooks.join(name), self.before(name));
        if self.state(name) == State::Other {
            if before.exists() {
                bail!(
                    "{HOOK_PLACE}: {0} is not weir's, and {1} was put aside before; keep one of them \
                     as {0}, and delete the other",
                    hook.display(),
                    before.display()
                );
            }
            std::fs::rename(&hook, &before).with_context(|| cannot(&hook))?;
        }
        std::fs::create_dir_all(&self.hooks).with_context(|| cannot(&self.hooks))?;
        write(&hook, script(name, program).as_bytes(), 0o755)?;
        Ok(self.state(name))
    }

    /// Takes a hook away; the one that was there before is back.
    pub fn remove(&self, name: &str) -> Result<State> {
        let (hook, before) = (self.hooks.join(name), self.before(name));
        match self.state(name) {
            State::Ours => std::fs::remove_file(&hook).with_context(|| cannot(&hook))?,
            State::Chained => std::fs::rename(&before, &hook).with_context(|| cannot(&hook))?,
            State::None if before.exists() => {
                std::fs::rename(&before, &hook).with_context(|| cannot(&hook))?;
            }
            State::None | State::Other => {}
        }
        Ok(self.state(name))
    }

    /// Writes the settings, and makes the folder of what waits.
    pub fn keep(&self, settings: &Settings) -> Result<()> {
        let pending = self.own(PENDING);
        let mut private = std::fs::DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(&pending).with_context(|| cannot(&pending))?;
        let text = serde_json::to_vec_pretty(settings)?;
        write(&self.own(SETTINGS), &text, 0o600)
    }

    /// Deletes weir's folder.
    pub fn forget(&self) -> Result<()> {
        let folder = self.common.join(FOLDER);
        match std::fs::remove_dir_all(&folder) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e).with_context(|| cannot(&folder)),
            _ => Ok(()),
        }
    }

    /// None where it is not installed.
    pub fn settings(&self) -> Result<Option<Settings>> {
        let file = self.own(SETTINGS);
        match std::fs::read(&file) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text).map_err(|e| {
                anyhow!(
                    "{HOOK_PLACE}: {}: {e}; install the hook again",
                    file.display()
                )
            })?)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e).with_context(|| cannot(&file)),
        }
    }

    /// What waits, in the order of hashes. A file for each commit: the hook writes without a lock,
    /// and what was sent is deleted alone.
    pub fn pending(&self) -> Result<Vec<Pending>> {
        let files = match std::fs::read_dir(self.own(PENDING)) {
            Ok(files) => files,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e).with_context(|| cannot(&self.own(PENDING))),
        };
        let mut all: Vec<Pending> = files
            .flatten()
            .filter_map(|f| Pending::of(f.path()))
            .collect();
        all.sort();
        Ok(all)
    }

    /// These need not wait any more.
    pub fn sent(&self, all: &[Pending]) -> Result<()> {
        for one in all {
            std::fs::remove_file(&one.file).with_context(|| cannot(&one.file))?;
        }
        Ok(())
    }

    pub fn tell(&self, told: &Told) -> Result<()> {
        write(&self.own(LAST), &serde_json::to_vec(told)?, 0o600)
    }

    pub fn told(&self) -> Result<Option<Told>> {
        let text = std::fs::read(self.own(LAST)).ok();
        Ok(text.and_then(|t| serde_json::from_slice(&t).ok()))
    }

    /// One process at a time sends, and one more waits for it, which sees all that comes until its
    /// turn: `None` for any other.
    pub fn turn(&self) -> Result<Option<File>> {
        let open = |name: &str| {
            let mut options = OpenOptions::new();
            options.create(true).append(true).mode(0o600);
            let file = self.own(name);
            options.open(&file).with_context(|| cannot(&file))
        };
        let next = open("next.lock")?;
        if next.try_lock().is_err() {
            return Ok(None);
        }
        let turn = open("turn.lock")?;
        turn.lock()
            .context("cannot wait for another one that sends")?;
        // `next` is free from here on, before anything is read.
        Ok(Some(turn))
    }
}

impl Pending {
    /// Of a file `post-commit-<hash>`.
    fn of(file: PathBuf) -> Option<Pending> {
        let name = file.file_name()?.to_str()?;
        let (hook, commit) = name.rsplit_once('-')?;
        let is_hash = commit.len() >= 40 && commit.bytes().all(|b| b.is_ascii_hexdigit());
        (HOOKS.contains(&hook) && is_hash).then(|| Pending {
            commit: commit.to_owned(),
            is_merge: hook == "post-merge",
            file: file.clone(),
        })
    }
}

fn cannot(path: &Path) -> String {
    format!("{HOOK_PLACE}: cannot change {}", path.display())
}

/// The whole file, or the old one: a hook may run meanwhile.
fn write(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder).with_context(|| cannot(path))?;
    new.write_all(content).with_context(|| cannot(path))?;
    let rights = std::fs::Permissions::from_mode(mode);
    new.as_file().set_permissions(rights)?;
    new.persist(path).with_context(|| cannot(path))?;
    Ok(())
}

/// The hook. Whatever fails in it, the commit is made: git does not ask.
fn script(name: &str, program: &Path) -> String {
    let program = program.display().to_string().replace('\'', r"'\''");
    format!(
        r#"#!/bin/sh
{OURS}
status=0
if [ -x "$0.{BEFORE}" ]; then
    "$0.{BEFORE}" "$@"
    status=$?
fi
{{ IFS= read -r folder; IFS= read -r commit; }} <<END
$(git rev-parse --git-common-dir HEAD 2>/dev/null)
END
if [ -n "$commit" ] && [ -f "$folder/{FOLDER}/{SETTINGS}" ]; then
    : 2>/dev/null >"$folder/{FOLDER}/{PENDING}/{name}-$commit"
    '{program}' hook send "$folder" </dev/null >/dev/null 2>&1 &
fi
exit $status
"#
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::{Mutex, MutexGuard, PoisonError};
    use std::time::{Duration, Instant};

    /// A program that is written while another test begins one cannot be run for a moment.
    fn alone() -> MutexGuard<'static, ()> {
        static ONE: Mutex<()> = Mutex::new(());
        ONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn git(dir: &Path, args: &[&str]) -> String {
        let out = Command::new("git")
            .arg("-C")
            .arg(dir)
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
            .args(args)
            .output()
            .unwrap();
        assert!(out.status.success(), "{args:?}: {out:?}");
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    fn repository() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let d = dir.path().join("it's one");
        std::fs::create_dir(&d).unwrap();
        git(&d, &["init", "-q", "-b", "main"]);
        (dir, d)
    }

    fn settings() -> Settings {
        Settings {
            data_dir: "/nowhere".into(),
            brokers: None,
            schemas: None,
            url: None,
            token: None,
            tenant: "default".into(),
            team: String::new(),
            privacy: None,
        }
    }

    fn install(place: &Place) -> Vec<State> {
        place.keep(&settings()).unwrap();
        let program = Path::new("/bin/true");
        HOOKS.map(|n| place.install(n, program).unwrap()).to_vec()
    }

    fn commit(dir: &Path, message: &str) -> String {
        git(dir, &["commit", "-q", "--allow-empty", "-m", message]);
        git(dir, &["rev-parse", "HEAD"])
    }

    #[test]
    fn commits_and_merges_are_written_down_and_nothing_else() {
        let _alone = alone();
        let (_dir, d) = repository();
        let place = Place::find(&d).unwrap();
        assert_eq!(install(&place), [State::Ours, State::Ours]);
        let first = commit(&d, "one");
        git(&d, &["checkout", "-q", "-b", "side"]);
        let second = commit(&d, "two");
        git(&d, &["checkout", "-q", "main"]);
        git(&d, &["merge", "-q", "--no-ff", "side", "-m", "merge"]);
        let merge = git(&d, &["rev-parse", "HEAD"]);
        let mut seen: Vec<_> = place.pending().unwrap();
        seen.sort_by_key(|p| (p.commit != first, p.commit != second));
        let seen: Vec<_> = seen
            .iter()
            .map(|p| (p.commit.clone(), p.is_merge))
            .collect();
        assert_eq!(seen, [(first, false), (second, false), (merge, true)]);
        // In a worktree, and where commits are made from a folder below.
        git(&d, &["worktree", "add", "-q", "../other", "side"]);
        let third = commit(&d.join("../other"), "three");
        assert!(place.pending().unwrap().iter().any(|p| p.commit == third));
        place.sent(&place.pending().unwrap()).unwrap();
        assert!(place.pending().unwrap().is_empty());
        assert_eq!(place.settings().unwrap(), Some(settings()));
    }

    #[test]
    fn a_hook_that_was_there_runs_first_and_is_back_after() {
        let _alone = alone();
        let (_dir, d) = repository();
        let place = Place::find(&d).unwrap();
        let old = "#!/bin/sh\necho ran >>ran\nexit 1\n";
        std::fs::create_dir_all(&place.hooks).unwrap();
        write(&place.hooks.join("post-commit"), old.as_bytes(), 0o750).unwrap();
        let before: Vec<_> = list(&place.hooks);
        for _ in 0..2 {
            assert_eq!(install(&place), [State::Chained, State::Ours]);
        }
        commit(&d, "one");
        assert_eq!(std::fs::read_to_string(d.join("ran")).unwrap(), "ran\n");
        assert_eq!(place.pending().unwrap().len(), 1);
        for _ in 0..2 {
            let states = HOOKS.map(|n| place.remove(n).unwrap());
            assert_eq!(states, [State::Other, State::None]);
            place.forget().unwrap();
        }
        assert_eq!(list(&place.hooks), before);
        let hook = place.hooks.join("post-commit");
        assert_eq!(std::fs::read_to_string(&hook).unwrap(), old);
        assert_eq!(hook.metadata().unwrap().permissions().mode() & 0o777, 0o750);
        assert!(!place.common.join(FOLDER).exists());
        commit(&d, "two");
        assert!(place.pending().unwrap().is_empty());
    }

    fn list(folder: &Path) -> Vec<PathBuf> {
        let files = std::fs::read_dir(folder).unwrap();
        let mut all: Vec<_> = files.map(|f| f.unwrap().path()).collect();
        all.sort();
        all
    }

    #[test]
    fn the_folder_that_git_is_told_of_counts_and_others_are_left_alone() {
        let _alone = alone();
        let (_dir, d) = repository();
        git(&d, &["config", "core.hooksPath", "my hooks"]);
        let place = Place::find(&d).unwrap();
        assert!(place.hooks.ends_with("my hooks") && place.is_shared());
        install(&place);
        commit(&d, "one");
        assert_eq!(place.pending().unwrap().len(), 1);
        // Another repository with the same hooks.
        let (_other, other) = repository();
        let hooks = place.hooks.to_str().unwrap();
        git(&other, &["config", "core.hooksPath", hooks]);
        commit(&other, "one");
        assert!(!Place::find(&other).unwrap().common.join(FOLDER).exists());
        assert!(Place::find(Path::new("/")).is_err());
    }

    #[test]
    fn two_old_hooks_are_for_a_person_to_choose_from() {
        let _alone = alone();
        let (_dir, d) = repository();
        let place = Place::find(&d).unwrap();
        std::fs::create_dir_all(&place.hooks).unwrap();
        for name in ["post-commit", "post-commit.before-weir"] {
            write(&place.hooks.join(name), b"#!/bin/sh\n", 0o755).unwrap();
        }
        let error = place.install("post-commit", Path::new("/bin/true"));
        assert!(error.unwrap_err().to_string().starts_with("WEIR-1511"));
    }

    #[test]
    fn the_committer_waits_less_than_fifty_milliseconds() {
        let _alone = alone();
        let (_dir, d) = repository();
        let place = Place::find(&d).unwrap();
        install(&place);
        commit(&d, "one");
        // A program that takes long does not count.
        let slow = d.join("slow");
        write(&slow, b"#!/bin/sh\nsleep 5\n", 0o755).unwrap();
        place.install("post-commit", &slow).unwrap();
        let hook = place.hooks.join("post-commit");
        let took = (0..9).map(|_| {
            let begun = Instant::now();
            let status = Command::new(&hook).current_dir(&d).status().unwrap();
            assert!(status.success());
            begun.elapsed()
        });
        // The fastest: what else this machine does is not the hook's.
        let fastest = took.min().unwrap();
        assert!(fastest < Duration::from_millis(50), "{fastest:?}");
    }

    #[test]
    fn one_sends_one_waits_and_others_go() {
        let _alone = alone();
        let (_dir, d) = repository();
        let place = Place::find(&d).unwrap();
        place.keep(&settings()).unwrap();
        let first = place.turn().unwrap().unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| place.turn().unwrap().is_some());
            std::thread::sleep(Duration::from_millis(100));
            assert!(place.turn().unwrap().is_none());
            drop(first);
            assert!(waiting.join().unwrap());
        });
    }
}
