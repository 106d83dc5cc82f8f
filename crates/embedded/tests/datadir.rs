//! Who holds a data directory, seen from another process.
#![allow(clippy::unwrap_used)]

use std::process::Command;
use weir_embedded::DataDir;
use weir_model::codes;

/// The second process: takes the directory that the variable names, says what came of it.
#[test]
fn second_process() {
    let Some(dir) = std::env::var_os("WEIR_TEST_SECOND") else {
        return;
    };
    match DataDir::lock(&dir) {
        Ok(_) => println!("taken"),
        Err(error) => println!("refused {} {error}", error.code()),
    }
    match DataDir::running(&dir) {
        Ok(running) => println!(
            "running {} {} {}",
            running.brokers, running.clickhouse, running.http
        ),
        Err(error) => println!("not running {}", error.code()),
    }
}

fn ask(dir: &std::path::Path) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "second_process", "--nocapture"])
        .env("WEIR_TEST_SECOND", dir)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn one_process_holds_a_directory_and_others_find_it() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        DataDir::running(dir.path()).unwrap_err().code(),
        codes::NOT_RUNNING
    );
    let mut held = DataDir::lock(dir.path()).unwrap();

    let answer = ask(dir.path());
    assert!(answer.contains("refused WEIR-0201"), "{answer}");
    assert!(
        answer.contains(&format!("process {} ", std::process::id())),
        "{answer}"
    );
    assert!(
        answer.contains("not running WEIR-0204"),
        "not announced yet: {answer}"
    );

    held.announce(
        ("127.0.0.1:1", "127.0.0.1:4"),
        "http://127.0.0.1:2",
        "http://127.0.0.1:3",
    )
    .unwrap();
    let answer = ask(dir.path());
    assert!(
        answer.contains("running 127.0.0.1:1 http://127.0.0.1:2 http://127.0.0.1:3"),
        "{answer}"
    );

    // What was announced is worth nothing without its holder.
    let announced = std::fs::read(dir.path().join("weir.json")).unwrap();
    drop(held);
    std::fs::write(dir.path().join("weir.json"), announced).unwrap();
    assert_eq!(
        DataDir::running(dir.path()).unwrap_err().code(),
        codes::NOT_RUNNING
    );
    let answer = ask(dir.path());
    assert!(answer.contains("taken"), "{answer}");
}
