//! What a back-test says for people: how often everything spoke, and which rules would page too
//! often.

use super::Judged;
use super::plan::Scope;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use weir_catalog::{Catalog, JudgedWindow, Problem, RuleDef, RuleOn};
use weir_model::codes::LINT_FIRES_OFTEN;
use weir_store::Store;
use weir_store::backtest::{Run, Spoken};

/// A rule that is bad in a larger share of its judged windows says what is usual.
const OFTEN: f64 = 0.1;
/// Less was judged than says anything about a share.
const LEAST_JUDGED: u64 = 20;

/// A rule, detector or KPI, and how often it spoke.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// `rule`, `detector` or `kpi`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Alerts opened, windows found anomalous, values published.
    pub times: u64,
    /// Windows that were bad: within alerts, anomalous, off target. What a window to date has
    /// crossed stays crossed until its period ends: of rules on such windows the alerts count.
    pub bad: u64,
    /// Windows judged.
    pub judged: u64,
    /// Bad windows of those judged.
    pub share: Option<f64>,
    /// First and last time, in microseconds.
    pub first: Option<i64>,
    /// Last time.
    pub last: Option<i64>,
    /// Of how many subjects.
    pub subjects: u64,
    /// The most frequent ones (at most three), with how often.
    pub most: Vec<(u64, String)>,
}

/// All lines of a back-test: rules, detectors, KPIs, each by name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report(pub Vec<Line>);

impl Report {
    /// Of a back-test that is done, by this catalog.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn of(store: &Store, catalog: &Catalog, run: &Run) -> Result<Report> {
        let spoken = store.backtest_summary(&run.id).await?;
        let mut lines = Vec::new();
        for (kind, spoken) in KINDS.into_iter().zip(spoken) {
            let mut spoken: BTreeMap<String, Spoken> =
                spoken.into_iter().map(|s| (s.name.clone(), s)).collect();
            let judged = run.judged.iter().filter_map(|(key, n)| {
                let name = key.strip_prefix(kind)?.strip_prefix(' ')?;
                Some((name, *n))
            });
            for (name, judged) in judged {
                let mut line = Line::of(kind, name, judged, spoken.remove(name));
                if kind == KINDS[0] && catalog.rule(name).is_some_and(|r| to_date(catalog, r)) {
                    line.bad = line.times;
                }
                line.share = (judged > 0).then(|| line.bad as f64 / judged as f64);
                lines.push(line);
            }
        }
        Ok(Report(lines))
    }
}

impl Line {
    fn of(kind: &'static str, name: &str, judged: u64, spoken: Option<Spoken>) -> Line {
        let spoken = spoken.as_ref();
        Line {
            kind,
            name: name.to_owned(),
            times: spoken.map_or(0, |s| s.times),
            bad: spoken.map_or(0, |s| s.bad),
            judged,
            share: None,
            first: spoken.map(|s| s.first),
            last: spoken.map(|s| s.last),
            subjects: spoken.map_or(0, |s| s.subjects),
            most: spoken.map_or_else(Vec::new, |s| s.most.clone()),
        }
    }
}

/// Whether all that a rule looks at stands in windows to date.
fn to_date(catalog: &Catalog, rule: &RuleDef) -> bool {
    let window = |on: &RuleOn| match on {
        RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => Some(catalog.kpis[*kpi].window),
        RuleOn::Detector(d) => Some(catalog.detectors[*d].window),
        RuleOn::NoData { .. } | RuleOn::Several { .. } => None,
    };
    let mut windows = rule.on.conditions().iter().map(window);
    windows.all(|w| matches!(w, Some(JudgedWindow::ToDate { .. })))
}

const KINDS: [&str; 3] = ["rule", "detector", "kpi"];

/// Windows judged, by kind and name, of all that was asked for. A rule on one thing judges what
/// that judges; one on several judges at each end of a window of any of them, which are those of
/// the one that judges most often.
pub(super) fn by_kind(catalog: &Catalog, scope: &Scope, judged: &Judged) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    let mut put = |chosen: bool, kind: &str, name: &str, n: u64| {
        if chosen {
            all.insert(format!("{kind} {name}"), n);
        }
    };
    let of = |counts: &BTreeMap<String, u64>, name: &str| counts.get(name).copied().unwrap_or(0);
    for (rule, chosen) in catalog.rules.iter().zip(&scope.rules) {
        let each = rule.on.conditions().iter().map(|on| match on {
            RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => {
                of(&judged.kpis, &catalog.kpis[*kpi].name)
            }
            RuleOn::Detector(d) => of(&judged.detectors, &catalog.detectors[*d].name),
            RuleOn::NoData { .. } => of(&judged.silences, &rule.name),
            RuleOn::Several { .. } => 0,
        });
        put(*chosen, KINDS[0], &rule.name, each.max().unwrap_or(0));
    }
    for (detector, chosen) in catalog.detectors.iter().zip(&scope.detectors) {
        let n = of(&judged.detectors, &detector.name);
        put(*chosen, KINDS[1], &detector.name, n);
    }
    for (kpi, chosen) in catalog.kpis.iter().zip(&scope.kpis) {
        put(*chosen, KINDS[2], &kpi.name, of(&judged.kpis, &kpi.name));
    }
    all
}

/// Rules that fired on more than a tenth of the judged windows of their subjects, by place.
pub fn findings(catalog: &Catalog, report: &Report) -> Vec<Problem> {
    let often = report.0.iter().filter(|l| {
        l.kind == KINDS[0] && l.judged >= LEAST_JUDGED && l.share.is_some_and(|s| s > OFTEN)
    });
    let mut found: Vec<Problem> = often
        .filter_map(|line| Some(finding(catalog, catalog.rule(&line.name)?, line)))
        .collect();
    found.sort();
    found
}

fn finding(catalog: &Catalog, rule: &RuleDef, line: &Line) -> Problem {
    let (file, at, column) = catalog.place(&["alerts", &rule.name]);
    let percent = line.share.unwrap_or_default() * 100.0;
    let most = line.most.first().map_or("", |(_, subject)| subject);
    let remedy = match rule.on.first() {
        RuleOn::NoData { .. } => "give it a longer `silence`",
        RuleOn::Detector(_) => {
            "give its detector a higher threshold or floor, or the rule a larger `open_after`"
        }
        _ => "move its bound to what is unusual, or give it a larger `open_after`",
    };
    Problem {
        file,
        line: at,
        column,
        code: LINT_FIRES_OFTEN,
        message: format!(
            "rule \"{}\" would have been bad in {percent:.1} % of {} judged windows ({} alerts, most of {})",
            rule.name,
            line.judged,
            line.times,
            if most.is_empty() {
                "the tenant as a whole"
            } else {
                most
            },
        ),
        remedy: format!(
            "{remedy}; try it with `weir backtest --catalog DIR --rule {}`",
            rule.name
        ),
    }
}
