//! Aliases: what is wrong with them is told, and they are part of the meaning only where there are some.
#![allow(clippy::unwrap_used)]

use weir_catalog::{Catalog, CatalogErrors, evolve, load_sources};
use weir_model::person::Form;

fn with(aliases: &str) -> Result<Catalog, CatalogErrors> {
    let mut all = Catalog::embedded_sources();
    all.push(("catalog/people.yaml".into(), aliases.into()));
    load_sources(all)
}

#[test]
fn a_change_of_aliases_is_a_new_meaning_and_needs_no_version() {
    let old = Catalog::embedded().unwrap();
    assert_eq!(with("aliases: {}").unwrap().hash, old.hash);
    assert_eq!(
        with("aliases: {acme: {engineers: {}}}").unwrap().hash,
        old.hash
    );
    let one = with("aliases: {acme: {engineers: {a@x: [b@x]}}}").unwrap();
    let two = with("aliases: {acme: {engineers: {a@x: [b@x, c@x]}}}").unwrap();
    assert!(old.hash != one.hash && one.hash != two.hash);
    assert!(evolve(&old, &one).is_empty() && evolve(&two, &one).is_empty());
    // Order and capitals of spellings say nothing.
    let same = with("aliases: {acme: {engineers: {a@x: [C@X, b@x, ' b@x ']}}}").unwrap();
    assert_eq!(same.hash, two.hash);
    let mut room = String::new();
    let mut name = |tenant: &str, form, text: &str| {
        let name = two.aliases.name(tenant, form, text, &mut room);
        name.map(str::to_owned)
    };
    assert_eq!(name("acme", Form::Email, " B@x"), Some("a@x".into()));
    assert_eq!(name("acme", Form::Email, "A@X"), Some("a@x".into()));
    assert_eq!(name("acme", Form::Email, "d@x"), None);
    assert_eq!(name("acme", Form::Team, "b@x"), None);
    assert_eq!(name("bolt", Form::Email, "b@x"), None);
}

#[test]
fn wrong_aliases_are_told_with_their_place() {
    for (aliases, want) in [
        (
            "aliases: {t: {engineers: {A@x: [b@x]}}}",
            r#"catalog/people.yaml:1:27: WEIR-0101 "A@x" is not the canonical form of an address; write "a@x""#,
        ),
        (
            "aliases: {t: {engineers: {a@x: [c@x], b@x: [C@x]}}}",
            r#"catalog/people.yaml:1:45: WEIR-0109 "C@x" is a spelling of "b@x" and of "a@x""#,
        ),
        (
            "aliases: {t: {teams: {a: [b], b: [c]}}}",
            r#"catalog/people.yaml:1:27: WEIR-0109 "b" is a spelling of "a" and of "b""#,
        ),
        (
            "aliases: {t: {people: {}}}",
            r#"unknown field "people" in the aliases of a tenant"#,
        ),
    ] {
        let e = with(aliases).unwrap_err().to_string();
        assert!(e.contains(want), "{want}\n{e}");
    }
    let mut all = Catalog::embedded_sources();
    for file in ["catalog/p1.yaml", "catalog/p2.yaml"] {
        all.push((file.into(), "aliases: {t: {teams: {a: [b]}}}".into()));
    }
    let e = load_sources(all).unwrap_err().to_string();
    assert!(
        e.contains(r#"p2.yaml:1:11: WEIR-0109 the aliases of tenant "t" are declared twice"#),
        "{e}"
    );
}
