//! `min` and `max`. `pick` says which of two numbers stays.

use crate::event::Event;
use crate::fields;
use weir_catalog::Input;

pub(super) fn add(extreme: &mut Option<f64>, input: &Input, e: &Event, pick: fn(f64, f64) -> f64) {
    // Minus zero is zero.
    merge(extreme, fields::number(input, e).map(|x| x + 0.0), pick);
}

pub(super) fn merge(extreme: &mut Option<f64>, other: Option<f64>, pick: fn(f64, f64) -> f64) {
    *extreme = [*extreme, other].into_iter().flatten().reduce(pick);
}
