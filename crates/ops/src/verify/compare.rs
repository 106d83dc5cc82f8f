//! Compares what the log says with what ClickHouse shows.

use super::shares;
use anyhow::{Context, Result};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use weir_catalog::Catalog;
use weir_model::records::Subject;
use weir_model::{Fixed, Micros, WindowSize};
use weir_oracle::{Cell, CellKey, Kept, Share, Truth};
use weir_store::{Form, Store, merged_sql, rollup_name};

/// Rows compared by kind, and what differs.
#[derive(Debug, Default)]
pub struct Comparison {
    pub compared: BTreeMap<String, u64>,
    pub differences: Vec<String>,
}

type Columns = serde_json::Map<String, Json>;

impl Comparison {
    /// Takes in the comparison of another share of the subjects.
    pub fn join(&mut self, other: Comparison) {
        for (what, n) in other.compared {
            *self.compared.entry(what).or_default() += n;
        }
        self.differences.extend(other.differences);
    }
}

/// Compares a share of the subjects: the truth is of no other.
pub async fn all(
    store: &Store,
    catalog: &Catalog,
    truth: &Truth,
    share: Share,
) -> Result<Comparison> {
    let mut out = Comparison::default();
    for (e, event) in catalog.events.iter().enumerate() {
        for size in WindowSize::ALL {
            if event.rollups.iter().any(|r| r.windows.contains(&size)) {
                windows(store, catalog, truth, share, (e, size), &mut out).await?;
            }
        }
    }
    // Microseconds of this age are whole in a float.
    let time = |t: Option<Micros>| t.map(|t| t.0 as f64);
    let anomalies = truth.anomalies.iter().map(|(id, a)| {
        let say = format!(
            "{} of {} at {}",
            a.detector,
            subject(&a.subject),
            super::show(a.end)
        );
        (
            id.clone(),
            (
                say,
                a.end,
                vec![
                    Some(a.value),
                    Some(a.expected),
                    Some(a.score),
                    time(a.crosses.map(|c| c.at)),
                    time(a.crosses.map(|c| c.from)),
                    time(a.crosses.and_then(|c| c.to)),
                ],
                Vec::new(),
            ),
        )
    });
    let limit = |event: &str| {
        catalog
            .events
            .iter()
            .position(|e| e.name == event)
            .map_or(Micros::MIN, |i| truth.final_through[i])
    };
    // Only what was final when the log was read: time goes on meanwhile.
    let sql = "SELECT id, event, detector AS name, toUnixTimestamp64Micro(window_end) AS at, value, expected, score, toUnixTimestamp64Micro(crosses_at) AS crosses_at, toUnixTimestamp64Micro(crosses_from) AS crosses_from, toUnixTimestamp64Micro(crosses_to) AS crosses_to FROM anomalies WHERE NOT early AND ";
    let sql = &(sql.to_owned() + &shares::of_rows(share));
    rows(
        store,
        "anomalies",
        sql,
        anomalies.collect(),
        &[
            "value",
            "expected",
            "score",
            "crosses_at",
            "crosses_from",
            "crosses_to",
        ],
        &[],
        &|r| limit(&string(r, "event")),
        &mut out,
    )
    .await?;
    let kpis = truth.kpis.iter().map(|(id, k)| {
        let say = format!(
            "{} of {} at {}",
            k.kpi,
            subject(&k.subject),
            super::show(k.end)
        );
        let texts = vec![json_text(&k.status), json_text(&k.momentum)];
        (id.clone(), (say, k.end, vec![k.value, k.score], texts))
    });
    let kpi_limit = |name: &str| {
        let kpi = catalog.kpis.iter().find(|k| k.name == name);
        kpi.and_then(|k| k.terms.iter().map(|t| truth.final_through[t.event]).min())
            .unwrap_or(Micros::MIN)
    };
    let sql = "SELECT id, kpi AS name, toUnixTimestamp64Micro(window_end) AS at, value, score, status, momentum FROM kpis WHERE ";
    let sql = &(sql.to_owned() + &shares::of_rows(share));
    rows(
        store,
        "kpis",
        sql,
        kpis.collect(),
        &["value", "score"],
        &["status", "momentum"],
        &|r| kpi_limit(&string(r, "name")),
        &mut out,
    )
    .await?;
    let alerts = truth.alerts.iter().map(|(id, a)| {
        let say = format!(
            "alert {} of {} opened {}",
            a.rule,
            subject(&a.subject),
            super::show(a.opened)
        );
        (
            id.clone(),
            (
                say,
                a.at,
                vec![
                    Some(f64::from(a.step)),
                    Some(a.value),
                    a.threshold,
                    Some(a.worst),
                    Some(f64::from(a.windows)),
                ],
                vec![json_text(&a.state)],
            ),
        )
    });
    let all_final = truth
        .final_through
        .iter()
        .copied()
        .min()
        .unwrap_or(Micros::MIN);
    let sql = "SELECT id, rule AS name, toUnixTimestamp64Micro(at) AS at, step, value, threshold, worst, windows, state FROM alerts WHERE ";
    let sql = &(sql.to_owned() + &shares::of_rows(share));
    rows(
        store,
        "alerts",
        sql,
        alerts.collect(),
        &["step", "value", "threshold", "worst", "windows"],
        &["state"],
        &|_| all_final,
        &mut out,
    )
    .await?;
    Ok(out)
}

/// (what to say of it, time, numbers, texts)
type Expected = (String, Micros, Vec<Option<f64>>, Vec<String>);

#[allow(clippy::too_many_arguments)]
async fn rows(
    store: &Store,
    what: &str,
    sql: &str,
    mut expected: BTreeMap<String, Expected>,
    numbers: &[&str],
    texts: &[&str],
    limit: &dyn Fn(&Columns) -> Micros,
    out: &mut Comparison,
) -> Result<()> {
    let mut n = 0;
    each(store, sql, &mut |row| {
        let id = string(&row, "id");
        let at = Micros(integer(&row, "at")? as i64);
        let Some((say, _, want, want_texts)) = expected.remove(&id) else {
            if at <= limit(&row) {
                out.differences.push(format!(
                    "{what}: {} at {} is not in the log (id {id})",
                    string(&row, "name"),
                    super::show(at)
                ));
            }
            return Ok(());
        };
        n += 1;
        for (name, want) in numbers.iter().zip(want) {
            let found = row.get(*name).and_then(number);
            if found != want {
                out.differences.push(format!(
                    "{what}: {say}: {name} is {found:?}, the log says {want:?}"
                ));
            }
        }
        for (name, want) in texts.iter().zip(want_texts) {
            let found = string(&row, name);
            if found != want {
                out.differences.push(format!(
                    "{what}: {say}: {name} is {found}, the log says {want}"
                ));
            }
        }
        Ok(())
    })
    .await?;
    for (say, ..) in expected.into_values() {
        out.differences.push(format!("{what}: {say} is missing"));
        n += 1;
    }
    *out.compared.entry(what.to_owned()).or_default() += n;
    Ok(())
}

async fn windows(
    store: &Store,
    catalog: &Catalog,
    truth: &Truth,
    share: Share,
    (event, size): (usize, WindowSize),
    out: &mut Comparison,
) -> Result<()> {
    let def = &catalog.events[event];
    let through = truth.final_through[event];
    let rollups: BTreeMap<String, usize> = (0..def.rollups.len())
        .map(|i| (rollup_name(def, i), i))
        .collect();
    let merged = merged_sql(catalog, def, size, Form::Full, Some(through))?;
    let sql = format!(
        "SELECT * REPLACE (toUnixTimestamp64Micro(window_start) AS window_start, toUnixTimestamp64Micro(window_end) AS window_end) FROM ({merged}) WHERE {}",
        shares::of_windows(def, share)
    );
    let mut seen = 0u64;
    let mut missing: BTreeSet<&CellKey> = truth
        .merged
        .keys()
        .filter(|k| k.event == event && k.window == size)
        .collect();
    each(store, &sql, &mut |row| {
        let rollup = *rollups
            .get(&string(&row, "rollup"))
            .context("a row of a rollup that is not declared")?;
        let names: Vec<&str> = def.rollups[rollup]
            .dimensions
            .iter()
            .map(|d| def.dimensions[*d].name.as_str())
            .collect();
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
        let say = || {
            let by: Vec<String> = names
                .iter()
                .zip(&key.values)
                .map(|(n, v)| format!("{n}={v}"))
                .collect();
            format!(
                "{} {} [{}] of {} at {}",
                def.name,
                size.label(),
                by.join(","),
                key.tenant,
                super::show(key.start)
            )
        };
        match truth.merged.get(&key) {
            None => out
                .differences
                .push(format!("{}: is not in the log", say())),
            Some(cell) => {
                for (measure, difference) in differences(def, cell, &row) {
                    out.differences
                        .push(format!("{}: {measure}: {difference}", say()));
                }
            }
        }
        missing.remove(&key);
        Ok(())
    })
    .await?;
    for key in missing {
        seen += 1;
        out.differences.push(format!(
            "{} {} {:?} of {} at {}: is missing",
            def.name,
            size.label(),
            key.values,
            key.tenant,
            super::show(key.start)
        ));
    }
    *out.compared
        .entry(format!("{} {}", def.name, size.label()))
        .or_default() += seen;
    Ok(())
}

/// (measure, what differs)
fn differences<'a>(
    def: &'a weir_catalog::EventDef,
    cell: &Cell,
    row: &Columns,
) -> Vec<(&'a str, String)> {
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

/// Rows one by one: a table may be larger than memory.
async fn each(store: &Store, sql: &str, f: &mut dyn FnMut(Columns) -> Result<()>) -> Result<()> {
    let sql = format!(
        "{sql} SETTINGS output_format_json_quote_64bit_integers = 1, output_format_json_quote_decimals = 1"
    );
    let mut answer = store.query(&sql, &[], "JSONEachRow")?;
    let mut rest: Vec<u8> = Vec::new();
    let mut read = |line: &[u8]| -> Result<()> {
        if line.is_empty() {
            return Ok(());
        }
        f(serde_json::from_slice(line).context("ClickHouse wrote a line that is no JSON")?)
    };
    while let Some(bytes) = answer.next().await? {
        rest.extend_from_slice(&bytes);
        let whole = rest.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        for line in rest[..whole].split(|b| *b == b'\n') {
            read(line)?;
        }
        rest.drain(..whole);
    }
    read(&rest)
}

fn subject(s: &Subject) -> String {
    let by: Vec<String> = s
        .dimensions
        .iter()
        .map(|(n, v)| format!("{n}={v}"))
        .collect();
    format!("{} [{}]", s.tenant, by.join(","))
}

fn json_text(v: &impl serde::Serialize) -> String {
    serde_json::to_value(v)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn string(row: &Columns, name: &str) -> String {
    row.get(name)
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn integer(row: &Columns, name: &str) -> Result<i128> {
    row.get(name)
        .and_then(whole)
        .with_context(|| format!("ClickHouse gave no column {name}"))
}

fn number(v: &Json) -> Option<f64> {
    match v {
        Json::String(s) => s.parse().ok(),
        v => v.as_f64(),
    }
}

fn whole(v: &Json) -> Option<i128> {
    match v {
        Json::String(s) => s.parse().ok(),
        v => v.as_i64().map(i128::from),
    }
}

/// Counts by bin.
fn pairs(v: &Json) -> Option<BTreeMap<u16, u64>> {
    let pairs = v.as_array()?.iter();
    let pairs = pairs.filter_map(|p| Some((whole(p.get(0)?)? as u16, whole(p.get(1)?)? as u64)));
    Some(pairs.collect())
}

fn wholes(v: &Json) -> Option<Vec<u64>> {
    let list = v.as_array()?.iter();
    Some(list.filter_map(|n| whole(n).map(|n| n as u64)).collect())
}

/// `12.5` as billionths, exactly.
fn billionths(v: &Json) -> Option<i128> {
    let text = match v {
        Json::String(s) => s.clone(),
        v => v.to_string(),
    };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.as_str()),
    };
    let (units, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = format!("{fraction:0<9}");
    if fraction.len() != 9 {
        return None;
    }
    let n = units.parse::<i128>().ok()? * Fixed::SCALE + fraction.parse::<i128>().ok()?;
    Some(if negative { -n } else { n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        let read = |s: &str| billionths(&Json::String(s.into()));
        assert_eq!(read("12.5"), Some(12_500_000_000));
        assert_eq!(read("-0.000000001"), Some(-1));
        assert_eq!(
            read("99999999999999999999"),
            Some(99_999_999_999_999_999_999_000_000_000)
        );
        assert_eq!(read("1e5"), None);
    }
}
