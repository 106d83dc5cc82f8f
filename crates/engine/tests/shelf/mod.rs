//! What the oracle says share by share, with shelves in memory.

use std::collections::BTreeMap;
use weir_catalog::Catalog;
use weir_oracle::{Divided, Fold, Truth};

/// Judges as many subjects at once as take up to `limit` bytes.
pub fn shares(catalog: &Catalog, fold: Fold, limit: usize) -> Vec<Truth> {
    let mut shelves = BTreeMap::new();
    let mut divided = Divided::new(catalog, fold, &mut shelves).unwrap();
    let mut all = Vec::new();
    while let Some((_, truth)) = divided.next(catalog, limit, &mut shelves).unwrap() {
        all.push(truth);
    }
    all
}
