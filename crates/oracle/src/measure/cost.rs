//! `cost`: what was reported, else tokens at the price in force.

use crate::event::Event;
use crate::fields;
use weir_catalog::{CostDef, Price};
use weir_model::{Fixed, Micros};

pub(super) fn add(sum: &mut i128, def: &CostDef, e: &Event, at: Micros) {
    if let Some(cost) = cost(def, e, at) {
        *sum += cost;
    }
}

/// Exact cost; `None` where some class has tokens and no price, or input or output are unknown.
pub(super) fn cost(def: &CostDef, e: &Event, at: Micros) -> Option<i128> {
    if let Some(reported) = def.reported.as_deref().and_then(|p| e.exact(p)) {
        return Some(reported);
    }
    let provider = e.text(&def.provider).unwrap_or_default();
    let model = e.text(&def.model).unwrap_or_default();
    let names = |entry: &str| {
        entry == model
            || model
                .strip_prefix(entry)
                .is_some_and(|r| r.starts_with('-') || r.starts_with('@'))
    };
    // The longest name wins, then the named provider over any, then the price that came into force
    // last; of the entries of that day the first whose condition holds.
    let rank = |p: &Price| (p.model.len(), p.provider != "*", p.from);
    let fits = |p: &&Price| {
        (p.provider == provider || p.provider == "*") && names(&p.model) && p.from <= at
    };
    let best = def.book.iter().filter(fits).map(rank).max();
    let mut entries = def.book.iter().filter(fits);
    let price = entries
        .find(|p| Some(rank(p)) == best && p.when.as_ref().is_none_or(|w| fields::holds(w, e)));
    // A class without a field, or with an empty one, has no tokens.
    let tokens = |class: &str| {
        let fields = def.tokens.iter().filter(|(_, c)| c == class);
        let counts = fields.map(|(path, _)| e.exact(path).unwrap_or(0) / Fixed::SCALE);
        counts.map(|n| n.max(0)).sum::<i128>()
    };
    let mut sum = 0i128;
    for (path, class) in &def.tokens {
        // Tokens that nobody told of are not none: neither is their cost.
        if (class == "input" || class == "output") && e.exact(path).is_none() {
            return None;
        }
        let mut count = e.exact(path).unwrap_or(0) / Fixed::SCALE;
        if class == "cache_write" {
            count -= tokens("cache_write_5m") + tokens("cache_write_1h");
        }
        if count > 0 {
            let per = price?.per_token.iter().find(|(c, _)| c == class)?.1;
            sum += count * per;
        }
    }
    Some(sum)
}
