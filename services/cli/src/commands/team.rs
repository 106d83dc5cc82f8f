//! `weir team`

use super::report::written;
use crate::args::{SystemArgs, TeamCommand};
use anyhow::{Context, Result};
use std::process::ExitCode;
use weir_report::merge::{self, Exported};
use weir_report::{Declaration, Format, Renderer};

/// The report that merged ones are.
const TEAM: &str = "team";

pub fn run(system: &SystemArgs, command: &TeamCommand) -> Result<ExitCode> {
    let TeamCommand::Aggregate {
        files,
        format,
        output,
        templates,
    } = command;
    let declared = Declaration::find(system.reports()?, TEAM)?;
    let format = Format::of(format, &declared)?;
    let mut all = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        all.push(Exported::parse(&file.display().to_string(), &text)?);
    }
    let now = jiff::Timestamp::now();
    let now = now.round(jiff::Unit::Second).unwrap_or(now).to_string();
    let catalog = system.catalog()?;
    let team = merge::team(all, &declared, &catalog, now)?;
    let renderer = Renderer {
        templates: templates.clone(),
    };
    let bytes = renderer.render(&team, &declared, format)?;
    written(&bytes, output.as_deref(), format.is_text())?;
    Ok(ExitCode::SUCCESS)
}
