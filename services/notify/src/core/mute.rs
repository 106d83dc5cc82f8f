//! Silences and windows of maintenance.

use super::notice::Notice;
use super::plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use weir_model::Micros;

/// Somebody wants no word of a rule's alerts for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// Id of the event that said so.
    pub id: String,
    /// Whose alerts.
    pub tenant: String,
    /// Of which rule.
    pub rule: String,
    /// The one alert; `None`: all that fit.
    pub alert: Option<String>,
    /// Dimensions that the alert must have.
    pub subject: BTreeMap<String, String>,
    /// When it may be told again.
    pub until: Micros,
}

impl Silence {
    /// Whether it is about the same alerts as another one, whatever it says of them.
    pub(super) fn is_about(&self, other: &Silence) -> bool {
        let of = |s: &Silence| (s.tenant.clone(), s.rule.clone(), s.alert.clone());
        of(self) == of(other) && self.subject == other.subject
    }

    fn covers(&self, notice: &Notice) -> bool {
        self.tenant == notice.tenant
            && self.rule == notice.rule
            && self.alert.as_ref().is_none_or(|id| *id == notice.id)
            && self.subject.iter().all(|(n, v)| notice.label(n) == v)
    }
}

/// Until when nothing is told of an alert, where that is so now.
pub(super) fn muted<'a>(
    plan: &Plan,
    silences: impl Iterator<Item = &'a Silence>,
    notice: &Notice,
    now: Micros,
) -> Option<Micros> {
    let silenced = silences
        .filter(|s| s.until > now && s.covers(notice))
        .map(|s| s.until);
    let maintained = plan
        .maintenance
        .iter()
        .filter(|m| m.matches.fits(notice))
        .filter_map(|m| m.when.until(now));
    silenced.chain(maintained).max()
}
