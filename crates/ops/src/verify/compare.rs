//! Compares what the log says with what ClickHouse shows.

use super::columns::{integer, number, string};
use super::rows::{Columns, Rows};
use super::windows;
use crate::time::show;
use anyhow::Result;
use std::collections::BTreeMap;
use weir_catalog::Catalog;
use weir_model::Micros;
use weir_model::records::Subject;
use weir_oracle::Truth;
use weir_store::audit::RowSet;

/// Rows compared by kind, and what differs.
#[derive(Debug, Default)]
pub struct Comparison {
    pub compared: BTreeMap<String, u64>,
    pub differences: Vec<String>,
}

impl Comparison {
    /// Takes in the comparison of another share of the subjects.
    pub fn join(&mut self, other: Comparison) {
        for (what, n) in other.compared {
            self.count(what, n);
        }
        self.differences.extend(other.differences);
    }

    pub fn count(&mut self, what: impl Into<String>, n: u64) {
        *self.compared.entry(what.into()).or_default() += n;
    }

    pub fn differ(&mut self, what: String) {
        self.differences.push(what);
    }
}

/// Compares what the log says of some subjects with the rows of just these.
pub fn all(catalog: &Catalog, truth: &Truth, store: &mut Rows) -> Result<Comparison> {
    let mut out = Comparison::default();
    for (number, kind) in RowSet::all(catalog).into_iter().enumerate() {
        let judged = match kind {
            RowSet::Windows(event, size) => {
                let which = (number, event, size);
                windows::compare(catalog, truth, store, which, &mut out)?;
                continue;
            }
            RowSet::Anomalies => anomalies(catalog, truth),
            RowSet::Kpis => kpis(catalog, truth),
            RowSet::Alerts => alerts(truth),
        };
        judged.compare(store, (number, kind), &mut out)?;
    }
    Ok(out)
}

/// Rows that were judged, as the log says.
struct Judged<'a> {
    what: &'static str,
    /// By id.
    expected: BTreeMap<&'a str, Expected>,
    /// Columns of [`Expected::numbers`].
    numbers: &'static [&'static str],
    /// Columns of [`Expected::texts`].
    texts: &'static [&'static str],
    /// Up to when a row of the store must be in the log.
    limit: Box<dyn Fn(&Columns) -> Micros + 'a>,
}

struct Expected {
    /// What is said of it.
    say: String,
    numbers: Vec<Option<f64>>,
    texts: Vec<String>,
}

fn anomalies<'a>(catalog: &'a Catalog, truth: &'a Truth) -> Judged<'a> {
    // Microseconds of this age are whole in a float.
    let time = |t: Option<Micros>| t.map(|t| t.0 as f64);
    let expected = truth.anomalies.iter().map(|(id, a)| {
        let row = Expected {
            say: format!(
                "{} of {} at {}",
                a.detector,
                subject(&a.subject),
                show(a.end)
            ),
            numbers: vec![
                Some(a.value),
                Some(a.expected),
                Some(a.score),
                time(a.crosses.map(|c| c.at)),
                time(a.crosses.map(|c| c.from)),
                time(a.crosses.and_then(|c| c.to)),
            ],
            texts: Vec::new(),
        };
        (id.as_str(), row)
    });
    Judged {
        what: "anomalies",
        expected: expected.collect(),
        numbers: &[
            "value",
            "expected",
            "score",
            "crosses_at",
            "crosses_from",
            "crosses_to",
        ],
        texts: &[],
        limit: Box::new(|row| {
            let name = string(row, "event");
            let event = catalog.events.iter().position(|e| e.name == name);
            event.map_or(Micros::MIN, |i| truth.final_through[i])
        }),
    }
}

fn kpis<'a>(catalog: &'a Catalog, truth: &'a Truth) -> Judged<'a> {
    let expected = truth.kpis.iter().map(|(id, k)| {
        let row = Expected {
            say: format!("{} of {} at {}", k.kpi, subject(&k.subject), show(k.end)),
            numbers: vec![k.value, k.score, k.coverage],
            texts: vec![json_text(&k.status), json_text(&k.momentum)],
        };
        (id.as_str(), row)
    });
    Judged {
        what: "kpis",
        expected: expected.collect(),
        numbers: &["value", "score", "coverage"],
        texts: &["status", "momentum"],
        limit: Box::new(|row| {
            let name = string(row, "name");
            let kpi = catalog.kpis.iter().position(|k| k.name == name);
            let events = kpi.map(|k| catalog.kpi_events(k)).unwrap_or_default();
            let through = events.into_iter().map(|e| truth.final_through[e]);
            through.min().unwrap_or(Micros::MIN)
        }),
    }
}

fn alerts(truth: &Truth) -> Judged<'_> {
    let expected = truth.alerts.iter().map(|(id, a)| {
        let of = subject(&a.subject);
        let row = Expected {
            say: format!("alert {} of {of} opened {}", a.rule, show(a.opened)),
            numbers: vec![
                Some(f64::from(a.step)),
                a.value,
                a.threshold,
                a.worst,
                Some(f64::from(a.windows)),
                Some(f64::from(a.reopenings)),
            ],
            texts: vec![json_text(&a.state), a.failing.clone(), a.group_key.clone()],
        };
        (id.as_str(), row)
    });
    let all_final = truth.final_through.iter().min();
    let all_final = all_final.copied().unwrap_or(Micros::MIN);
    Judged {
        what: "alerts",
        expected: expected.collect(),
        numbers: &[
            "step",
            "value",
            "threshold",
            "worst",
            "windows",
            "reopenings",
        ],
        texts: &["state", "failing", "group_key"],
        limit: Box::new(move |_| all_final),
    }
}

impl Judged<'_> {
    fn compare(
        mut self,
        store: &mut Rows,
        kind: (usize, RowSet),
        out: &mut Comparison,
    ) -> Result<()> {
        let mut n = 0;
        let what = self.what;
        store.each(kind, &mut |row| {
            let id = string(&row, "id");
            let at = Micros(integer(&row, "at")? as i64);
            let Some(want) = self.expected.remove(id.as_str()) else {
                if at <= (self.limit)(&row) {
                    let (name, at) = (string(&row, "name"), show(at));
                    out.differ(format!(
                        "{what}: {name} at {at} is not in the log (id {id})"
                    ));
                }
                return Ok(());
            };
            n += 1;
            let say = want.say;
            for (name, want) in self.numbers.iter().zip(want.numbers) {
                let found = row.get(*name).and_then(number);
                if found != want {
                    out.differ(format!(
                        "{what}: {say}: {name} is {found:?}, the log says {want:?}"
                    ));
                }
            }
            for (name, want) in self.texts.iter().zip(want.texts) {
                let found = string(&row, name);
                if found != want {
                    out.differ(format!(
                        "{what}: {say}: {name} is {found}, the log says {want}"
                    ));
                }
            }
            Ok(())
        })?;
        for Expected { say, .. } in self.expected.into_values() {
            out.differ(format!("{what}: {say} is missing"));
            n += 1;
        }
        out.count(what, n);
        Ok(())
    }
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
