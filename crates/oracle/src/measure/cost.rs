//! `cost`: what was reported, else tokens at the price in force.

use crate::event::Event;
use weir_catalog::CostDef;
use weir_model::{Fixed, Micros};

pub(super) fn add(sum: &mut i128, def: &CostDef, e: &Event, at: Micros) {
    if let Some(cost) = cost(def, e, at) {
        *sum += cost;
    }
}

/// Exact cost; `None` where some class has tokens and no price.
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
    // last.
    let price = def
        .book
        .iter()
        .filter(|p| {
            (p.provider == provider || p.provider == "*") && names(&p.model) && p.from <= at
        })
        .max_by_key(|p| (p.model.len(), p.provider != "*", p.from));
    let mut sum = 0i128;
    for (path, class) in &def.tokens {
        let tokens = e.exact(path).unwrap_or(0) / Fixed::SCALE;
        if tokens > 0 {
            let per = price?.per_token.iter().find(|(c, _)| c == class)?.1;
            sum += tokens * per;
        }
    }
    Some(sum)
}
