//! `weir catalog show`

use anyhow::{Result, bail};
use std::process::ExitCode;
use weir_catalog::Catalog;
use weir_model::codes::CATALOG_REFERENCE;

/// What a macro (an SLA, a budget, a role) stands for; what else there is of a name, where it is declared.
pub fn run(c: &Catalog, name: &str) -> Result<ExitCode> {
    if let Some(e) = c
        .expanded
        .iter()
        .find(|e| e.name == name || format!("{}_{}", e.kind, e.name) == name)
    {
        println!(
            "# {} {}: {}\n{}",
            e.kind,
            e.name,
            e.title,
            e.text.trim_end()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let sections = ["kpis", "detectors", "alerts", "scores"];
    let measures = c.events.iter().map(|e| [e.name.as_str(), "measures", name]);
    let paths = sections
        .iter()
        .map(|s| vec![*s, name])
        .chain(measures.map(|m| m.to_vec()));
    let mut found = false;
    for path in paths {
        let (file, line, _) = c.place(&path);
        let source = c.sources.iter().find(|(f, _)| *f == file && line > 0);
        if let Some((_, text)) = source {
            println!("# {file}:{line}\n{}", declaration(text, line as usize));
            found = true;
        }
    }
    if !found {
        bail!(
            "{CATALOG_REFERENCE}: nothing in the catalog is named {name}; `weir catalog list kpis` and the like show what there is"
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The lines of a declaration: its first one and all that are further in.
fn declaration(text: &str, line: usize) -> String {
    let depth = |l: &str| l.len() - l.trim_start().len();
    let mut lines = text.lines().skip(line.saturating_sub(1));
    let first = lines.next().unwrap_or_default();
    let inside = lines.take_while(|l| l.trim().is_empty() || depth(l) > depth(first));
    let mut out: Vec<&str> = std::iter::once(first).chain(inside).collect();
    while out.last().is_some_and(|l| l.trim().is_empty()) {
        out.pop();
    }
    out.join("\n")
}
