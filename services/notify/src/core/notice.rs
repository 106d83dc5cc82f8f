//! An alert as receivers are told of it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use weir_model::Micros;
use weir_model::records::{Alert, AlertState};

/// One alert, at the last step that is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Its id in `weir.alerts`.
    pub id: String,
    /// Number of the step.
    pub step: u32,
    /// It holds; false: it is over.
    pub firing: bool,
    /// It was told before its window ended, by an early limit.
    pub early: bool,
    /// It opened again soon after it was over.
    pub reopened: bool,
    /// Name of its rule.
    pub rule: String,
    /// `kpi_threshold`, `anomaly`, `no_data`, or what the rule declares.
    #[serde(rename = "type")]
    pub kind: String,
    /// `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// `P1` or `P2`.
    pub priority: String,
    /// Whose.
    pub tenant: String,
    /// Component, empty where it has none.
    pub component: String,
    /// What it is about, by dimension.
    pub dimensions: BTreeMap<String, String>,
    /// KPI, detector or event type.
    pub metric: String,
    /// Unit of the figures.
    pub unit: String,
    /// Value now.
    pub value: Option<f64>,
    /// Threshold, where there is one.
    pub threshold: Option<f64>,
    /// Worst value since it opened.
    pub worst: Option<f64>,
    /// Business impact.
    pub impact: String,
    /// Recommended action.
    pub action: String,
    /// End of the window that opened it.
    pub opened: Micros,
    /// End of the window of this step.
    pub at: Micros,
}

impl From<Alert> for Notice {
    fn from(a: Alert) -> Notice {
        Notice {
            id: a.id,
            step: a.step,
            firing: a.state != AlertState::Resolve,
            early: false,
            reopened: a.state == AlertState::Reopened,
            rule: a.rule,
            kind: a.r#type,
            severity: a.severity,
            priority: a.priority,
            tenant: a.subject.tenant,
            component: a.component,
            dimensions: a.subject.dimensions.into_iter().collect(),
            metric: a.metric,
            unit: a.unit,
            value: a.value,
            threshold: a.threshold,
            worst: a.worst,
            impact: a.impact,
            action: a.action,
            opened: a.opened,
            at: a.at,
        }
    }
}

impl Notice {
    /// What it is called by in routes, groups and labels; empty where it has no such thing.
    pub fn label(&self, name: &str) -> &str {
        match name {
            "rule" => &self.rule,
            "type" => &self.kind,
            "severity" => &self.severity,
            "priority" => &self.priority,
            "tenant" => &self.tenant,
            "component" if !self.component.is_empty() => &self.component,
            "early" => ["false", "true"][usize::from(self.early)],
            dimension => self.dimensions.get(dimension).map_or("", String::as_str),
        }
    }

    /// The same subject, to read: `team=core, model=m`.
    pub fn subject(&self) -> String {
        let all = self.dimensions.iter().map(|(n, v)| format!("{n}={v}"));
        all.collect::<Vec<_>>().join(", ")
    }
}
