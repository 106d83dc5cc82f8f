//! What an engineer exported, and what of it cannot be merged.

use crate::ReportError;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A report that an engineer exported: what of it is merged.
#[derive(Clone, Debug, Deserialize)]
pub struct Exported {
    #[serde(skip)]
    pub(super) file: String,
    pub(super) report_metadata: Metadata,
    pub(super) engineer_profile: Profile,
    pub(super) performance: Performance,
    /// By KPI and term.
    pub(super) terms: BTreeMap<String, BTreeMap<String, Option<f64>>>,
    /// By measure.
    pub(super) measures: BTreeMap<String, Option<f64>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) tenant: String,
    pub(super) period_from: String,
    pub(super) period_to: String,
    pub(super) days: i64,
    pub(super) complete_through: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) team: Option<String>,
    pub(super) machine: Machine,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Machine {
    pub(super) platform: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Performance {
    pub(super) capabilities: Vec<Capability>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Capability {
    pub(super) name: String,
    pub(super) metrics: Metrics,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Metrics {
    pub(super) total_executions: Option<f64>,
    pub(super) failures: Option<f64>,
    pub(super) avg_execution_time_ms: Option<f64>,
    pub(super) tokens_saved: Option<f64>,
}

impl Exported {
    /// From a file that `weir report engineer --format yaml` wrote.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(file: &str, text: &str) -> Result<Exported, ReportError> {
        let read: Result<Exported, _> = serde_saphyr::from_str(text);
        let mut exported = read.map_err(|e| {
            ReportError::Merge(format!(
                "{file} is no report of an engineer that weir exported: {e}"
            ))
        })?;
        file.clone_into(&mut exported.file);
        Ok(exported)
    }

    fn days(&self) -> (&str, &str) {
        let m = &self.report_metadata;
        (&m.period_from, &m.period_to)
    }
}

/// What both count would be counted twice, and what is of other days is no sum of these.
pub(super) fn refuse(all: &[Exported]) -> Result<(), ReportError> {
    let Some(first) = all.first() else {
        return Err(ReportError::Merge("there are no reports to merge".into()));
    };
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for e in all {
        let email = e.engineer_profile.email.to_lowercase();
        if let Some(other) = seen.insert(email, &e.file) {
            return Err(ReportError::Merge(format!(
                "{} and {other} both tell of {}; leave one of them out",
                e.file, e.engineer_profile.email
            )));
        }
        if e.days() != first.days() {
            let ((from, to), (own_from, own_to)) = (first.days(), e.days());
            return Err(ReportError::Merge(format!(
                "{} is of {own_from} to {own_to}, {} of {from} to {to}; export them of the same days",
                e.file, first.file
            )));
        }
    }
    Ok(())
}
