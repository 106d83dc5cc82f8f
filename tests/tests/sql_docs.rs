//! Every statement of docs/sql.md answers, to who may only read, on a simulated organisation.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::time::{Duration, Instant};
use weir_tests::{Around, System, root};

/// Questions that the page promises.
const QUESTIONS: usize = 25;

/// Longest wait for what is computed by itself.
const PATIENCE: Duration = Duration::from_secs(180);

/// The statements of the page, each with the heading it stands under.
fn statements() -> Vec<(String, String)> {
    let page = fs::read_to_string(root().join("docs/sql.md")).unwrap();
    let mut all = Vec::new();
    let (mut heading, mut within): (String, Option<String>) = (String::new(), None);
    for line in page.lines() {
        match &mut within {
            None if line.starts_with('#') => heading = line.trim_start_matches('#').trim().into(),
            None if line == "```sql" => within = Some(String::new()),
            None => {}
            Some(_) if line == "```" => {
                all.extend(within.take().map(|sql| (heading.clone(), sql)));
            }
            Some(sql) => {
                sql.push_str(line);
                sql.push('\n');
            }
        }
    }
    all
}

/// The last thirty days, and the same ones a year before.
fn simulate(system: &System) {
    let start = system
        .query("SELECT toString(today() - toIntervalDay(30) - toIntervalYear(1)) AS day")
        .remove(0);
    let start = start["day"].as_str().unwrap().to_owned();
    let of = |engineers: &str, more: &[&str]| {
        let fixed = ["simulate", "--days", "30", "--engineers"];
        let said = system.json(&[&fixed[..], &[engineers], more].concat());
        assert!(said["written"].as_u64().unwrap() > 1000, "{said}");
    };
    of("10", &[]);
    // Judged is what is final: that takes the ticks of the next full minute.
    let today = system.query("SELECT formatDateTime(today(), '%Y-%m-%dT00:00:00Z') AS day");
    system.digest(today[0]["day"].as_str().unwrap());
    analysed(system);
    // Afterwards, so that it makes nothing late that is to be judged.
    of("2", &["--start", &start]);
    system.settle();
}

/// Waits until what is computed once a day is over is there: of yesterday and of a day before.
fn analysed(system: &System) {
    let until = Instant::now() + PATIENCE;
    while system.number("SELECT count() FROM analyses WHERE tenant = 'acme'") < 2.0 {
        assert!(Instant::now() < until, "no analysis: {}", system.log());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Somebody takes on the newest alert.
fn acknowledge(system: &System) {
    let newest = "SELECT id, formatDateTime(opened + 600, '%Y-%m-%dT%H:%i:%SZ') AS at FROM alerts \
                  WHERE tenant = 'acme' AND days_ago < 30 ORDER BY opened DESC, id LIMIT 1";
    let alert = system.query(newest).remove(0);
    let made = system.json(&["token", "create", "--tenant", "acme"]);
    let fields = [("alert_id", "id"), ("event_time", "at")]
        .map(|(field, of)| format!("{field}={}", alert[of].as_str().unwrap()));
    system.json(&[
        "emit",
        "alert.acknowledged",
        &fields[0],
        &fields[1],
        "engineer.email=ada@example.com",
        "--token",
        made["token"].as_str().unwrap(),
    ]);
    system.settle();
}

/// Rows of a statement, asked with the secret for reading; or why it was refused.
fn ask(system: &System, sql: &str) -> Result<usize, String> {
    let out = system.weir(&["query", sql, "--json"]);
    match out.status.success() {
        true => Ok(String::from_utf8_lossy(&out.stdout).lines().count()),
        false => Err(String::from_utf8_lossy(&out.stderr).into_owned()),
    }
}

#[test]
fn all_questions_are_answered() {
    let all = statements();
    let mut questions: Vec<&str> = all.iter().map(|(heading, _)| heading.as_str()).collect();
    questions.dedup();
    assert!(questions.len() >= QUESTIONS, "{questions:?}");
    let dir = tempfile::tempdir().unwrap();
    let around = Around {
        set: vec![
            ("WEIR__API__ANALYSIS__LOOK", "2s".to_owned()),
            ("WEIR__API__ANALYSIS__WAIT", "0s".to_owned()),
        ],
        ..Around::default()
    };
    let mut system = System::start_around(dir.path(), None, &[], around);
    simulate(&system);
    acknowledge(&system);
    let mut failed = Vec::new();
    for (heading, sql) in &all {
        match ask(&system, sql) {
            Ok(0) => failed.push(format!("{heading}: no row")),
            Ok(_) => {}
            Err(why) => failed.push(format!("{heading}: {why}")),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    // The reader reads, and that is all.
    assert!(ask(&system, "CREATE TABLE mine (n Int8) ENGINE = Memory").is_err());
    let taken = "SELECT count() FROM alerts WHERE acknowledged_at = opened + 600";
    assert_eq!(system.number(taken), 1.0);
    system.stop();
}
