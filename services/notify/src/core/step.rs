//! A message to one receiver: planned, written down, then sent until it is there.

use super::notice::Notice;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use weir_model::Micros;

/// Why a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Something opened or is over.
    Change,
    /// It is still so, and nobody has acknowledged it.
    Repeat,
    /// What a limit held back, at once.
    Summary,
    /// Somebody tries a route.
    Test,
}

impl Why {
    /// In metrics.
    pub fn label(self) -> &'static str {
        match self {
            Why::Change => "change",
            Why::Repeat => "repeat",
            Why::Summary => "summary",
            Why::Test => "test",
        }
    }
}

/// What a message says of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Key of the group: the same in all messages about it.
    pub group: String,
    /// What its alerts have in common.
    pub labels: BTreeMap<String, String>,
    /// Some alert of the group still holds, whether this message names it or not.
    pub open: bool,
    /// Alerts that hold, and those that are over since the last message.
    pub alerts: Vec<Notice>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Idempotency key: the same at every try.
    pub id: String,
    /// Route.
    pub route: String,
    /// Receiver.
    pub to: String,
    /// Why.
    pub why: Why,
    /// When it was planned.
    pub made: Micros,
    /// What it says holds until then, unless it is told again.
    pub until: Micros,
    /// By group.
    pub parts: Vec<Part>,
    /// Tries that failed.
    pub tries: u32,
    /// The last failure.
    pub error: Option<String>,
    /// When the receiver took it.
    pub delivered: Option<Micros>,
}

impl Step {
    /// All alerts of it.
    pub fn alerts(&self) -> impl Iterator<Item = &Notice> {
        self.parts.iter().flat_map(|p| &p.alerts)
    }
}
