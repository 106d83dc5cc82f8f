//! One new thing of each sort, by files alone: an event type, a KPI, an SLA, a budget, a role,
//! levels, a goal and a milestone. The catalog is right as it stands, and a number comes out of
//! each.

#![allow(clippy::unwrap_used)]

use serde_json::{Value as Json, json};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use weir_tests::cases::{self, Case, case};
use weir_tests::{System, copy_dir, root};

const SCHEMA: &str = r#"{
  "type": "record", "name": "ReviewFinished", "namespace": "weir.events",
  "doc": "A code review came to its end.",
  "fields": [
    {"name": "event_id", "type": {"type": "string", "logicalType": "uuid"}, "doc": "UUIDv7 of this event"},
    {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}, "doc": "when it happened, UTC"},
    {"name": "tenant", "type": "string", "doc": "whose event this is"},
    {"name": "source", "type": "string", "doc": "instance that emitted it"},
    {"name": "resource", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "attributes"},
    {"name": "reviewer", "type": "string", "doc": "who reviewed", "weir.form": "email"},
    {"name": "minutes", "type": "double", "doc": "from request to verdict"},
    {"name": "ok", "type": "boolean", "doc": "whether a verdict was reached"},
    {"name": "cost_usd", "type": "double", "doc": "what it cost, in USD"}
  ]
}
"#;
const EXAMPLE: &str = r#"{"event_id": "019a9f6f-0000-7000-8000-000000000000", "event_time": 0,
  "tenant": "acme", "source": "forge", "resource": {}, "reviewer": "ada@example.com",
  "minutes": 1.0, "ok": true, "cost_usd": 0.0}"#;
const EVENT: &str = "event: review.finished
volume: low
bounds: {minutes: {min: 0, max: 1e6}, cost_usd: {min: 0, max: 1e6}}
dimensions: {operator: reviewer}
measures:
  reviews: {count: true, unit: reviews, title: Reviews}
  cost:    {sum: cost_usd, unit: usd, title: Cost}
windows: [1h, 1d]
rollups: [[], [operator]]
";
const DECLARED: &str = "kpis:
  reviews_done:
    title: Reviews of an operator
    category: learning
    unit: reviews
    decimals: 0
    by: [operator]
    window: all/1d
    value: review.finished.reviews
    target: 100
    better: higher
slas:
  reviews:
    title: Reviews
    event: review.finished
    by: []
    success: ok
    response: {field: minutes, target: 60, max: 600}
    minimum_sample: 2
    impact: Changes wait.
    action: Ask somebody else.
budgets:
  reviews:
    title: Cost of reviews
    of: review.finished.cost
    by: []
    limit: 200
    impact: There is no money left for reviews.
    action: Review smaller changes.
roles:
  auditor:
    title: Auditor
    in_force:
      - {skills: {auditing: 0.5}}
      - {tenant: golden-7, skills: {auditing: 1}}
      # After all that happens here.
      - {valid_from: 2026-03-03, skills: {auditing: 1, patience: 1}}
levels:
  team:
    title: a team
    xp: {training.session: 10}
    levels: [15, 25, 35]
goals:
  reviews:
    title: Reviews
    kpi: reviews_done
    minimum_sample: {review.finished.reviews: 1}
milestones:
  reviewer:
    title: Two reviews, of some tenants three
    kpi: reviews_done
    badge: eagle_eye
    in_force:
      - {at_least: 2}
      - {tenant: golden-10, at_least: 3}
    impact: An operator reviews.
";

fn write_catalog(dir: &Path) {
    copy_dir(&root().join("schemas"), dir);
    fs::write(dir.join("events/review.finished.avsc"), SCHEMA).unwrap();
    let examples = dir.join("events/examples/review.finished");
    fs::create_dir(&examples).unwrap();
    fs::write(examples.join("smallest.json"), EXAMPLE).unwrap();
    fs::write(dir.join("catalog/review.finished.yaml"), EVENT).unwrap();
    fs::write(dir.join("catalog/reviews.yaml"), DECLARED).unwrap();
}

fn cases() -> Vec<Case> {
    let review = |minutes: f64, ok: bool| {
        let fields = json!({"minutes": minutes, "ok": ok, "cost_usd": 50.0});
        ("review.finished", fields, 1)
    };
    let reviews = || vec![review(30.0, true), review(90.0, true), review(30.0, false)];
    let of = |json: Json| ("skill.scored", json, 1);
    let skilled = || vec![of(json!({"skill": "auditing", "score": 0.4}))];
    let session = ("training.session", json!({}), 3);
    let goal = json!({"operator": "ada@example.com", "scope": "operator", "metric": "reviews_done",
                      "target": 12.0, "closed": false});
    let reached = "SELECT value AS n FROM kpi_milestone_reviewer_reached_current WHERE {tenant}";
    vec![
        case(
            "an event type",
            reviews(),
            "SELECT count() AS n FROM review_finished_events WHERE {tenant}",
            3.0,
        ),
        case(
            "a KPI",
            reviews(),
            "SELECT value AS n FROM kpi_reviews_done_current WHERE {tenant}",
            3.0,
        ),
        case(
            "an SLA: one of three in time and with a verdict",
            reviews(),
            "SELECT value AS n FROM kpi_sla_reviews_compliance_current WHERE {tenant}",
            33.333,
        ),
        case(
            "a budget: 150 of 200 USD",
            reviews(),
            "SELECT DISTINCT value AS n FROM kpi_budget_reviews_used_current \
             WHERE {tenant} AND toMonth(window_start) = 3",
            75.0,
        ),
        case(
            "a role: 0.1 of 0.5 are missing",
            skilled(),
            "SELECT value AS n FROM kpi_role_auditor_gap_current WHERE {tenant}",
            10.0,
        ),
        case(
            "0.4 of 0.5 are reached, what is asked tomorrow counts tomorrow",
            skilled(),
            "SELECT value AS n FROM kpi_role_auditor_readiness_current WHERE {tenant}",
            80.0,
        ),
        case(
            "levels: 30 points are above two bounds",
            vec![session],
            "SELECT value AS n FROM kpi_team_level_current WHERE {tenant}",
            3.0,
        ),
        case(
            "the role of a tenant of its own",
            skilled(),
            "SELECT value AS n FROM kpi_role_auditor_readiness_current WHERE {tenant}",
            40.0,
        ),
        case(
            "a goal: 3 of 12",
            [vec![("goal.set", goal, 1)], reviews()].concat(),
            "SELECT value AS n FROM kpi_goal_reviews_progress_current WHERE {tenant}",
            25.0,
        ),
        case(
            "a milestone: two are enough",
            vec![review(1.0, true); 2],
            reached,
            1.0,
        ),
        case(
            "the milestone of a tenant of its own: two are not",
            vec![review(1.0, true); 2],
            reached,
            0.0,
        ),
    ]
}

#[test]
fn a_new_one_of_each_needs_no_code_and_gives_a_number() {
    let dir = tempfile::tempdir().unwrap();
    let schemas = dir.path().join("schemas");
    write_catalog(&schemas);
    let mut system = System::start(dir.path(), Some(&schemas), &[]);
    let checked = system.weir(&["catalog", "check"]);
    let told = String::from_utf8_lossy(&checked.stdout);
    assert!(
        checked.status.success() && !told.contains("reviews.yaml"),
        "{told}"
    );
    let events = system.json(&["catalog", "list", "events"]);
    assert!(events.to_string().contains("review.finished"));
    let shown = system.weir(&["catalog", "show", "auditor"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("role_auditor_gap:"));

    let cases = cases();
    let catalog = weir_catalog::load(&schemas).unwrap();
    cases::publish(&system, &catalog, &cases);
    let _ = system.verify();
    cases::hold(&system, &cases);

    // The milestone is granted, but to the one operator who has not got so far.
    let granted =
        "SELECT groupUniqArray(tenant) AS n FROM alerts WHERE rule = 'milestone_reviewer'";
    let until = Instant::now() + Duration::from_secs(60);
    let some = loop {
        let found = system.query(granted)[0]["n"].to_string();
        if found.len() > 2 || Instant::now() > until {
            break found;
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    assert!(
        some.contains("golden-9") && !some.contains("golden-10"),
        "{some}"
    );
    system.stop();
}
