//! Measures of expressions over an event's fields: the engine, the oracle and the definition, over
//! random expressions and calls.
#![allow(clippy::unwrap_used)]

mod calls;

use calls::{Call, SCHEMA, START};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use weir_catalog::{Catalog, load_sources};
use weir_model::Fixed;
use weir_model::measure::{MeasureValue, Stat};

/// A number of an event, as its definition has it.
#[derive(Debug, Clone)]
enum Num {
    Field(&'static str),
    /// A timestamp, in seconds.
    Time(&'static str),
    Const(f64),
    Neg(Box<Num>),
    Abs(Box<Num>),
    Two(&'static str, Box<(Num, Num)>),
    Select(Box<(Truth, Num, Num)>),
    Null,
}

#[derive(Debug, Clone)]
enum Truth {
    Flag(&'static str),
    Is(&'static str, &'static str),
    Differs(&'static str, &'static str),
    In(&'static str, Vec<&'static str>),
    Compare(&'static str, Box<(Num, Num)>),
    Both(&'static str, Box<(Truth, Truth)>),
    Not(Box<Truth>),
}

fn field<'j>(event: &'j Json, path: &str) -> &'j Json {
    match path.split_once('.') {
        Some((name, rest)) => event[name].get(rest).unwrap_or(&Json::Null),
        None => &event[path],
    }
}

impl Num {
    fn text(&self) -> String {
        match self {
            Num::Field(path) => (*path).to_owned(),
            // By its path alone it is in microseconds.
            Num::Time(path) => format!("({path})"),
            Num::Const(v) => format!("{v:?}"),
            Num::Neg(a) => format!("(-{})", a.text()),
            Num::Abs(a) => format!("abs({})", a.text()),
            Num::Two(f @ ("min" | "max" | "ratio" | "coalesce"), ab) => {
                format!("{f}({}, {})", ab.0.text(), ab.1.text())
            }
            Num::Two(op, ab) => format!("({} {op} {})", ab.0.text(), ab.1.text()),
            Num::Select(c) => format!("({} ? {} : {})", c.0.text(), c.1.text(), c.2.text()),
            Num::Null => "null".to_owned(),
        }
    }

    fn of(&self, e: &Json) -> Option<f64> {
        let v = match self {
            Num::Field(path) => field(e, path).as_f64(),
            Num::Time(path) => field(e, path).as_i64().map(|t| t as f64 / 1e6),
            Num::Const(v) => Some(*v),
            Num::Neg(a) => a.of(e).map(|v| -v),
            Num::Abs(a) => a.of(e).map(f64::abs),
            Num::Two("coalesce", ab) => ab.0.of(e).or(ab.1.of(e)),
            Num::Two(op, ab) => {
                let (a, b) = (ab.0.of(e)?, ab.1.of(e)?);
                match *op {
                    "+" => Some(a + b),
                    "-" => Some(a - b),
                    "*" => Some(a * b),
                    "ratio" => (b != 0.0).then(|| a / b),
                    "min" => Some(a.min(b)),
                    "max" => Some(a.max(b)),
                    _ => unreachable!("{op}"),
                }
            }
            Num::Select(c) if c.0.holds(e) => c.1.of(e),
            Num::Select(c) => c.2.of(e),
            Num::Null => None,
        };
        v.filter(|v| v.is_finite())
    }
}

impl Truth {
    fn text(&self) -> String {
        match self {
            Truth::Flag(path) => (*path).to_owned(),
            Truth::Is(path, text) => format!("{path} == '{text}'"),
            Truth::Differs(path, text) => format!("'{text}' != {path}"),
            Truth::In(path, texts) => {
                let texts: Vec<String> = texts.iter().map(|t| format!("'{t}'")).collect();
                format!("{path} in [{}]", texts.join(", "))
            }
            Truth::Compare(op, ab) => format!("({} {op} {})", ab.0.text(), ab.1.text()),
            Truth::Both(op, ab) => format!("(({}) {op} ({}))", ab.0.text(), ab.1.text()),
            Truth::Not(a) => format!("!({})", a.text()),
        }
    }

    fn of(&self, e: &Json) -> Option<bool> {
        let text = |path| field(e, path).as_str().unwrap_or("");
        match self {
            Truth::Flag(path) => field(e, path).as_bool(),
            Truth::Is(path, wanted) => Some(text(path) == *wanted),
            Truth::Differs(path, wanted) => Some(text(path) != *wanted),
            Truth::In(path, texts) => Some(texts.contains(&text(path))),
            Truth::Compare(op, ab) => {
                let (a, b) = (ab.0.of(e)?, ab.1.of(e)?);
                Some(match *op {
                    "<" => a < b,
                    "<=" => a <= b,
                    ">" => a > b,
                    ">=" => a >= b,
                    "==" => a == b,
                    "!=" => a != b,
                    _ => unreachable!("{op}"),
                })
            }
            Truth::Both("&&", ab) => Some(ab.0.holds(e) && ab.1.holds(e)),
            Truth::Both("||", ab) => Some(ab.0.holds(e) || ab.1.holds(e)),
            Truth::Both("==", ab) => Some(ab.0.of(e)? == ab.1.of(e)?),
            Truth::Both(_, ab) => Some(ab.0.of(e)? != ab.1.of(e)?),
            Truth::Not(a) => Some(!a.holds(e)),
        }
    }

    fn holds(&self, e: &Json) -> bool {
        self.of(e) == Some(true)
    }
}

const NUMBERS: &[&str] = &[
    "tokens_input",
    "tokens_output",
    "tokens_cache_write_1h",
    "latency_ms",
    "cost_usd",
];
const TEXTS: &[(&str, &[&str])] = &[
    ("service_tier", &["", "batch", "priority"]),
    ("error_type", &["", "other"]),
    ("resource.platform", &["", "Linux"]),
    ("engineer.team", &["red", "rot"]),
];

fn a_number() -> BoxedStrategy<Num> {
    let constant = prop::sample::select(vec![0.0, 1.0, 2.5, 0.001, 1e9, 3.0]);
    let leaf = prop_oneof![
        6 => prop::sample::select(NUMBERS).prop_map(Num::Field),
        1 => Just(Num::Time("event_time")),
        3 => constant.prop_map(Num::Const),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        let two = || (inner.clone(), inner.clone());
        let ops = vec!["+", "-", "*", "ratio", "min", "max", "coalesce"];
        prop_oneof![
            6 => (prop::sample::select(ops), two())
                .prop_map(|(op, ab)| Num::Two(op, Box::new(ab))),
            1 => inner.clone().prop_map(|a| Num::Neg(Box::new(a))),
            1 => inner.clone().prop_map(|a| Num::Abs(Box::new(a))),
            2 => (a_truth(inner.clone()), two())
                .prop_map(|(c, (a, b))| Num::Select(Box::new((c, a, b)))),
            1 => (a_truth(inner.clone()), inner.clone())
                .prop_map(|(c, a)| Num::Select(Box::new((c, a, Num::Null)))),
        ]
    })
    .boxed()
}

fn a_truth(number: impl Strategy<Value = Num> + Clone + 'static) -> BoxedStrategy<Truth> {
    let texts = prop::sample::select(TEXTS).prop_flat_map(|(path, texts)| {
        let one = prop::sample::select(texts);
        let some = prop::sample::subsequence(texts, 0..=texts.len());
        prop_oneof![
            one.clone().prop_map(move |t| Truth::Is(path, t)),
            one.prop_map(move |t| Truth::Differs(path, t)),
            some.prop_map(move |t| Truth::In(path, t)),
        ]
    });
    let compare = prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let leaf = prop_oneof![
        Just(Truth::Flag("success")),
        texts,
        (compare, number.clone(), number)
            .prop_map(|(op, a, b)| Truth::Compare(op, Box::new((a, b)))),
    ];
    leaf.prop_recursive(3, 6, 2, |inner| {
        let ops = prop::sample::select(vec!["&&", "||", "==", "!="]);
        prop_oneof![
            3 => (ops, inner.clone(), inner.clone())
                .prop_map(|(op, a, b)| Truth::Both(op, Box::new((a, b)))),
            1 => inner.prop_map(|a| Truth::Not(Box::new(a))),
        ]
    })
    .boxed()
}

fn a_call() -> impl Strategy<Value = Call> {
    let tokens =
        || prop_oneof![2 => Just(0i64), 5 => 1i64..90, 1 => -9i64..0, 1 => 1i64..4_000_000_000];
    let told = |n: f64| prop::option::of(prop_oneof![0.0..n, Just(0.0), Just(n)]);
    let pick = |texts: &'static [&'static str]| prop::sample::select(texts);
    (
        (tokens(), tokens(), prop::option::of(tokens())),
        (told(90.0), told(3.0)),
        (any::<bool>(), prop::option::of(pick(&["", "other", "x"]))),
        (
            pick(&["", "batch", "flex"]),
            any::<bool>(),
            pick(&["red", "rot", "Rot", ""]),
        ),
    )
        .prop_map(|(t, (ms, usd), (success, error), (tier, linux, team))| {
            let platform = if linux {
                json!({"platform": "Linux"})
            } else {
                json!({})
            };
            let call = json!({
                "tokens_input": t.0, "tokens_output": t.1, "tokens_cache_write_1h": t.2,
                "latency_ms": ms, "cost_usd": usd, "success": success, "error_type": error,
                "service_tier": tier, "resource": platform,
                "engineer": {"email": "a", "team": team},
            });
            (call, false)
        })
}

/// `Rot` is another spelling of `rot`: of tenant `t`, whose calls these are.
const ALIASES: &str = "aliases: {t: {teams: {rot: [Rot]}}}";

/// What the calls keep to.
const BOUNDS: &str = "
  tokens_input: {min: -9, max: 4e9}
  tokens_output: {min: -9, max: 4e9}
  tokens_cache_write_1h: {min: -9, max: 4e9}
  latency_ms: {min: 0, max: 90}
  cost_usd: {min: 0}";

/// One row per call; of each kind a measure of the number, where the condition holds.
fn catalog(number: &str, condition: &str) -> Result<Catalog, String> {
    let measure = |kind: &str, of: &str| {
        format!("  m_{kind}: {{{kind}: \"{of}\", where: \"{condition}\"}}\n")
    };
    let mut measures = format!("  n: {{count: true, where: \"{condition}\"}}\n");
    for kind in ["sum", "min", "max", "sumsq", "last"] {
        measures += &measure(kind, number);
    }
    measures += &measure("distribution", &format!("max({number}, 0)"));
    measures += &format!("  everywhere: {{sum: \"{number}\"}}\n");
    let event = format!(
        "event: llm.call\nbounds:{BOUNDS}\ndimensions: {{call: request_id}}\nmeasures:\n{measures}windows: [1h]\nrollups: [[call]]\n"
    );
    let sources = vec![
        ("events/llm.call.avsc".into(), SCHEMA.clone()),
        ("catalog/llm.call.yaml".into(), event),
        ("catalog/tenants.yaml".into(), ALIASES.into()),
    ];
    load_sources(sources).map_err(|e| e.to_string())
}

/// What no measure takes: more than a sum can hold.
fn taken(number: Option<f64>) -> Option<f64> {
    number.filter(|v| v.abs() <= 1e18)
}

/// What the definition says of a call: whether it is seen, and its number.
fn defined(number: &Num, condition: &Truth, call: &Json, i: usize) -> (bool, Option<f64>) {
    let mut e = call.clone();
    e["event_time"] = json!(START + i as i64);
    if e["engineer"]["team"] == "Rot" {
        e["engineer"]["team"] = json!("rot");
    }
    (condition.holds(&e), number.of(&e))
}

fn check_added(got: &[MeasureValue], (seen, number): (bool, Option<f64>)) {
    let exact = |v: Option<f64>| v.map_or(0, |v| Fixed::from_f64(v).unwrap().0);
    let sum = |i: usize| match got[i] {
        MeasureValue::Sum(v) => v.0,
        ref other => panic!("{other:?}"),
    };
    let value = |i: usize| got[i].stat(Stat::Value);
    // A number too small for a sum is still a zero where nothing below zero counts.
    let spread = taken(number.map(|v| v.max(0.0))).filter(|_| seen);
    let number = taken(number);
    let within = number.filter(|_| seen);
    assert_eq!(got[0], MeasureValue::Count(u64::from(seen)));
    assert_eq!(sum(1), exact(within), "{number:?}");
    for i in [2, 3, 5] {
        assert_eq!(value(i), within, "{i}");
    }
    let count = got[6].stat(Stat::Count);
    assert_eq!(count, Some(f64::from(u8::from(spread.is_some()))));
    assert_eq!(got[6].stat(Stat::Max), spread);
    assert_eq!(sum(7), exact(number));
}

/// What both say of a value, to the last digit.
fn same(a: &MeasureValue, b: &weir_oracle::Value) -> bool {
    let stats = [
        Stat::Value,
        Stat::Count,
        Stat::Sum,
        Stat::Min,
        Stat::Max,
        Stat::Percentile(500),
    ];
    let exact = match (a, b) {
        (MeasureValue::Sum(a), weir_oracle::Value::Sum(b)) => a.0 == *b,
        _ => true,
    };
    let asked: &[Stat] = match a {
        MeasureValue::Distribution(_) => &stats[1..],
        _ => &stats[..1],
    };
    exact && asked.iter().all(|s| a.stat(*s) == b.stat(*s))
}

fn check(number: &Num, condition: &Truth, calls: &[Call]) {
    let catalog = match catalog(&number.text(), &condition.text()) {
        Ok(c) => Arc::new(c),
        // Constants alone, or too long.
        Err(e) => {
            let expected = ["asks nothing of the event", "has more than 256"];
            assert!(expected.iter().any(|w| e.contains(w)), "{e}");
            return;
        }
    };
    let values = calls::records(calls);
    let (engine, oracle) = (
        calls::engine(&catalog, &values),
        calls::oracle(&catalog, &values),
    );
    assert_eq!((engine.len(), oracle.len()), (calls.len(), calls.len()));
    for (i, (call, _)) in calls.iter().enumerate() {
        let key = format!("c{i}");
        let (got, told) = (&engine[&key], &oracle[&key]);
        let added = defined(number, condition, call, i);
        check_added(got, added);
        if let (Some(v), Some(c)) = (added.1, catalog.events[0].measures[1].kind.computed()) {
            assert!(c.range.0 <= v && v <= c.range.1, "{v}: {:?}", c.range);
        }
        for (a, b) in got.iter().zip(told) {
            assert!(same(a, b), "{call}: {a:?} is not {b:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn engine_oracle_and_definition_agree(
        number in a_number(),
        condition in a_truth(a_number()),
        calls in prop::collection::vec(a_call(), 1..20),
    ) {
        check(&number, &condition, &calls);
    }
}

/// Beyond 1e18, no value, and what is not seen add nothing; the call counts all the same.
#[test]
fn what_has_no_value_adds_nothing() {
    let square = |path| Num::Two("*", Box::new((Num::Field(path), Num::Field(path))));
    let seen = Truth::Differs("service_tier", "batch");
    let call =
        |input: i64, tier: &str| (json!({"tokens_input": input, "service_tier": tier}), false);
    let calls = [
        call(1_000_000_000, ""),
        call(1_000_000_001, ""),
        call(7, "batch"),
    ];
    check(&square("tokens_input"), &seen, &calls);
    let catalog = Arc::new(catalog("tokens_input * tokens_input", &seen.text()).unwrap());
    let added = calls::engine(&catalog, &calls::records(&calls));
    let sum = |call: &str| added[call][1].stat(Stat::Value);
    let all = |call: &str| added[call][7].stat(Stat::Value);
    assert_eq!((sum("c0"), all("c0")), (Some(1e18), Some(1e18)));
    assert_eq!((sum("c1"), all("c1")), (Some(0.0), Some(0.0)));
    assert_eq!((sum("c2"), all("c2")), (Some(0.0), Some(49.0)));
    let count = |call: &str| added[call][0].stat(Stat::Value);
    assert_eq!((count("c1"), count("c2")), (Some(1.0), Some(0.0)));
}
