//! `weir report`

use super::runtime;
use crate::args::{ReportArgs, SystemArgs};
use crate::output;
use crate::system::System;
use anyhow::{Context, Result, bail};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use weir_catalog::Catalog;
use weir_model::Micros;
use weir_model::codes::REPORT_ASKED;
use weir_ops::Arrival;
use weir_report::{Asked, Declaration, Format, Renderer, Source};
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
        let (from, to) = days(&a, declared.days, today(&catalog, &tenant))?;
        let asked = Asked {
            from,
            to,
            subject: a.subject.clone(),
        };
        let source = Source {
            reader: &reader,
            catalog: &catalog,
            questions: &questions,
            complete,
            now,
        };
        anyhow::Ok(weir_report::read(&source, &declared, &asked).await?)
    })?;
    let renderer = Renderer {
        templates: a.templates.clone(),
    };
    let bytes = renderer.render(&report, &declared, format)?;
    written(&bytes, a.output.as_deref(), format.is_text())?;
    Ok(ExitCode::SUCCESS)
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

fn today(catalog: &Catalog, tenant: &str) -> Date {
    let zone = catalog.tenants.zone(tenant).clone();
    jiff::Timestamp::now().to_zoned(zone).date()
}

/// First and last day: whole ones, up to yesterday where nothing is said.
fn days(a: &ReportArgs, declared: u32, today: Date) -> Result<(Date, Date)> {
    let date = |name: &str, text: &Option<String>| {
        let read = |text: &String| {
            text.parse::<Date>().map_err(|_| {
                anyhow::anyhow!(
                    "{REPORT_ASKED}: --{name} takes a day such as 2026-01-05, not {text:?}"
                )
            })
        };
        text.as_ref().map(read).transpose()
    };
    let back = |day: Date, n: u32| day.saturating_sub(jiff::Span::new().days(i64::from(n)));
    let to = date("to", &a.to)?.unwrap_or_else(|| back(today, 1));
    let from = match (date("from", &a.from)?, &a.period) {
        (Some(from), _) => from,
        (None, Some(period)) => back(to, length(period)? - 1),
        (None, None) => back(to, declared.max(1) - 1),
    };
    if from > to {
        bail!("{REPORT_ASKED}: --from {from} lies after --to {to}");
    }
    Ok((from, to))
}

/// `30d`, `4w` or `30`, in days.
fn length(text: &str) -> Result<u32> {
    const LONGEST: u32 = 3_660;
    let (digits, times) = match text.strip_suffix('w') {
        Some(weeks) => (weeks, 7),
        None => (text.strip_suffix('d').unwrap_or(text), 1),
    };
    let days = digits
        .parse::<u32>()
        .ok()
        .and_then(|n| n.checked_mul(times));
    days.filter(|n| (1..=LONGEST).contains(n)).with_context(|| {
        format!(
            "{REPORT_ASKED}: --period takes days such as 30d or 4w, at most {LONGEST}, not {text:?}"
        )
    })
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn days_are_whole_and_end_yesterday() {
        let today = jiff::civil::date(2026, 3, 31);
        let of = |period: Option<&str>, from: Option<&str>, to: Option<&str>| {
            let text = |t: Option<&str>| t.map(str::to_owned);
            let a = ReportArgs {
                report: None,
                period: text(period),
                from: text(from),
                to: text(to),
                subject: None,
                tenant: None,
                format: "md".into(),
                output: None,
                templates: None,
            };
            days(&a, 30, today).map(|(from, to)| format!("{from} {to}"))
        };
        assert_eq!(of(None, None, None).unwrap(), "2026-03-01 2026-03-30");
        assert_eq!(of(Some("2w"), None, None).unwrap(), "2026-03-17 2026-03-30");
        assert_eq!(
            of(Some("1d"), None, Some("2026-03-05")).unwrap(),
            "2026-03-05 2026-03-05"
        );
        assert_eq!(
            of(None, Some("2026-03-01"), None).unwrap(),
            "2026-03-01 2026-03-30"
        );
        for (period, from, to) in [
            (Some("0d"), None, None),
            (Some("soon"), None, None),
            (Some("9999999w"), None, None),
            (None, Some("2026-04-01"), None),
            (None, Some("tomorrow"), None),
        ] {
            let refused = of(period, from, to).unwrap_err().to_string();
            assert!(refused.starts_with("WEIR-1203"), "{refused}");
        }
    }
}
