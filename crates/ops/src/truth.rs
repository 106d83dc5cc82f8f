//! Injected anomalies against found ones.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use weir_model::Micros;
use weir_model::codes::INPUT;
use weir_sources::simulate::Truth;
use weir_store::{Store, audit};

/// A finding belongs to what was injected if its window touches it or the hour after: values come
/// in whole windows.
const SLACK: Micros = Micros::HOUR;

/// A line of a truth file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    tenant: String,
    #[serde(flatten)]
    truth: Truth,
}

/// Adds what a simulation injects to a truth file. What earlier ones injected stays: their events
/// are in the log too.
///
/// # Errors
/// The file cannot be read or written.
pub fn add(path: &Path, tenant: &str, truth: &[Truth]) -> Result<()> {
    let mut lines = match std::fs::exists(path)? {
        true => read(path)?,
        false => Vec::new(),
    };
    let before = lines.len();
    for t in truth {
        let line = Line {
            tenant: tenant.to_owned(),
            truth: t.clone(),
        };
        if !lines[..before].contains(&line) {
            lines.push(line);
        }
    }
    let mut text = String::new();
    for line in &lines {
        text += &serde_json::to_string(line)?;
        text.push('\n');
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// What was injected for a tenant, as a truth file says.
///
/// # Errors
/// The file cannot be read (WEIR-0301).
pub fn injected(path: &Path, tenant: &str) -> Result<Vec<Truth>> {
    let lines = read(path)?.into_iter();
    let own = lines.filter(|l| l.tenant == tenant);
    Ok(own.map(|l| l.truth).collect())
}

fn read(path: &Path) -> Result<Vec<Line>> {
    let unreadable = || {
        format!(
            "{INPUT}: cannot read {}; `weir simulate` writes it",
            path.display()
        )
    };
    let text = std::fs::read_to_string(path).with_context(unreadable)?;
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().with_context(unreadable)
}

/// An anomaly that was injected, and what found it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Injected {
    /// What was injected.
    pub truth: Truth,
    /// Detectors that found it, by name; none where it was missed.
    pub found_by: Vec<String>,
    /// Minutes from its start to the end of the first window that shows it.
    pub minutes: Option<i64>,
}

/// How well a system finds what was injected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// All that was injected, in the order of the file.
    pub injected: Vec<Injected>,
    /// Findings there are of the tenant.
    pub findings: usize,
    /// Findings at no injected time.
    pub outside: usize,
}

/// A finding, as ClickHouse shows it.
#[derive(Debug, Deserialize)]
struct Found {
    detector: String,
    dimensions: BTreeMap<String, String>,
    /// Of its window, in microseconds.
    start: i64,
    end: i64,
}

impl Score {
    /// Of what was injected for a tenant.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn of(store: &Store, tenant: &str, truth: Vec<Truth>) -> Result<Score> {
        let params = [("tenant".to_owned(), tenant.to_owned())];
        let text = store
            .query(audit::FINDINGS, &params, "JSONEachRow")?
            .collect()
            .await?;
        let found: Vec<Found> = text
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(serde_json::from_slice)
            .collect::<Result<_, _>>()?;
        Ok(judge(truth, &found))
    }

    /// How many of those injected were found.
    pub fn hits(&self) -> usize {
        let found = |i: &&Injected| !i.found_by.is_empty();
        self.injected.iter().filter(found).count()
    }
}

fn judge(truth: Vec<Truth>, found: &[Found]) -> Score {
    let touches = |f: &Found, t: &Truth| f.start < t.end.plus(SLACK).0 && f.end > t.start.0;
    let about = |f: &Found, t: &Truth| f.dimensions.get(&t.dimension) == Some(&t.value);
    // A spike of one engineer shows in the team and the organisation too: what touches no injected
    // time is unexplained.
    let outside = |f: &&Found| !truth.iter().any(|t| touches(f, t));
    let outside = found.iter().filter(outside).count();
    let of = |t: Truth| {
        let by: Vec<&Found> = found
            .iter()
            .filter(|f| touches(f, &t) && about(f, &t))
            .collect();
        let mut found_by: Vec<String> = by.iter().map(|f| f.detector.clone()).collect();
        found_by.sort_unstable();
        found_by.dedup();
        let first = by.iter().map(|f| f.end).min();
        Injected {
            minutes: first.map(|end| (end - t.start.0) / Micros::MINUTE.0),
            truth: t,
            found_by,
        }
    };
    Score {
        injected: truth.into_iter().map(of).collect(),
        findings: found.len(),
        outside,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use weir_sources::simulate::TruthKind;

    #[test]
    fn a_finding_counts_where_it_touches_the_time_and_is_of_the_subject() {
        let hour = Micros::HOUR.0;
        let truth = |value: &str, start: i64| Truth {
            kind: TruthKind::SpendSpike,
            dimension: "team".into(),
            value: value.into(),
            start: Micros(start),
            end: Micros(start + hour),
            factor: 3.0,
        };
        let found = |value: &str, start: i64, detector: &str| Found {
            detector: detector.into(),
            dimensions: [("team".to_owned(), value.to_owned())].into(),
            start,
            end: start + hour,
        };
        let findings = [
            // In the hour after, and at the time itself: the first one decides the minutes.
            found("a", hour, "late"),
            found("a", 0, "drift"),
            // At an injected time, of another subject: explained, and no hit.
            found("b", 0, "drift"),
            found("a", 10 * hour, "drift"),
        ];
        let score = judge(vec![truth("a", 0), truth("c", 0)], &findings);
        assert_eq!(score.injected[0].found_by, ["drift", "late"]);
        assert_eq!(score.injected[0].minutes, Some(60));
        assert_eq!(score.injected[1].minutes, None);
        assert_eq!((score.hits(), score.findings, score.outside), (1, 4, 1));
    }
}
