//! Declarations of one's own, and what is wrong with them.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use support::map;
use weir_otlp::{Mappings, Signal, Wrong};

/// A folder with the shipped declaration for unknown emitters and one more file.
fn with(name: &str, text: &str) -> (tempfile::TempDir, Result<Mappings, Wrong>) {
    let dir = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/otlp/default.yaml");
    fs::create_dir(dir.path().join("otlp")).unwrap();
    fs::copy(shipped, dir.path().join("otlp/default.yaml")).unwrap();
    fs::write(dir.path().join("otlp").join(name), text).unwrap();
    let loaded = Mappings::load(dir.path());
    (dir, loaded)
}

/// The worked example of `docs/otlp.md`, as it stands there.
fn example() -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/otlp.md");
    let docs = fs::read_to_string(docs).unwrap();
    let start = docs.find("```yaml\nemitter: acme-agent").unwrap() + "```yaml\n".len();
    let end = docs[start..].find("```").unwrap();
    docs[start..start + end].to_owned()
}

#[test]
fn an_emitter_is_added_without_rust() {
    let (_dir, loaded) = with("acme-agent.yaml", &example());
    let mappings = loaded.unwrap();
    assert!(mappings.emitters().any(|(e, _)| e == "acme-agent"));
    let text = |k: &str, v: &str| json!({"key": k, "value": {"stringValue": v}});
    let int = |k: &str, v: u64| json!({"key": k, "value": {"intValue": v}});
    let at = "1790000000000000000";
    let record = |name: &str, attributes: Vec<Value>| {
        json!({
            "timeUnixNano": at, "eventName": name, "attributes": attributes,
        })
    };
    let body = json!({"resourceLogs": [{"scopeLogs": [{"scope": {"name": "acme.agent"},
    "logRecords": [
        record("completion", vec![
            text("id", "x-1"), text("llm", "gpt-5-mini"), int("prompt", 100), int("cached", 60),
            int("answer", 20), text("seconds", "1.5"), text("outcome", "fine"),
        ]),
        record("heartbeat", vec![]),
    ]}]}]});
    let mapped = map(&mappings, Signal::Logs, &body);
    assert_eq!((mapped.events.len(), mapped.ignored), (1, 1), "{mapped:?}");
    let event = &mapped.events[0];
    assert_eq!(event["type"], "llm.call");
    assert_eq!(event["request_id"], "x-1");
    assert_eq!(
        (&event["tokens_input"], &event["tokens_cache_read"]),
        (&json!(40), &json!(60))
    );
    assert_eq!(event["latency_ms"].as_f64(), Some(1500.0));
    assert_eq!(event["success"], true);
}

#[test]
fn what_is_wrong_is_told_with_file_line_and_remedy() {
    let head = "emitter: x\nscopes: [x]\nrecords:\n";
    let cases = [
        (
            "  - log: a\n    event: llm.cal\n",
            4,
            "no event type \"llm.cal\"",
            "llm.call",
        ),
        (
            "  - log: a\n    event: llm.call\n    fields:\n      modle: m\n",
            7,
            "\"modle\"",
            "model",
        ),
        (
            "  - log: a\n    event: llm.call\n    fields:\n      model: $nope\n",
            7,
            "$nope",
            "$resource",
        ),
        (
            "  - event: llm.call\n",
            4,
            "no log, span or metric",
            "log: NAME",
        ),
        ("  - log: a\n", 4, "one of event, repeats", "keep one"),
        (
            "  - log: a\n    ignore: x\n    since: soon\n",
            4,
            "\"soon\" is no version",
            "numbers",
        ),
        ("  - log: a\n    evnt: x\n", 5, "evnt", "compare"),
        ("  - log: a\n    event: ai.query\n", 4, "needs", "add it"),
        (
            "  - log: a\n    event: llm.call\n    fields:\n      success: {value: perhaps}\n",
            7,
            "does not take",
            "type",
        ),
    ];
    for (text, line, message, remedy) in cases {
        let (_dir, loaded) = with("x.yaml", &format!("{head}{text}"));
        let wrong = loaded.unwrap_err();
        assert_eq!(wrong.file, "otlp/x.yaml", "{wrong}");
        assert_eq!(wrong.line, line, "{wrong}");
        assert!(wrong.message.contains(message), "{wrong}");
        assert!(wrong.remedy.contains(remedy), "{wrong}");
        assert!(
            wrong.to_string().starts_with("WEIR-0302: otlp/x.yaml:"),
            "{wrong}"
        );
    }
}

#[test]
fn a_scope_belongs_to_one_file() {
    let text = "emitter: x\nscopes:\n  - y\n  - y\nrecords: []\n";
    let (_dir, loaded) = with("x.yaml", text);
    let wrong = loaded.unwrap_err();
    assert_eq!((wrong.line, wrong.file.as_str()), (4, "otlp/x.yaml"));
    assert!(wrong.message.contains("declared twice"), "{wrong}");
    let (dir, _) = with("x.yaml", text);
    fs::remove_file(dir.path().join("otlp/default.yaml")).unwrap();
    fs::remove_file(dir.path().join("otlp/x.yaml")).unwrap();
    let wrong = Mappings::load(dir.path()).unwrap_err();
    assert!(wrong.message.contains("is missing"), "{wrong}");
}

#[test]
fn the_shipped_files_are_those_of_the_folder() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let folder = Mappings::load(&schemas).unwrap();
    let inner = Mappings::load(&schemas.join("otlp")).unwrap();
    let shipped = Mappings::shipped().unwrap();
    let names = |m: &Mappings| m.emitters().map(|(e, _)| e.to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&folder), names(&shipped));
    assert_eq!(names(&inner), names(&shipped));
    assert!(names(&shipped).iter().any(|n| n == "claude-code"));
    // A folder that has none is one that was made before.
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(
        names(&Mappings::load(empty.path()).unwrap()),
        names(&shipped)
    );
}

#[test]
fn what_is_wrong_with_the_common_file_is_told_of_it() {
    let text = "emitter: a\nscopes: [a]\nconventions: true\nrecords: []\n";
    let (dir, loaded) = with("a.yaml", text);
    loaded.unwrap();
    let common = dir.path().join("otlp/default.yaml");
    let text = fs::read_to_string(&common).unwrap();
    fs::write(&common, text.replace("model: [", "model: [$nope, ")).unwrap();
    let wrong = Mappings::load(dir.path()).unwrap_err();
    assert_eq!(wrong.file, "otlp/default.yaml", "{wrong}");
    assert!(wrong.message.contains("$nope"), "{wrong}");
}

/// A rule holds for the versions that it names; without a version the newest counts.
#[test]
fn versions_choose_rules() {
    let text = "emitter: x\nscopes: [x]\nversion: [v]\nrecords:\n  \
        - {log: a, until: \"2.0\", ignore: old}\n  \
        - {log: a, since: \"2.0\", until: \"2.10\", repeats: other}\n  \
        - {log: a, since: \"2.10\", event: tool.called}\n";
    let (_dir, loaded) = with("x.yaml", text);
    let mappings = loaded.unwrap();
    let became = |version: &str| {
        let v = json!({"key": "v", "value": {"stringValue": version}});
        let body = json!({"resourceLogs": [{"scopeLogs": [{"scope": {"name": "x"},
            "logRecords": [{"eventName": "a", "attributes": [v]}]}]}]});
        let mapped = map(&mappings, Signal::Logs, &body);
        (mapped.ignored, mapped.repeated, mapped.events.len())
    };
    assert_eq!(became("1.9.9"), (1, 0, 0));
    assert_eq!(became("v2.0"), (0, 1, 0));
    assert_eq!(became("2.9"), (0, 1, 0));
    assert_eq!(became("2.10.1-beta"), (0, 0, 1));
    assert_eq!(became(""), (0, 0, 1));
}
