//! What an import of session logs is told of the archive, against the real engine.

#![allow(clippy::unwrap_used)]

use std::fs;
use weir_agents::{Agents, Cache, Call, Machine, joined};
use weir_catalog::Catalog;
use weir_kafka::Brokers;
use weir_ops::archive::Archived;
use weir_sources::ingest::Archive;
use weir_store::{Store, StoreConfig, built_in};

/// Two calls of Claude Code with a tool, and two of Codex.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let answer = |n: u32| {
        format!(
            r#"{{"type":"assistant","timestamp":"2026-03-04T05:06:0{n}Z","sessionId":"s","requestId":"r{n}","message":{{"id":"m{n}","model":"claude-opus-4-5","stop_reason":"tool_use","content":[{{"type":"tool_use","id":"t{n}","name":"Bash"}}],"usage":{{"input_tokens":7,"output_tokens":5}}}}}}
{{"type":"user","timestamp":"2026-03-04T05:06:0{n}Z","sessionId":"s","message":{{"content":[{{"type":"tool_result","tool_use_id":"t{n}","content":""}}]}}}}
"#
        )
    };
    write(".claude/projects/p/s.jsonl", &(answer(1) + &answer(2)));
    let record = |n: u32| {
        format!(
            r#"{{"timestamp":"2026-03-04T05:06:0{n}.000Z","type":"token_usage_record","payload":{{"thread_id":"it's","response_id":"resp{n}","usage":{{"input_tokens":10,"cached_input_tokens":4,"output_tokens":9,"reasoning_output_tokens":2}}}}}}
"#
        )
    };
    let context = "{\"timestamp\":\"2026-03-04T05:06:00Z\",\"type\":\"turn_context\",\"payload\":{\"model\":\"gpt-5\"}}\n";
    write(
        ".codex/sessions/x.jsonl",
        &(context.to_owned() + &record(3) + &record(4)),
    );
    home
}

async fn fill(store: &Store, catalog: &Catalog) {
    store.prepare(&built_in(), catalog).await.unwrap();
    let columns = "log_partition, log_offset, log_time, event_id, event_time, tenant, resource";
    let at = |n: u32| format!("'2026-03-04 05:06:0{n}'");
    let call = |id: u32, tenant: &str, import: &str, request: &str, session: &str, tokens: &str| {
        format!(
            "INSERT INTO events_llm_call ({columns}, request_id, session_id, model, tokens_input, tokens_cache_read, tokens_output, tokens_reasoning) \
             VALUES (0, {id}, {at}, 'e{id}', {at}, '{tenant}', {{'weir.import': '{import}'}}, {request}, '{session}', 'gpt-5', {tokens})",
            at = at(3)
        )
    };
    let rows = [
        call(1, "t", "", "'r1'", "elsewhere", "7, NULL, 5, NULL"),
        call(2, "u", "", "'r2'", "s", "7, NULL, 5, NULL"),
        call(3, "t", "agents", "'r2'", "s", "7, NULL, 5, NULL"),
        // The same tokens as both calls of Codex, told twice.
        call(4, "t", "", "NULL", "it\\'s", "6, 4, 7, 2"),
        call(4, "t", "", "NULL", "it\\'s", "6, 4, 7, 2"),
        format!(
            "INSERT INTO events_tool_called ({columns}, call_id, session_id) VALUES (0, 1, {at}, 'f', {at}, 't', {{}}, 't2', 's')",
            at = at(2)
        ),
    ];
    for row in rows {
        store.execute(&row).await.unwrap();
    }
}

#[test]
fn only_what_came_another_way_is_there_and_stands_for_one() {
    let config = StoreConfig {
        database: "archived".into(),
        ..StoreConfig::at(weir_embedded::testing::clickhouse().url())
    };
    let catalog = Catalog::embedded().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(fill(&Store::new(&config), &catalog));
    let (home, agents) = (home(), Agents::shipped().unwrap());
    let logs = agents.find(&Machine::at(home.path()));
    let read = Cache::default().read(&agents, &logs, &mut |_, _| {});
    let calls: Vec<&Call> = read.calls.iter().collect();
    let mut archive = Archived::new(&config, &Brokers::new("127.0.0.1:1"), &agents, "t").unwrap();
    let there = archive.calls(&calls).unwrap();
    let found = joined(&agents, &calls, &there);
    let found: Vec<(&str, bool)> = calls
        .iter()
        .map(|c| c.identity.as_str())
        .zip(found)
        .collect();
    assert_eq!(
        found,
        [
            ("r1", true),
            ("r2", false),
            ("resp3", true),
            ("resp4", false)
        ]
    );
    let tools: Vec<_> = read.tools.iter().collect();
    assert_eq!(archive.tools(&tools).unwrap(), [false, true]);
}
