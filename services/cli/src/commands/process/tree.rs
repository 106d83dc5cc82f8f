//! `weir process tree`: what began a process, and what it began.

use super::list::find;
use super::{Act, acted, lasting, look_over};
use crate::args::{SystemArgs, TreeArgs};
use crate::output::{self, Tree, harmless, short};
use anyhow::Result;
use serde::Serialize;
use std::process::ExitCode;
use std::time::Duration;
use weir_process::{Sample, Table, ancestors, children, descendants};

/// Over which the use of processors is measured.
const SPAN: Duration = Duration::from_millis(300);

/// A process and what it began.
#[derive(Serialize)]
struct Node {
    #[serde(flatten)]
    sample: Sample,
    children: Vec<Node>,
    /// Children that are deeper than was asked for.
    not_shown: usize,
}

impl Node {
    fn of(table: &Table, all: &[Sample], pid: i32, depth: usize) -> Option<Node> {
        let below = children(table, pid);
        let shown = below.iter().filter(|_| depth > 0);
        let shown = shown.filter_map(|c| Node::of(table, all, *c, depth - 1));
        Some(Node {
            sample: find(all, pid).ok()?.without_words(),
            children: shown.collect(),
            not_shown: if depth > 0 { 0 } else { below.len() },
        })
    }

    fn tree(&self, marked: i32) -> Tree {
        let mut tree = Tree::new(line(&self.sample, marked));
        for child in &self.children {
            tree.add(child.tree(marked));
        }
        if self.not_shown > 0 {
            tree.leaf(format!("{} more; see --depth", self.not_shown));
        }
        tree
    }
}

fn line(s: &Sample, marked: i32) -> String {
    let mark = if s.pid == marked { " <- this one" } else { "" };
    format!(
        "{} {}  {} % cpu, {} MB, {}{mark}",
        s.pid,
        harmless(&s.name),
        short(s.cpu_percent),
        short(s.memory_mb),
        lasting(s.runtime_seconds)
    )
}

pub fn run(system: &SystemArgs, a: &TreeArgs) -> Result<ExitCode> {
    let act = Act::new("tree", &[("depth", a.depth.to_string())]);
    acted(system, &a.actor, act, |act| {
        act.process = Some((a.pid, String::new()));
        let (table, all) = look_over(SPAN)?;
        act.about(&find(&all, a.pid)?);
        let above: Vec<Sample> = ancestors(&table, a.pid)
            .into_iter()
            .filter_map(|pid| find(&all, pid).ok())
            .map(Sample::without_words)
            .collect();
        let below = descendants(&table, a.pid).len();
        act.found = Some(1 + above.len() + below);
        let Some(node) = Node::of(&table, &all, a.pid, a.depth) else {
            return Ok(ExitCode::from(1));
        };
        if a.actor.json {
            output::json(&serde_json::json!({
                "ancestors": above, "process": node, "descendants": below,
            }))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut tree = node.tree(a.pid);
        for sample in &above {
            let mut outer = Tree::new(line(sample, a.pid));
            outer.add(tree);
            tree = outer;
        }
        output::plain_tree(&tree)?;
        println!("{} above it, {below} below it", above.len());
        Ok(ExitCode::SUCCESS)
    })
}
