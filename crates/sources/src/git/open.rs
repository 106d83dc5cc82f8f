//! A repository as it is found: a clone, a worktree of one, a bare one, a path inside it; and git
//! told to read it and nothing else.
//!
//! git's numbers depend on the user's settings, the repository's own, attributes, replaced commits
//! and more. So git reads the objects of the repository through a folder of our own that holds none
//! of these: the same history gives the same numbers wherever it is read, a setting of a foreign
//! repository starts no program, and nothing is fetched.

use anyhow::{Context, Result, bail};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use weir_model::codes::{INCOMPLETE_REPOSITORY, INPUT, MISSING_PROGRAM};

/// A repository to read.
#[derive(Debug)]
pub struct Repository {
    /// The folder of our own.
    scratch: TempDir,
    objects: PathBuf,
    /// Name used in events: the folder's, of a bare one without `.git`.
    pub name: String,
    /// Commit that HEAD points to; none in a repository without commits.
    pub head: Option<String>,
    /// Commits whose parents are missing in a shallow clone.
    pub cut: HashSet<String>,
}

/// git without what the environment says to it.
fn git() -> Command {
    let mut c = Command::new("git");
    c.env_clear();
    for kept in ["PATH", "TMPDIR"] {
        if let Some(value) = std::env::var_os(kept) {
            c.env(kept, value);
        }
    }
    c.envs([
        ("LC_ALL", "C"),
        ("TZ", "UTC"),
        ("HOME", "/nonexistent"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_ATTR_NOSYSTEM", "1"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_ALLOW_PROTOCOL", "none"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_PAGER", "cat"),
    ]);
    c.stdin(Stdio::null());
    c
}

/// Runs a command of git; what it wrote without blanks around it, or what it complained of.
fn run(command: &mut Command) -> Result<std::result::Result<String, String>> {
    let out = command
        .output()
        .with_context(|| format!("{MISSING_PROGRAM}: cannot run git; install it and try again"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok(if out.status.success() {
        Ok(text(&out.stdout))
    } else {
        Err(text(&out.stderr))
    })
}

/// A question to the repository where it lies, before there is a folder of our own.
struct There<'a>(&'a Path);

impl There<'_> {
    fn ask(&self, args: &[&str]) -> Result<std::result::Result<String, String>> {
        // Whoever names the path trusts it enough for reading; nothing of its settings is run.
        run(git()
            .arg("-C")
            .arg(self.0)
            .args(["-c", "safe.directory=*", "-c", "core.fsmonitor=false"])
            .args(args))
    }

    fn must(&self, args: &[&str]) -> Result<String> {
        match self.ask(args)? {
            Ok(text) => Ok(text),
            Err(why) => bail!(
                "{INPUT}: {} is no readable git repository ({why}); give the path of a clone",
                self.0.display()
            ),
        }
    }

    /// A path that git names, made absolute.
    fn path(&self, args: &[&str]) -> Result<PathBuf> {
        let path = self.0.join(self.must(args)?);
        std::fs::canonicalize(&path)
            .with_context(|| format!("{INPUT}: {} cannot be read", path.display()))
    }

    fn name(&self) -> Result<String> {
        let common = self.path(&["rev-parse", "--git-common-dir"])?;
        let own = self.path(&["rev-parse", "--absolute-git-dir"])?;
        let bare = self.must(&["rev-parse", "--is-bare-repository"])? == "true";
        let folder = if common.file_name().is_some_and(|n| n == ".git") {
            common.parent().map(Path::to_owned).unwrap_or(common)
        } else if bare || own != common {
            common
        } else {
            match self.ask(&["rev-parse", "--show-toplevel"])? {
                Ok(top) if !top.is_empty() => PathBuf::from(top),
                _ => common, // inside the folder of git
            }
        };
        let name = folder.file_name().map(|n| n.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|| "repository".into());
        Ok(name.strip_suffix(".git").unwrap_or(&name).to_owned())
    }

    /// HEAD's commit; none where the repository has no commit at all.
    fn head(&self) -> Result<Option<String>> {
        if let Ok(head) = self.ask(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])? {
            return Ok(Some(head));
        }
        let branches = self.must(&["for-each-ref", "--count=5", "--format=%(refname)"])?;
        let Some(first) = branches.lines().next() else {
            return Ok(None);
        };
        bail!(
            "{INPUT}: HEAD of {0} names no commit, though it has {1}; choose one with `git -C {0} symbolic-ref HEAD {first}`",
            self.0.display(),
            branches.replace('\n', ", ")
        )
    }
}

impl Repository {
    /// Opens the repository that holds `path`.
    pub fn open(path: &Path) -> Result<Repository> {
        let there = There(path);
        let objects = there.path(&["rev-parse", "--git-path", "objects"])?;
        let shallow = path.join(there.must(&["rev-parse", "--git-path", "shallow"])?);
        let head = there.head()?;
        let scratch = tempfile::tempdir().with_context(|| format!(
"{INPUT}: cannot make a folder of temporary files; make room, or name another with TMPDIR"
))?;
        let at = |name: &str| scratch.path().join(name);
        std::fs::create_dir(at("refs"))?;
        std::fs::create_dir(at("objects"))?;
        let format = there.must(&["rev-parse", "--show-object-format"])?;
        let config = if format == "sha1" {
            "[core]\n\trepositoryformatversion = 0\n\tbare = true\n".to_owned()
        } else {
            format!(
                "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectFormat = {format}\n"
            )
        };
        std::fs::write(at("config"), config)?;
        let start = head
            .clone()
            .unwrap_or_else(|| "ref: refs/heads/main".into());
        std::fs::write(at("HEAD"), start + "\n")?;
        let mut cut = HashSet::new();
        match std::fs::read_to_string(&shallow) {
            Ok(text) => {
                cut.extend(text.lines().map(str::to_owned));
                std::fs::write(at("shallow"), text)?;
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => {
                return Err(e)
                    .with_context(|| format!("{INPUT}: cannot read {}", shallow.display()));
            }
        }
        let repository = Repository {
            name: there.name()?,
            scratch,
            objects,
            head,
            cut,
        };
        if repository.head.is_some() && there.is_partial()? {
            repository.whole(path)?;
        }
        Ok(repository)
    }

    /// git on this repository: the command's name and arguments follow.
    pub(super) fn git(&self) -> Command {
        let mut c = git();
        c.env("GIT_OBJECT_DIRECTORY", &self.objects)
            .arg("--no-pager")
            .arg("--git-dir")
            .arg(self.scratch.path())
            .args(["-c", "mailmap.blob=HEAD:.mailmap", "-c", "safe.directory=*"])
            // Old versions of files are made from newer ones: what is made is kept for the next.
            .args(["-c", "core.deltaBaseCacheLimit=128m"]);
        c
    }

    /// Fails where files are missing that the history speaks of: what changed cannot be counted
    /// without them.
    fn whole(&self, path: &Path) -> Result<()> {
        let mut child = self
            .git()
            .args(["rev-list", "--objects", "--missing=print", "HEAD"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut missing = false;
        if let Some(out) = child.stdout.take() {
            use std::io::BufRead;
            let mut lines = std::io::BufReader::new(out).split(b'\n');
            missing = lines.any(|l| l.is_ok_and(|l| l.starts_with(b"?")));
        }
        let _ = child.kill();
        let _ = child.wait();
        if missing {
            bail!(
                "{INCOMPLETE_REPOSITORY}: {0} is a partial clone and lacks files of its history, without which changed lines cannot be counted; \
                 fetch them with `git -C {0} fetch --refetch --no-filter origin`, or clone without --filter",
                path.display()
            );
        }
        Ok(())
    }
}

impl There<'_> {
    /// Whether it may lack objects that are to be had elsewhere.
    fn is_partial(&self) -> Result<bool> {
        let promised = [
            "config",
            "--get-regexp",
            r"^(remote\..*\.(promisor|partialclonefilter)|extensions\.partialclone)$",
        ];
        Ok(self.ask(&promised)?.is_ok_and(|found| !found.is_empty()))
    }
}
