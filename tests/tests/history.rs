//! One simulated history: counted exactly, the same in every shape of system, after every kind of
//! death.

#![allow(clippy::unwrap_used)]

use rand::{Rng, SeedableRng};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use weir_tests::{PATIENCE, System};

const SIMULATE: &[&str] = &[
    "simulate",
    "--engineers",
    "8",
    "--days",
    "3",
    "--seed",
    "7",
    "--intensity",
    "2",
    "--start",
    "2026-01-05",
];
/// Log time of the end of the simulation.
const THROUGH: &str = "2026-01-08T00:00:00Z";

/// A history that was verified once, as a snapshot to be played elsewhere.
struct Base {
    dir: tempfile::TempDir,
    snapshot: PathBuf,
    digest: Json,
    events: u64,
}

/// Simulates, verifies, records and stops: once for all tests of this file.
fn base() -> &'static Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    BASE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut system = System::start(dir.path(), None, &[]);
        let first = system.json(SIMULATE);
        let events = first["written"].as_u64().unwrap();
        assert!(events > 2000, "{first}");
        let again = system.json(SIMULATE);
        assert_eq!(again["written"], 0, "a second time adds nothing: {again}");

        let verified = system.verify();
        for (kind, rows) in &verified.compared {
            let event = kind.split_once(' ').map(|(event, _)| event);
            let made = event.is_none_or(|e| verified.log["by_event"].get(e).is_some());
            // So short a history holds hardly anything unusual.
            assert!(
                *rows > 0 || kind == "anomalies" || !made,
                "no {kind} compared"
            );
        }
        let counted: u64 = verified.log["by_event"]
            .as_object()
            .unwrap()
            .keys()
            .map(|e| verified.count(e, "events") + verified.count(e, "duplicates"))
            .sum();
        assert_eq!(counted, events, "every event is counted or a duplicate");

        let snapshot = dir.path().join("history.weir");
        // The tick that ends the simulation stands at its very end.
        let recorded = system.json(&[
            "record",
            snapshot.to_str().unwrap(),
            "--through",
            "2026-01-08T00:00:01Z",
        ]);
        assert!(recorded["records"].as_u64().unwrap() > events, "{recorded}");
        let digest = system.digest(THROUGH);
        system.stop();
        Base {
            dir,
            snapshot,
            digest,
            events,
        }
    })
}

/// The digest becomes that of the base: windows are written when they are final, and only once.
fn assert_same(system: &System, base: &Base, shape: &str) {
    let until = Instant::now() + PATIENCE;
    loop {
        let digest = system.digest(THROUGH);
        if digest["digest"] == base.digest["digest"] {
            return;
        }
        // The last windows end with the first ticks after the replay.
        if Instant::now() > until {
            let (found, wanted) = (&digest["parts"], &base.digest["parts"]);
            let differing: Vec<_> = found
                .as_array()
                .unwrap()
                .iter()
                .zip(wanted.as_array().unwrap())
                .filter(|(a, b)| a != b)
                .collect();
            panic!("{shape}: {differing:#?}");
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn git(dir: &Path, date: &str, args: &[&str]) {
    let done = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(args)
        .env("GIT_COMMITTER_DATE", date)
        .env("GIT_AUTHOR_DATE", date)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(done.success(), "git {args:?}");
}

/// `n` commits by git's own bulk loader, one an hour from `start` (seconds since 1970), on top of
/// what is there.
fn commits(dir: &Path, n: u64, start: u64) {
    use std::io::Write;
    let mut child = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    for i in 0..n {
        let (message, text) = (format!("Change {i}"), format!("{start} {i}\n"));
        write!(
            to,
            "commit refs/heads/main\ncommitter Ada <ada@example.com> {} +0000\ndata {}\n{message}\n",
            start + i * 3600,
            message.len()
        )
        .unwrap();
        if i == 0
            && Command::new("git")
                .arg("-C")
                .arg(dir)
                .args(["rev-parse", "-q", "--verify", "main"])
                .output()
                .unwrap()
                .status
                .success()
        {
            writeln!(to, "from refs/heads/main^0").unwrap();
        }
        write!(
            to,
            "M 100644 inline src/{}.rs\ndata {}\n{text}\n",
            i % 10,
            text.len()
        )
        .unwrap();
    }
    drop(to);
    assert!(child.wait().unwrap().success());
}

fn ids(system: &System, table: &str) -> BTreeSet<String> {
    // Alerts on silence go on as time does.
    let sql = format!("SELECT id FROM {table} WHERE tenant = 'acme' OR tenant = 'late'");
    system
        .query(&sql)
        .iter()
        .map(|r| r["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn imported_history_is_counted_once_and_alerts_nobody() {
    let base = base();
    // The base's own directory: a stopped system goes on where it was.
    let mut system = System::start(base.dir.path(), None, &[]);
    assert_same(&system, base, "after a restart");
    let (alerts, kpis) = (ids(&system, "alerts"), ids(&system, "kpis"));
    assert!(!kpis.is_empty());

    let repo = tempfile::tempdir().unwrap();
    git(
        repo.path(),
        "2020-01-01T00:00:00Z",
        &["init", "-q", "-b", "main"],
    );
    let path = repo.path().to_str().unwrap();
    let import = ["import", "git", path, "--tenant", "late"];
    let commits_counted = || {
        system.number(
            "SELECT toUInt64(sum(commits)) FROM productivity_recorded_1d WHERE tenant = 'late' AND rollup = ''",
        )
    };

    // Years ago: far behind every watermark. Interrupted when its first events are in the log;
    // where it is done by then, or has nothing committed yet, with the next part of the history.
    let (mut published, mut interrupted) = (0, false);
    while !interrupted {
        assert!(published < 120_000, "never interrupted in the middle");
        commits(repo.path(), 40_000, 1_200_000_000 + published * 3600);
        published += 40_000;
        let before = system.events("productivity.recorded");
        let mut importer = system.spawn(&import);
        let until = Instant::now() + PATIENCE;
        while system.events("productivity.recorded") < before + 100 {
            assert!(Instant::now() < until, "the import does not begin");
            std::thread::sleep(Duration::from_millis(5));
        }
        importer.kill().unwrap();
        importer.wait().unwrap();
        let rest = system.json(&import);
        let [written, already] = ["written", "already"].map(|k| rest[k].as_u64().unwrap());
        interrupted = written > 0 && already > 0;
        assert!(written == 0 || written + already == 40_000, "{rest}");
    }
    assert_eq!(
        system.json(&import)["written"],
        0,
        "a second import adds nothing"
    );

    commits(repo.path(), 25, 1_200_000_000 + published * 3600);
    assert_eq!(
        system.json(&import)["written"],
        25,
        "a grown history adds what is new"
    );

    // A repository that was imported by itself becomes part of the first: only the commit that
    // joins them is new.
    let joined = tempfile::tempdir().unwrap();
    let date = "2024-01-01T00:00:00Z";
    git(joined.path(), date, &["init", "-q", "-b", "main"]);
    commits(joined.path(), 300, 1_500_000_000);
    let other = joined.path().to_str().unwrap();
    let imported = system.json(&["import", "git", other, "--tenant", "late"]);
    assert_eq!(imported["written"], 300);
    git(repo.path(), date, &["reset", "-q", "--hard", "main"]);
    git(repo.path(), date, &["fetch", "-q", other, "main"]);
    let merge = "merge -q -s ours --allow-unrelated-histories -m Join FETCH_HEAD";
    git(repo.path(), date, &merge.split(' ').collect::<Vec<_>>());
    assert_eq!(system.json(&import)["written"], 1);

    let verified = system.verify();
    assert_eq!(commits_counted(), (published + 326) as f64);
    assert_eq!(verified.count("productivity.recorded", "counted_twice"), 0);
    assert!(verified.count("productivity.recorded", "late") >= published + 326);
    assert_eq!(ids(&system, "alerts"), alerts, "late history alerts nobody");
    assert_eq!(ids(&system, "kpis"), kpis, "nor is it judged");
    system.stop();
}

/// Plays the snapshot into a new system of another shape and compares.
fn replayed(flags: &[&str], speed: &str) {
    let base = base();
    let dir = tempfile::tempdir().unwrap();
    let mut system = System::start(dir.path(), None, flags);
    let snapshot = base.snapshot.to_str().unwrap();
    let played = system.json(&["replay", snapshot, "--speed", speed]);
    assert_eq!(played["written"].as_u64(), Some(base.events), "{played}");
    system.settle();
    assert_same(&system, base, &format!("{flags:?} at {speed}"));
    system.stop();
}

#[test]
fn one_digest_with_three_processors() {
    replayed(&["--processors", "3"], "max");
}

#[test]
fn one_digest_with_one_partition_of_partials_slowly() {
    // Three days in some ten seconds: time and again the stages stand at the end of the log.
    replayed(&["--partials", "1"], "25000x");
}

#[test]
fn one_digest_with_eight_partitions_of_partials() {
    replayed(&["--partials", "8"], "max");
}

/// Offsets in use in all raw topics.
fn raw_offsets(system: &System) -> i64 {
    // On a busy machine a broker that was killed takes longer to come back than a command waits.
    let topics = system.json_once_back(&["topics"]);
    let raw = topics.as_array().unwrap().iter().filter(|t| {
        t["topic"]
            .as_str()
            .is_some_and(|n| n.starts_with("weir.events."))
    });
    raw.flat_map(|t| t["partitions"].as_array().unwrap())
        .map(|p| p["end"].as_i64().unwrap())
        .sum()
}

#[test]
fn one_digest_after_kill_9_of_everything_in_turn() {
    let base = base();
    let seed: u64 = rand::rng().random();
    eprintln!("seed {seed}");
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut system = System::start(dir.path(), None, &["--processors", "2"]);
    let snapshot = base.snapshot.to_str().unwrap();
    // Slow enough to be hit in its course, whatever the machine.
    let replay = ["replay", snapshot, "--speed", "10000x"];
    for victim in ["java", "clickhouse", "weir", "java", "weir"] {
        let before = raw_offsets(&system);
        let mut player = system.spawn(&replay);
        // It has to be under way: how long it takes to begin depends on the machine.
        let until = Instant::now() + Duration::from_secs(30);
        while raw_offsets(&system) < before + 100 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        std::thread::sleep(Duration::from_millis(rng.random_range(0..1500)));
        eprintln!("kill -9 of {victim}");
        if victim == "weir" {
            system.kill();
        } else {
            system.kill_child(victim);
        }
        std::thread::sleep(Duration::from_millis(rng.random_range(100..1500)));
        // What it has not committed it will play again.
        let _ = player.kill();
        let _ = player.wait();
        if victim == "weir" {
            system.up();
        }
        system.wait_ready();
    }
    let rest = system.json(&["replay", snapshot]);
    assert!(
        rest["already"].as_u64().unwrap() > 0 && rest["written"].as_u64().unwrap() > 0,
        "{rest}"
    );
    system.verify();
    assert_same(&system, base, "after kill -9");
    system.stop();
}
