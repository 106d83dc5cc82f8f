//! Parts that stand still or die, one after the other: nothing is stuck, nothing is lost, nothing
//! is counted twice. `load-tests/faults` runs the same with weir's real limits, for as long as one
//! likes.

#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use weir_tests::faults::{Plan, run};
use weir_tests::{binary, get};

/// Weir's limits, and the pauses, are so much shorter here.
const SCALE: f64 = 0.3;

#[test]
fn every_part_may_stand_still_or_die() {
    let seed = std::env::var("WEIR_FAULTS_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| rand::random_range(0..1_000_000));
    let plan = Plan {
        rounds: 22,
        seed,
        scale: SCALE,
    };
    run(&plan, tempfile::tempdir().unwrap().path());
}

/// A service for brokers that are not there.
fn service(name: &str, http: &str, flags: &[&str]) -> Child {
    Command::new(binary())
        .args([
            "--brokers",
            "127.0.0.1:1",
            "--clickhouse",
            "http://127.0.0.1:1",
        ])
        .args([name, "--http", http])
        .args(flags)
        .env("WEIR__TIMEOUTS__SCALE", SCALE.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn services_wait_for_what_they_depend_on_and_say_so() {
    for name in ["processor", "sink"] {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let http = free.local_addr().unwrap().to_string();
        drop(free);
        let mut waiting = service(name, &http, &[]);
        let mut refusing = service(name, "127.0.0.1:0", &["--exit-when-unreachable"]);

        let status = refusing.wait().unwrap();
        assert_eq!(status.code(), Some(2), "{name} ends where it is asked to");
        // Longer than the other took to give up, and than after which it would be taken for dead.
        let until = Instant::now() + Duration::from_secs(60).mul_f64(SCALE);
        while Instant::now() < until {
            assert!(waiting.try_wait().unwrap().is_none(), "{name} ended");
            std::thread::sleep(Duration::from_millis(500));
        }
        let (code, why) = get(&http, "/readyz").unwrap();
        assert!(code == 503 && why.contains("127.0.0.1:1"), "{why}");
        assert_eq!(
            get(&http, "/livez").unwrap().0,
            200,
            "{name}: no restart helps"
        );
        // SIGTERM, as a supervisor sends it.
        let kill = Command::new("kill").arg(waiting.id().to_string()).status();
        assert!(kill.unwrap().success());
        assert!(waiting.wait().unwrap().success(), "{name} ends in order");
    }
}
