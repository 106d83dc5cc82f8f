//! `weir findings`: what deserves a look, as it was computed when a day was over.

use super::runtime;
use crate::args::{ComputedArgs, FindingsArgs, SystemArgs};
use crate::output::{self, short};
use anyhow::{Context, Result};
use jiff::civil::Date;
use serde_json::Value as Json;
use std::process::ExitCode;
use weir_model::codes::QUERY;
use weir_store::reader::{Computed, Limits, Listing, Reader, Row};
use weir_store::{Store, StoreError};

pub fn run(system: &SystemArgs, a: &FindingsArgs) -> Result<ExitCode> {
    let equal = [
        ("kind", &a.kind),
        ("about", &a.about),
        ("verdict", &a.verdict),
    ];
    let read = read(system, &a.of, &equal, weir_store::reader::findings)?;
    if a.of.json {
        return read.json();
    }
    let row = |r: &Row| {
        vec![
            field(r, "priority"),
            field(r, "kind"),
            subject(r),
            field(r, "about"),
            field(r, "verdict"),
            field(r, "usd"),
            field(r, "due"),
            field(r, "text"),
        ]
    };
    let header = ["", "kind", "of", "about", "verdict", "USD", "day", "what"];
    read.table(&header, row)
}

/// What was read, and of whom.
pub struct Read {
    tenant: String,
    rows: Vec<Row>,
    more: bool,
}

/// Rows of the newest analysis, or of those since a day.
pub fn read(
    system: &SystemArgs,
    a: &ComputedArgs,
    equal: &[(&'static str, &Option<String>)],
    list: fn(&Computed) -> Listing,
) -> Result<Read> {
    let since = a.since.as_deref().map(|day| {
        day.parse::<Date>()
            .with_context(|| format!("{QUERY}: --since takes a day such as 2026-01-05, not {day}"))
    });
    let subject = weir_ops::explain::subject(&a.subject)?;
    let of = Computed::of(equal, subject, since.transpose()?);
    let store = Store::new(&system.find()?.store()?);
    runtime()?.block_on(async {
        let tenant = weir_ops::tenant::meant(&store, a.tenant.as_deref()).await?;
        let reader = Reader::new(&store, &tenant, &Limits::default());
        let page = reader.page(&list(&of), None, a.limit).await.map_err(told)?;
        Ok(Read {
            tenant,
            more: page.next.is_some(),
            rows: page.rows,
        })
    })
}

/// A store of an earlier version has no such views before its sink has started.
fn told(error: StoreError) -> anyhow::Error {
    match &error {
        StoreError::Refused { number: 60, .. } => {
            anyhow::Error::new(error).context("the store is older than this: start its sink again")
        }
        _ => error.into(),
    }
}

impl Read {
    pub fn json(&self) -> Result<ExitCode> {
        output::json(&self.rows)?;
        Ok(ExitCode::SUCCESS)
    }

    pub fn table(&self, header: &[&str], row: impl Fn(&Row) -> Vec<String>) -> Result<ExitCode> {
        let tenant = &self.tenant;
        let Some(first) = self.rows.first() else {
            eprintln!(
                "nothing of {tenant}: the api computes it once a day is over and final; \
                 `weir query \"SELECT * FROM analyses\"` lists the days that were"
            );
            return Ok(ExitCode::SUCCESS);
        };
        let rows: Vec<Vec<String>> = self.rows.iter().map(row).collect();
        output::table(header, &rows)?;
        println!(
            "of {tenant}, by data through {}",
            field(first, "data_through")
        );
        if self.more {
            println!("there are more: --limit shows them");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A cell for people.
pub fn field(row: &Row, name: &str) -> String {
    match row.get(name) {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(n)) if n.is_f64() => short(n.as_f64().unwrap_or(0.0)),
        Some(Json::Number(n)) => n.to_string(),
        _ => String::new(),
    }
}

/// `team=core`; `all` for the tenant as a whole.
pub fn subject(row: &Row) -> String {
    let of = row.get("dimensions").and_then(Json::as_object);
    let parts: Vec<String> = of
        .into_iter()
        .flatten()
        .map(|(n, v)| format!("{n}={}", v.as_str().unwrap_or_default()))
        .collect();
    match parts.is_empty() {
        true => "all".to_owned(),
        false => parts.join(","),
    }
}
