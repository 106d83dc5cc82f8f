//! `weir report`

use super::runtime;
use crate::args::{ReportArgs, SystemArgs};
use crate::output;
use crate::system::System;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use weir_catalog::Catalog;
use weir_model::Micros;
use weir_model::codes::REPORT_ASKED;
use weir_ops::Arrival;
use weir_report::{Declaration, Format, Order, Renderer, Source};
use weir_store::reader::Limits;
use weir_store::{Reader, Store};

/// What finding out how far everything is may take: a report says so where it was not found out.
const PATIENCE: Duration = Duration::from_secs(5);

pub fn run(system: &SystemArgs, a: ReportArgs) -> Result<ExitCode> {
    let all = system.reports()?;
    let Some(name) = &a.report else {
        return list(&all);
    };
    let declared = Declaration::find(all, name)?;
    let format = Format::of(&a.format, &declared)?;
    let catalog = system.catalog()?;
    let questions = system.questions()?;
    let found = system.find()?;
    let store = Store::new(&found.own_store()?);
    let complete = complete(&found, &catalog);
    let now = Micros(jiff::Timestamp::now().as_microsecond());
    let report = runtime()?.block_on(async {
        let tenant = tenant(&store, a.tenant.as_deref()).await?;
        let reader = Reader::new(&store, &tenant, &Limits::default());
        let source = Source {
            reader: &reader,
            catalog: &catalog,
            questions: &questions,
            complete,
            now,
        };
        anyhow::Ok(order(&a).read(&source, &declared).await?)
    })?;
    let renderer = Renderer {
        templates: a.templates.clone(),
    };
    let bytes = renderer.render(&report, &declared, format)?;
    written(&bytes, a.output.as_deref(), format.is_text())?;
    Ok(ExitCode::SUCCESS)
}

fn order(a: &ReportArgs) -> Order {
    Order {
        period: a.period.clone(),
        from: a.from.clone(),
        to: a.to.clone(),
        subject: a.subject.clone(),
    }
}

/// To a file, else to standard output.
pub fn written(bytes: &[u8], output: Option<&Path>, is_text: bool) -> Result<()> {
    if let Some(path) = output {
        std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("{} written", path.display());
        return Ok(());
    }
    if !is_text && std::io::stdout().is_terminal() {
        bail!("{REPORT_ASKED}: this format is no text; name a file with --output");
    }
    Ok(std::io::stdout().lock().write_all(bytes)?)
}

/// Through when each event type is complete, where that can be told.
fn complete(system: &System, catalog: &Catalog) -> Option<BTreeMap<String, Micros>> {
    let told = || {
        let run = weir_ops::run::current(&system.brokers, catalog)?;
        let arrival = Arrival {
            brokers: &system.brokers,
            catalog,
            run,
        };
        arrival.complete(PATIENCE)
    };
    match told() {
        Ok(complete) => Some(complete),
        Err(e) => {
            eprintln!("how far everything is complete cannot be told: {e:#}");
            None
        }
    }
}

/// The tenant that was named, else the only one that has data.
async fn tenant(store: &Store, named: Option<&str>) -> Result<String> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let rows = store.rows(weir_store::explain::TENANTS, &[]).await?.rows;
    let names: Vec<&str> = rows.iter().filter_map(|r| r.first()?.as_str()).collect();
    match names.as_slice() {
        [] => bail!("{REPORT_ASKED}: there is no data yet; publish some, or try `weir simulate`"),
        [one] => Ok((*one).to_owned()),
        several => bail!(
            "{REPORT_ASKED}: several tenants have data ({}); name one with --tenant",
            several.join(", ")
        ),
    }
}

fn list(all: &[Declaration]) -> Result<ExitCode> {
    let row = |d: &Declaration| {
        let subject = d
            .subject
            .as_ref()
            .map(|s| format!("--subject {}", s.to_uppercase()));
        vec![
            d.name.clone(),
            d.reader.clone(),
            subject.unwrap_or_default(),
            format!("{}d", d.days),
            Format::names(d).join(" "),
        ]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    output::table(&["report", "for", "about", "days", "formats"], &rows)?;
    Ok(ExitCode::SUCCESS)
}
