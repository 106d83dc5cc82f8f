//! Expressions over the fields of an event in measures: what is refused and where, what they mean
//! to the catalog, and what is known of their values.
#![allow(clippy::unwrap_used)]

use weir_catalog::{Catalog, Condition, FieldTerm, Input, MeasureKind, evolve, load_sources};

const SCHEMA: &str = r#"{"type": "record", "name": "Done", "fields": [
  {"name": "event_id", "type": "string"},
  {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
  {"name": "tenant", "type": "string"}, {"name": "source", "type": "string"},
  {"name": "resource", "type": {"type": "map", "values": "string"}},
  {"name": "opened_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
  {"name": "closed_at", "type": "long", "logicalType": "timestamp-micros"},
  {"name": "before", "type": "long"}, {"name": "after", "type": ["null", "double"]},
  {"name": "delta", "type": "long"}, {"name": "ok", "type": "boolean"},
  {"name": "kind", "type": "string"},
  {"name": "figures", "type": {"type": "map", "values": "double"}}
]}"#;

/// A catalog of one measure, `it`, beside a count.
fn load(measure: &str, more: &str) -> Result<Catalog, Vec<String>> {
    let event = format!(
        "event: done\nbounds: {{before: {{min: 0}}, after: {{min: 0, max: 9}}, opened_at: {{min: 5000000}}}}\nmeasures:\n  n: {{count: true}}\n  it: {measure}\nrollups: [[]]\n"
    );
    let sources = vec![
        ("events/done.avsc".into(), SCHEMA.into()),
        ("catalog/done.yaml".into(), event),
        ("catalog/more.yaml".into(), more.into()),
    ];
    load_sources(sources).map_err(|e| e.0.iter().map(ToString::to_string).collect())
}

fn told(measure: &str) -> Vec<String> {
    load(measure, "").err().unwrap_or_default()
}

fn kind(measure: &str) -> MeasureKind {
    let catalog = load(measure, "").unwrap_or_else(|e| panic!("{measure}: {e:?}"));
    catalog.events[0].measures[1].kind.clone()
}

/// (the measure, the one problem told, behind the name of the file)
const WRONG: &[(&str, &str)] = &[
    (
        "{sum: before - aftre}",
        r#"5:22: WEIR-0102 measure "it" names field "aftre", which done does not have; did you mean "after"?"#,
    ),
    (
        "{sum: aftre}",
        r#"5:13: WEIR-0102 measure "it" names field "aftre", which done does not have; did you mean "after"?"#,
    ),
    (
        "{sum: kind}",
        r#"5:13: WEIR-0103 measure "it" needs a number, but "kind" is a text"#,
    ),
    (
        "{sum: before + kind}",
        r#"5:22: WEIR-0102 "kind" is a text; compare it with one, e.g. `kind == 'batch'`"#,
    ),
    (
        "{sum: \"kind == 'a'\"}",
        "5:19: WEIR-0103 the expression gives true or false where a number is wanted; write `condition ? 1 : 0`",
    ),
    (
        "{sum: before / after}",
        "5:20: WEIR-0104 this division can divide by zero; write `ratio(a, b)`",
    ),
    (
        "{sum: before +}",
        "5:21: WEIR-0103 the expression does not parse",
    ),
    (
        "{max: 2 * 3}",
        r#"5:13: WEIR-0105 measure "it" asks nothing of the event; name a field, or count events with `count: true`"#,
    ),
    (
        "{min: \"coalesc(after, 0)\"}",
        r#"WEIR-0103 there is no function or operator "coalesc"; did you mean "coalesce"?"#,
    ),
    (
        "{min: abs(after) + absent(before)}",
        r#"WEIR-0103 there is no function or operator "absent""#,
    ),
    (
        "{distribution: before - after}",
        r#"5:22: WEIR-0105 measure "it" spreads what may be negative; bound its fields with `min: 0`, or write `max(before - after, 0)`"#,
    ),
    (
        "{distribution: abs(delta) * delta}",
        r#"5:22: WEIR-0105 measure "it" spreads what may be negative"#,
    ),
    (
        "{count: true, where: before > }",
        "5:36: WEIR-0103 the expression does not parse",
    ),
    (
        "{count: true, where: before + 1}",
        "5:35: WEIR-0103 the condition gives no true or false",
    ),
    (
        "{count: true, where: okk && before > 1}",
        r#"5:28: WEIR-0102 the condition of measure "it" names field "okk", which done does not have; did you mean "ok"?"#,
    ),
    (
        "{count: true, where: 1 < 2}",
        r#"5:28: WEIR-0105 the condition of measure "it" asks nothing of the event; name a field, or leave `where` out"#,
    ),
    (
        "{count: true, where: \"before == 'a'\"}",
        r#"5:29: WEIR-0102 "before" is a number and is compared with a text; write the other side without quotes"#,
    ),
    (
        "{count: true, where: \"opened_at == 'a'\"}",
        r#"5:29: WEIR-0102 "opened_at" is a time and is compared with a text"#,
    ),
    (
        "{count: true, where: ok == 1}",
        "5:31: WEIR-0103 true or false is compared with a number; compare two numbers, or two that are true or false",
    ),
    (
        "{count: true, where: after == null}",
        "5:34: WEIR-0103 nothing equals null here, and nothing differs from it",
    ),
    (
        "{count: true, where: size(kind) > 3}",
        r#"WEIR-0103 there is no function or operator "size""#,
    ),
    (
        "{distinct: before + after}",
        r#"5:18: WEIR-0102 measure "it" names field "before + after""#,
    ),
];

#[test]
fn a_wrong_expression_is_told_with_its_place() {
    let mut wrong = Vec::new();
    for (measure, want) in WRONG {
        let told = told(measure);
        if told.len() != 1 || !told[0].contains(want) {
            wrong.push(format!("{measure}\n want {want}\n told {told:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_text_is_a_path_where_it_is_written_like_one() {
    let path = |measure: &str| match kind(measure).input() {
        Some(Input::Field(path)) => Some(path.clone()),
        _ => None,
    };
    assert_eq!(path("{sum: before}").unwrap(), "before");
    assert_eq!(path("{max: event_time}").unwrap(), "event_time");
    assert_eq!(path("{sum: figures.p-95}").unwrap(), "figures.p-95");
    assert_eq!(path("{sum: before-after}"), None);
    assert_eq!(path("{sum: figures.a - figures.b}"), None);
    let terms = |measure: &str| kind(measure).computed().unwrap().expr.terms.clone();
    let number = |path: &str| FieldTerm::Number(path.into());
    assert_eq!(
        terms("{sum: before-after}"),
        [number("before"), number("after")]
    );
    assert_eq!(
        terms("{sum: figures.a - figures.b}"),
        [number("figures.a"), number("figures.b")]
    );
    // Timestamps of any unit, and where the logical type stands beside the plain one.
    let seconds = |path: &str| FieldTerm::Seconds(path.into());
    assert_eq!(
        terms("{max: event_time - opened_at + closed_at}"),
        ["event_time", "opened_at", "closed_at"].map(seconds)
    );
    assert_eq!(
        terms("{sum: \"ok == true && kind in ['a', ''] && 'b' != kind ? 1 : 0\"}"),
        [
            FieldTerm::Truth("ok".into()),
            FieldTerm::Is("kind".into(), "a".into()),
            FieldTerm::Is("kind".into(), "".into()),
            FieldTerm::Is("kind".into(), "b".into())
        ]
    );
}

#[test]
fn where_takes_an_expression_or_a_map_as_ever() {
    let filter = |measure: &str| {
        load(measure, "").unwrap().events[0].measures[1]
            .filter
            .clone()
    };
    let map = filter("{count: true, where: {ok: true, kind: a}}");
    assert!(
        matches!(&map[..], [Condition::Equals(a, _), Condition::Equals(b, _)] if a == "kind" && b == "ok")
    );
    let text = filter("{count: true, where: ok}");
    assert!(matches!(&text[..], [Condition::Holds(e)] if e.source == "ok"));
}

#[test]
fn bounds_reach_through_expressions() {
    let range = |measure: &str| kind(measure).computed().unwrap().range;
    let all = f64::INFINITY;
    assert_eq!(range("{sum: before + after}"), (0.0, all));
    assert_eq!(range("{sum: before - after}"), (-9.0, all));
    assert_eq!(
        range("{distribution: \"max(delta - before, 0)\"}"),
        (0.0, all)
    );
    assert_eq!(range("{distribution: abs(delta)}"), (0.0, all));
    assert_eq!(range("{distribution: \"ok ? after : before\"}"), (0.0, all));
    assert_eq!(
        range("{distribution: \"ratio(before, after)\"}"),
        (0.0, all)
    );
    // Bounds of a time are in microseconds, its values in seconds.
    assert_eq!(range("{sum: \"min(opened_at, 7) * 2\"}"), (10.0, 14.0));
    assert_eq!(range("{distribution: opened_at + 0}"), (5.0, all));

    let early = |measure: &str| {
        let limit =
            "detectors: {d: {event: done, window: 1h, value: it, limit: {above: 5, early: true}}}";
        load(measure, limit).is_ok()
    };
    assert!(early("{sum: before * after}"));
    assert!(!early("{sum: before - after}"));
    assert!(early("{sum: \"max(before - after, 0)\"}"));
    assert!(early("{max: before - after}"));
    // What a KPI may reach is known from the expression, too.
    let kpi = |target: f64| {
        let kpi = format!(
            "kpis: {{k: {{window: 1h, value: done.it.mean, minimum_sample: {{done.it.count: 1}}, target: {target}, better: higher}}}}"
        );
        load("{distribution: after * 2}", &kpi).is_ok()
    };
    assert!(kpi(17.0) && !kpi(19.0));
}

#[test]
fn what_is_computed_is_part_of_the_meaning_and_how_it_is_written_is_not() {
    let with = |measure: &str| load(measure, "").unwrap();
    let old = with("{sum: before - after, where: ok && before > 1}");
    let same = with("{sum: ( before-after ), where: \"ok   && (before > 1)\"}");
    assert_eq!(old.hash, same.hash);
    assert_eq!(evolve(&old, &same), []);
    for other in [
        "{sum: after - before, where: ok && before > 1}",
        "{sum: before - after, where: ok || before > 1}",
        "{sum: before - after}",
        "{sum: before, where: ok && before > 1}",
    ] {
        let new = with(other);
        assert_ne!(old.hash, new.hash);
        let refused = evolve(&old, &new);
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert_eq!((refused[0].line, refused[0].column), (5, 3));
    }
    let newer = with("{version: 2, sum: after - before, where: ok && before > 1}");
    assert_eq!(evolve(&old, &newer), []);
}
