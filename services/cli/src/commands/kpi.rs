//! `weir kpi`: a KPI over some days: value, terms, trend, and its days in one line.

use super::runtime;
use crate::args::{KpiArgs, SystemArgs};
use crate::output::{self, short};
use anyhow::{Context, Result, bail};
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;
use std::process::ExitCode;
use weir_analysis::Series;
use weir_analysis::trend::{self, Better, Trend};
use weir_catalog::{Catalog, KpiDef, suggest};
use weir_model::Micros;
use weir_model::codes::QUERY;
use weir_store::Store;
use weir_store::findings::{Cell, Column, Looked, Span, series};
use weir_store::reader::{Limits, Reader};

/// How small a p value has to be for a verdict, and the season in days.
const ALPHA: f64 = 0.05;
const SEASON: usize = 7;
/// Steps of a line of days, lowest first.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Most days of such a line: the latest.
const LINE: usize = 60;

/// A subject, for programs.
#[derive(Serialize)]
struct Told {
    subject: BTreeMap<String, String>,
    value: Option<f64>,
    terms: BTreeMap<String, Option<f64>>,
    days: BTreeMap<String, Option<f64>>,
    trend: Option<Trend>,
}

pub fn run(system: &SystemArgs, a: &KpiArgs) -> Result<ExitCode> {
    let catalog = system.catalog()?;
    let kpi = known(&catalog, &a.kpi)?;
    let store = Store::new(&system.find()?.store()?);
    let subject = weir_ops::explain::subject(&a.subject)?;
    let strange = subject.keys().find(|d| !kpi.dimensions.contains(d));
    if let Some(strange) = strange {
        let near = suggest(strange, kpi.dimensions.iter().map(String::as_str));
        bail!("{QUERY}: {} does not stand on {strange}; {near}", kpi.name);
    }
    let (tenant, span, told) = runtime()?.block_on(async {
        let tenant = weir_ops::tenant::meant(&store, a.tenant.as_deref()).await?;
        let span = days(&catalog, &tenant, a.days)?;
        let reader = Reader::new(&store, &tenant, &Limits::default());
        let looked = |step| Looked {
            days: span,
            most: a.limit,
            subject: &subject,
            step,
        };
        let names = kpi.terms.iter().map(|t| Column::Term(&t.name));
        let columns: Vec<Column<'_>> = [Column::Value].into_iter().chain(names).collect();
        let whole = series(&reader, &catalog, kpi, &columns, &looked("all")).await?;
        let by_day = series(&reader, &catalog, kpi, &[Column::Value], &looked("day")).await?;
        let told: Vec<Told> = whole.iter().map(|w| one(kpi, w, &by_day, span)).collect();
        anyhow::Ok((tenant, span, told))
    })?;
    if a.json {
        output::json(&serde_json::json!({
            "kpi": kpi.name, "title": kpi.title, "unit": kpi.unit, "tenant": tenant,
            "from": span.first.to_string(), "to": span.last.to_string(), "subjects": told,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if told.is_empty() {
        eprintln!(
            "{} has no value of {tenant} from {} to {}",
            kpi.name, span.first, span.last
        );
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = told.iter().map(row).collect();
    output::table(&["of", &kpi.unit, "terms", "trend", "by day"], &rows)?;
    println!("{}: {}", kpi.title, kpi.expr.source);
    println!("of {tenant}, from {} to {}", span.first, span.last);
    Ok(ExitCode::SUCCESS)
}

fn known<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a KpiDef> {
    let all = catalog.kpis.iter().filter(|k| k.mix.is_none());
    let Some(kpi) = catalog.kpi(name) else {
        let near = suggest(name, all.map(|k| k.name.as_str()));
        bail!("{QUERY}: there is no KPI \"{name}\"; {near}");
    };
    if kpi.mix.is_some() {
        bail!(
            "{QUERY}: {name} is a score: ask for the KPIs that it is made of, or `weir query kpis`"
        );
    }
    Ok(kpi)
}

/// So many days of the tenant that end with yesterday: today is not over.
fn days(catalog: &Catalog, tenant: &str, days: u32) -> Result<Span> {
    let now = jiff::Timestamp::now().to_zoned(catalog.tenants.zone(tenant).clone());
    let last = now.date().yesterday().context("there is no yesterday")?;
    let back = jiff::Span::new().days(i64::from(days) - 1);
    Ok(Span {
        first: last.saturating_sub(back),
        last,
    })
}

fn one(kpi: &KpiDef, whole: &Cell, by_day: &[Cell], span: Span) -> Told {
    let none = Vec::new();
    let values = whole.days.first().map_or(&none, |(_, v)| v);
    let terms = kpi.terms.iter().zip(values.iter().skip(1));
    let days = by_day.iter().find(|c| c.subject == whole.subject);
    let known: BTreeMap<Date, Option<f64>> = days
        .into_iter()
        .flat_map(|c| &c.days)
        .map(|(d, v)| (*d, v.first().copied().flatten()))
        .collect();
    let all: Vec<(Date, Option<f64>)> = span
        .first
        .series(jiff::Span::new().days(1))
        .take_while(|d| *d <= span.last)
        .map(|d| (d, known.get(&d).copied().flatten()))
        .collect();
    let values_by_day: Vec<_> = all.iter().map(|(_, v)| *v).collect();
    let better = kpi.target.map(|t| match t.higher_is_better {
        true => Better::Higher,
        false => Better::Lower,
    });
    let series = Series::regular(Micros(0), Micros::DAY, values_by_day).ok();
    let trend = series.zip(better);
    let trend = trend.and_then(|(s, b)| trend::trend(&s, b, Some(SEASON), ALPHA).ok());
    Told {
        subject: whole.subject.clone(),
        value: values.first().copied().flatten(),
        terms: terms.map(|(t, v)| (t.name.clone(), *v)).collect(),
        days: all.into_iter().map(|(d, v)| (d.to_string(), v)).collect(),
        trend,
    }
}

fn row(told: &Told) -> Vec<String> {
    let number = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), short);
    let subject: Vec<String> = told
        .subject
        .iter()
        .map(|(n, v)| format!("{n}={v}"))
        .collect();
    let terms: Vec<String> = told
        .terms
        .iter()
        .map(|(n, v)| format!("{n} {}", number(*v)))
        .collect();
    let verdict = told.trend.as_ref().map_or_else(String::new, |t| {
        let word = serde_json::to_value(t.verdict).unwrap_or_default();
        format!(
            "{} {} a day",
            word.as_str().unwrap_or_default(),
            short(t.slope.slope)
        )
    });
    let many = told.days.len().saturating_sub(LINE);
    let values: Vec<Option<f64>> = told.days.values().skip(many).copied().collect();
    vec![
        if subject.is_empty() {
            "all".to_owned()
        } else {
            subject.join(",")
        },
        number(told.value),
        terms.join(", "),
        verdict,
        line(&values),
    ]
}

/// Values as bars in one line; a day without one is a dot.
fn line(values: &[Option<f64>]) -> String {
    let known = || values.iter().flatten().copied();
    let least = known().fold(f64::INFINITY, f64::min);
    let most = known().fold(f64::NEG_INFINITY, f64::max);
    let bar = |v: &Option<f64>| match v {
        None => '·',
        Some(v) if most > least => {
            let step = (v - least) / (most - least) * (BARS.len() - 1) as f64;
            BARS[(step.round() as usize).min(BARS.len() - 1)]
        }
        Some(_) => BARS[0],
    };
    values.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_a_line_from_the_least_to_the_most() {
        assert_eq!(line(&[Some(0.0), None, Some(7.0), Some(3.5)]), "▁·█▅");
        assert_eq!(line(&[Some(2.0), Some(2.0)]), "▁▁");
        assert_eq!(line(&[]), "");
    }
}
