//! The price of a call: the engine against the oracle over random books and calls, and against
//! prices worked out by hand.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use weir_catalog::{Catalog, load_sources};
use weir_engine::combine::{Combine, CombineOptions, Fold, Input, Position, Record};
use weir_engine::measure::{self, Layout};
use weir_engine::partial::Block;
use weir_model::avro::JsonEncoder;
use weir_model::headers::Meta;
use weir_model::measure::MeasureValue;
use weir_model::{Micros, wire};

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

static SCHEMA: LazyLock<String> = LazyLock::new(|| {
    let all = Catalog::embedded_sources();
    let (_, text) = all
        .iter()
        .find(|(f, _)| f == "events/llm.call.avsc")
        .unwrap();
    text.clone()
});

const NEW: [&str; 3] = [
    "tokens_cache_write_5m",
    "tokens_cache_write_1h",
    "service_tier",
];

/// What a producer wrote that does not know tiers and lifetimes.
static OLD_SCHEMA: LazyLock<String> = LazyLock::new(|| {
    let mut schema: Json = serde_json::from_str(&SCHEMA).unwrap();
    let fields = schema["fields"].as_array_mut().unwrap();
    fields.retain(|f| !NEW.contains(&f["name"].as_str().unwrap()));
    schema.to_string()
});

fn catalog(book: &str) -> Option<Catalog> {
    let sources = vec![
        ("events/llm.call.avsc".into(), SCHEMA.clone()),
        ("catalog/llm.call.yaml".into(), EVENT.into()),
        ("catalog/prices.yaml".into(), book.into()),
    ];
    load_sources(sources).ok()
}

const START: i64 = 1_780_000_000_000_000;

/// A call, and whether it is written with the old schema.
type Call = (Json, bool);

/// (USD in billionths, unpriced calls) by the number of the call.
type Costs = BTreeMap<String, (i128, u64)>;

fn encoded(i: usize, (call, old): &Call) -> Vec<u8> {
    static ENCODERS: LazyLock<[JsonEncoder; 2]> =
        LazyLock::new(|| [&*SCHEMA, &*OLD_SCHEMA].map(|s| JsonEncoder::new(s).unwrap()));
    let mut event = json!({
        "event_id": format!("e{i}"), "event_time": START + i as i64, "tenant": "t",
        "source": "s", "resource": {}, "request_id": format!("c{i}"),
        "engineer": {"email": "a", "team": ""}, "session_id": null, "provider": "p",
        "model": "m", "category": "", "tokens_input": 0, "tokens_cache_read": 0,
        "tokens_cache_write": 0, "tokens_cache_write_5m": null,
        "tokens_cache_write_1h": null, "tokens_output": 0, "tokens_reasoning": 0,
        "cost_usd": null, "latency_ms": null, "first_token_ms": null, "success": true,
        "error_type": null, "stop_reason": null, "service_tier": "",
    });
    for (k, v) in call.as_object().unwrap() {
        event[k] = v.clone();
    }
    if *old {
        let fields = event.as_object_mut().unwrap();
        fields.retain(|name, _| !NEW.contains(&name.as_str()));
    }
    let mut body = Vec::new();
    ENCODERS[usize::from(*old)]
        .encode(&event, &mut body)
        .unwrap();
    wire::framed(1 + u32::from(*old), &body)
}

/// What the calls cost: by the engine, and by the oracle.
fn costs(catalog: Catalog, calls: &[Call]) -> (Costs, Costs) {
    let values: Vec<Vec<u8>> = calls
        .iter()
        .enumerate()
        .map(|(i, c)| encoded(i, c))
        .collect();
    let catalog = Arc::new(catalog);
    (engine(&catalog, &values), oracle(&catalog, &values))
}

fn engine(catalog: &Arc<Catalog>, values: &[Vec<u8>]) -> Costs {
    let options = CombineOptions {
        partials: 1,
        run: 1,
        max_block: 700 << 10,
        partitions: vec![1],
    };
    let mut combine = Combine::new(catalog.clone(), options).unwrap();
    combine.add_schema(0, 1, [1; 16], &SCHEMA).unwrap();
    combine.add_schema(0, 2, [2; 16], &OLD_SCHEMA).unwrap();
    let (event, partition) = (0, 0);
    let input = Input { event, partition };
    combine.open(input, Position::default());
    for (i, value) in values.iter().enumerate() {
        let record = Record {
            offset: i as i64,
            append_time: Micros(START + i as i64),
            value: Some(value),
            meta: Meta::default(),
        };
        let (late, clamped) = (false, false);
        assert_eq!(
            combine.fold(input, &record),
            Fold::Counted { late, clamped }
        );
    }
    let (layout, mut out) = (Layout::new(&catalog.events[0]), Costs::new());
    combine.drain(false, &mut |_, block| {
        for group in Block::parse(block).unwrap().groups() {
            let group = group.unwrap();
            for row in group.rows() {
                let values = measure::decode(&layout, row.unwrap().encoded).unwrap();
                let (MeasureValue::Sum(usd), MeasureValue::Count(n)) = (&values[0], &values[1])
                else {
                    panic!("{values:?}")
                };
                out.insert(group.values[0].to_string(), (usd.0, *n));
            }
        }
    });
    out
}

fn oracle(catalog: &Catalog, values: &[Vec<u8>]) -> Costs {
    let writers = [
        (1, [1; 16], SCHEMA.clone()),
        (2, [2; 16], OLD_SCHEMA.clone()),
    ];
    let mut fold = weir_oracle::Fold::new(catalog, &[1], &writers).unwrap();
    let end = Micros(START).plus(Micros::DAY);
    let tick = Meta {
        tick: Some(end),
        ..Meta::default()
    };
    let calls = values.iter().enumerate();
    let calls = calls.map(|(i, v)| {
        (
            Micros(START + i as i64),
            Some(v.as_slice()),
            Meta::default(),
        )
    });
    for (offset, (append_time, value, meta)) in calls.chain([(end, None, tick)]).enumerate() {
        let offset = offset as i64;
        let record = weir_oracle::Record {
            offset,
            append_time,
            value,
            meta,
        };
        fold.record(catalog, 0, 0, &record);
    }
    let merged = weir_oracle::conclude(catalog, fold).merged.into_iter();
    merged
        .map(|(key, cell)| match (&cell.0[0], &cell.0[1]) {
            (weir_oracle::Value::Sum(usd), weir_oracle::Value::Count(n)) => {
                (key.values[0].clone(), (*usd, *n))
            }
            other => panic!("{other:?}"),
        })
        .collect()
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
    let pick = |texts: &'static [&'static str]| prop::sample::select(texts);
    (
        (
            pick(&["p", "q", "r"]),
            pick(&["m", "m-1", "m-1-x", "n@2", "mm"]),
        ),
        (tokens(), tokens(), tokens(), tokens()),
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
            (
                sonnet(json!({"tokens_input": 1, "service_tier": "priority"})),
                None,
            ),
        ],
    );
}
