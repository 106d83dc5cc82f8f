//! The dashboard's types are made of a copy of the document: it is the one that the code makes.
#![allow(clippy::unwrap_used)]

use std::path::Path;

/// Set, it writes the copy anew.
const WRITE: &str = "WEIR_WRITE_OPENAPI";

#[test]
fn the_copy_of_the_dashboard_is_the_document() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboard/openapi.json");
    let document = weir_api::document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&file, &document).unwrap();
    }
    let copy = std::fs::read_to_string(&file).unwrap();
    assert!(
        copy == document,
        "the document has changed: run `{WRITE}=1 cargo test -p weir-api --test document`, then `npm \
         run types` and `npm run build` in services/api/dashboard"
    );
}
