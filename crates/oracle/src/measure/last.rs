//! `last`: the value of the latest event; of equal times that of the larger identity hash.

use super::{Kept, Part, part};
use crate::event::Event;
use crate::fields;
use weir_catalog::Input;
use weir_model::Micros;

type Last = Option<(Micros, u64, f64)>;

pub(super) fn add(last: &mut Last, input: &Input, e: &Event, (at, id): (Micros, u64)) {
    if let Some(x) = fields::number(input, e)
        && last.is_none_or(|(t, i, _)| (t, i) < (at, id))
    {
        *last = Some((at, id, x + 0.0));
    }
}

pub(super) fn merge(last: &mut Last, other: Last) {
    *last = [*last, other]
        .into_iter()
        .flatten()
        .max_by_key(|(t, i, _)| (*t, *i));
}

pub(super) fn parts(last: Last) -> Vec<Part> {
    let value = last.map(|(_, _, x)| x);
    vec![part("value", "", Kept::Number(value))]
}
