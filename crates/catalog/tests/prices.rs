//! Wrong entries of the price book, each told with its line; and which entries are in force.
#![allow(clippy::unwrap_used)]

use weir_catalog::{Catalog, CatalogErrors, CostDef, FieldTerm, MeasureKind, load_sources};
use weir_model::Micros;

const EVENT: &str = "\
event: llm.call
measures:
  calls: {count: true}
  cost:
    cost: {provider: provider, model: model, tokens: {input: tokens_input, cache_write_1h: tokens_cache_write_1h}}
rollups: [[]]
";

fn load(book: &str) -> Result<Catalog, CatalogErrors> {
    let mut all = Catalog::embedded_sources();
    all.retain(|(f, _)| f.starts_with("events/"));
    all.push(("catalog/llm.call.yaml".into(), EVENT.into()));
    all.push(("catalog/prices.yaml".into(), format!("prices:\n{book}")));
    load_sources(all)
}

fn told(book: &str) -> Vec<String> {
    load(book).err().map_or(Vec::new(), |e| {
        e.0.iter().map(ToString::to_string).collect()
    })
}

fn cost(c: &Catalog) -> CostDef {
    match &c.events[0].measures[1].kind {
        MeasureKind::Cost(def) => def.clone(),
        other => panic!("{other:?}"),
    }
}

/// (entries of model m from one day: condition or nothing, the one problem told)
const WRONG: &[(&[&str], &str)] = &[
    (
        &["tokens_inputt > 5"],
        r#"catalog/prices.yaml:2:33: WEIR-0102 the condition names field "tokens_inputt", which llm.call does not have, and its calls are priced; did you mean "tokens_input"?"#,
    ),
    (
        &["service_tier == 5"],
        r#"catalog/prices.yaml:2:33: WEIR-0102 "service_tier" is a text; compare it with one, e.g. `service_tier == 'batch'`"#,
    ),
    (
        &["tokens_input == 'five'"],
        r#"catalog/prices.yaml:2:33: WEIR-0102 "tokens_input" is a number and is compared with a text; write the other side without quotes"#,
    ),
    (
        &["tokens_input + 5"],
        "catalog/prices.yaml:2:46: WEIR-0103 the condition gives no true or false; compare it, e.g. `tokens_input > 200000`",
    ),
    (
        &["tokens_input >"],
        "catalog/prices.yaml:2:47: WEIR-0103 the expression does not parse",
    ),
    (
        &["tokens_input > 5 && size(model) > 3"],
        r#"WEIR-0103 there is no function or operator "size""#,
    ),
    (
        &["resource > 5"],
        r#"catalog/prices.yaml:2:33: WEIR-0102 "resource" is no single value"#,
    ),
    (
        &["1 < 2"],
        "catalog/prices.yaml:2:32: WEIR-0105 the condition asks nothing of the call; name a field, or leave `when` out",
    ),
    (
        &["", ""],
        r#"catalog/prices.yaml:3:5: WEIR-0109 the price of "m" from this day is declared twice, first in line 2; remove one of them"#,
    ),
    (
        &["success", "tokens_input > 5", "tokens_input  >  5"],
        r#"catalog/prices.yaml:4:5: WEIR-0109 the price of "m" from this day is declared twice under this condition, first in line 3"#,
    ),
    (
        &["", "tokens_input > 5"],
        r#"catalog/prices.yaml:3:32: WEIR-0105 no call comes to this price of "m": the entry in line 2 takes all of them; put it before that one, or change its condition"#,
    ),
    (
        &["tokens_input > 5", "tokens_input > 6"],
        "WEIR-0105 no call comes to this price",
    ),
    (
        &["tokens_input >= 5", "success && tokens_input == 7"],
        "WEIR-0105 no call comes to this price",
    ),
    (
        &["model in ['a', 'b'] || success", "model == 'b'"],
        "WEIR-0105 no call comes to this price",
    ),
    (
        &["tokens_input < 5 && success", "tokens_input < 4 && success"],
        "WEIR-0105 no call comes to this price",
    ),
];

fn entries(whens: &[&str]) -> String {
    let line = |when: &&str| match when.is_empty() {
        true => "  - {model: m, from: 2026-01-01, input: 1}\n".to_string(),
        false => {
            let when = when.replace('"', "\\\"");
            format!("  - {{model: m, input: 1, when: \"{when}\", from: 2026-01-01}}\n")
        }
    };
    whens.iter().map(line).collect()
}

#[test]
fn a_wrong_condition_is_told_with_its_place() {
    for (whens, want) in WRONG {
        let told = told(&entries(whens));
        assert_eq!(told.len(), 1, "{whens:?}: {told:#?}");
        assert!(
            told[0].contains(want),
            "{whens:?}\n want {want}\n told {}",
            told[0]
        );
    }
}

#[test]
fn what_some_call_comes_to_is_no_error() {
    for whens in [
        &["tokens_input > 6", "tokens_input > 5", ""][..],
        &["tokens_input > 5", "tokens_input >= 5"],
        &["tokens_input > 5 && success", "tokens_input > 6"],
        &[
            "service_tier == 'a'",
            "service_tier in ['a', 'b']",
            "service_tier != 'c'",
        ],
        &["tokens_input > 5 || success", "tokens_input > 4"],
        &[
            "coalesce(tokens_cache_write_1h, 0) * 2 > max(tokens_input, 7)",
            "",
        ],
        &["(tokens_input > 5 ? tokens_output : 0) > 1"],
        &["resource.platform == 'Linux'", ""],
    ] {
        assert_eq!(told(&entries(whens)), Vec::<String>::new(), "{whens:?}");
    }
}

#[test]
fn a_condition_needs_a_priced_event_type_and_a_day_one_file() {
    let mut all = Catalog::embedded_sources();
    all.retain(|(f, _)| f.starts_with("events/"));
    let book = "prices:\n  - {model: m, from: 2026-01-01, when: success, input: 1}\n";
    all.push(("catalog/prices.yaml".into(), book.into()));
    let e = load_sources(all.clone()).unwrap_err();
    assert!(e.0[0].message.contains("no event type is priced"), "{e}");
    all.push(("catalog/llm.call.yaml".into(), EVENT.into()));
    assert!(load_sources(all.clone()).is_ok());
    let more = "prices:\n  - {model: m, from: 2026-01-01, input: 1}\n";
    all.push(("catalog/prices2.yaml".into(), more.into()));
    let e = load_sources(all).unwrap_err();
    assert_eq!(
        e.0[0].to_string(),
        "catalog/prices2.yaml:2:5: WEIR-0109 the price of \"m\" from this day is declared in catalog/prices.yaml too; \
         put the entries of one day into one file: their order counts"
    );
}

#[test]
fn the_entries_of_the_newest_day_are_in_force_in_their_order() {
    let c = load(
        "  - {model: m, from: 2026-01-01, input: 1}
  - {model: m, from: 2026-03-01, when: tokens_input > 9, input: 4}
  - {model: m-x, from: 2026-01-01, when: success, input: 7}
  - {model: m, from: 2026-03-01, when: \"service_tier == 'batch'\", input: 3}
  - {provider: p, model: m, from: 2026-02-01, input: 2}
  - {model: m, from: 2026-03-01, unpriced: true}
",
    )
    .unwrap();
    let def = cost(&c);
    let at = |day: &str| {
        let t: jiff::Timestamp = format!("2026-{day}T00:00:00Z").parse().unwrap();
        Micros(t.as_microsecond())
    };
    let prices = |provider: &str, model: &str, day: &str| -> Vec<Option<i128>> {
        let entries = def.in_force(provider, model, at(day));
        entries.iter().map(|p| p.of("input")).collect()
    };
    assert_eq!(prices("q", "m", "02-28"), [Some(1000)]);
    assert_eq!(prices("q", "m", "03-01"), [Some(4000), Some(3000), None]);
    // A named provider goes before a newer day, a longer model before both.
    assert_eq!(prices("p", "m", "04-01"), [Some(2000)]);
    assert_eq!(prices("p", "m-x-1", "04-01"), [Some(7000)]);
    assert_eq!(prices("p", "m-xy", "04-01"), [Some(2000)]);
    assert!(prices("q", "n", "04-01").is_empty());
    assert!(prices("q", "m", "01-01").len() == 1 && def.in_force("q", "m", Micros(0)).is_empty());
    let when = def.in_force("q", "m", at("03-01"))[1].when.clone().unwrap();
    assert_eq!(when.source, "service_tier == 'batch'");
    assert_eq!(
        when.terms,
        [FieldTerm::Is("service_tier".into(), "batch".into())]
    );
}
