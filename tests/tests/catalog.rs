//! What is declared is there: a measure, a KPI, a detector and an event type without a line of
//! code, on a running log.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use weir_tests::{System, copy_dir, root};

/// Replaces the one place where `old` stands.
fn edit(file: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert_eq!(text.matches(old).count(), 1, "{old} in {}", file.display());
    fs::write(file, text.replace(old, new)).unwrap();
}

const SCHEMA: &str = r#"{
  "type": "record", "name": "ReviewFinished", "namespace": "weir.events",
  "doc": "A code review came to its end.",
  "fields": [
    {"name": "event_id", "type": {"type": "string", "logicalType": "uuid"}, "doc": "UUIDv7 of this event; retries repeat it"},
    {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}, "doc": "when it happened, UTC"},
    {"name": "tenant", "type": "string", "doc": "whose event this is"},
    {"name": "source", "type": "string", "doc": "instance that emitted it"},
    {"name": "resource", "type": {"type": "map", "values": "string"}, "default": {}, "doc": "OpenTelemetry resource attributes"},
    {"name": "review_id", "type": "string", "doc": "id of the review at the forge"},
    {"name": "team", "type": "string", "default": "", "doc": "team of the author"},
    {"name": "minutes", "type": "double", "doc": "from request to verdict"},
    {"name": "comments", "type": "long", "default": 0, "doc": "comments made"}
  ]
}
"#;

const EXAMPLE: &str = r#"{"event_id": "019a9f6e-2c1b-7c01-8f11-0a1b2c3d4e5f", "event_time": 1763632801000000, "tenant": "acme",
  "source": "forge", "review_id": "r-1", "team": "core", "minutes": 12.5, "comments": 3}
"#;

const CATALOG: &str = "event: review.finished
identity: review_id
disorder: 1m
bounds:
  minutes: {min: 0, max: 1e6}
  comments: {min: 0, max: 1e6}
dimensions:
  team: team
measures:
  reviews:  {count: true, unit: reviews, title: Reviews}
  duration: {distribution: minutes, unit: minutes, title: From request to verdict}
  comments: {sum: comments, unit: comments, title: Comments}
  long:     {count: true, where: \"minutes > 60 && team in ['core', 'web'] && comments >= 2\", unit: reviews, title: Long talks}
  silence:  {sum: (minutes - comments) * 60, unit: s, title: Without a comment}
  started:  {max: event_time - minutes * 60, unit: s, title: Request of the last review}
windows: [1h, 1d]
rollups:
  - []
  - [team]
";

const JUDGES: &str = "kpis:
  comments_per_review:
    title: Comments on a review
    category: quality
    unit: comments
    decimals: 2
    by: [team]
    window: 1h
    terms: {comments: review.finished.comments, reviews: review.finished.reviews}
    value: ratio(comments, reviews)
    target: 2
    better: higher
    minimum_sample: {reviews: 2}
  thinking_share:
    title: Share of output that is reasoning
    category: performance
    unit: percent
    decimals: 2
    by: [model]
    window: 1h
    terms: {thinking: llm.call.thinking_tokens, output: llm.call.tokens_output}
    value: ratio(thinking, thinking + output) * 100
    target: 50
    better: lower
    minimum_sample: {output: 1}
detectors:
  many_calls_of_a_team:
    title: More calls of a team than a few
    event: llm.call
    by: [team]
    window: 1h
    value: calls
    limit: {above: 10, early: true}
    severity: low
";

const MAP: &str = "name: reviews
title: Reviews of a forge
event: review.finished
format: csv
time: {at: row.finished}
source: \"'forge'\"
identity: row.id
fields:
  review_id: row.id
  team: row.team
  minutes: row.minutes
  comments: row.comments
";

#[test]
fn a_catalog_grows_by_edits_and_never_changes_its_meaning_silently() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let schemas = dir.path().join("schemas");
    fs::create_dir(&data).unwrap();
    copy_dir(&root().join("schemas"), &schemas);

    let mut system = System::start(&data, Some(&schemas), &[]);
    let simulate = [
        "simulate",
        "--engineers",
        "5",
        "--days",
        "1",
        "--start",
        "2026-01-05",
        "--quiet",
    ];
    system.json(&simulate);
    let before = system.verify();
    assert_eq!(system.json(&["status"])["run"], 1);
    system.stop();

    // A measure, KPIs and a detector by an edit of the catalog; an event type by its
    // schema, an example and its catalog file.
    let llm = schemas.join("catalog/llm.call.yaml");
    edit(
        &llm,
        "measures:\n",
        "measures:\n  thinking_tokens: {sum: tokens_reasoning, unit: tokens, title: Reasoning}\n",
    );
    fs::write(schemas.join("catalog/added.yaml"), JUDGES).unwrap();
    fs::write(schemas.join("events/review.finished.avsc"), SCHEMA).unwrap();
    let examples = schemas.join("events/examples/review.finished");
    fs::create_dir(&examples).unwrap();
    fs::write(examples.join("one.json"), EXAMPLE).unwrap();
    fs::write(schemas.join("catalog/review.finished.yaml"), CATALOG).unwrap();
    let checked = system.json(&["catalog", "check"]);
    assert_eq!(checked["ok"], true, "{checked}");
    fs::write(
        schemas.join("clickhouse/queries/reviews.sql"),
        "-- title: Reviews of a team\n-- param team String = core: which\n\
         SELECT toUInt64(sum(reviews)) AS n FROM review_finished_1h WHERE rollup = 'team' AND team = {team:String}\n",
    )
    .unwrap();

    // A new run: the log is read again, and nothing of the old run is shown.
    system.up();
    assert_eq!(system.json(&["status"])["run"], 2);
    let after = system.verify();
    for (kind, rows) in &before.compared {
        let now = after.compared[kind];
        assert!(
            now >= *rows,
            "{kind}: {now} rows compared, {rows} in the run before"
        );
    }
    let thinking = "SELECT sum(thinking_tokens) = sum(tokens_reasoning) AND sum(calls) > 0 AS n FROM llm_call_1d WHERE rollup = ''";
    assert_eq!(system.number(thinking), 1.0);
    let n = |what: &str| system.number(&format!("SELECT count() AS n FROM {what}"));
    assert!(n("kpis WHERE kpi = 'thinking_share' AND value IS NOT NULL") > 0.0);
    assert!(n("anomalies WHERE detector = 'many_calls_of_a_team'") > 0.0);

    // Events of the new type by an import: history, so it is counted and shown as current, and not
    // judged.
    let map = dir.path().join("reviews.yaml");
    fs::write(&map, MAP).unwrap();
    let table = dir.path().join("reviews.csv");
    let row = |i: u32| {
        format!(
            "r-{i},2026-01-05T{:02}:{:02}:00Z,core,{}.5,{}\n",
            8 + i / 60,
            i % 60,
            i,
            i % 5
        )
    };
    let rows: String = (0..180).map(row).collect();
    fs::write(&table, format!("id,finished,team,minutes,comments\n{rows}")).unwrap();
    let import = [
        "import",
        "--map",
        map.to_str().unwrap(),
        table.to_str().unwrap(),
    ];
    let imported = system.json(&import);
    assert_eq!(imported[0]["written"], 180, "{imported}");
    let verified = system.verify();
    assert_eq!(verified.count("review.finished", "events"), 180);
    assert_eq!(system.json(&import)[0]["written"], 0);
    assert_eq!(system.number("reviews"), 180.0);
    let log = system.query("throughput");
    assert!(log.iter().any(|row| row["event"] == "review_finished"));
    // Sixty reviews an hour with two comments on average.
    assert_eq!(n("kpi_comments_per_review_current WHERE value = 2"), 3.0);
    // Expressions over fields: each review was asked for at half a minute to eight.
    let computed = &system.query(
        "SELECT toFloat64(sum(long)) AS longs, sum(silence) AS silent, min(started) AS first, max(started) AS last \
         FROM review_finished_1h WHERE rollup = 'team' AND team = 'core'",
    )[0];
    let number = |name: &str| computed[name].as_f64();
    assert_eq!(
        (number("longs"), number("silent")),
        (Some(72.0), Some(950_400.0))
    );
    let asked_for = Some(1_767_599_970.0);
    assert_eq!((number("first"), number("last")), (asked_for, asked_for));
    system.stop();

    // Another meaning under the same version: refused, and the old one still runs.
    let sound = fs::read_to_string(&llm).unwrap();
    edit(
        &llm,
        "{sum: tokens_reasoning, unit: tokens, title: Reasoning}",
        "{sum: tokens_output, unit: tokens, title: Reasoning}",
    );
    let refused = system.weir(&["up"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{said}");
    assert!(
        said.contains("WEIR-0108") && said.contains("thinking_tokens"),
        "{said}"
    );
    fs::write(&llm, sound).unwrap();
    system.up();
    assert_eq!(system.json(&["status"])["run"], 2);
    system.verify();
    system.stop();
}
