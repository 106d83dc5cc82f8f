//! What coding agents did on this machine, out of the session logs that they keep: calls of models
//! and tools, by declaration (`schemas/imports/agents`, `docs/agents.md`).
//!
//! Logs are read only. Each repeats itself: lines of one answer, sessions that were resumed, forked
//! or archived, messages written anew. What has one identity is one call, whatever the order in
//! which its lines are found. No text of a prompt, answer, argument or result leaves this crate.

mod call;
mod claim;
mod declare;
mod join;
mod lenient;
mod lines;
mod merge;
mod places;
mod read;
mod scan;
mod shipped;

pub use call::{Call, Tokens, Tool};
pub use claim::{AROUND, Claim, Claims};
pub use declare::{Agent, JoinedBy, Kept, Otlp, ToolsBy, Wrong};
pub use join::{There, has_shared_id, joined};
pub use places::{Log, Machine};
pub use scan::{Cache, OnBytes, Read};

/// The declarations.
#[derive(Debug, Clone)]
pub struct Agents {
    /// In the order of their names.
    pub all: Vec<Agent>,
}

impl Agents {
    /// The declarations that this binary was built with.
    ///
    /// # Errors
    /// Where one of them is none; a test reads them all.
    pub fn shipped() -> Result<Agents, Wrong> {
        shipped::load()
    }

    /// The declarations of a `schemas` folder; where it has none, those of this binary.
    ///
    /// # Errors
    /// Where one of them is none, or cannot be read.
    pub fn load(dir: &std::path::Path) -> Result<Agents, Wrong> {
        shipped::read(dir)
    }

    /// Only those of these names; all where none is given.
    ///
    /// # Errors
    /// Where one is not known; the names that there are.
    pub fn only(mut self, names: &[String]) -> Result<Agents, String> {
        let there: Vec<String> = self.all.iter().map(|a| a.name.to_string()).collect();
        if let Some(unknown) = names.iter().find(|n| !there.contains(n)) {
            return Err(format!(
                "there is no agent {unknown}; give one of {}",
                there.join(", ")
            ));
        }
        if !names.is_empty() {
            self.all.retain(|a| names.iter().any(|n| **n == *a.name));
        }
        Ok(self)
    }

    /// The same, with calls of models alone: most bytes of a log are results of tools.
    pub fn without_tools(mut self) -> Agents {
        for agent in &mut self.all {
            agent.keeps.retain(|k| *k != Kept::Tools);
        }
        self
    }

    /// The logs that there are on a machine, the largest first.
    pub fn find(&self, machine: &Machine) -> Vec<Log> {
        places::find(&self.all, machine)
    }

    /// The declaration of an agent.
    pub fn agent(&self, name: &str) -> Option<&Agent> {
        self.all.iter().find(|a| *a.name == *name)
    }
}
