//! What is computed of each day: a declaration, `schemas/analysis/daily.yaml`.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use weir_analysis::trend::Better;
use weir_model::codes::ANALYSIS_DECLARATION;
use weir_model::hash;

/// The declaration that is built in.
const SHIPPED: &str = include_str!("../../../../schemas/analysis/daily.yaml");
/// Its place in a folder of schemas.
const FILE: &str = "analysis/daily.yaml";
/// Counts up where the same declaration and data give other rows than before.
const METHODS: u32 = 1;

/// What is computed.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) of: Declared,
    /// What tells one plan from another.
    pub(super) hash: String,
}

/// As it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Declared {
    pub days: u32,
    pub season: u16,
    pub alpha: f64,
    pub subjects: usize,
    #[serde(default)]
    pub as_of: Vec<u32>,
    #[serde(default)]
    pub forecasts: Vec<Ahead>,
    #[serde(default)]
    pub trends: Vec<String>,
    #[serde(default)]
    pub budgets: bool,
    pub experiments: Option<Experiments>,
    pub causes: Option<Causes>,
    pub recommendations: Option<Recommendations>,
    pub savings: Option<Savings>,
}

/// KPIs with the days that they are forecast.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ahead {
    pub days: usize,
    pub kpis: Vec<String>,
}

/// How experiments are judged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Experiments {
    pub kpi: String,
    pub variant: String,
    pub baseline: String,
    pub metric: String,
    pub better: BTreeMap<String, Way>,
    pub effect: f64,
    pub alpha: f64,
    pub power: f64,
    pub min_days: f64,
    pub share: f64,
    /// Metrics that must not become worse, with the share of the baseline's mean that is tolerated.
    #[serde(default)]
    pub guardrails: BTreeMap<String, f64>,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Way {
    Higher,
    Lower,
}

impl From<Way> for Better {
    fn from(way: Way) -> Better {
        match way {
            Way::Higher => Better::Higher,
            Way::Lower => Better::Lower,
        }
    }
}

/// How anomalies are explained.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Causes {
    pub days: u32,
    pub anomalies: usize,
    pub usual_days: u32,
    pub rollups: usize,
    pub cells: usize,
    pub least: f64,
}

/// Which operators are looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recommendations {
    pub days: u32,
    pub operators: usize,
}

/// Which calls are looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Savings {
    pub event: String,
    pub measure: String,
    pub task: String,
    pub days: u32,
    pub least_usd: f64,
    #[serde(default)]
    pub patterns: BTreeMap<String, String>,
}

impl Plan {
    /// The built-in one.
    ///
    /// # Errors
    /// WEIR-1301 where it is not valid.
    pub fn shipped() -> Result<Plan> {
        Plan::read(SHIPPED, FILE)
    }

    /// That of a folder of schemas, where it has one; else the built-in one.
    ///
    /// # Errors
    /// WEIR-1301 where it cannot be read or is not valid.
    pub fn of(schemas: Option<&Path>) -> Result<Plan> {
        let Some(path) = schemas.map(|s| s.join(FILE)).filter(|p| p.is_file()) else {
            return Plan::shipped();
        };
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{ANALYSIS_DECLARATION}: cannot read {name}"))?;
        Plan::read(&text, &name)
    }

    fn read(text: &str, name: &str) -> Result<Plan> {
        let of: Declared = match serde_saphyr::from_str(text) {
            Ok(of) => of,
            Err(e) => bail!("{ANALYSIS_DECLARATION}: {name}: {}", e.without_snippet()),
        };
        if let Some(problem) = of.problem() {
            bail!("{ANALYSIS_DECLARATION}: {name}: {problem}");
        }
        let hash = hash::id(&[text.as_bytes(), &METHODS.to_le_bytes()]);
        Ok(Plan { of, hash })
    }
}

/// Most of each: what one tenant's day may take is bounded.
const DAYS: u32 = 1_830;
const SUBJECTS: usize = 1_000;
const AHEAD: usize = 366;

impl Declared {
    /// What cannot be, in words.
    fn problem(&self) -> Option<String> {
        let share = |v: f64| v > 0.0 && v < 1.0;
        let within = |what: &str, v: usize, low: usize, high: usize| {
            let wrong = !(low..=high).contains(&v);
            wrong.then(|| format!("`{what}` is from {low} to {high}, not {v}"))
        };
        let ahead = self.forecasts.iter();
        within("days", self.days as usize, 28, DAYS as usize)
            .or_else(|| within("season", self.season.into(), 1, 366))
            .or_else(|| within("subjects", self.subjects, 1, SUBJECTS))
            .or_else(|| within("as_of", self.as_of.len(), 0, 10))
            .or_else(|| {
                ahead
                    .clone()
                    .find_map(|f| within("forecasts.days", f.days, 1, AHEAD))
            })
            .or_else(|| (!share(self.alpha)).then(|| "`alpha` is a share between 0 and 1".into()))
            .or_else(|| self.experiments.as_ref().and_then(Experiments::problem))
            .or_else(|| self.causes.as_ref().and_then(Causes::problem))
            .or_else(|| {
                let of = self.recommendations.as_ref()?;
                within("recommendations.operators", of.operators, 1, 5_000)
                    .or_else(|| within("recommendations.days", of.days as usize, 1, DAYS as usize))
            })
            .or_else(|| {
                let of = self.savings.as_ref()?;
                within("savings.days", of.days as usize, 1, DAYS as usize)
            })
    }

    /// Days that a KPI is forecast; 0: it is not.
    pub fn ahead(&self, kpi: &str) -> usize {
        let of = self.forecasts.iter();
        let of = of.filter(|f| f.kpis.iter().any(|k| k == kpi));
        of.map(|f| f.days).max().unwrap_or(0)
    }

    /// KPIs that are looked at, each once.
    pub fn kpis(&self) -> impl Iterator<Item = &str> {
        let ahead = self.forecasts.iter().flat_map(|f| &f.kpis);
        let all: std::collections::BTreeSet<&str> =
            ahead.chain(&self.trends).map(String::as_str).collect();
        all.into_iter()
    }
}

impl Experiments {
    fn problem(&self) -> Option<String> {
        let share = |v: f64| v > 0.0 && v < 1.0;
        let fits = share(self.alpha) && share(self.power) && share(self.share);
        let mut guardrails = self.guardrails.iter();
        let guarded =
            guardrails.all(|(name, margin)| self.better.contains_key(name) && *margin >= 0.0);
        (!fits || !guarded || self.effect <= 0.0 || self.min_days < 0.0).then(|| {
            "of `experiments`, alpha, power and share lie between 0 and 1, effect above 0, \
             min_days is not negative, and guardrails are metrics of `better` with a margin that \
             is not negative"
                .to_owned()
        })
    }
}

impl Causes {
    fn problem(&self) -> Option<String> {
        let fits = self.anomalies <= 100
            && (7..=366).contains(&self.usual_days)
            && self.rollups <= 20
            && (1..=5_000).contains(&self.cells);
        (!fits).then(|| {
            "of `causes`, anomalies are at most 100, usual_days 7 to 366, rollups at most 20, \
             cells 1 to 5,000"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_shipped_one_is_of_the_shipped_catalog() {
        let plan = Plan::shipped().unwrap();
        let catalog = weir_catalog::Catalog::embedded().unwrap();
        let unknown: Vec<&str> = plan
            .of
            .kpis()
            .filter(|k| catalog.kpi(k).is_none())
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        let aimless = plan.of.trends.iter();
        let aimless: Vec<&String> = aimless
            .filter(|k| catalog.kpi(k).is_some_and(|k| k.target.is_none()))
            .collect();
        assert!(aimless.is_empty(), "no way is better: {aimless:?}");
        assert_eq!(plan.of.ahead("spend_per_hour"), 28);
        assert_eq!(plan.of.ahead("roi"), 0);
        let savings = plan.of.savings.unwrap();
        let event = catalog.event(&savings.event).unwrap();
        assert!(event.measure_id(&savings.measure).is_some());
        let experiments = plan.of.experiments.unwrap();
        assert!(catalog.kpi(&experiments.kpi).is_some());
    }

    #[test]
    fn what_cannot_be_is_told_by_name() {
        for (from, to, told) in [
            ("days: 180", "days: 3", "`days`"),
            ("alpha: 0.05\n# Most", "alpha: 5\n# Most", "`alpha`"),
            ("subjects: 50", "subjects: 0", "`subjects`"),
            ("season: 7", "sesaon: 7", "sesaon"),
            ("share: 0.5", "share: 1", "`experiments`"),
            ("usual_days: 28", "usual_days: 1", "`causes`"),
        ] {
            assert!(SHIPPED.contains(from), "{from}");
            let wrong = Plan::read(&SHIPPED.replace(from, to), "x.yaml").unwrap_err();
            let wrong = format!("{wrong:#}");
            assert!(wrong.starts_with("WEIR-1301: x.yaml: "), "{wrong}");
            assert!(wrong.contains(told), "{wrong}");
        }
        let other = SHIPPED.replace("season: 7", "season: 5");
        let other = Plan::read(&other, "x.yaml").unwrap();
        assert_ne!(other.hash, Plan::shipped().unwrap().hash);
    }
}
