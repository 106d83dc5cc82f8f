//! The declarations that ship.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use weir_catalog::{Catalog, load};

fn schemas() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas"))
}

#[test]
fn the_shipped_declarations_load_and_are_what_is_compiled_in() {
    let loaded = load(schemas()).unwrap_or_else(|e| panic!("{e}"));
    let embedded = Catalog::embedded().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(loaded.hash, embedded.hash);
    assert_eq!(loaded.sources, embedded.sources);
    assert_eq!(loaded.events.len(), 35);
    assert!(loaded.kpis.len() >= 10);
    assert!(
        loaded.kpis.iter().any(|k| !k.local),
        "one KPI joins two subjects"
    );
    assert!(
        loaded
            .kpis
            .iter()
            .any(|k| k.local && k.terms.iter().any(|t| t.event != k.terms[0].event))
    );
}
