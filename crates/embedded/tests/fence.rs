//! The second wall: what a process behind it reaches, whatever it runs.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use weir_embedded::engine::enclose;

/// The process behind the fence: tries it out, says what came of it.
#[test]
fn fenced_process() {
    let Some(dir) = std::env::var_os("WEIR_TEST_FENCED") else {
        return;
    };
    let dir = Path::new(&dir);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (data, outside) = (dir.join("data"), dir.join("outside"));
    if !enclose(&data, &std::env::current_exe().unwrap()).unwrap() {
        println!("no Landlock here");
        return;
    }
    // The threads that come later are behind it.
    let tried = std::thread::spawn(move || {
        fs::write(data.join("own"), "own").unwrap();
        let kinds = [
            fs::read(&outside).map(drop),
            fs::write(outside.with_extension("new"), "x"),
            fs::read("/etc/passwd").map(drop),
            fs::read(format!(
                "/proc/{}/environ",
                std::os::unix::process::parent_id()
            ))
            .map(drop),
            TcpStream::connect(listener.local_addr().unwrap()).map(drop),
        ];
        kinds.map(|tried| tried.err().map(|e| e.kind()))
    });
    assert_eq!(
        tried.join().unwrap(),
        [Some(ErrorKind::PermissionDenied); 5]
    );
    println!("kept to its data");
}

#[test]
fn a_fenced_process_keeps_to_its_data() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    fs::write(dir.path().join("outside"), "x").unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "fenced_process",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("WEIR_TEST_FENCED", dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected = ["kept to its data", "no Landlock here"];
    assert!(
        output.status.success() && expected.iter().any(|e| said.contains(e)),
        "{said}"
    );
}
