//! Inputs as the world has them: files that grow, are copied and resumed, odd histories, hostile
//! surroundings.

#![allow(clippy::unwrap_used)]

use serde_json::Value as Json;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use weir_tests::{Around, System};

const MAP: &str = r#"
name: log
title: Calls
event: llm.call
format: jsonl
time: {at: row.at}
source: row.user
identity: row.id
fields:
  request_id: row.id
  engineer.email: row.user
  provider: "'p'"
  model: row.model
  category: "'coding'"
  tokens_input: row.tokens
"#;

fn line(id: u32, tokens: u32) -> String {
    format!(
        "{{\"at\":\"2026-10-{:02}T08:00:00Z\",\"id\":\"c{id}\",\"user\":\"ada@example.com\",\"model\":\"m\",\"tokens\":{tokens}}}\n",
        1 + id % 28
    )
}

fn import(system: &System, map: &Path, tenant: &str, file: &Path) -> Json {
    let (map, file) = (map.to_str().unwrap(), file.to_str().unwrap());
    let out = system.weir(&["import", "--map", map, "--tenant", tenant, file, "--json"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let reports: Json = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&out.stderr)));
    let code = i32::from(reports[0]["refused"].as_u64().unwrap() > 0);
    assert_eq!(out.status.code(), Some(code), "{reports}");
    reports[0].clone()
}

/// The numbers of a report that are not zero.
fn told(report: &Json) -> String {
    let names = [
        "written",
        "already",
        "differing",
        "doubled",
        "left_out",
        "refused",
        "odd",
        "waiting",
    ];
    let some = names
        .iter()
        .filter(|n| report[*n].as_u64().unwrap_or(0) > 0);
    some.map(|n| format!("{n} {}", report[n]))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Waits until calls and input tokens of a tenant are these.
fn counts(system: &System, tenant: &str, wanted: (u64, u64)) {
    let sql = format!(
        "SELECT sum(calls) AS n, sum(tokens_input) AS t FROM llm_call_1d WHERE rollup = '' AND tenant = '{tenant}'"
    );
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let row = &system.query(&sql)[0];
        let of = |name: &str| match &row[name] {
            Json::String(s) => s.parse::<f64>().unwrap() as u64,
            v => v.as_f64().unwrap_or(0.0) as u64,
        };
        let found = (of("n"), of("t"));
        if found == wanted {
            return;
        }
        assert!(Instant::now() < until, "{tenant}: {row}, wanted {wanted:?}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn git(dir: &Path, args: &[&str]) {
    let done = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(args)
        .env("GIT_COMMITTER_DATE", "2026-10-02T03:04:05Z")
        .env("GIT_AUTHOR_DATE", "2026-10-02T03:04:05Z")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(done.success(), "git {args:?}");
}

fn commits(dir: &Path, n: usize) {
    fs::create_dir_all(dir).unwrap();
    git(dir, &["init", "-q", "-b", "main"]);
    for i in 0..n {
        fs::write(dir.join("f"), format!("{i}\n")).unwrap();
        git(dir, &["add", "."]);
        git(dir, &["commit", "-q", "-m", "change"]);
    }
}

#[test]
fn an_import_is_exact_whatever_the_file_does() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    let system = System::start(&dir.path().join("data"), None, &[]);
    let at = |name: &str| dir.path().join(name);
    fs::write(at("map.yaml"), MAP).unwrap();
    let run = |tenant: &str, name: &str, text: &str| {
        fs::write(at(name), text).unwrap();
        told(&import(&system, &at("map.yaml"), tenant, &at(name)))
    };

    // Half a line waits; what was there is known when the file has grown.
    let four: String = (1..=4).map(|i| line(i, 100)).collect();
    assert_eq!(
        run("grow", "a", &four[..four.len() - 3]),
        "written 3, waiting 1"
    );
    assert_eq!(
        run("grow", "a", &(four.clone() + &line(5, 100))),
        "written 2, already 3"
    );
    // Copied, reordered, cut at its head, resumed under another name.
    assert_eq!(
        run("grow", "b", &(line(9, 1) + &line(4, 100) + &line(2, 100))),
        "written 1, already 2"
    );
    assert_eq!(
        run("grow", "b", &(line(9, 2) + &line(4, 100))),
        "already 2, differing 1"
    );
    counts(&system, "grow", (6, 501));

    // Of several lines of one identity the last is complete; other tenants are other people's.
    assert_eq!(
        run("stream", "c", &(line(1, 1) + &line(1, 57) + &line(1, 900))),
        "written 1, doubled 2"
    );
    counts(&system, "stream", (1, 900));

    // A bad row costs itself, and counts when it is mended.
    let bad = line(1, 1) + "{\"at\":\n" + &line(2, 1).replace("2026", "1926") + &line(3, 1);
    assert_eq!(run("bad", "d", &bad), "written 2, refused 2");
    assert_eq!(
        run("bad", "d", &(line(1, 1) + &line(2, 1) + &line(3, 1))),
        "written 1, already 2"
    );
    counts(&system, "bad", (3, 3));

    // Two at once: one goes on or both do, and nothing counts twice.
    let many: String = (0..40_000).map(|i| line(i, 1)).collect();
    fs::write(at("e"), many).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (map, file) = (at("map.yaml"), at("e"));
                let (map, file) = (map.to_str().unwrap(), file.to_str().unwrap());
                let out = system.weir(&["import", "--map", map, "--tenant", "both", file]);
                let said = String::from_utf8_lossy(&out.stderr);
                assert!(out.status.success() || said.contains("WEIR-0313"), "{said}");
            });
        }
    });
    import(&system, &at("map.yaml"), "both", &at("e"));
    assert_eq!(
        told(&import(&system, &at("map.yaml"), "both", &at("e"))),
        "already 40000"
    );
    counts(&system, "both", (40_000, 40_000));

    // Killed at any point, it adds what is missing.
    for wait in [30, 150, 400, 900] {
        let (map, file) = (at("map.yaml"), at("e"));
        let args = [
            "import",
            "--map",
            map.to_str().unwrap(),
            "--tenant",
            "killed",
            file.to_str().unwrap(),
        ];
        let mut child = system.spawn(&args);
        std::thread::sleep(Duration::from_millis(wait));
        let _ = child.kill();
        child.wait().unwrap();
    }
    import(&system, &at("map.yaml"), "killed", &at("e"));
    assert_eq!(
        told(&import(&system, &at("map.yaml"), "killed", &at("e"))),
        "already 40000"
    );
    counts(&system, "killed", (40_000, 40_000));
    system.verify();
}

#[test]
fn the_environment_decides_no_number() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    commits(&one, 2);
    commits(&other, 5);
    let settings = dir.path().join("gitconfig");
    fs::write(
        &settings,
        "[diff]\n\talgorithm = histogram\n\trenames = copies\n[log]\n\tshowSignature = true\n",
    )
    .unwrap();
    let hostile = [
        ("GIT_DIR", other.join(".git").to_str().unwrap().to_owned()),
        ("GIT_WORK_TREE", other.to_str().unwrap().to_owned()),
        ("GIT_INDEX_FILE", "/nonexistent/index".into()),
        ("GIT_OBJECT_DIRECTORY", "/nonexistent".into()),
        ("GIT_CONFIG_GLOBAL", settings.to_str().unwrap().to_owned()),
        ("GIT_CONFIG_COUNT", "1".into()),
        ("GIT_CONFIG_KEY_0", "core.bare".into()),
        ("GIT_CONFIG_VALUE_0", "nonsense".into()),
        ("GIT_EXTERNAL_DIFF", "/bin/false".into()),
        ("TZ", "<+0545>-5:45".into()),
        ("LANG", "tr_TR.UTF-8".into()),
        ("LC_ALL", "de_DE.ISO-8859-1".into()),
    ];
    let around = Around {
        set: hostile.to_vec(),
        unset: vec!["HOME"],
        umask: Some(0o077),
    };
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    let mut system = System::start_around(&data, None, &[], around);
    let path = one.to_str().unwrap();
    for wanted in ["written 2", "already 2"] {
        let report = system.json(&["import", "git", path, "--tenant", "t"]);
        assert_eq!(told(&report), wanted);
    }
    let day = |system: &System| {
        system.verify();
        let sql = "SELECT sum(commits) AS n, toString(min(window_start)) AS day FROM productivity_recorded_1d WHERE rollup = '' AND tenant = 't'";
        let row = &system.query(sql)[0];
        assert!(
            row["day"]
                .as_str()
                .unwrap()
                .starts_with("2026-10-02 00:00:00"),
            "{row}"
        );
        assert_eq!(row["n"].to_string().trim_matches('"'), "2", "{row}");
    };
    day(&system);
    // It starts again on what it wrote.
    system.stop();
    system.up();
    day(&system);
}
