//! What is computed once a day is over, through the whole system: it is there by itself, once, and
//! the same after the system died in the middle of it.

#![allow(clippy::unwrap_used)]

use serde_json::Value as Json;
use std::fs;
use std::time::{Duration, Instant};
use weir_tests::{Around, System};

const PATIENCE: Duration = Duration::from_secs(180);
const TENANTS: [&str; 2] = ["acme", "zeta"];

fn simulate(system: &System, tenant: &str) {
    let fixed = ["simulate", "--days", "35", "--engineers", "6"];
    let said = system.json(&[&fixed[..], &["--tenant", tenant]].concat());
    assert!(said["written"].as_u64().unwrap() > 1000, "{said}");
}

/// Waits until a question gives at least so much.
fn until(system: &System, sql: &str, least: f64) {
    let until = Instant::now() + PATIENCE;
    while system.number(sql) < least {
        assert!(Instant::now() < until, "{sql}: {}", system.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What is shown of all tenants, without when it was computed.
fn shown(system: &System) -> Vec<Vec<Json>> {
    let of = |view: &str| {
        system.query(&format!(
            "SELECT * EXCEPT (issued_at) FROM {view} ORDER BY tenant, data_through, id"
        ))
    };
    ["forecasts", "trends", "findings"].map(of).into()
}

/// An api whose user may only read says so and leaves the work to others.
fn a_reader_says_so(system: &System) {
    let status = system.json(&["status", "--secrets"]);
    let text = |v: &Json| v.as_str().unwrap().to_owned();
    let path = system.dir().join("reader.log");
    let log = || {
        fs::File::options()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap()
    };
    let mut api = system
        .command()
        .args(["api", "--http", "127.0.0.1:0", "--clickhouse-user", "weir"])
        .args(["--brokers", &text(&status["brokers"])])
        .args(["--clickhouse", &text(&status["clickhouse"])])
        .env(
            "WEIR_CLICKHOUSE_PASSWORD",
            text(&status["secrets"]["password"]),
        )
        .env("WEIR__API__BIND", "127.0.0.1:0")
        .stdout(log())
        .stderr(log())
        .spawn()
        .unwrap();
    let until = Instant::now() + PATIENCE;
    let said = || fs::read_to_string(&path).unwrap();
    while !said().contains("WEIR-1302") {
        assert!(Instant::now() < until, "{}", said());
        assert!(api.try_wait().unwrap().is_none(), "{}", said());
        std::thread::sleep(Duration::from_millis(100));
    }
    // It goes on to answer.
    assert!(api.try_wait().unwrap().is_none(), "{}", said());
    api.kill().unwrap();
    api.wait().unwrap();
}

#[test]
fn findings_are_there_once_and_the_same_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let around = Around {
        set: vec![
            ("WEIR__API__ANALYSIS__LOOK", "2s".to_owned()),
            ("WEIR__API__ANALYSIS__WAIT", "0s".to_owned()),
        ],
        ..Around::default()
    };
    let flags = ["--api", "127.0.0.1:0"];
    let mut system = System::start_around(dir.path(), None, &flags, around);
    simulate(&system, TENANTS[0]);
    // It dies while rows are written and nothing is finished, or soon after.
    until(&system, "SELECT count() FROM trends_log", 1.0);
    system.kill();
    system.up();
    system.wait_ready();
    let analyses = |tenant: &str| format!("SELECT count() FROM analyses WHERE tenant = '{tenant}'");
    // Yesterday, and a day before it to hold against what came.
    until(&system, &analyses(TENANTS[0]), 2.0);
    simulate(&system, TENANTS[1]);
    until(&system, &analyses(TENANTS[1]), 2.0);
    for tenant in TENANTS {
        for view in ["forecasts", "trends", "findings"] {
            let count = format!("SELECT count() FROM {view} WHERE tenant = '{tenant}' AND newest");
            assert!(system.number(&count) > 0.0, "{count}");
        }
        let kinds = format!(
            "SELECT count(DISTINCT kind) FROM findings WHERE tenant = '{tenant}' \
             AND kind IN ('budget', 'experiment', 'recommendation', 'opportunity')"
        );
        assert!(
            system.number(&kinds) >= 3.0,
            "{:?}",
            system.query("SELECT tenant, kind, count() AS n FROM findings GROUP BY ALL")
        );
    }
    let worse = "SELECT countIf(backtest_mae > naive_mae) FROM forecasts";
    assert_eq!(system.number(worse), 0.0);
    let yesterday = "SELECT count() FROM analyses WHERE data_through = today() - 1";
    assert_eq!(system.number(yesterday), 2.0);

    // Started again it finds that nothing is due.
    let before = shown(&system);
    let issued = "SELECT toUnixTimestamp64Micro(max(issued_at)) FROM analyses_log";
    let last = system.number(issued);
    system.stop();
    system.up();
    system.wait_ready();
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(system.number(issued), last);
    assert!(shown(&system) == before, "rows are others than before");

    a_reader_says_so(&system);

    // As people and programs see it.
    let said = system.json(&["trends", "--tenant", "acme"]);
    assert!(!said.as_array().unwrap().is_empty(), "{said}");
    let said = system.json(&["findings", "opportunity", "--tenant", "acme"]);
    assert!(
        said.as_array()
            .unwrap()
            .iter()
            .all(|f| f["usd"].is_number()),
        "{said}"
    );
    let said = system.json(&["kpi", "spend_per_hour", "--tenant", "acme"]);
    assert_eq!(
        said["subjects"][0]["days"].as_object().unwrap().len(),
        28,
        "{said}"
    );
    let table = system.weir(&["findings", "--tenant", "acme"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("by data through"), "{table}");
    assert!(table.lines().all(|l| l.chars().count() <= 120), "{table}");
    system.verify();
    system.stop();
}
