//! Golden arithmetic: events go in by Kafka, numbers that were worked out by hand, or by SciPy, come
//! out of ClickHouse.

#![allow(clippy::unwrap_used)]

use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};
use weir_catalog::{Catalog, JudgedWindow};
use weir_model::WindowSize;
use weir_tests::System;
use weir_tests::cases::{self, Case, case};

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

/// An operator of twenty tasks: what was learned, what that is worth, and what is missing.
fn training() -> Vec<Case> {
    let who = json!({"email": "o@golden.example", "team": "golden"});
    let session = |success: bool, objectives: u32, times: usize| {
        let fields =
            json!({"operator": who, "success": success, "objectives_completed": objectives});
        ("training.session", fields, times)
    };
    let trained = || {
        let granted = ("certification.granted", json!({"operator": who}), 1);
        vec![
            session(true, 5, 2),
            session(true, 0, 1),
            session(false, 0, 1),
            granted,
        ]
    };
    let goal = |metric: &str, target: f64| {
        let fields = json!({"operator": "o@golden.example", "scope": "operator", "metric": metric,
                            "target": target, "closed": false});
        ("goal.set", fields, 1)
    };
    let scored = |skill: &str, score: f64| {
        let fields = json!({"operator": who, "skill": skill, "score": score});
        ("skill.scored", fields, 1)
    };
    // Asked for: forensics 0.9, hardening 0.8, reconnaissance 0.6.
    let half_way = || vec![scored("hardening", 0.4), scored("forensics", 0.95)];
    let aiming = |metric: &str| [vec![goal(metric, 100.0)], half_way()].concat();
    vec![
        case(
            "4 sessions, 3 of them successes, 10 objectives and a certification",
            trained(),
            "SELECT value AS n FROM kpi_operator_xp_current WHERE {tenant}",
            350.0,
        ),
        case(
            "350 points are level 2, which begins at 100",
            trained(),
            "SELECT value AS n FROM kpi_operator_level_current WHERE {tenant}",
            2.0,
        ),
        case(
            "all of forensics, half of hardening, no reconnaissance",
            half_way(),
            "SELECT value AS n FROM kpi_role_incident_responder_readiness_current WHERE {tenant}",
            50.0,
        ),
        case(
            "0.4 of 0.8 are missing in hardening",
            half_way(),
            "SELECT value AS n FROM kpi_role_incident_responder_gap_current \
             WHERE {tenant} AND skill = 'hardening'",
            40.0,
        ),
        case(
            "the same, where that role is the goal",
            aiming("role_incident_responder_readiness"),
            "SELECT value AS n FROM kpi_operator_skill_gap_current \
             WHERE {tenant} AND skill = 'hardening'",
            40.0,
        ),
        case(
            "of another role that is the goal, nothing is asked in hardening",
            aiming("role_red_team_expert_readiness"),
            "SELECT sum(value) AS n FROM kpi_operator_skill_gap_current WHERE {tenant}",
            0.0,
        ),
        case(
            "4 of 16 sessions",
            [vec![goal("training.session.sessions", 16.0)], trained()].concat(),
            "SELECT value AS n FROM kpi_goal_sessions_progress_current WHERE {tenant}",
            25.0,
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

/// A cell is the same by a named question, by the view of a period and by that of current values.
fn one_value(system: &System, cases: &[Case]) {
    let day = "2026-03-02";
    let catalog = Catalog::embedded().unwrap();
    let mut asked = 0;
    for (i, case) in cases.iter().enumerate() {
        let current = case.ask.split("FROM kpi_").nth(1);
        let kpi = current.and_then(|rest| rest.split("_current WHERE {tenant}").next());
        // Of one window and one subject: the case's number is all that is said of it.
        let plain = format!(
            "SELECT value AS n FROM kpi_{}_current WHERE {{tenant}}",
            kpi.unwrap_or("")
        );
        let (Some(kpi), true) = (kpi, case.ask == plain) else {
            continue;
        };
        let tenant = cases::tenant(i);
        let declared = catalog.kpi(kpi).unwrap();
        // All KPIs at once would take seconds each time.
        let of = declared.category.as_str();
        let question = [
            "query", "kpis", "--of", of, "--tenant", &tenant, "--from", day, "--to", day, "--json",
        ];
        let said = system.weir(&question);
        let rows = String::from_utf8(said.stdout).unwrap();
        let rows: Vec<Json> = rows
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        let mine = rows.iter().filter(|r| r["kpi"] == kpi);
        let by_question: Vec<f64> = mine.filter_map(|r| r["value"].as_f64()).collect();
        let of = |view: &str| {
            let rows = system.query(&format!(
                "SELECT value FROM {view} WHERE tenant = '{tenant}'"
            ));
            let values = rows.iter().filter_map(|r| r["value"].as_f64());
            values.collect::<Vec<f64>>()
        };
        let now = of(&format!("kpi_{kpi}_current"));
        assert_eq!(by_question, now, "{kpi}");
        assert_eq!(now, [case.is], "{kpi}");
        if declared.window == JudgedWindow::Tumbling(WindowSize::Day) {
            let period = format!("kpi_{kpi}(from = '{day}', to = '{day}', step = 'day')");
            assert_eq!(of(&period), now, "{kpi}");
            asked += 1;
        }
    }
    assert!(asked >= 5, "{asked} KPIs of a day were asked thrice");
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
        training(),
    ]
    .into_iter()
    .flatten()
    .collect();
    cases::publish(&system, &Catalog::embedded().unwrap(), &cases);
    let _ = system.verify();
    cases::hold(&system, &cases);
    one_value(&system, &cases);
    assert_eq!(told(&system), [1, 2, 3]);
    // Three operators came to their first session: each milestone is one alert, told once.
    let granted = "SELECT uniqExact(id) AS n FROM alerts WHERE rule = 'milestone_first_session'";
    assert_eq!(system.number(granted), 3.0);
    system.stop();
}
