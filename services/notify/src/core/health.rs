//! Whether a receiver takes what it is sent.

use serde::{Deserialize, Serialize};
use weir_model::Micros;

/// First pause after a failure; it doubles with each.
const PAUSE: Micros = Micros(1_000_000);
/// The longest.
const LONGEST: Micros = Micros(300_000_000);

/// How a receiver does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// Failures since it last took something.
    pub failures: u32,
    /// When the first of them was.
    pub since: Option<Micros>,
    /// No try before.
    pub next: Option<Micros>,
    /// What it said last.
    pub error: Option<String>,
    /// It has failed for so long that the others were told.
    pub dead: bool,
    /// When it last took something.
    pub took: Option<Micros>,
}

impl Health {
    /// A try failed.
    pub(super) fn failed(&mut self, error: &str, now: Micros) {
        let pause = PAUSE.0 << self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        self.since.get_or_insert(now);
        self.next = Some(Micros(now.0 + pause.min(LONGEST.0)));
        self.error = Some(error.to_owned());
    }

    /// It took something; true where that changes what is known of it.
    pub(super) fn took(&mut self, now: Micros) {
        *self = Health {
            took: Some(now),
            ..Health::default()
        };
    }
}
