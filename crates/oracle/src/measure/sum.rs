//! `sum`: exact, in billionths.

use crate::event::Event;
use weir_model::Fixed;

pub(super) fn add(sum: &mut i128, path: &str, e: &Event) {
    if let Some(exact) = e.exact(path) {
        *sum += exact;
    }
}

pub(super) fn number(sum: i128) -> f64 {
    Fixed(sum).to_f64()
}
