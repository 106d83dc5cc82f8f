//! Number of events whose cost nobody knows: adds up as a count does.

use super::Delta;
use super::cost::{Costs, Event};

/// What an event adds.
pub(super) fn delta(cost: usize, event: &Event<'_>, costs: &mut Costs) -> Option<Delta> {
    costs.cost(cost, event).is_none().then_some(Delta::Count)
}
