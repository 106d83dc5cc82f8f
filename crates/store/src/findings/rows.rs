//! Rows of forecasts, trends and findings, and how they are written.

use super::columns::{ANALYSES, FINDINGS, FORECASTS, TRENDS, Table};
use crate::row_binary::{length, maybe, string, time};
use crate::{Store, StoreError};
use bytes::Bytes;
use jiff::civil::Date;
use std::collections::BTreeMap;
use weir_model::{Micros, hash};

/// First and last day of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First day.
    pub first: Date,
    /// Last day.
    pub last: Date,
}

/// What all rows of an analysis share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The run.
    pub run: u32,
    /// Whose.
    pub tenant: String,
    /// Last day of the data.
    pub data_through: Date,
    /// When it was computed: of two rows of one id the later one holds.
    pub issued_at: Micros,
}

/// A subject: dimensions with their values.
pub type Subject = BTreeMap<String, String>;

/// A day ahead; units are those of the KPI.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // As the columns are described.
pub struct ForecastDay {
    pub subject: Subject,
    pub kpi: String,
    pub unit: String,
    pub day: Date,
    pub ahead: u16,
    pub point: f64,
    pub range_80: (f64, f64),
    pub range_95: (f64, f64),
    pub method: String,
    pub season: u16,
    pub sample: u32,
    pub origins: u32,
    pub mae: Option<f64>,
    pub mase: Option<f64>,
    pub coverage: (Option<f64>, Option<f64>),
    pub naive_method: String,
    pub naive_mae: Option<f64>,
    pub naive_mase: Option<f64>,
}

/// The trend of a series.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // As the columns are described.
pub struct TrendOf {
    pub subject: Subject,
    pub kpi: String,
    pub unit: String,
    pub verdict: String,
    pub better: String,
    pub p: f64,
    pub tau: f64,
    pub slope: f64,
    pub slope_range: (f64, f64),
    pub alpha: f64,
    pub season: u16,
    pub first_day: Date,
    pub sample: u32,
    pub latest: f64,
    pub method: String,
}

/// Something that deserves a look.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // As the columns are described.
pub struct Finding {
    pub subject: Subject,
    pub kind: String,
    pub about: String,
    pub of: String,
    pub verdict: String,
    pub priority: u8,
    pub text: String,
    pub unit: String,
    pub value: Option<f64>,
    pub range: (Option<f64>, Option<f64>),
    pub usd: Option<f64>,
    pub due: Option<Date>,
    pub due_range: (Option<Date>, Option<Date>),
    pub evidence: BTreeMap<String, f64>,
    pub method: String,
    pub backtest: Option<f64>,
}

/// An analysis that came to its end.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // As the columns are described.
pub struct Analysis {
    pub plan: String,
    pub series: u32,
    pub seconds: f64,
}

/// Rows of one analysis that wait to be written.
#[derive(Debug)]
pub struct Rows {
    issue: Issue,
    forecasts: (Vec<u8>, u32),
    trends: (Vec<u8>, u32),
    findings: (Vec<u8>, u32),
}

impl Rows {
    /// None yet.
    pub fn new(issue: Issue) -> Rows {
        Rows {
            issue,
            forecasts: Default::default(),
            trends: Default::default(),
            findings: Default::default(),
        }
    }

    /// Forecasts, trends and findings so far.
    pub fn counts(&self) -> [u32; 3] {
        [self.forecasts.1, self.trends.1, self.findings.1]
    }

    /// Rows that are not written yet, at most.
    pub fn held(&self) -> u32 {
        let of = |(bytes, n): &(Vec<u8>, u32)| if bytes.is_empty() { 0 } else { *n };
        of(&self.forecasts) + of(&self.trends) + of(&self.findings)
    }

    /// Adds a day ahead.
    pub fn forecast(&mut self, f: &ForecastDay) {
        let series = self.id("forecast", &f.subject, &[&f.kpi]);
        let id = hash::id(&[series.as_bytes(), &days(f.day).to_le_bytes()]);
        let (out, n) = &mut self.forecasts;
        *n += 1;
        head(out, &self.issue);
        about(out, &f.subject, &id);
        texts(out, &[&f.kpi, &f.unit, &series]);
        date(out, f.day);
        out.extend_from_slice(&f.ahead.to_le_bytes());
        let ends = [f.range_80.0, f.range_80.1, f.range_95.0, f.range_95.1];
        floats(out, &[&[f.point][..], &ends].concat());
        texts(out, &[&f.method]);
        out.extend_from_slice(&f.season.to_le_bytes());
        out.extend_from_slice(&f.sample.to_le_bytes());
        out.extend_from_slice(&f.origins.to_le_bytes());
        for v in [f.mae, f.mase, f.coverage.0, f.coverage.1] {
            maybe(out, v);
        }
        texts(out, &[&f.naive_method]);
        maybe(out, f.naive_mae);
        maybe(out, f.naive_mase);
    }

    /// Adds a trend.
    pub fn trend(&mut self, t: &TrendOf) {
        let id = self.id("trend", &t.subject, &[&t.kpi]);
        let (out, n) = &mut self.trends;
        *n += 1;
        head(out, &self.issue);
        about(out, &t.subject, &id);
        texts(out, &[&t.kpi, &t.unit, &t.verdict, &t.better]);
        let (lower, upper) = t.slope_range;
        floats(out, &[t.p, t.tau, t.slope, lower, upper, t.alpha]);
        out.extend_from_slice(&t.season.to_le_bytes());
        date(out, t.first_day);
        out.extend_from_slice(&t.sample.to_le_bytes());
        floats(out, &[t.latest]);
        texts(out, &[&t.method]);
    }

    /// Adds a finding. What one is about, and of, tells it from others of its kind and subject.
    pub fn finding(&mut self, f: &Finding) {
        let id = self.id(&f.kind, &f.subject, &[&f.about, &f.of]);
        let (out, n) = &mut self.findings;
        *n += 1;
        head(out, &self.issue);
        about(out, &f.subject, &id);
        texts(out, &[&f.kind, &f.about, &f.of, &f.verdict]);
        out.push(f.priority);
        texts(out, &[&f.text, &f.unit]);
        for v in [f.value, f.range.0, f.range.1, f.usd] {
            maybe(out, v);
        }
        for day in [f.due, f.due_range.0, f.due_range.1] {
            out.push(u8::from(day.is_none()));
            if let Some(day) = day {
                date(out, day);
            }
        }
        length(out, f.evidence.len());
        for (name, value) in &f.evidence {
            string(out, name.as_bytes());
            out.extend_from_slice(&value.to_le_bytes());
        }
        texts(out, &[&f.method]);
        maybe(out, f.backtest);
    }

    /// The same whenever something is computed of the same tenant and day.
    fn id(&self, kind: &str, subject: &Subject, of: &[&str]) -> String {
        let mut key = Vec::new();
        let named = subject.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        hash::subject_key(&mut key, &self.issue.tenant, named);
        let day = days(self.issue.data_through).to_le_bytes();
        let mut parts: Vec<&[u8]> = vec![kind.as_bytes(), &key, &day];
        parts.extend(of.iter().map(|o| o.as_bytes()));
        hash::id(&parts)
    }

    /// Writes them. What is written twice is there once; nothing is shown before [`Rows::finish`].
    ///
    /// # Errors
    /// ClickHouse refuses or does not answer: the same analysis is to be made again.
    pub async fn write(&mut self, store: &Store) -> Result<(), StoreError> {
        for (table, (bytes, _)) in [
            (&FORECASTS, &mut self.forecasts),
            (&TRENDS, &mut self.trends),
            (&FINDINGS, &mut self.findings),
        ] {
            if !bytes.is_empty() {
                insert(store, table, std::mem::take(bytes)).await?;
            }
        }
        Ok(())
    }

    /// Writes what is left, then that this analysis is done: from then on its rows are shown.
    ///
    /// # Errors
    /// As of [`Rows::write`].
    pub async fn finish(mut self, store: &Store, done: &Analysis) -> Result<(), StoreError> {
        self.write(store).await?;
        let mut out = Vec::new();
        head(&mut out, &self.issue);
        texts(&mut out, &[&done.plan]);
        let [forecasts, trends, findings] = self.counts();
        for n in [done.series, forecasts, trends, findings] {
            out.extend_from_slice(&n.to_le_bytes());
        }
        floats(&mut out, &[done.seconds]);
        insert(store, &ANALYSES, out).await
    }
}

async fn insert(store: &Store, table: &Table, rows: Vec<u8>) -> Result<(), StoreError> {
    let columns = table.insert_columns();
    store.insert(table.name, &columns, Bytes::from(rows)).await
}

fn head(out: &mut Vec<u8>, issue: &Issue) {
    out.extend_from_slice(&issue.run.to_le_bytes());
    string(out, issue.tenant.as_bytes());
    date(out, issue.data_through);
    time(out, issue.issued_at);
}

fn about(out: &mut Vec<u8>, subject: &Subject, id: &str) {
    length(out, subject.len());
    for (name, value) in subject {
        texts(out, &[name, value]);
    }
    string(out, id.as_bytes());
}

fn texts(out: &mut Vec<u8>, all: &[&str]) {
    for text in all {
        string(out, text.as_bytes());
    }
}

fn floats(out: &mut Vec<u8>, all: &[f64]) {
    for v in all {
        out.extend_from_slice(&v.to_le_bytes());
    }
}

fn date(out: &mut Vec<u8>, day: Date) {
    out.extend_from_slice(&days(day).to_le_bytes());
}

/// Days since 1970, as a `Date` has them: through 2149.
fn days(day: Date) -> u16 {
    let since = Date::constant(1970, 1, 1).until(day);
    let days = since.map_or(0, |span| span.get_days());
    u16::try_from(days.max(0)).unwrap_or(u16::MAX)
}
