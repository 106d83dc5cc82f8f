//! Compares merged windows: every part of every measure.

use super::columns::{billionths, integer, number, pairs, string, whole, wholes};
use super::compare::Comparison;
use super::rows::{Columns, Rows};
use crate::time::show;
use anyhow::{Context, Result};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::{Catalog, EventDef};
use weir_model::{Micros, WindowSize};
use weir_oracle::{Cell, CellKey, Kept, Truth};
use weir_store::audit::RowSet;
use weir_store::rollup_name;

/// The rows of one event type and window size, which are the kind of this number.
pub fn compare(
    catalog: &Catalog,
    truth: &Truth,
    store: &mut Rows,
    (kind, event, size): (usize, usize, WindowSize),
    out: &mut Comparison,
) -> Result<()> {
    let def = &catalog.events[event];
    let rollups: BTreeMap<String, usize> = (0..def.rollups.len())
        .map(|i| (rollup_name(def, i), i))
        .collect();
    let mut seen = 0u64;
    let mut missing: BTreeSet<&CellKey> = truth
        .merged
        .keys()
        .filter(|k| k.event == event && k.window == size)
        .collect();
    store.each((kind, RowSet::Windows(event, size)), &mut |row| {
        let rollup = *rollups
            .get(&string(&row, "rollup"))
            .context("a row of a rollup that is not declared")?;
        let names = names(def, rollup);
        let key = CellKey {
            event,
            rollup,
            window: size,
            start: Micros(integer(&row, "window_start")? as i64),
            end: Micros(integer(&row, "window_end")? as i64),
            tenant: string(&row, "tenant"),
            values: names.iter().map(|n| string(&row, n)).collect(),
        };
        seen += 1;
        match truth.merged.get(&key) {
            None => out.differ(format!("{}: is not in the log", say(def, &key))),
            Some(cell) => {
                for (measure, difference) in differences(def, cell, &row) {
                    out.differ(format!("{}: {measure}: {difference}", say(def, &key)));
                }
            }
        }
        missing.remove(&key);
        Ok(())
    })?;
    for key in missing {
        seen += 1;
        out.differ(format!("{}: is missing", say(def, key)));
    }
    out.count(format!("{} {}", def.name, size.label()), seen);
    Ok(())
}

fn names(def: &EventDef, rollup: usize) -> Vec<&str> {
    let dimensions = def.rollups[rollup].dimensions.iter();
    dimensions
        .map(|d| def.dimensions[*d].name.as_str())
        .collect()
}

fn say(def: &EventDef, key: &CellKey) -> String {
    let by: Vec<String> = names(def, key.rollup)
        .iter()
        .zip(&key.values)
        .map(|(n, v)| format!("{n}={v}"))
        .collect();
    format!(
        "{} {} [{}] of {} at {}",
        def.name,
        key.window.label(),
        by.join(","),
        key.tenant,
        show(key.start)
    )
}

/// (measure, what differs)
fn differences<'a>(def: &'a EventDef, cell: &Cell, row: &Columns) -> Vec<(&'a str, String)> {
    let mut out = Vec::new();
    for (m, want) in def.measures.iter().zip(&cell.0) {
        let name = m.name.as_str();
        for part in want.parts() {
            let found = row.get(&format!("{name}{}", part.suffix));
            let equal = match &part.kept {
                Kept::Whole(n) => found.and_then(whole) == Some(i128::from(*n)),
                Kept::Billionths(n) => found.and_then(billionths) == Some(*n),
                Kept::Number(x) => found.and_then(number) == *x,
                Kept::Bins(bins) => found.and_then(pairs).as_ref() == Some(bins),
                Kept::Hashes(hashes) => found.and_then(wholes).as_ref() == Some(hashes),
            };
            if !equal {
                let found = found.map_or("absent".into(), Json::to_string);
                let told = format!("{} is {found}, the log says {want:?}", part.what);
                out.push((name, told));
            }
        }
    }
    out
}
