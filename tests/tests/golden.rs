//! Golden arithmetic: events go in by Kafka, numbers that were worked out by hand, or by SciPy, come
//! out of ClickHouse.

#![allow(clippy::unwrap_used)]

use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_model::avro::encode_json;
use weir_model::{schemas, wire};
use weir_tests::player;
use weir_tests::{System, root};

/// 2026-03-02T10:00:00Z, a Monday in the middle of its day and hour everywhere in UTC.
const AT: i64 = 1_772_445_600_000_000;

/// What goes in and what has to come out. Each case is a tenant of its own.
struct Case {
    name: &'static str,
    /// Event type, fields over those of its smallest example, how often.
    events: Vec<(&'static str, Json, usize)>,
    /// A query for one number; `{tenant}` is the condition that rows are of the case.
    ask: &'static str,
    is: f64,
}

fn case(
    name: &'static str,
    events: Vec<(&'static str, Json, usize)>,
    ask: &'static str,
    is: f64,
) -> Case {
    Case {
        name,
        events,
        ask,
        is,
    }
}

fn engineer(n: usize) -> Json {
    json!({"email": format!("e{n}@golden.example"), "team": "golden"})
}

/// The worked examples of the five systems that weir replaces, by their formulas.
fn worked_examples() -> Vec<Case> {
    let roi = (0..30).map(|n| {
        let mut fields = json!({"engineer": engineer(n)});
        if n == 0 {
            // 12.75 USD of tokens, 834.75 of calls, 450 of time; 30 engineers cost 50 a day.
            fields["tokens_saved"] = json!(425_000);
            fields["api_calls_avoided"] = json!(83_475);
            fields["time_saved_minutes"] = json!(1500);
        }
        ("capability.executed", fields, 1)
    });
    let commits = (0..10).map(|n| {
        let commits = if n == 0 { 11 } else { 4 };
        let fields = json!({"engineer": engineer(n), "commits": commits});
        ("productivity.recorded", fields, 1)
    });
    vec![
        case(
            "token reduction: 6,800 of 20,300 are 33.5 %",
            vec![(
                "optimization.sampled",
                json!({"tokens_before": 20_300, "tokens_after": 13_500}),
                1,
            )],
            "SELECT value AS n FROM kpi_token_reduction_rate_current WHERE {tenant}",
            33.5,
        ),
        case(
            "ROI: (847.50 + 450) / 50",
            roi.collect(),
            "SELECT value AS n FROM kpi_roi_current WHERE {tenant}",
            25.95,
        ),
        case(
            "quality: 81.2 x 0.4 + 20 x 2 + 10 x 2, to one decimal",
            vec![(
                "productivity.recorded",
                json!({"test_coverage_percent": 81.2, "bugs_fixed": 34, "code_reviews_completed": 12}),
                1,
            )],
            "SELECT value AS n FROM kpi_quality_score_current WHERE {tenant}",
            92.5,
        ),
        case(
            "425,000 tokens at 0.03 a thousand",
            vec![(
                "savings.recorded",
                json!({"tokens_saved": 425_000, "api_calls_avoided": 0}),
                1,
            )],
            "SELECT value AS n FROM kpi_cost_saved_current WHERE {tenant}",
            12.75,
        ),
        case(
            "4.7 commits an engineer and day against two",
            commits.collect(),
            "SELECT value AS n FROM kpi_productivity_gain_current WHERE {tenant}",
            135.0,
        ),
        case(
            "179 hits and 21 misses",
            vec![(
                "assistant.recorded",
                json!({"memory_hits": 179, "memory_misses": 21}),
                1,
            )],
            "SELECT value AS n FROM kpi_memory_hit_rate_current WHERE {tenant}",
            89.5,
        ),
    ]
}

fn query(component: &str, complexity: &str, ms: f64, success: bool) -> Json {
    json!({"component": component, "complexity": complexity, "response_ms": ms, "success": success})
}

/// Answers at the bounds of each class: a response at its target is within it.
fn classes() -> Vec<Case> {
    let class = |complexity: &'static str, target: f64, most: f64| {
        vec![
            ("ai.query", query("core", complexity, target, true), 19),
            ("ai.query", query("core", complexity, target + 0.1, true), 1),
            ("ai.query", query("core", complexity, most + 0.1, true), 1),
        ]
    };
    vec![
        case(
            "simple: 19 of 21 within 3 s",
            class("simple", 3000.0, 6000.0),
            "SELECT value AS n FROM kpi_sla_simple_queries_compliance_current WHERE {tenant}",
            90.476,
        ),
        case(
            "moderate: 19 of 21 within 8 s",
            class("moderate", 8000.0, 15_000.0),
            "SELECT value AS n FROM kpi_sla_moderate_queries_compliance_current WHERE {tenant}",
            90.476,
        ),
        case(
            "complex: 19 of 21 within 15 s",
            class("complex", 15_000.0, 30_000.0),
            "SELECT value AS n FROM kpi_sla_complex_queries_compliance_current WHERE {tenant}",
            90.476,
        ),
    ]
}

/// The value of a query at `z` standard deviations of one of four sizes: the variance of many.
fn observed(variant: &str, value: f64, times: usize) -> (&'static str, Json, usize) {
    let fields =
        json!({"experiment": "ranker", "variant": variant, "metric": "ms", "value": value});
    ("experiment.observed", fields, times)
}

/// An error budget of 5 % that burns at three paces, and what that leaves of it.
fn burning() -> Vec<Case> {
    let hundred = |slow: usize| {
        vec![
            ("ai.query", query("core", "simple", 100.0, true), 100 - slow),
            ("ai.query", query("core", "simple", 5000.0, true), slow),
        ]
    };
    let burn =
        "SELECT DISTINCT value AS n FROM kpi_sla_simple_queries_burn_1h_current WHERE {tenant}";
    vec![
        case("72 of 100 burn 14.4 times", hundred(72), burn, 14.4),
        case("30 of 100 burn 6 times", hundred(30), burn, 6.0),
        case("5 of 100 burn once", hundred(5), burn, 1.0),
    ]
}

/// A month's budget of 2,000 USD, used up to the bounds that are told.
fn budgets() -> Vec<Case> {
    let spent = |usd: f64| {
        let fields = json!({"engineer": engineer(1), "cost_usd": usd});
        vec![("llm.call", fields, 1)]
    };
    let used = "SELECT DISTINCT value AS n FROM kpi_budget_team_spend_used_current WHERE {tenant} AND toMonth(window_start) = 3";
    vec![
        case("1,499 USD are 74.95 %", spent(1499.0), used, 74.95),
        case("1,500 USD are 75 %", spent(1500.0), used, 75.0),
        case("1,800 USD are 90 %", spent(1800.0), used, 90.0),
        case("2,000 USD are 100 %", spent(2000.0), used, 100.0),
    ]
}

fn statistics() -> Vec<Case> {
    vec![case(
        // Means 105 and 100, variance 100 each, 50 of each; the mixture has a hundredth of both
        // variances: v = 4, tau2 = 2, sqrt(6 / 4) * exp(-2 * 25 / (2 * 4 * 6)), checked with numpy.
        "always valid p-value",
        vec![
            observed("baseline", 90.0, 25),
            observed("baseline", 110.0, 25),
            observed("canary", 95.0, 25),
            observed("canary", 115.0, 25),
        ],
        "SELECT value AS n FROM kpi_experiment_p_value_current WHERE {tenant} AND variant = 'canary'",
        0.432_171,
    )]
}

struct Example {
    id: u32,
    schema: String,
    /// Fields that tell one event from another.
    identities: Vec<String>,
    smallest: Map<String, Json>,
}

fn examples(catalog: &Catalog) -> BTreeMap<String, Example> {
    let of = |event: &weir_catalog::types::EventDef| {
        let dir = root().join("schemas/events/examples").join(&event.name);
        let files = fs::read_dir(dir).unwrap().flatten();
        let read = |f: fs::DirEntry| fs::read(f.path()).unwrap();
        let smallest = files.map(read).min_by_key(Vec::len).unwrap();
        let example = Example {
            id: schemas::schema_id(&event.schema_json),
            schema: event.schema_json.clone(),
            identities: event
                .identity
                .iter()
                .cloned()
                .chain(["event_id".into()])
                .collect(),
            smallest: serde_json::from_slice(&smallest).unwrap(),
        };
        (event.name.clone(), example)
    };
    catalog.events.iter().map(of).collect()
}

fn publish(system: &System, cases: &[Case]) {
    let catalog = Catalog::embedded().unwrap();
    let examples = examples(&catalog);
    let mut values = Vec::new();
    let mut number = 0u64;
    for (i, case) in cases.iter().enumerate() {
        for (event, fields, times) in &case.events {
            let example = &examples[*event];
            for _ in 0..*times {
                number += 1;
                let mut json = example.smallest.clone();
                json.extend(fields.as_object().unwrap().clone());
                json.insert("tenant".into(), tenant(i).into());
                json.insert("event_time".into(), (AT + number as i64).into());
                let id = format!("019a9f6f-0000-7000-8000-{number:012x}");
                for identity in &example.identities {
                    json.insert(identity.clone(), id.as_str().into());
                }
                let bytes = encode_json(&example.schema, &Json::Object(json)).unwrap();
                values.push((*event, wire::framed(example.id, &bytes)));
            }
        }
    }
    let values = values.iter().map(|(event, v)| (*event, v.as_slice()));
    player::publish(&system.brokers(), values);
}

/// How many bounds of its budget each tenant was told to have reached, where there are any. All are
/// told once the hour after the spending has ended.
fn told(system: &System) -> Vec<u64> {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let ask = "SELECT tenant, uniqExact(rule) AS n FROM alerts \
                   WHERE match(rule, '^budget_team_spend_[0-9]+$') GROUP BY tenant ORDER BY tenant";
        let rows = system.query(ask);
        let told: Vec<u64> = rows.iter().filter_map(|r| r["n"].as_u64()).collect();
        if told.iter().sum::<u64>() >= 6 || Instant::now() > until {
            return told;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn tenant(case: usize) -> String {
    format!("golden-{case}")
}

#[test]
fn worked_out_numbers_come_out_of_clickhouse() {
    let dir = tempfile::tempdir().unwrap();
    let mut system = System::start(dir.path(), None, &[]);
    let cases: Vec<Case> = [
        worked_examples(),
        classes(),
        burning(),
        statistics(),
        budgets(),
    ]
    .into_iter()
    .flatten()
    .collect();
    publish(&system, &cases);
    let _ = system.verify();
    let mut wrong = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let whose = format!("tenant = '{}'", tenant(i));
        let rows = system.query(&case.ask.replace("{tenant}", &whose));
        let values: Vec<f64> = rows.iter().filter_map(|r| r["n"].as_f64()).collect();
        if !matches!(values[..], [v] if (v - case.is).abs() < 1e-9) {
            wrong.push(format!("{}: {values:?}, not {}", case.name, case.is));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(told(&system), [1, 2, 3]);
    system.stop();
}
