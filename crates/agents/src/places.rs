//! Where logs lie.

use crate::declare::{Agent, Base, Format, Place};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders within folders are followed so far: a link may lead in a circle.
const DEEPEST: usize = 12;

/// A person's machine.
#[derive(Debug, Clone)]
pub struct Machine {
    home: PathBuf,
    variables: bool,
}

impl Machine {
    /// This one; `None` where nobody says where the person's folder is.
    pub fn this() -> Option<Machine> {
        let home = std::env::home_dir().filter(|h| !h.as_os_str().is_empty())?;
        Some(Machine {
            home,
            variables: true,
        })
    }

    /// A folder that is taken for a person's; no variable moves anything.
    pub fn at(home: &Path) -> Machine {
        Machine {
            home: home.to_owned(),
            variables: false,
        }
    }

    /// The person's folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    fn variable(&self, name: &str) -> Option<String> {
        let value = self.variables.then(|| std::env::var(name).ok()).flatten();
        value.filter(|v| !v.is_empty())
    }
}

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Log {
    /// Name of the agent.
    pub agent: std::sync::Arc<str>,
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes when it was found.
    pub size: u64,
    /// When it was changed last, where the file system tells.
    pub changed: Option<SystemTime>,
    pub(crate) format: Format,
}

/// All logs, the largest first.
pub(crate) fn find(agents: &[Agent], machine: &Machine) -> Vec<Log> {
    let mut out = Vec::new();
    for agent in agents {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for place in &agent.logs {
            one(agent, place, machine, &mut found);
        }
        // A folder that two names lead to is read once.
        found.retain(|log| seen.insert((log.path.clone(), log.format)));
        out.append(&mut found);
    }
    out.sort_by(|a, b| (b.size, &a.path).cmp(&(a.size, &b.path)));
    out
}

fn one(agent: &Agent, place: &Place, machine: &Machine, out: &mut Vec<Log>) {
    if let Some(variable) = &place.variable {
        if let Some(file) = machine.variable(variable) {
            add(agent, place, PathBuf::from(file), out);
        }
        return;
    }
    for base in bases(&agent.base, machine) {
        let folder = base.join(&place.folder);
        walk(agent, place, &folder, 0, out);
    }
}

/// Folders that variables name, else the usual ones.
fn bases(all: &[Base], machine: &Machine) -> Vec<PathBuf> {
    let mut named = Vec::new();
    for base in all {
        let Some(value) = base.variable.as_deref().and_then(|v| machine.variable(v)) else {
            continue;
        };
        let parts: Vec<&str> = match base.list {
            true => value.split(',').map(str::trim).collect(),
            false => vec![value.as_str()],
        };
        named.extend(parts.iter().map(|p| Path::new(p).join(&base.below)));
    }
    if !named.is_empty() {
        return named;
    }
    let usual = all.iter().filter_map(|b| b.home.as_deref());
    usual.map(|h| machine.home.join(h)).collect()
}

/// Folders that are not there, or may not be read, hold no logs.
fn walk(agent: &Agent, place: &Place, folder: &Path, depth: usize, out: &mut Vec<Log>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_folder = path.is_dir();
        if is_folder && place.deep && depth < DEEPEST {
            walk(agent, place, &path, depth + 1, out);
        } else if !is_folder {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let within = place.within.as_deref().is_none_or(|w| is_within(&path, w));
            if within && place.names.iter().any(|n| fits(&name, n)) {
                add(agent, place, path, out);
            }
        }
    }
}

fn is_within(path: &Path, name: &str) -> bool {
    path.ancestors()
        .skip(1)
        .any(|a| a.file_name().is_some_and(|f| f == name))
}

fn add(agent: &Agent, place: &Place, path: PathBuf, out: &mut Vec<Log>) {
    // What has gone since is no log.
    let Ok(meta) = std::fs::metadata(&path) else {
        return;
    };
    let (mut size, mut changed) = (meta.len(), meta.modified().ok());
    // What was written last to a data base stands beside it.
    if place.format == Format::Opencode
        && let Ok(wal) = std::fs::metadata(beside(&path))
    {
        size += wal.len();
        changed = changed.max(wal.modified().ok());
    }
    out.push(Log {
        agent: agent.name.clone(),
        size,
        changed,
        format: place.format,
        path,
    });
}

/// The file beside a data base with what was written to it last.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Whether a name is as a pattern, in which `*` stands for any characters.
fn fits(name: &str, pattern: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else {
        return name == pattern;
    };
    let Some(tail) = name.strip_prefix(begin) else {
        return false;
    };
    let ends = tail.char_indices().map(|(i, _)| i).chain([tail.len()]);
    ends.into_iter().any(|i| fits(&tail[i..], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_characters() {
        assert!(fits("a.jsonl", "*.jsonl") && fits("opencode.db", "opencode*.db"));
        assert!(fits("opencode-beta.db", "opencode*.db") && fits("x", "x"));
        assert!(!fits("a.jsonl.zst", "*.jsonl") && !fits("opencode.db-wal", "opencode*.db"));
    }
}
