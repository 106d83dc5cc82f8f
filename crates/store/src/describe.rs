//! Comments on tables, views and columns: what the catalog, the schemas of events and records, and
//! the declarations of this crate say of them, for whoever looks at the store with a tool.
//!
//! They change no number, and nobody waits for them: they are written after the start, where they
//! are not there yet.

mod words;

use crate::client::{ident, text};
use crate::cluster::is_shard;
use crate::measure;
use crate::table::{EventsTable, PartsTable, underscored};
use crate::view::view_of;
use crate::{Store, StoreError, findings, results};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use weir_catalog::{Catalog, EventDef, KpiDef};
use weir_model::WindowSize;
use words::{COMMON, ENDS, FIXED};

/// What tables and columns are to be called.
#[derive(Debug, Default)]
pub(crate) struct Comments {
    /// By table or view.
    tables: BTreeMap<String, String>,
    /// By table or view, then column.
    columns: BTreeMap<String, BTreeMap<String, String>>,
    /// By column, wherever it stands.
    common: BTreeMap<String, String>,
}

impl Comments {
    /// All that is declared.
    ///
    /// # Errors
    /// The catalog has no tables.
    pub fn of(catalog: &Catalog) -> Result<Comments, StoreError> {
        let mut all = Comments::default();
        let owned = |(n, d): &(&str, &str)| ((*n).to_owned(), (*d).to_owned());
        all.common.extend(COMMON.iter().map(owned));
        all.tables.extend(FIXED.iter().map(owned));
        for event in &catalog.events {
            all.event(event)?;
        }
        for kpi in &catalog.kpis {
            all.kpi(kpi, catalog);
        }
        for fixture in results::ALL {
            let docs: Vec<(&str, &str)> = fixture.docs().collect();
            let names = [fixture.table, fixture.view];
            let backtest = format!("backtest_{}", fixture.view);
            for table in names.into_iter().chain([backtest.as_str()]) {
                all.put(table, docs.iter().copied());
            }
        }
        for table in findings::TABLES {
            let shown = findings::SHOWN.iter();
            let docs = table.columns().chain(shown).map(|(n, _, d)| (*n, *d));
            let docs: Vec<(&str, &str)> = docs.collect();
            for name in [table.name, table.view] {
                all.put(name, docs.iter().copied());
                all.tables.insert(name.to_owned(), table.doc.to_owned());
            }
        }
        Ok(all)
    }

    fn put<'a>(&mut self, table: &str, docs: impl Iterator<Item = (&'a str, &'a str)>) {
        let of = self.columns.entry(table.to_owned()).or_default();
        of.extend(docs.map(|(n, d)| (n.to_owned(), d.to_owned())));
    }

    fn event(&mut self, event: &EventDef) -> Result<(), StoreError> {
        let docs = fields(&event.schema_json);
        let (parts, archive) = (PartsTable::of(event)?, EventsTable::of(event)?);
        let name = underscored(&event.name);
        let mut measured: BTreeMap<String, String> = BTreeMap::new();
        for d in &event.dimensions {
            let doc = docs.get(&d.path).map_or("", String::as_str);
            let doc = if doc.is_empty() { &d.path } else { doc };
            measured.insert(d.name.clone(), format!("dimension: {doc}"));
        }
        for m in &event.measures {
            let title = titled(&m.title, &m.name, &m.unit);
            let kind = m.kind.accumulator();
            let shown = measure::shown(&m.name, kind).into_iter().map(|(_, n)| n);
            let stored = measure::columns(kind).iter();
            let stored = stored.map(|(end, _)| format!("{}{end}", m.name));
            for column in shown.chain(stored) {
                let comment = match ending(&column[m.name.len()..]) {
                    end if end.is_empty() => title.clone(),
                    end => format!("{title}: {end}"),
                };
                measured.insert(column, comment);
            }
        }
        let what = &event.name;
        let mut tables = vec![
            (
                parts.name,
                format!("{what}: aggregates by window and subject, as parts, of all runs"),
            ),
            (
                format!("{name}_day_parts"),
                format!("{what}: parts of days, to be added up over any span"),
            ),
        ];
        for size in WindowSize::ALL {
            let label = size.label();
            let doc = format!("{what}: aggregates by window of {label} and subject");
            tables.push((view_of(event, size), doc));
        }
        for (table, doc) in tables {
            self.columns.insert(table.clone(), measured.clone());
            self.tables.insert(table, doc);
        }
        let leaf = |l: &crate::Leaf| {
            let doc = docs.get(&l.path).filter(|d| !d.is_empty());
            (
                l.column.clone(),
                doc.cloned().unwrap_or_else(|| l.path.clone()),
            )
        };
        let leaves: BTreeMap<String, String> = archive.leaves.iter().map(leaf).collect();
        let doc = serde_json::from_str::<Json>(&event.schema_json).ok();
        let doc = doc.and_then(|s| Some(s.get("doc")?.as_str()?.to_owned()));
        let doc = doc.unwrap_or_else(|| what.clone());
        for table in [archive.name, format!("{name}_events")] {
            self.columns.insert(table.clone(), leaves.clone());
            self.tables
                .insert(table, format!("{what}: events as they were sent. {doc}"));
        }
        Ok(())
    }

    fn kpi(&mut self, kpi: &KpiDef, catalog: &Catalog) {
        let title = titled(&kpi.title, &kpi.name, &kpi.unit);
        let mut of: BTreeMap<String, String> = BTreeMap::new();
        of.insert("value".to_owned(), title.clone());
        for t in &kpi.terms {
            let event = &catalog.events[t.event];
            let m = &event.measures[t.measure];
            let of_term = titled(&m.title, &m.name, &m.unit);
            of.insert(
                format!("term_{}", t.name),
                format!("{}: {of_term}", event.name),
            );
        }
        for (input, _) in kpi.mix.iter().flat_map(|mix| &mix.inputs) {
            let input = &catalog.kpis[*input];
            of.insert(
                format!("term_{}", input.name),
                format!("score of: {}", input.title),
            );
        }
        for d in &kpi.dimensions {
            of.insert(d.clone(), format!("dimension {d}"));
        }
        let current = format!("kpi_{}_current", kpi.name);
        self.columns.insert(current.clone(), of);
        self.tables
            .insert(current, format!("{title}, by window, as it is by now"));
        let period = format!("kpi_{}", kpi.name);
        self.tables
            .insert(period, format!("{title}, over days: (from, to, step)"));
    }

    /// What a table or view is; empty where nothing is declared.
    pub fn table(&self, name: &str) -> &str {
        self.tables.get(name).map_or("", String::as_str)
    }

    /// What a column is, and whether that is said of this table; empty where nothing is declared.
    pub fn column(&self, table: &str, name: &str) -> (&str, bool) {
        let own = self.columns.get(table).and_then(|c| c.get(name));
        let own = own.filter(|c| !c.is_empty());
        let comment = own.or_else(|| self.common.get(name));
        (comment.map_or("", String::as_str), own.is_some())
    }
}

/// A title with its unit.
fn titled(title: &str, name: &str, unit: &str) -> String {
    let title = if title.is_empty() { name } else { title };
    match unit.is_empty() {
        true => title.to_owned(),
        false => format!("{title} ({unit})"),
    }
}

/// What the end of a column's name says.
fn ending(end: &str) -> String {
    if let Some((_, words)) = ENDS.iter().find(|(e, _)| *e == end) {
        return (*words).to_owned();
    }
    match end.strip_prefix("_p").filter(|p| p.parse::<u32>().is_ok()) {
        Some(share) => format!("{share} % of the values are at most this"),
        None => end.trim_start_matches('_').to_owned(),
    }
}

/// What the fields of an Avro schema are, by dotted path.
fn fields(schema: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    if let Ok(schema) = serde_json::from_str::<Json>(schema) {
        walk(&schema, "", &mut all);
    }
    all
}

fn walk(schema: &Json, at: &str, all: &mut BTreeMap<String, String>) {
    match schema {
        Json::Array(branches) => branches.iter().for_each(|b| walk(b, at, all)),
        Json::Object(of) => {
            if let Some(inner @ (Json::Object(_) | Json::Array(_))) = of.get("type") {
                walk(inner, at, all);
            }
            let fields = of.get("fields").and_then(Json::as_array);
            for field in fields.into_iter().flatten() {
                let Some(name) = field.get("name").and_then(Json::as_str) else {
                    continue;
                };
                let path = match at.is_empty() {
                    true => name.to_owned(),
                    false => format!("{at}.{name}"),
                };
                let doc = field.get("doc").and_then(Json::as_str).unwrap_or_default();
                all.insert(path.clone(), doc.to_owned());
                if let Some(inner) = field.get("type") {
                    walk(inner, &path, all);
                }
            }
        }
        _ => {}
    }
}

impl Store {
    /// Writes the comments that are not there yet; returns on how many tables and views. What was
    /// made anew since, as a view is, has none of its columns' any more. Safe to call at any time.
    ///
    /// # Errors
    /// ClickHouse refuses or does not answer.
    pub async fn describe(
        &self,
        catalog: &Catalog,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<usize, StoreError> {
        let wanted = Comments::of(catalog)?;
        let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let columns = "SELECT table, name, comment FROM system.columns \
             WHERE database = currentDatabase() ORDER BY table, position";
        let columns = self.fetch::<(String, String, String)>(columns).await?;
        for (table, name, there) in columns.into_iter().filter(|c| !is_shard(&c.0)) {
            let (comment, own) = wanted.column(&table, &name);
            // What holds anywhere does not take the place of what a migration says.
            let better = there.is_empty() || own;
            if better && !comment.is_empty() && comment != there {
                let change = format!("COMMENT COLUMN {} {}", ident(&name), text(comment));
                missing.entry(table).or_default().push(change);
            }
        }
        // Views that are made at the start say in their comment what they were made from.
        let bare = "SELECT name FROM system.tables WHERE database = currentDatabase() \
             AND comment = ''";
        let mut told = 0;
        let bare = self.fetch::<String>(bare).await?;
        for name in bare.into_iter().filter(|name| !is_shard(name)) {
            let comment = wanted.table(&name);
            if !comment.is_empty() {
                let change = format!("MODIFY COMMENT {}", text(comment));
                missing.entry(name).or_default().push(change);
            }
        }
        for (table, changes) in missing {
            if stop() {
                break;
            }
            let sql = format!("ALTER TABLE {} {}", ident(&table), changes.join(", "));
            // Views have no table behind them, and nobody reads the comments of one.
            let sql = match &self.cluster {
                Some(cluster) => cluster.itself(&sql)?,
                None => sql,
            };
            self.execute(&sql).await?;
            told += 1;
        }
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn columns_are_what_catalog_and_schemas_say() {
        let catalog = Catalog::embedded().unwrap();
        let all = Comments::of(&catalog).unwrap();
        let of = |table: &str, name: &str| all.column(table, name).0.to_owned();
        assert_eq!(of("llm_call_1h", "calls"), "Calls (calls)");
        assert_eq!(
            of("llm_call_1d", "latency_p95"),
            "Request to last token (ms): 95 % of the values are at most this"
        );
        assert_eq!(of("parts_llm_call", "rollup"), COMMON[9].1);
        assert!(of("llm_call_events", "engineer_email").starts_with("identity of the engineer"));
        assert_eq!(
            of("kpi_cost_per_call_current", "value"),
            "Cost of a call (usd)"
        );
        assert!(of("kpi_cost_per_call_current", "term_calls").contains("Calls"));
        assert_eq!(of("forecasts", "newest"), findings::SHOWN[0].2);
        assert!(!of("alerts", "worst").is_empty());
        assert!(
            all.table("kpi_roi")
                .ends_with("over days: (from, to, step)")
        );
    }
}
