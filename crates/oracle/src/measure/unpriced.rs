//! `unpriced`: events whose cost nobody knows.

use super::cost::cost;
use crate::event::Event;
use weir_catalog::CostDef;
use weir_model::Micros;

pub(super) fn add(n: &mut u64, def: &CostDef, e: &Event, at: Micros) {
    if cost(def, e, at).is_none() {
        *n += 1;
    }
}
