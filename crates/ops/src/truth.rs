//! Injected anomalies against found ones.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use weir_model::Micros;
use weir_model::codes::INPUT;
use weir_sources::simulate::{Coefficient, Truth};
use weir_store::{Store, audit};

/// A finding belongs to what was injected if its window touches it or the hour after: values come
/// in whole windows.
const SLACK: Micros = Micros::HOUR;
/// The same of an alert: rules read windows of up to a day, and wait for a second one.
const RULE_SLACK: Micros = Micros(2 * Micros::DAY.0);

/// A line of a truth file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    tenant: String,
    #[serde(flatten)]
    entry: Entry,
}

/// What a line says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Entry {
    Finding(Truth),
    Coefficient(Coefficient),
    /// What another version writes.
    Unknown {},
}

/// Adds what a simulation injects to a truth file. What earlier ones injected stays: their events
/// are in the log too.
///
/// # Errors
/// The file cannot be read or written.
pub fn add(path: &Path, tenant: &str, truth: &[Truth], coefficients: &[Coefficient]) -> Result<()> {
    let mut text = String::new();
    if std::fs::exists(path)? {
        read(path)?;
        text = std::fs::read_to_string(path)?;
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
    }
    let findings = truth.iter().cloned().map(Entry::Finding);
    let relations = coefficients.iter().cloned().map(Entry::Coefficient);
    let before: Vec<String> = text.lines().map(str::to_owned).collect();
    for entry in findings.chain(relations) {
        let tenant = tenant.to_owned();
        let line = serde_json::to_string(&Line { tenant, entry })?;
        if !before.contains(&line) {
            text += &line;
            text.push('\n');
        }
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
    let findings = own.filter_map(|l| match l.entry {
        Entry::Finding(truth) => Some(truth),
        Entry::Coefficient(_) | Entry::Unknown {} => None,
    });
    Ok(findings.collect())
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
    /// Detectors and rules that found it, by name; none where it was missed.
    pub found_by: Vec<String>,
    /// Minutes from its start to the end of the first window that shows it.
    pub minutes: Option<i64>,
}

impl Injected {
    /// Whether there is a detector or rule that is to find it.
    pub fn answerable(&self) -> bool {
        self.truth.answers.as_ref().is_none_or(|a| !a.is_empty())
    }
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
    /// Of what was injected for a tenant, held against what the stream said, or a back-test of
    /// this id.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn of(
        store: &Store,
        tenant: &str,
        truth: Vec<Truth>,
        backtest: Option<&str>,
    ) -> Result<Score> {
        let params = [("tenant".to_owned(), tenant.to_owned())];
        let found = rows(store, &audit::findings(backtest), &params).await?;
        let told = rows(store, &audit::openings(backtest), &params).await?;
        Ok(judge(truth, &found, &told))
    }

    /// How many of those injected nothing is there to find.
    pub fn unanswered(&self) -> usize {
        self.injected.iter().filter(|i| !i.answerable()).count()
    }

    /// How many of those injected were found.
    pub fn hits(&self) -> usize {
        let found = |i: &&Injected| !i.found_by.is_empty();
        self.injected.iter().filter(found).count()
    }
}

async fn rows(store: &Store, sql: &str, params: &[(String, String)]) -> Result<Vec<Found>> {
    let text = store.query(sql, params, "JSONEachRow")?.collect().await?;
    let lines = text.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    let found: Result<_, serde_json::Error> = lines.map(serde_json::from_slice).collect();
    Ok(found?)
}

/// Whether a detector or rule answers for what was injected: it is named itself, or its SLA or
/// budget is.
fn answers(name: &str, t: &Truth) -> bool {
    let of = |a: &String| {
        let rest = name.strip_prefix(a.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    t.answers.as_ref().is_some_and(|all| all.iter().any(of))
}

/// Holds findings of detectors (`found`) and alerts of rules (`told`) against what was injected.
fn judge(truth: Vec<Truth>, found: &[Found], told: &[Found]) -> Score {
    let touches =
        |f: &Found, t: &Truth, slack: Micros| f.start < t.end.plus(slack).0 && f.end > t.start.0;
    let about = |f: &Found, t: &Truth| f.dimensions.get(&t.dimension) == Some(&t.value);
    let detects = |f: &Found, t: &Truth| {
        touches(f, t, SLACK) && (t.answers.is_none() || answers(&f.detector, t))
    };
    // A spike of one engineer shows in the team and the organisation too: what touches no injected
    // time is unexplained.
    let outside = |f: &&Found| !truth.iter().any(|t| detects(f, t));
    let outside = found.iter().filter(outside).count();
    let of = |t: Truth| {
        let detected = found.iter().filter(|f| detects(f, &t));
        let alerted = told
            .iter()
            .filter(|f| touches(f, &t, RULE_SLACK) && answers(&f.detector, &t));
        let by: Vec<&Found> = detected.chain(alerted).filter(|f| about(f, &t)).collect();
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
            answers: None,
            usd: None,
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
        let score = judge(vec![truth("a", 0), truth("c", 0)], &findings, &[]);
        assert_eq!(score.injected[0].found_by, ["drift", "late"]);
        assert_eq!(score.injected[0].minutes, Some(60));
        assert_eq!(score.injected[1].minutes, None);
        assert_eq!((score.hits(), score.findings, score.outside), (1, 4, 1));
    }

    #[test]
    fn rules_answer_for_what_names_them_and_nothing_for_what_names_none() {
        let day = Micros::DAY.0;
        let truth = |kind, answers: &[&str]| Truth {
            kind,
            dimension: "team".into(),
            value: "a".into(),
            start: Micros(0),
            end: Micros(day),
            factor: 1.0,
            answers: Some(answers.iter().map(|a| (*a).to_owned()).collect()),
            usd: None,
        };
        let told = |rule: &str, opened: i64| Found {
            detector: rule.into(),
            dimensions: [("team".to_owned(), "a".to_owned())].into(),
            start: opened,
            end: opened,
        };
        let injected = vec![
            truth(TruthKind::BudgetBurst, &["budget_team_spend"]),
            truth(TruthKind::Other("new".into()), &["budget_team"]),
            truth(TruthKind::Plateau, &[]),
        ];
        let alerts = [
            told("budget_team_spend_90", day + 1),
            told("budget_team_spending", day),
            told("budget_team_spend_100", 4 * day),
        ];
        // What no label asks of a detector is unexplained, however long the label lasts.
        let found = [told("calls_jump", 1)];
        let score = judge(injected, &found, &alerts);
        let by: Vec<_> = score.injected.iter().map(|i| i.found_by.len()).collect();
        assert_eq!(score.injected[0].found_by, ["budget_team_spend_90"]);
        assert_eq!((by[1], by[2], score.unanswered()), (2, 0, 1));
        assert_eq!((score.hits(), score.outside), (2, 1));
    }

    #[test]
    fn a_file_keeps_what_it_does_not_know_and_takes_a_line_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("truth.jsonl");
        let old = "{\"tenant\":\"acme\",\"kind\":\"spend_spike\",\"dimension\":\"team\",\
                   \"value\":\"a\",\"start\":0,\"end\":9,\"factor\":3.0}\n";
        let unknown = "{\"tenant\":\"acme\",\"later\":1}\n";
        std::fs::write(&file, format!("{old}{unknown}")).unwrap();
        let before = injected(&file, "acme").unwrap();
        assert_eq!(before.len(), 1);
        let coefficient = Coefficient {
            coefficient: "c".into(),
            value: 1.0 / 3.0,
            relation: "a per b".into(),
            events: Vec::new(),
        };
        for _ in 0..2 {
            add(&file, "acme", &before, std::slice::from_ref(&coefficient)).unwrap();
        }
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(&format!("{old}{unknown}")), "{text}");
        assert_eq!(text.lines().count(), 3);
        assert_eq!(injected(&file, "acme").unwrap(), before);
        assert!(injected(&file, "other").unwrap().is_empty());
    }
}
