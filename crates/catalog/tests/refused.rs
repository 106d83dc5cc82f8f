//! Wrong declarations, each told with its file, line and code.
#![allow(clippy::unwrap_used)]

use weir_catalog::{Catalog, load_sources};

/// A small catalog that is right; each case puts one thing wrong.
const EVENT: &str = "\
event: llm.call
bounds: {latency_ms: {min: 0}, tokens_output: {min: 0}}
dimensions: {team: engineer.team, engineer: engineer.email}
measures:
  calls: {count: true}
  failures: {count: true, where: {success: false}}
  output: {sum: tokens_output}
  input: {sum: tokens_input}
  latency: {distribution: latency_ms}
windows: [5m, 1h]
rollups:
  - []
  - [team]
";
const KPIS: &str = "\
kpis:
  error_rate:
    unit: percent
    by: [team]
    window: 1h
    terms: {failures: llm.call.failures, calls: llm.call.calls}
    value: ratio(failures, calls) * 100
    target: 1
    better: lower
detectors:
  calls_limit:
    event: llm.call
    by: [team]
    window: 1h
    value: calls
    limit: {above: 10, early: true}
alerts:
  too_many:
    detector: calls_limit
    impact: spend
    action: look
";

fn sources(event: &str, kpis: &str) -> Vec<(String, String)> {
    let mut all = Catalog::embedded_sources();
    all.retain(|(f, _)| f.starts_with("events/"));
    all.push(("catalog/llm.call.yaml".into(), event.into()));
    all.push(("catalog/kpis.yaml".into(), kpis.into()));
    all
}

fn told(event: &str, kpis: &str) -> Vec<String> {
    match load_sources(sources(event, kpis)) {
        Ok(_) => Vec::new(),
        Err(e) => e.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_base_of_the_cases_is_right() {
    assert_eq!(told(EVENT, KPIS), Vec::<String>::new());
}

/// (what to replace, by what, start of the one problem told: file:line:column: code message)
const CASES: &[(&str, &str, &str)] = &[
    (
        "better: lower\ndetectors",
        "better: lower\n    targets: {squad: {a: 2}}\ndetectors",
        r#"kpis.yaml:10:15: WEIR-0102 targets are by "squad", which is no dimension of the KPI"#,
    ),
    (
        "better: lower\ndetectors",
        "better: lower\n    targets: {team: {a: high}}\ndetectors",
        "kpis.yaml:10:25: WEIR-0101 ",
    ),
    (
        "better: lower\ndetectors",
        "better: lower\n    targets: {team: {a: -1}}\ndetectors",
        "kpis.yaml:10:25: WEIR-0105 the target -1 is never reached: the value is at least 0; aim at 0 or more",
    ),
    (
        "better: lower\ndetectors",
        "better: lower\n    targets: {team: {a: 100}}\ndetectors",
        r#"kpis.yaml:10:25: WEIR-0105 the target 100 of "a" is always reached: the value is at most 100; aim at what not every value reaches"#,
    ),
    (
        "better: lower\ndetectors",
        "better: lower\n    targets: {team: {b: 2, a: 1}}\ndetectors",
        r#"kpis.yaml:10:31: WEIR-0101 the target of "a" is that of all others; remove it, or write another one"#,
    ),
    (
        "better: lower\ndetectors",
        "better: lower\n    targets: {team: {}}\ndetectors",
        r#"kpis.yaml:10:21: WEIR-0101 targets by "team" name no value of it"#,
    ),
    (
        "better: lower\ndetectors",
        "better: lower\n    targets: {}\ndetectors",
        r#"kpis.yaml:10:14: WEIR-0101 targets are by one dimension; write `targets: {model: {large: 400, small: 200}}`"#,
    ),
    (
        "better: lower\ndetectors",
        "better: lower\n    targets: {team: {a: 2, a: 3}}\ndetectors",
        r#"kpis.yaml:10:28: WEIR-0109 "a" is declared twice"#,
    ),
    (
        "    target: 1\n    better: lower\ndetectors",
        "    targets: {team: {a: 2}}\ndetectors",
        r#"kpis.yaml:8:5: WEIR-0101 "targets" is given without a target; add `target:`"#,
    ),
    (
        "value: calls\n",
        "value: calls / days\n",
        r#"kpis.yaml:15:20: WEIR-0102 "days" is the length of a KPI's window, and this is no KPI; write the number, or a parameter"#,
    ),
    (
        "distribution: latency_ms",
        "distribution: latency_mss",
        r#"llm.call.yaml:9:27: WEIR-0102 measure "latency" names field "latency_mss", which llm.call does not have; did you mean "latency_ms"?"#,
    ),
    (
        "sum: tokens_input",
        "sum: model",
        r#"llm.call.yaml:8:16: WEIR-0103 measure "input" needs a number, but "model" is a text"#,
    ),
    (
        "sum: tokens_input",
        "summ: tokens_input",
        r#"llm.call.yaml:8:11: WEIR-0101 unknown field "summ" in a measure; did you mean "sum"?"#,
    ),
    (
        "windows: [5m, 1h]",
        "windoes: [5m, 1h]",
        r#"llm.call.yaml:10:1: WEIR-0101 unknown field "windoes""#,
    ),
    (
        "  input: {sum",
        "  output: {sum",
        r#"llm.call.yaml:8:3: WEIR-0109 "output" is declared twice in measures, first in line 7"#,
    ),
    (
        "  input: {sum",
        "  tenant: {sum",
        r#"llm.call.yaml:8:3: WEIR-0109 a measure has the name "tenant""#,
    ),
    (
        "  input: {sum",
        "  Input: {sum",
        r#"llm.call.yaml:8:3: WEIR-0101 a measure has the name "Input""#,
    ),
    (
        "success: false",
        "success: no way",
        r#"llm.call.yaml:6:35: WEIR-0103 the condition of measure "failures" needs a text, but "success" is true or false"#,
    ),
    (
        "success: false",
        "success: null",
        r#"llm.call.yaml:6:44: WEIR-0105 "success" is never null"#,
    ),
    (
        "- [team]\n",
        "- [team]\n  - [squad]\n",
        r#"llm.call.yaml:14:6: WEIR-0102 the rollup names dimension "squad""#,
    ),
    (
        "- [team]\n",
        "- [team]\n  - [team]\n",
        "llm.call.yaml:14:5: WEIR-0109 this rollup is declared twice",
    ),
    (
        "event: llm.call\nbounds",
        "event: llm.cal\nbounds",
        r#"llm.call.yaml:1:8: WEIR-0102 event "llm.cal" has no schema events/llm.cal.avsc; did you mean "llm.call"?"#,
    ),
    (
        "{min: 0}, tokens",
        "{min: 3, max: 2}, tokens",
        "llm.call.yaml:2:22: WEIR-0105 min 3 is above max 2",
    ),
    (
        "llm.call.failures",
        "llm.call.failuers",
        r#"kpis.yaml:6:23: WEIR-0102 "llm.call.failuers" names measure "failuers""#,
    ),
    (
        "calls: llm.call.calls}",
        "calls: llm.call.latency}",
        r#"kpis.yaml:6:49: WEIR-0102 measure "latency" is a distribution"#,
    ),
    (
        "calls: llm.call.calls}",
        "calls: llm.call.calls.p95}",
        r#"kpis.yaml:6:49: WEIR-0102 measure "calls" has no statistic "p95""#,
    ),
    (
        "calls: llm.call.calls}",
        "calls: llm.call.latency.p0}",
        r#"kpis.yaml:6:49: WEIR-0102 a distribution has no statistic "p0""#,
    ),
    (
        "    by: [team]\n    window: 1h\n    terms",
        "    by: [engineer]\n    window: 1h\n    terms",
        r#"kpis.yaml:6:23: WEIR-0102 "llm.call.failures" is not kept by [engineer]; add [engineer] to the rollups of llm.call"#,
    ),
    (
        "window: 1h\n    terms",
        "window: 1d\n    terms",
        "kpis.yaml:5:13: WEIR-0102 window 1d needs 1d of llm.call by [team]",
    ),
    (
        "window: 1h\n    terms",
        "window: 2h\n    terms",
        r#"kpis.yaml:5:13: WEIR-0102 there is no window "2h""#,
    ),
    (
        "window: 1h\n    terms",
        "window: 1mo/5m\n    terms",
        r#"kpis.yaml:5:13: WEIR-0102 there is no window "1mo/5m"; use 1m, 5m, 1h, 1d, rolling 5m/1m, "#,
    ),
    (
        "window: 1h\n    terms",
        "window: 1mo/1d\n    terms",
        "kpis.yaml:5:13: WEIR-0102 window 1mo/1d needs 1d of llm.call by [team], which is not stored; add 1d",
    ),
    (
        "ratio(failures, calls)",
        "ratio(failure, calls)",
        r#"kpis.yaml:7:18: WEIR-0102 there is no term, parameter or measure "failure"; did you mean "failures"?"#,
    ),
    (
        "ratio(failures, calls)",
        "failures / calls",
        "kpis.yaml:7:21: WEIR-0104 this division can divide by zero",
    ),
    (
        "ratio(failures, calls) * 100",
        "'calls > 0 ? failures / (calls - 1) : null'",
        "kpis.yaml:7:34: WEIR-0104",
    ),
    (
        "ratio(failures, calls)",
        "ratio(failures > 1, calls)",
        "kpis.yaml:7:27: WEIR-0103 true or false stands where a number is wanted",
    ),
    (
        "ratio(failures, calls) * 100",
        "ratio(failures, calls) *",
        "kpis.yaml:7:36: WEIR-0103 the expression does not parse",
    ),
    (
        "ratio(failures, calls) * 100",
        "failures > calls",
        "kpis.yaml:7:21: WEIR-0103 the expression gives true or false",
    ),
    (
        "ratio(failures, calls)",
        "rato(failures, calls)",
        r#"kpis.yaml:7:16: WEIR-0103 there is no function or operator "rato"; did you mean "ratio"?"#,
    ),
    (
        "ratio(failures, calls) * 100",
        "sqrt(failures, calls)",
        r#"kpis.yaml:7:16: WEIR-0103 "sqrt" takes 1 argument(s) and is given 2"#,
    ),
    (
        "ratio(failures, calls) * 100",
        "clamp(failures, 5, 1)",
        "kpis.yaml:7:17: WEIR-0105 nothing lies between 5 and 1",
    ),
    (
        "ratio(failures, calls) * 100\n    target: 1\n    better: lower",
        "10 * exp(-failures)\n    target: 11\n    better: higher",
        "kpis.yaml:8:13: WEIR-0105 the target 11 is never reached: the value is at most 10",
    ),
    (
        "ratio(failures, calls) * 100\n    target: 1\n    better: lower",
        "sqrt(clamp(failures, 4, 9)) + pow(floor(ratio(calls, 1)), 2)\n    target: 1.5\n    better: lower",
        "kpis.yaml:8:13: WEIR-0105 the target 1.5 is never reached: the value is at least 2",
    ),
    (
        "calls: llm.call.calls}",
        "calls: {of: llm.call.calls, at: {teem: a}}}",
        r#"kpis.yaml:6:54: WEIR-0102 "llm.call.calls" is asked at "teem", which is no dimension of llm.call; did you mean "team"?"#,
    ),
    (
        "calls: llm.call.calls}",
        "calls: {of: llm.call.calls, at: {engineer: a}}}",
        r#"kpis.yaml:6:54: WEIR-0102 "llm.call.calls" is not kept by [engineer, team]"#,
    ),
    (
        "{failures: llm.call.failures, calls: llm.call.calls}",
        "{failures: {of: llm.call.failures, at: {team: a}}, calls: {of: llm.call.calls, at: []}}",
        "kpis.yaml:7:12: WEIR-0105 no term stands on the KPI's own subject [team]",
    ),
    (
        "detectors:\n",
        "scores:\n  s: {by: [team], window: 1h, of: {eror_rate: 1}}\ndetectors:\n",
        r#"kpis.yaml:11:36: WEIR-0102 there is no KPI or score "eror_rate"; did you mean "error_rate"?"#,
    ),
    (
        "detectors:\n",
        "scores:\n  s: {window: 1h, of: {error_rate: 1}}\ndetectors:\n",
        r#"kpis.yaml:11:24: WEIR-0102 "error_rate" stands on [team], the score on []"#,
    ),
    (
        "    target: 1\n    better: lower\ndetectors:\n",
        "scores:\n  s: {by: [team], window: 1h, of: {error_rate: 1}}\ndetectors:\n",
        r#"kpis.yaml:9:36: WEIR-0105 "error_rate" has no target, so it is never scored"#,
    ),
    (
        "detectors:\n",
        "scores:\n  s: {by: [team], window: 1h, of: {error_rate: 0}}\ndetectors:\n",
        "kpis.yaml:11:48: WEIR-0105 weight is 0",
    ),
    (
        "detectors:\n",
        "scores:\n  s: {by: [team], window: 1h/5m, of: {error_rate: 1}}\ndetectors:\n",
        "kpis.yaml:11:27: WEIR-0102 a score does not stand in the window 1h/5m",
    ),
    (
        "detectors:\n",
        "scores:\n  s: {by: [team], window: 1h}\ndetectors:\n",
        r#"kpis.yaml:11:3: WEIR-0101 score "s" does not say what it is of"#,
    ),
    (
        "detectors:\n",
        "scores:\n  s: {by: [team], window: 1h, category: cost}\ndetectors:\n",
        r#"kpis.yaml:11:41: WEIR-0102 no KPI of category "cost" with a target stands on [team] and 1h"#,
    ),
    (
        "detectors:\n",
        "scores:\n  s: {by: [team], window: 1h, of: {error_rate: 1, s: 1}}\ndetectors:\n",
        r#"kpis.yaml:11:3: WEIR-0105 score "s" stands on itself"#,
    ),
    (
        "detectors:\n",
        "scores:\n  error_rate: {by: [team], window: 1h, of: {error_rate: 1}}\ndetectors:\n",
        r#"kpis.yaml:11:3: WEIR-0109 "error_rate" is a KPI and a score"#,
    ),
    (
        "    target: 1\n    better: lower",
        "    target: 110\n    better: higher",
        "kpis.yaml:8:13: WEIR-0105 the target 110 is never reached: the value is at most 100",
    ),
    (
        "target: 1\n",
        "target: -1\n",
        "kpis.yaml:8:13: WEIR-0105 the target -1 is never reached: the value is at least 0",
    ),
    (
        "    better: lower\n",
        "",
        "kpis.yaml:8:13: WEIR-0101 a target needs to know which way is better",
    ),
    (
        "    unit: percent",
        "    decimals: 12",
        "kpis.yaml:3:15: WEIR-0105 decimals is 12",
    ),
    (
        "    unit: percent",
        "    weight: -1",
        "kpis.yaml:3:13: WEIR-0105 weight is -1",
    ),
    (
        "detector: calls_limit",
        "kpi: error_rate\n    above: 5",
        r#"kpis.yaml:19:10: WEIR-0106 KPI "error_rate" is a ratio"#,
    ),
    (
        "detector: calls_limit",
        "detector: call_limit",
        r#"kpis.yaml:19:15: WEIR-0102 there is no detector "call_limit"; did you mean "calls_limit"?"#,
    ),
    (
        "    value: calls\n",
        "    value: input\n",
        "kpis.yaml:16:31: WEIR-0107 an early limit needs a value that can only grow",
    ),
    (
        "    value: calls\n",
        "    value: calls - failures\n",
        "kpis.yaml:16:31: WEIR-0107",
    ),
    (
        "    value: calls\n",
        "    value: latency.p95\n",
        "kpis.yaml:16:31: WEIR-0107",
    ),
    (
        "above: 10, early: true",
        "above: 10, below: 20",
        "kpis.yaml:16:20: WEIR-0105 above 10 and below 20 exclude each other",
    ),
    (
        "above: 10, early: true",
        "below: 0",
        "kpis.yaml:16:20: WEIR-0105 nothing is ever below 0",
    ),
    (
        "limit: {above: 10, early: true}",
        "zscore: {history: 10, warmup: 20}",
        "kpis.yaml:16:35: WEIR-0105 warmup is 20",
    ),
    (
        "limit: {above: 10, early: true}",
        "drift: {fast: 0.01, slow: 0.1}",
        "kpis.yaml:16:12: WEIR-0105 fast 0.01 is not above slow 0.1",
    ),
    (
        "detector: calls_limit",
        "no_data: {event: llm.call, by: [], silence: 90m}",
        "kpis.yaml:19:49: WEIR-0105 silence is judged at full hours",
    ),
    (
        "detector: calls_limit",
        "detector: calls_limit\n    any: []",
        r#"kpis.yaml:18:3: WEIR-0101 rule "too_many" does not look at exactly one thing; name one of kpi, detector, no_data, all, any"#,
    ),
    (
        "detector: calls_limit",
        "all: [{detector: calls_limit}]",
        "kpis.yaml:19:10: WEIR-0105 all has 1 conditions; name 2 to 8",
    ),
    (
        "detector: calls_limit",
        "any: [{detector: calls_limit}, {detector: calls_limit}]",
        "kpis.yaml:19:36: WEIR-0109 two conditions of any look at the same; remove one of them",
    ),
    (
        "detector: calls_limit",
        "any: [{detector: calls_limit}, {no_data: 3h}]",
        r#"kpis.yaml:19:37: WEIR-0101 unknown field "no_data" in a condition"#,
    ),
    (
        "detector: calls_limit",
        "any: [{detector: calls_limit, above: 3}, {kpi: error_rate, above: 5}]",
        r#"kpis.yaml:19:35: WEIR-0101 "above" belongs to conditions on a KPI; remove it"#,
    ),
    (
        "detector: calls_limit",
        "all: [{kpi: error_rate, status: off}, {detector: of_all}]",
        r#"kpis.yaml:19:54: WEIR-0102 there is no detector "of_all""#,
    ),
    (
        "detector: calls_limit",
        "kpi: error_rate\n    above: 5\n    status: off",
        r#"kpis.yaml:21:13: WEIR-0101 "status" stands beside a threshold; keep one of the two"#,
    ),
    (
        "detector: calls_limit",
        "detector: calls_limit\n    group_by: [squad]",
        r#"kpis.yaml:20:16: WEIR-0102 the rule's subjects have no dimension "squad""#,
    ),
    (
        "detector: calls_limit",
        "detector: calls_limit\n    type: SLA breach",
        r#"kpis.yaml:20:11: WEIR-0101 a type of alerts has the name "SLA breach""#,
    ),
    (
        "detector: calls_limit",
        "detector: calls_limit\n    priority: P3",
        r#"kpis.yaml:20:15: WEIR-0102 priority is "P3"; use P1, P2"#,
    ),
    (
        "detector: calls_limit",
        "detector: calls_limit\n    unless: too_few",
        r#"kpis.yaml:20:13: WEIR-0102 there is no rule "too_few"; there is too_many"#,
    ),
    (
        "detector: calls_limit",
        "detector: calls_limit\n    unless: too_many",
        "kpis.yaml:20:13: WEIR-0102 `unless: too_many` leads back to this rule; remove one",
    ),
    (
        "alerts:\n  too_many:",
        "alerts:\n  none: {no_data: {event: llm.call, by: [], silence: 3h}, unless: too_many, impact: a, action: b}\n  too_many:",
        r#"kpis.yaml:18:67: WEIR-0102 rule "too_many" stands on [team], which is not part of this rule's []; name a rule with the same or fewer dimensions"#,
    ),
    (
        "alerts:\n  too_many:",
        "alerts:\n  other: {detector: calls_limit, unless: too_many, impact: a, action: b}\n  too_many:\n    unless: other",
        "kpis.yaml:18:42: WEIR-0102 `unless: too_many` leads back to this rule",
    ),
    (
        "alerts:\n",
        "  of_all: {event: llm.call, window: 1h, value: calls, limit: {above: 9}}\nalerts:\n  both: {all: [{detector: calls_limit}, {detector: of_all}], impact: a, action: b}\n",
        "kpis.yaml:19:41: WEIR-0102 it stands on [], the first condition on [team]; let all conditions",
    ),
];

#[test]
fn each_wrong_declaration_is_told_with_file_line_and_code() {
    let mut wrong = Vec::new();
    for (from, to, start) in CASES {
        let both = format!("{EVENT}\0{KPIS}");
        assert!(both.contains(from), "{from}");
        let changed = both.replacen(from, to, 1);
        let (event, kpis) = changed.split_once('\0').unwrap();
        let told = told(event, kpis);
        let want = format!("catalog/{start}");
        // What depends on a wrong declaration may be told too; the cause comes with its place.
        if !told.iter().any(|t| t.starts_with(&want)) {
            wrong.push(format!("{to}\n   want {want}\n   told {told:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_status_is_off_only_where_there_is_a_target() {
    let kpis = KPIS
        .replace("    target: 1\n    better: lower\n", "")
        .replace("detector: calls_limit", "kpi: error_rate\n    status: off");
    let wanted = "catalog/kpis.yaml:18:13: WEIR-0105 KPI \"error_rate\" has no target, so its \
                  status is never off; add `target:` and `better:` to the KPI";
    let told = told(EVENT, &kpis);
    assert!(told.iter().any(|t| t.starts_with(wanted)), "{told:#?}");
}

#[test]
fn all_problems_are_told_at_once() {
    let event = EVENT
        .replace("sum: tokens_input", "sum: model")
        .replace("success: false", "succes: false");
    let kpis = KPIS
        .replace("target: 1", "target: -1")
        .replace("ratio(failures, calls)", "failures / calls");
    assert!(told(&event, &kpis).len() >= 3);
}

#[test]
fn broken_yaml_and_broken_schemas_are_told_with_their_place() {
    let t = told("event: llm.call\n  measures: [\n", "kpis: {}\n");
    assert!(t[0].starts_with("catalog/llm.call.yaml:2:"), "{t:?}");
    // What stands on a file that cannot be read is not called wrong beside it.
    let t = told("event: llm.call\n  measures: [\n", KPIS);
    assert_eq!(t.len(), 1, "{t:?}");
    let mut cut = sources(EVENT, KPIS);
    cut.iter_mut()
        .filter(|(f, _)| f == "events/llm.call.avsc")
        .for_each(|(_, text)| text.truncate(100));
    let e = load_sources(cut).unwrap_err();
    assert_eq!(e.0.len(), 1, "{e}");
    assert!(
        e.to_string()
            .starts_with("events/llm.call.avsc:0:0: WEIR-0110"),
        "{e}"
    );
    let mut all = sources(EVENT, KPIS);
    for (f, text) in &mut all {
        if f == "events/llm.call.avsc" {
            *text = text.replace("timestamp-micros", "timestamp-millis");
        }
    }
    let e = load_sources(all).unwrap_err();
    assert!(
        e.0[0]
            .to_string()
            .starts_with("events/llm.call.avsc:16:15:"),
        "{e}"
    );
    assert!(e.0[0].to_string().contains("WEIR-0110"), "{e}");
}

#[test]
fn names_that_avro_or_kafka_cannot_have_are_told_with_their_place() {
    let with = |file: &str, change: &dyn Fn(&str) -> String| {
        let mut all = sources(EVENT, KPIS);
        for (name, text) in &mut all {
            if name == "events/llm.call.avsc" {
                *name = file.to_owned();
                *text = change(text);
            }
        }
        load_sources(all).unwrap_err().to_string()
    };
    for name in ["Llm Call", "1m", "", "a.1b"] {
        let change = |t: &str| t.replace("\"LlmCall\"", &format!("{name:?}"));
        let told = with("events/llm.call.avsc", &change);
        assert!(told.contains("events/llm.call.avsc:3:"), "{told}");
        assert!(
            told.contains("WEIR-0110") && told.contains("is no name"),
            "{told}"
        );
    }
    let field = |t: &str| t.replace("\"tokens_input\"", "\"tokens-input\"");
    let told = with("events/llm.call.avsc", &field);
    assert!(told.contains("\"tokens-input\" is no name"), "{told}");
    assert!(!told.contains("events/llm.call.avsc:0:"), "{told}");
    for file in [
        "events/Llm Call.avsc",
        "events/1m.avsc",
        "events/a/b.avsc",
        "events/.avsc",
    ] {
        let told = with(file, &|t| t.to_owned());
        assert!(
            told.contains(file) && told.contains("is no name of an event type"),
            "{told}"
        );
    }
}

#[test]
fn expressions_without_end_are_refused_where_they_stand() {
    for long in [
        "1+".repeat(20_000) + "1",
        "calls".to_owned() + &".a".repeat(30_000),
    ] {
        let kpis = KPIS.replace("ratio(failures, calls) * 100", &long);
        let told = told(EVENT, &kpis);
        let place = told.iter().find(|t| t.contains("more than 256 operators"));
        assert!(place.unwrap().contains("catalog/kpis.yaml:7:"), "{told:?}");
    }
}
