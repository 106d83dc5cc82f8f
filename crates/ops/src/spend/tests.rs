#![allow(clippy::unwrap_used)]

use super::*;
use weir_agents::{Agents, Cache, Machine};
use weir_catalog::Catalog;

/// A line of Claude Code: model, second, input, cache read, cache write for an hour, output.
fn line(n: usize, model: &str, at: &str, t: [i64; 4], project: &str) -> String {
    let [input, read, written, output] = t;
    format!(
        r#"{{"type":"assistant","timestamp":"{at}","sessionId":"s{project}","cwd":"/src/{project}","requestId":"r{n}","message":{{"id":"m{n}","model":"{model}","stop_reason":"end_turn","usage":{{"input_tokens":{input},"cache_read_input_tokens":{read},"cache_creation_input_tokens":{written},"cache_creation":{{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":{written}}},"output_tokens":{output},"service_tier":"standard"}}}}}}"#
    )
}

fn of(lines: &[String], zone: &str) -> Spend {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".claude/projects/p");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("s.jsonl"), lines.join("\n")).unwrap();
    let agents = Agents::shipped().unwrap();
    let logs = agents.find(&Machine::at(home.path()));
    let read = Cache::default().read(&agents, &logs, &mut |_, _| {});
    assert_eq!(read.calls.len(), lines.len());
    let mut prices = Prices::new(&Catalog::embedded().unwrap()).unwrap();
    spend(
        read.calls.iter(),
        &mut prices,
        &TimeZone::get(zone).unwrap(),
    )
}

#[test]
fn a_call_costs_what_the_price_book_says_and_a_cache_saves_the_rest() {
    // Opus 4.5, USD per million: input 5, read 0.5, written for an hour 10, output 25.
    let at = "2026-03-04T12:00:00Z";
    let s = of(
        &[line(
            1,
            "claude-opus-4-5",
            at,
            [1_000_000, 2_000_000, 100_000, 40_000],
            "a",
        )],
        "UTC",
    );
    assert_eq!(s.total.usd.to_f64(), 5.0 + 1.0 + 1.0 + 1.0);
    // Read 2 million at 4.5 less each, written 0.1 million at 5 more.
    assert_eq!(s.cache.saved_usd.to_f64(), 9.0 - 0.5);
    assert_eq!(s.cache.hit_rate, Some(2.0 / 3.1));
    assert_eq!((s.total.unpriced, s.cache.unknown_tokens), (0, 0));
}

#[test]
fn what_has_no_price_is_named_and_never_free() {
    let at = "2026-03-04T12:00:00Z";
    let s = of(
        &[
            line(1, "claude-opus-4-5", at, [1_000_000, 0, 0, 0], "a"),
            line(2, "glm-4.6", at, [10, 5, 0, 7], "b"),
        ],
        "UTC",
    );
    assert_eq!((s.total.usd.to_f64(), s.total.unpriced), (5.0, 1));
    let wanted = UnpricedModel {
        provider: "anthropic".into(),
        model: "glm-4.6".into(),
        calls: 1,
        tokens: 22,
    };
    assert_eq!(s.unpriced, [wanted]);
    assert_eq!(s.cache.unknown_tokens, 5);
    let names: Vec<&str> = s.models.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["claude-opus-4-5", "glm-4.6"], "the dearest first");
}

#[test]
fn days_are_those_of_the_zone() {
    let lines = [
        line(
            1,
            "claude-opus-4-5",
            "2026-03-04T22:59:59Z",
            [1, 0, 0, 0],
            "a",
        ),
        line(
            2,
            "claude-opus-4-5",
            "2026-03-04T23:00:00Z",
            [1, 0, 0, 0],
            "a",
        ),
    ];
    let days =
        |zone: &str| -> Vec<String> { of(&lines, zone).days.into_iter().map(|r| r.name).collect() };
    assert_eq!(days("Europe/Berlin"), ["2026-03-04", "2026-03-05"]);
    assert_eq!(days("UTC"), ["2026-03-04"]);
}
