//! The list of assistants: its examples are held against its rules, and it is no part of the
//! meaning.
#![allow(clippy::unwrap_used)]

use weir_catalog::{Catalog, CatalogErrors, load_sources};

fn with(list: Option<&str>) -> Result<Catalog, CatalogErrors> {
    let mut all = Catalog::embedded_sources();
    all.retain(|(f, _)| f != "catalog/assistants.yaml");
    if let Some(list) = list {
        all.push(("catalog/own.yaml".into(), list.into()));
    }
    load_sources(all)
}

const OWN: &str = "\
assistants:
  trailers: [Helped-by]
  tools:
    robo:
      shared: [Robo]
      versions: [mini]
      examples: [\"Helped-by: Robo mini <r@example.com>\", \"helped_BY : Robo\"]
  people: [\"Helped-by: Robo <r@example.com>\", \"Helped-by: Claude <noreply@anthropic.com>\"]
";

#[test]
fn a_list_of_ones_own_takes_the_place_of_the_built_in_one() {
    let built_in = Catalog::embedded().unwrap();
    let own = with(Some(OWN)).unwrap();
    assert_eq!(
        own.assistants.of("", "", "x\n\nHelped-by: Robo mini"),
        Some("robo")
    );
    assert_eq!(own.assistants.of("", "", "Co-authored-by: Copilot"), None);
    let none = with(None).unwrap();
    assert_eq!(
        none.assistants.of("", "", "Co-authored-by: Copilot"),
        Some("copilot")
    );
    assert_eq!([own.hash, none.hash], [built_in.hash; 2]);
}

#[test]
fn an_example_that_the_rules_fail_is_told_with_its_line() {
    for (from, to, want) in [
        (
            "[mini]",
            "[maxi]",
            "catalog/own.yaml:7:18: WEIR-0105 this example is taken for a person, it is of \"robo\"; declare its address or name",
        ),
        (
            "shared: [Robo]",
            "names: [Robo]",
            "catalog/own.yaml:8:12: WEIR-0105 this example is taken for \"robo\", it is of a person",
        ),
        (
            "      examples:",
            "      example:",
            "unknown field \"example\" in an assistant",
        ),
        (
            "trailers",
            "trailer",
            "unknown field \"trailer\" in assistants",
        ),
    ] {
        assert!(OWN.contains(from), "{from}");
        let e = with(Some(&OWN.replace(from, to))).unwrap_err().to_string();
        assert!(e.contains(want), "{want}\n{e}");
    }
    let mut all = Catalog::embedded_sources();
    all.push(("catalog/own.yaml".into(), OWN.into()));
    let e = load_sources(all).unwrap_err().to_string();
    assert!(
        e.contains("WEIR-0109 assistants are declared in catalog/assistants.yaml too"),
        "{e}"
    );
}
