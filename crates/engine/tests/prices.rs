//! The price of a call: the engine against the oracle over random books and calls, and against
//! prices worked out by hand.
#![allow(clippy::unwrap_used)]

mod calls;

use calls::{Call, SCHEMA};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_catalog::{Catalog, load_sources};
use weir_model::measure::MeasureValue;

/// One row per call.
const EVENT: &str = "\
event: llm.call
dimensions: {call: request_id}
measures:
  cost:
    cost:
      reported: cost_usd
      provider: provider
      model: model
      tokens:
        input: tokens_input
        cache_read: tokens_cache_read
        cache_write: tokens_cache_write
        cache_write_5m: tokens_cache_write_5m
        cache_write_1h: tokens_cache_write_1h
        output: tokens_output
  unpriced: {unpriced: cost}
windows: [1h]
rollups: [[call]]
";

fn catalog(book: &str) -> Option<Catalog> {
    let sources = vec![
        ("events/llm.call.avsc".into(), SCHEMA.clone()),
        ("catalog/llm.call.yaml".into(), EVENT.into()),
        ("catalog/prices.yaml".into(), book.into()),
    ];
    load_sources(sources).ok()
}

/// (USD in billionths, unpriced calls) by the number of the call.
type Costs = BTreeMap<String, (i128, u64)>;

/// What the calls cost: by the engine, and by the oracle.
fn costs(catalog: Catalog, calls: &[Call]) -> (Costs, Costs) {
    let (values, catalog) = (calls::records(calls), Arc::new(catalog));
    let cost = |values: &[MeasureValue]| match values {
        [MeasureValue::Sum(usd), MeasureValue::Count(n)] => (usd.0, *n),
        _ => panic!("{values:?}"),
    };
    let told = |values: &[weir_oracle::Value]| match values {
        [weir_oracle::Value::Sum(usd), weir_oracle::Value::Count(n)] => (*usd, *n),
        _ => panic!("{values:?}"),
    };
    let engine = calls::engine(&catalog, &values).into_iter();
    let oracle = calls::oracle(&catalog, &values).into_iter();
    (
        engine.map(|(call, values)| (call, cost(&values))).collect(),
        oracle.map(|(call, values)| (call, told(&values))).collect(),
    )
}

const WHENS: &[&str] = &[
    "",
    "service_tier == 'batch'",
    "service_tier in ['', 'standard']",
    "service_tier != 'priority' && tokens_input >= 10",
    "tokens_input + tokens_cache_read + tokens_cache_write > 50",
    "tokens_input + tokens_cache_write_1h > 20",
    "!(tokens_cache_write_1h > 5)",
    "coalesce(tokens_cache_write_5m, tokens_output) * 2 > max(tokens_input, 30)",
    "success && category == ''",
    "latency_ms / 3 > 10.5 || !success",
    "resource.platform == 'Linux'",
    "(success ? tokens_output : tokens_input) - 40 < tokens_cache_read",
    "ratio(tokens_output, tokens_input) >= 1",
];

const CLASSES: [&str; 6] = [
    "input",
    "cache_read",
    "cache_write",
    "cache_write_5m",
    "cache_write_1h",
    "output",
];

/// A line of a book.
fn an_entry() -> impl Strategy<Value = String> {
    let price = prop_oneof![3 => (0u32..9000).prop_map(Some), 1 => Just(None)];
    (
        prop::sample::select(vec!["*", "p", "q"]),
        prop::sample::select(vec!["m", "m-1", "n"]),
        prop::sample::select(vec!["2020-01-01", "2026-01-01", "2027-01-01"]),
        prop::sample::select(WHENS),
        prop::collection::vec(price, CLASSES.len()),
    )
        .prop_map(|(provider, model, from, when, prices)| {
            let when = match when {
                "" => String::new(),
                w => format!("when: \"{w}\", "),
            };
            let known = CLASSES
                .iter()
                .zip(prices)
                .filter_map(|(c, p)| Some((c, p?)));
            let mut prices: Vec<String> = known
                .map(|(c, p)| format!("{c}: {}", f64::from(p) / 1000.0))
                .collect();
            if prices.is_empty() {
                prices.push("unpriced: true".into());
            }
            let prices = prices.join(", ");
            format!(
                "  - {{provider: \"{provider}\", model: {model}, from: {from}, {when}{prices}}}\n"
            )
        })
}

/// A book without the entries that the catalog refuses beside those before them.
fn a_book() -> impl Strategy<Value = String> {
    prop::collection::vec(an_entry(), 1..12).prop_map(|entries| {
        let mut book = String::from("prices:\n");
        for e in entries {
            let more = format!("{book}{e}");
            if catalog(&more).is_some() {
                book = more;
            }
        }
        book
    })
}

fn a_call() -> impl Strategy<Value = Call> {
    let tokens =
        || prop_oneof![2 => Just(0i64), 5 => 1i64..90, 1 => -9i64..0, 1 => 1i64..2_000_000];
    let told = move || prop::option::of(tokens());
    let mostly = move || prop::option::weighted(0.9, tokens());
    let pick = |texts: &'static [&'static str]| prop::sample::select(texts);
    (
        (
            pick(&["p", "q", "r"]),
            pick(&["m", "m-1", "m-1-x", "n@2", "mm"]),
        ),
        (mostly(), mostly(), mostly(), mostly()),
        (told(), told(), prop::option::of(0.0f64..90.0)),
        (
            any::<bool>(),
            pick(&["", "standard", "batch", "priority"]),
            any::<bool>(),
        ),
        (prop::option::weighted(0.1, 0.0f64..3.0), any::<bool>()),
    )
        .prop_map(
            |((provider, model), t, (five, hour, ms), (success, tier, linux), (usd, old))| {
                let platform = if linux {
                    json!({"platform": "Linux"})
                } else {
                    json!({})
                };
                let call = json!({
                    "provider": provider, "model": model, "tokens_input": t.0,
                    "tokens_cache_read": t.1, "tokens_cache_write": t.2, "tokens_output": t.3,
                    "tokens_cache_write_5m": five, "tokens_cache_write_1h": hour, "latency_ms": ms,
                    "success": success, "service_tier": tier, "resource": platform, "cost_usd": usd,
                });
                (call, old)
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn engine_and_oracle_price_every_call_alike(
        book in a_book(), calls in prop::collection::vec(a_call(), 1..40),
    ) {
        let n = calls.len();
        let (engine, oracle) = costs(catalog(&book).unwrap(), &calls);
        prop_assert_eq!(engine.len(), n);
        prop_assert_eq!(engine, oracle);
    }
}

/// Checks the price of each call in USD; `None`: unpriced.
fn check(book: &str, cases: &[(Json, Option<f64>)]) {
    let calls: Vec<Call> = cases.iter().map(|(c, _)| (c.clone(), false)).collect();
    let (engine, oracle) = costs(catalog(book).unwrap(), &calls);
    assert_eq!(engine, oracle);
    for (i, (call, want)) in cases.iter().enumerate() {
        let got = match engine[&format!("c{i}")] {
            (usd, 0) => Some(usd as f64 / 1e9),
            (0, 1) => None,
            other => panic!("{other:?}"),
        };
        let near = got.zip(*want).map(|(a, b)| (a - b).abs() < 1e-9);
        assert!(
            near.unwrap_or(got == *want),
            "{call}: {got:?} is not {want:?}"
        );
    }
}

#[test]
fn size_tier_and_lifetime_decide_the_price() {
    const BOOK: &str = "prices:
  - {model: m, from: 2020-01-01, when: tokens_input + tokens_cache_read > 200000, input: 2, cache_read: 0.2, output: 3}
  - {model: m, from: 2020-01-01, when: \"service_tier == 'batch'\", input: 0.5, output: 1}
  - {model: m, from: 2020-01-01, when: \"service_tier == ''\", input: 1, cache_read: 0.1, cache_write: 1.25, cache_write_1h: 2, output: 2}
  - {model: m, from: 2019-01-01, input: 100, output: 100}
";
    let million = 1_000_000;
    let long = |read: i64| json!({"tokens_input": 150_000, "tokens_cache_read": read, "tokens_output": million});
    check(
        BOOK,
        &[
            (long(50_000), Some(0.15 + 0.005 + 2.0)),
            (long(50_001), Some(0.3 + 0.010_000_2 + 3.0)),
            (
                json!({"tokens_input": 200_000, "service_tier": "batch"}),
                Some(0.1),
            ),
            // A tier that no entry is for: the older entry is not asked.
            (json!({"tokens_input": 1, "service_tier": "priority"}), None),
            (json!({"service_tier": "priority"}), Some(0.0)),
            // The entry for batches has no price for a read.
            (
                json!({"tokens_cache_read": 1, "service_tier": "batch"}),
                None,
            ),
            // Only the sum is known; all is told; a part is told; the parts exceed the sum.
            (json!({"tokens_cache_write": million}), Some(1.25)),
            (
                json!({"tokens_cache_write": million, "tokens_cache_write_1h": million}),
                Some(2.0),
            ),
            (
                json!({"tokens_cache_write": million, "tokens_cache_write_1h": 400_000}),
                Some(0.8 + 0.75),
            ),
            (
                json!({"tokens_cache_write": 0, "tokens_cache_write_1h": million}),
                Some(2.0),
            ),
            // Nothing is said of five minutes.
            (
                json!({"tokens_cache_write": million, "tokens_cache_write_5m": 1}),
                None,
            ),
            // Of a cache a source need not tell, of input and output it must; a cost says it all.
            (
                json!({"tokens_input": 1000, "tokens_cache_read": null, "tokens_cache_write": null}),
                Some(0.001),
            ),
            (json!({"tokens_input": null}), None),
            (json!({"tokens_input": 1000, "tokens_output": null}), None),
            (json!({"tokens_output": null, "cost_usd": 1.5}), Some(1.5)),
        ],
    );
}

#[test]
fn the_shipped_book_charges_long_calls_batches_and_hours() {
    let all = Catalog::embedded_sources();
    let (_, book) = all
        .iter()
        .find(|(f, _)| f == "catalog/prices.yaml")
        .unwrap();
    let sonnet = |more: Json| {
        let mut call = json!({"provider": "anthropic", "model": "claude-sonnet-4-5-20250929"});
        for (k, v) in more.as_object().unwrap() {
            call[k] = v.clone();
        }
        call
    };
    let long = json!({"tokens_input": 1000, "tokens_cache_read": 199_001, "tokens_output": 1000});
    check(
        book,
        &[
            (
                sonnet(json!({"tokens_input": 100_000, "tokens_output": 1000})),
                Some(0.315),
            ),
            (sonnet(long), Some(0.006 + 0.119_400_6 + 0.0225)),
            (
                sonnet(json!({"tokens_input": 100_000, "service_tier": "batch"})),
                Some(0.15),
            ),
            (
                sonnet(json!({"tokens_cache_write": 1000, "tokens_cache_write_1h": 1000})),
                Some(0.006),
            ),
            (sonnet(json!({"tokens_cache_write": 1000})), Some(0.00375)),
            // A long call is one whatever is told of the cache.
            (
                sonnet(
                    json!({"tokens_input": 200_001, "tokens_cache_read": null, "tokens_cache_write": null}),
                ),
                Some(1.200_006),
            ),
            (
                sonnet(json!({"tokens_input": 1, "service_tier": "priority"})),
                None,
            ),
        ],
    );
}
