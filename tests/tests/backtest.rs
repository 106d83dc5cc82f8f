//! History judged again: what the stream judged comes out the same, what it never judged is judged,
//! what is not kept is counted from the archive, and a rule that would page too often is found.

#![allow(clippy::unwrap_used)]

use serde_json::Value as Json;
use std::fs;
use std::path::Path;
use weir_tests::{System, copy_dir, root};

/// What the shipped catalog lacks: a rule that nights satisfy, and a KPI beside its baseline.
const TESTED: &str = "kpis:
  answer_time:
    title: Mean response of a component
    by: [component]
    window: 1h
    unit: ms
    terms: {time: ai.query.response.mean, n: ai.query.queries}
    value: time
    minimum_sample: {n: 1}
  answer_time_to_baseline:
    title: Mean response of a component against what it was
    by: [component]
    window: 1h
    unit: x
    decimals: 6
    terms:
      time: ai.query.response.mean
      n: ai.query.queries
      baseline: {of: baseline.captured.baseline, at: {metric: answer_time}}
    value: ratio(time, baseline)
    minimum_sample: {n: 1}
alerts:
  quiet_night:
    title: No calls for three hours
    no_data: {event: llm.call, by: [], silence: 3h}
    impact: none
    action: none
";
/// What is tried: a rule that any answer satisfies.
const TRIED: &str = "alerts:
  slow_at_all:
    title: It took time
    kpi: answer_time
    above: 1
    impact: none
    action: none
";

fn simulate(system: &System, tenant: &str, seed: &str) {
    let args = [
        "simulate",
        "--engineers",
        "12",
        "--days",
        "6",
        "--start",
        "2026-01-05",
        "--seed",
        seed,
        "--tenant",
        tenant,
    ];
    let said = system.json(&args);
    assert!(said["written"].as_u64().unwrap() > 5000, "{said}");
}

/// Rows of the stream and of a back-test by id, with how many differ or are alone.
fn compare(system: &System, id: &str, through: i64) -> Vec<(String, u64)> {
    let of = [
        (
            "kpis",
            "window_end",
            "value, score, status, momentum, sample, coverage, terms, window_start, window_end, dimensions, kpi",
        ),
        (
            "anomalies",
            "window_end",
            "value, expected, score, crosses_at, window_start, window_end, dimensions, detector, severity",
        ),
        (
            "alerts",
            "at",
            "step, state, opened, at, value, threshold, worst, windows, reopenings, conditions, failing, dimensions, rule",
        ),
    ];
    let mut all = Vec::new();
    for (table, time, columns) in of {
        let rows =
            |from: &str| format!("SELECT id, toString(tuple({columns})) AS said FROM {from}");
        let stream = rows(&format!(
            "{table} WHERE tenant = 'acme' AND {time} <= fromUnixTimestamp64Micro({through}, 'UTC')"
        ));
        let test = rows(&format!("backtest_{table} FINAL WHERE backtest = '{id}'"));
        let sql = format!(
            "SELECT count() AS rows, countIf(a.id = '' OR b.id = '' OR a.said != b.said) AS wrong \
             FROM ({stream}) AS a FULL JOIN ({test}) AS b ON a.id = b.id"
        );
        let row = system.query(&sql).remove(0);
        let number = |name: &str| {
            row[name]
                .as_str()
                .map_or(row[name].as_u64(), |s| s.parse().ok())
        };
        assert_eq!(number("wrong"), Some(0), "{table}");
        all.push((table.to_owned(), number("rows").unwrap()));
    }
    all
}

fn line<'j>(said: &'j Json, kind: &str, name: &str) -> &'j Json {
    let lines = said["judged"].as_array().unwrap();
    let found = lines
        .iter()
        .find(|l| l["kind"] == kind && l["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}: {said:#}"))
}

/// A copy of the schemas with another file, and changes of one.
fn catalog(
    dir: &Path,
    from: &Path,
    file: Option<(&str, &str)>,
    change: Option<(&str, &str, &str)>,
) {
    copy_dir(from, dir);
    if let Some((name, text)) = file {
        fs::write(dir.join("catalog").join(name), text).unwrap();
    }
    if let Some((name, old, new)) = change {
        let path = dir.join("catalog").join(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{name} has no {old}");
        fs::write(path, text.replacen(old, new, 1)).unwrap();
    }
}

/// What the stream said of history is what a back-test says, to the last digit.
fn judged_history_comes_out_the_same(system: &System) {
    let today = system.query("SELECT toString(today()) AS day").remove(0);
    let to = today["day"].as_str().unwrap();
    // An alert's row is its newest state: compared once the time after history has passed, too.
    system.digest(&format!("{to}T00:00:00Z"));
    let said = system.json(&["backtest", "--tenant", "acme", "--on-time", "--to", to]);
    let through = said["through"].as_i64().unwrap();
    let rows = compare(system, said["backtest"].as_str().unwrap(), through);
    assert!(rows.iter().all(|(_, n)| *n > 5), "{rows:?}");
    let night = line(&said, "rule", "quiet_night");
    assert!(night["times"].as_u64().unwrap() >= 5, "{night}");
    // A name that there is not.
    let none = system.weir(&["backtest", "--tenant", "acme", "--rule", "quiet_nite"]);
    let said = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(
        said.contains("WEIR-0305") && said.contains("quiet_night"),
        "{said}"
    );
}

/// History of a second tenant over the same days was counted and never judged.
fn imported_history_is_judged(system: &System) {
    let stream = system.number("SELECT count() FROM anomalies WHERE tenant = 'beta'");
    assert_eq!(stream, 0.0);
    let truth = |more: &[&str]| {
        let args = [&["truth", "--tenant", "beta", "--seed", "9"], more].concat();
        system.json(&args)["found"].as_u64().unwrap()
    };
    assert_eq!(truth(&[]), 0);
    let said = system.json(&["backtest", "--tenant", "beta"]);
    let id = said["backtest"].as_str().unwrap();
    let published = system.number(&format!(
        "SELECT count() FROM backtest_kpis FINAL WHERE backtest = '{id}' AND tenant = 'beta'"
    ));
    assert!(published > 10_000.0, "{published}");
    assert!(truth(&["--backtest"]) >= 5);
    assert_eq!(truth(&["--backtest", id]), truth(&["--backtest"]));
    // Nobody is told, and no result of the stream changes.
    let alerts =
        "SELECT count() FROM alerts WHERE tenant = 'beta' AND opened < '2026-01-12 00:00:00'";
    assert_eq!(system.number(alerts), 0.0);
}

/// A rule that is not in force is tried, and told to page too often.
fn a_rule_that_pages_too_often_is_found(system: &System, own: &Path, dir: &Path) {
    let tried = dir.join("tried");
    catalog(&tried, own, Some(("tried.yaml", TRIED)), None);
    let tried = tried.to_str().unwrap();
    let args = [
        "backtest",
        "--tenant",
        "beta",
        "--catalog",
        tried,
        "--rule",
        "slow_at_all",
    ];
    let said = system.json(&args);
    let findings = said["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0]["code"], "WEIR-0130");
    assert_eq!(findings[0]["file"], "catalog/tried.yaml");
    assert_eq!(findings[0]["line"], 2);
    let rule = line(&said, "rule", "slow_at_all");
    assert_eq!(rule["bad"], rule["judged"], "{rule}");
    let firings = said["firings"].as_array().unwrap();
    assert_eq!(firings.len() as u64, rule["times"].as_u64().unwrap());
    assert!(firings.iter().all(|f| f["rule"] == "slow_at_all"));
    // `--check` is for scripts: without it a finding is no failure.
    let checked = system.weir(&[&args[..], &["--check"]].concat());
    assert_eq!(checked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("nobody was told"));
}

/// Where nothing is kept that would do, the archive of events gives the same numbers.
fn the_archive_gives_the_same(system: &System, own: &Path, dir: &Path) {
    let other = dir.join("other");
    // Events that are told apart in another way were counted in another way.
    let change = ("ai.query.yaml", "disorder: 1m", "version: 2\ndisorder: 2m");
    catalog(&other, own, None, Some(change));
    let other = other.to_str().unwrap();
    let test = |more: &[&str]| {
        let args = ["backtest", "--tenant", "beta", "--kpi", "answer_time"];
        system.json(&[&args, more].concat())
    };
    let (windows, archive) = (test(&[]), test(&["--catalog", other]));
    assert_eq!(windows["archived"].as_array().unwrap().len(), 0);
    assert_eq!(archive["archived"][0][0], "ai.query");
    let values = |said: &Json| {
        let id = said["backtest"].as_str().unwrap();
        system.query(&format!(
            "SELECT id, value, sample, terms FROM backtest_kpis FINAL WHERE backtest = '{id}' ORDER BY id"
        ))
    };
    let (windows, archive) = (values(&windows), values(&archive));
    assert!(windows.len() > 50, "{}", windows.len());
    assert_eq!(windows, archive);
}

/// A baseline that was captured is what its KPI is compared with, and is captured once.
fn a_captured_baseline_is_compared_with(system: &System) {
    let args = [
        "baseline",
        "capture",
        "--kpi",
        "answer_time",
        "--tenant",
        "beta",
        "--from",
        "2026-01-05",
        "--to",
        "2026-01-10",
    ];
    let dry = system.json(&[&args[..], &["--dry-run"]].concat());
    let first = system.json(&args);
    let baselines = first["baselines"].as_array().unwrap();
    assert!(!baselines.is_empty());
    assert!(baselines.iter().all(|b| b["written"] == true), "{first}");
    for (dry, new) in dry["baselines"].as_array().unwrap().iter().zip(baselines) {
        assert_eq!(
            (&dry["event_id"], &dry["written"]),
            (&new["event_id"], &false.into())
        );
    }
    let again = system.json(&args);
    let again = again["baselines"].as_array().unwrap();
    assert!(again.iter().all(|b| b["written"] == false), "{again:?}");
    let refused = system.weir(&[
        "baseline",
        "capture",
        "--kpi",
        "roi",
        "--from",
        "2026-01-05",
        "--to",
        "2026-01-10",
        "--tenant",
        "beta",
        "--subject",
        "component=x",
    ]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("WEIR-0305"));
    what_was_captured_is_used(system, baselines);
}

/// It holds from now on: what is compared is a day from this hour on, whatever time it is.
fn what_was_captured_is_used(system: &System, baselines: &[Json]) {
    let begin = "SELECT formatDateTime(toStartOfHour(now()), '%FT%TZ') AS hour, \
                 toString(today()) AS day, toString(today() + 1) AS next";
    let begin = system.query(begin).remove(0);
    let [hour, day, next] = ["hour", "day", "next"].map(|n| begin[n].as_str().unwrap());
    system.json(&[
        "simulate",
        "--engineers",
        "12",
        "--days",
        "1",
        "--seed",
        "11",
        "--tenant",
        "beta",
        "--intensity",
        "20",
        "--only",
        "ai.query",
        "--quiet",
        "--start",
        hour,
    ]);
    system.settle();
    let of = |kpi: &str| {
        format!(
            "SELECT component, value FROM kpi_{kpi}(from = '{day}', to = '{next}', step = 'all') \
             WHERE tenant = 'beta'"
        )
    };
    let joined = system.query(&format!(
        "SELECT a.component AS component, a.value / b.value AS baseline FROM ({}) AS a \
         JOIN ({}) AS b ON a.component = b.component WHERE b.value IS NOT NULL",
        of("answer_time"),
        of("answer_time_to_baseline")
    ));
    assert!(!joined.is_empty(), "no component has answers since");
    for row in joined {
        let of = |b: &&Json| b["subject"]["component"] == row["component"];
        let captured = baselines.iter().find(of).unwrap()["value"]
            .as_f64()
            .unwrap();
        let used = row["baseline"].as_f64().unwrap();
        assert!((used / captured - 1.0).abs() < 1e-3, "{row} {captured}");
    }
}

#[test]
fn history_is_judged_as_the_stream_would_have() {
    let dir = tempfile::tempdir().unwrap();
    let (data, own) = (dir.path().join("data"), dir.path().join("schemas"));
    fs::create_dir(&data).unwrap();
    catalog(
        &own,
        &root().join("schemas"),
        Some(("tested.yaml", TESTED)),
        None,
    );
    let mut system = System::start(&data, Some(&own), &[]);
    simulate(&system, "acme", "7");
    system.settle();
    judged_history_comes_out_the_same(&system);
    simulate(&system, "beta", "9");
    system.settle();
    imported_history_is_judged(&system);
    a_rule_that_pages_too_often_is_found(&system, &own, dir.path());
    the_archive_gives_the_same(&system, &own, dir.path());
    a_captured_baseline_is_compared_with(&system);
    system.stop();
}
