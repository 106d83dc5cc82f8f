//! What an analyst is told about numbers: whose day it is, what is final, what was counted and not
//! judged.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;
use weir_tests::{System, copy_dir, root};

/// Judged since the tenant's day, month, or all began; over one event type, two, and subjects of
/// fewer dimensions.
const TO_DATE: &str = "\
kpis:
  calls_this_month: {by: [team], window: 1mo/1h, decimals: 0, value: llm.call.calls}
  work_this_month:
    by: [team]
    window: 1mo/1h
    terms: {calls: llm.call.calls, commits: productivity.recorded.commits}
    value: calls + commits
  share_of_month:
    by: [team]
    window: 1mo/1d
    terms: {own: llm.call.cost, all: {of: llm.call.cost, at: []}}
    minimum_sample: {own: 0.01}
    value: ratio(own, all)
  slow_today: {by: [engineer], window: 1d/5m, minimum_sample: {llm.call.calls: 1}, value: llm.call.latency.p95}
  share_ever:
    by: [team]
    window: all/1h
    terms: {own: productivity.recorded.commits, all: {of: llm.call.calls, at: []}}
    minimum_sample: {all: 1}
    value: ratio(own, all)
detectors:
  month_of_calls: {event: llm.call, by: [team], window: 1mo/1h, value: calls, limit: {above: 20}}
alerts:
  month_of_work: {kpi: work_this_month, above: 30, impact: more than planned, action: plan}
";

/// The repository's schemas with two tenants whose days begin 22 hours apart or more.
fn schemas(dir: &Path) {
    copy_dir(&root().join("schemas"), dir);
    let tenants = "tenants:\n  default_zone: UTC\n  zones:\n    east: Pacific/Kiritimati\n    west: America/Los_Angeles\n";
    fs::write(dir.join("catalog/tenants.yaml"), tenants).unwrap();
    fs::write(dir.join("catalog/to_date.yaml"), TO_DATE).unwrap();
}

fn simulate<'a>(tenant: &'a str, start: &'a str) -> Vec<&'a str> {
    let mut args = vec!["simulate", "--engineers", "5", "--days", "2", "--quiet"];
    args.extend(["--tenant", tenant, "--start", start]);
    args
}

/// A commit with its files, at a time.
fn commit(dir: &Path, date: &str, files: &[&str]) {
    for file in files {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, text + date + "\n").unwrap();
    }
    for args in [&["add", "."][..], &["commit", "-m", "Change"]] {
        let done = Command::new("git")
            .arg("-C")
            .arg(dir)
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
            .args(args)
            .env("GIT_COMMITTER_DATE", date)
            .env("GIT_AUTHOR_DATE", date)
            .output()
            .unwrap();
        assert!(done.status.success(), "git {args:?}");
    }
}

/// What does not fit into memory is compared all the same, by way of temporary files.
fn little_memory(system: &System) {
    let (whole, little) = (
        system.json(&["verify"]),
        system.json(&["verify", "--memory", "64KiB"]),
    );
    assert_eq!(little["equal"], true, "{little:#}");
    for what in ["compared", "log"] {
        assert_eq!(little[what], whole[what]);
    }
    let out = system.weir(&["verify", "--memory", "64KiB"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("temporary files in"), "{said}");
    let nowhere = system.dir().join("nowhere");
    let out = system
        .command()
        .env("TMPDIR", &nowhere)
        .args(["verify", "--memory", "64KiB"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let named = said.contains("WEIR-0307") && said.contains(nowhere.to_str().unwrap());
    assert!(out.status.code() == Some(2) && named, "{said}");
}

#[test]
fn days_are_the_tenants_and_what_is_not_judged_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("schemas");
    schemas(&own);
    let system = System::start(dir.path(), Some(&own), &[]);
    let first = system.json(&simulate("east", "2026-01-05"));
    assert!(first["written"].as_u64().unwrap() > 300, "{first}");

    // A digest right away is the one of later: it waits for what is not there yet.
    let through = "2026-01-07T10:00:00Z";
    let at_once = system.digest(through);
    let verified = system.verify();
    assert_eq!(system.digest(through), at_once);
    // What the month came to stands at its end, in the tenant's zone, after days of silence.
    let n = |what: &str| system.number(&format!("SELECT count() AS n FROM {what}"));
    let month =
        "(SELECT team, sum(calls) AS calls FROM llm_call_1d WHERE rollup = 'team' GROUP BY team)";
    let ended = "kpis WHERE kpi = 'calls_this_month' AND window_end = toDateTime64('2026-01-31 10:00:00', 6, 'UTC')";
    let teams = n(month);
    assert!(teams > 0.0);
    assert_eq!(n(ended), teams);
    // What came late is counted, and not judged.
    let share = format!("SELECT sum(value) / (SELECT sum(calls) FROM {month}) AS n FROM {ended}");
    let share = system.number(&share);
    assert!((0.9..=1.0).contains(&share), "{share}");
    assert!(
        n("alerts WHERE rule = 'month_of_work'") > 0.0,
        "{:?}",
        verified.compared
    );
    let out = system.weir(&["digest", "--through", "2090-01-01", "--wait", "0.5"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(
        !out.status.success() && said.contains("WEIR-0306") && said.contains("2090-01-01"),
        "{said}"
    );

    // The past of another tenant: time stands at today now. Counted, and nothing is judged.
    let second = system.json(&simulate("west", "2026-01-05"));
    let (written, late) = (&second["written"], second["not_judged"].as_u64().unwrap());
    assert!(late * 100 >= written.as_u64().unwrap() * 98, "{second}");
    assert_eq!(
        system.json(&simulate("west", "2026-01-05"))["not_judged"],
        0
    );
    let repository = dir.path().join("repository");
    fs::create_dir(&repository).unwrap();
    let init = ["-C", repository.to_str().unwrap(), "init", "-q"];
    assert!(Command::new("git").args(init).status().unwrap().success());
    commit(&repository, "2025-11-03T12:00:00Z", &["src/a.rs"]);
    commit(
        &repository,
        "2025-11-03T13:00:00Z",
        &["src/a.rs", "tests/a.rs"],
    );
    commit(&repository, "2025-11-03T14:00:00Z", &["tests/a.rs"]);
    let git = [
        "import",
        "git",
        repository.to_str().unwrap(),
        "--tenant",
        "west",
    ];
    let report = system.json(&git);
    assert_eq!(
        (report["written"].as_u64(), report["not_judged"].as_u64()),
        (Some(3), Some(3))
    );
    let out = system.weir(&["query", "late", "--tenant", "west", "--json"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        said.contains("productivity") && !said.contains("east"),
        "{said}"
    );
    // Two more or less by name, however far back.
    system.verify();
    little_memory(&system);
    let row = &system.query(
        "SELECT sum(commits) AS all, sum(commits_with_tests) AS touching, sum(test_commits) AS alone \
         FROM productivity_recorded_1d WHERE rollup = '' AND tenant = 'west' AND day < '2025-12-01'",
    )[0];
    assert_eq!(
        (
            row["all"].as_f64(),
            row["touching"].as_f64(),
            row["alone"].as_f64()
        ),
        (Some(3.0), Some(2.0), Some(1.0))
    );

    // The same instants are other days of the two.
    let days = |tenant: &str| {
        let sql = format!(
            "SELECT min(first_day) AS first, max(last_day) AS last FROM data_spans WHERE tenant = '{tenant}' AND event = 'llm.call'"
        );
        let row = system.query(&sql).remove(0);
        let text = |c: &str| row[c].as_str().unwrap().to_owned();
        (text("first"), text("last"))
    };
    assert_eq!(days("east"), ("2026-01-05".into(), "2026-01-07".into()));
    assert_eq!(days("west"), ("2026-01-04".into(), "2026-01-06".into()));

    // KPIs of a time for which nothing was published, and no word of the other tenant.
    let ask = [
        "query",
        "kpis",
        "--of",
        "team",
        "--tenant",
        "west",
        "--from",
        "2026-01-04",
        "--to",
        "2026-01-06",
        "--json",
    ];
    let out = system.weir(&ask);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && said.lines().count() > 5, "{said}");
    assert!(
        said.contains("not published") && !said.contains("east"),
        "{said}"
    );

    // An answer without rows says where there are some.
    let out = system.weir(&[
        "query",
        "top-models",
        "--tenant",
        "west",
        "--from",
        "2020-01-01",
        "--to",
        "2020-01-31",
    ]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && said.contains("no rows"), "{said}");
    assert!(
        said.contains("data of west: 2025-11-03 to 2026-01-06"),
        "{said}"
    );
    assert!(!said.contains("east"), "{said}");
}
