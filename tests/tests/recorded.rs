//! Real recorded telemetry through the shipped mappings, counted exactly and once.

#![allow(clippy::unwrap_used)]

use weir_tests::{System, root};

/// (mapping, file below the folder of recorded data, event type)
const SETS: &[(&str, &str, &str)] = &[
    (
        "azure-llm-trace",
        "llm/azure_llm_code_2023.csv.gz",
        "llm.call",
    ),
    (
        "conversation-trace",
        "llm/conversation_trace.jsonl.gz",
        "llm.call",
    ),
    (
        "coding-agent-trace",
        "llm/coding_agent_requests.csv.gz",
        "llm.call",
    ),
    (
        "assistant-analytics",
        "eng/assistant_analytics.jsonl.gz",
        "llm.call",
    ),
];

#[test]
fn recorded_data_is_counted_exactly_and_once() {
    let data = root().join("../shared/data");
    if !data.is_dir() {
        eprintln!("no recorded data at {}: not tested", data.display());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut system = System::start(dir.path(), None, &[]);
    let mut written = 0;
    for (map, file, event) in SETS {
        let file = data.join(file);
        let import = ["import", "--map", map, file.to_str().unwrap()];
        let before = system.events(event);
        let first = &system.json(&import)[0];
        let n = first["written"].as_u64().unwrap();
        assert!(n > 1000, "{map}: {first}");
        assert_eq!(first["refused"], 0, "{map}: {first}");
        assert!(
            system.events(event) >= before + n,
            "{map} is not of {event}"
        );
        let again = &system.json(&import)[0];
        assert_eq!(again["written"], 0, "{map} a second time: {again}");
        written += n;
    }
    let verified = system.verify();
    let by_event = verified.log["by_event"].as_object().unwrap();
    let seen: u64 = by_event
        .keys()
        .map(|e| verified.count(e, "events") + verified.count(e, "duplicates"))
        .sum();
    assert_eq!(seen, written);
    let of = |what: &str| -> u64 { by_event.keys().map(|e| verified.count(e, what)).sum() };
    assert_eq!(of("dead"), 0);
    assert!(verified.compared.values().sum::<u64>() > 10_000);
    system.stop();
}
