//! Snapshots of processes, read for a replay.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use weir_events::{Event, ProcessSampled};
use weir_model::Micros;
use weir_sources::samples::{is_samples, read};

fn line(pid: i64, at: i64) -> String {
    let event = ProcessSampled {
        event_id: weir_events::event_id(Micros(at), &pid.to_be_bytes()),
        event_time: Micros(at),
        tenant: "t".into(),
        source: "host".into(),
        process_pid: pid,
        process_executable_name: "sh".into(),
        ..ProcessSampled::default()
    };
    let mut item = event.to_json().unwrap();
    item["type"] = "process.sampled".into();
    item.to_string()
}

#[test]
fn lines_become_records_in_the_order_of_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.jsonl");
    let at = 1_763_634_000_000_000;
    std::fs::write(&path, format!("{}\n\n{}", line(1, at + 5), line(2, at))).unwrap();
    assert!(is_samples(&path).unwrap());
    let records = read(&path, None).unwrap();
    let times: Vec<_> = records.iter().map(|r| r.log_time.unwrap().0 - at).collect();
    assert_eq!(times, [0, 5]);
    assert_eq!(records[0].topic, "weir.events.process.sampled");
    assert_eq!(records[0].key, b"host");
}

#[test]
fn a_file_that_is_not_whole_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.jsonl");
    let good = line(1, 1_763_634_000_000_000);
    for bad in [
        &good[..good.len() - 9],
        "{}",
        "[]",
        r#"{"type":"llm.call"}"#,
        &good.replace("cpu_percent", "cpu"),
    ] {
        std::fs::write(&path, format!("{good}\n{bad}")).unwrap();
        let said = read(&path, None).unwrap_err().to_string();
        assert!(said.starts_with("WEIR-1509: line 2"), "{bad}: {said}");
    }
    assert!(is_samples(Path::new("/nowhere")).is_err());
}
