//! What logs do that would count a call twice, or not at all.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use weir_agents::{Agents, Cache, Call, Machine, Read};

/// A person's folder with logs in it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn text(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn lines(&self, name: &str, lines: &[Value]) {
        let text: String = lines.iter().map(|l| format!("{l}\n")).collect();
        self.text(name, &text);
    }

    fn read(&self) -> Read {
        read(&mut Cache::default(), self.0.path())
    }
}

fn read(cache: &mut Cache, home: &Path) -> Read {
    let agents = Agents::shipped().unwrap();
    let logs = agents.find(&Machine::at(home));
    cache.read(&agents, &logs, &mut |_, _| {})
}

/// (identity, session, input, output) of each call.
fn short(read: &Read) -> Vec<(String, String, i64, i64)> {
    let of = |c: &Call| {
        let t = c.tokens;
        (
            c.identity.clone(),
            c.session.to_string(),
            t.input.unwrap(),
            t.output.unwrap(),
        )
    };
    read.calls.iter().map(of).collect()
}

fn at(second: u32) -> String {
    format!("2026-03-04T05:06:{second:02}.000Z")
}

/// A line of an answer of Claude Code.
fn answer(session: &str, ids: [&str; 2], second: u32, output: i64, stop: Option<&str>) -> Value {
    let mut line = json!({
        "type": "assistant", "timestamp": at(second), "sessionId": session, "cwd": "/src/shop",
        "message": {"id": ids[1], "model": "claude-sonnet-4-5", "stop_reason": stop,
            "content": [{"type": "text", "text": "a secret"}],
            "usage": {"input_tokens": 7, "output_tokens": output}},
    });
    if !ids[0].is_empty() {
        line["requestId"] = json!(ids[0]);
    }
    line
}

const STOP: Option<&str> = Some("end_turn");

#[test]
fn lines_of_one_answer_are_one_call_with_its_largest_numbers() {
    let home = Home::new();
    let of = |s, o, stop| answer("s", ["r1", "m1"], s, o, stop);
    home.lines(
        ".claude/projects/p/s.jsonl",
        &[of(1, 2, None), of(2, 90, STOP), of(3, 2, None)],
    );
    let read = home.read();
    assert_eq!(short(&read), [("r1".into(), "s".into(), 7, 90)]);
    assert_eq!(read.calls[0].complete, Some(true));
    assert_eq!(read.repeated, 2);
}

#[test]
fn an_answer_without_its_end_is_a_lower_bound() {
    let home = Home::new();
    home.lines(
        ".claude/projects/p/s.jsonl",
        &[answer("s", ["r1", "m1"], 1, 2, None)],
    );
    assert_eq!(home.read().calls[0].complete, Some(false));
}

#[test]
fn a_copied_history_counts_once_and_belongs_to_its_original() {
    let home = Home::new();
    let mut copy = answer("b", ["r1", "m1"], 1, 90, STOP);
    copy["forkedFrom"] = json!({"sessionId": "a"});
    home.lines(
        ".claude/projects/q/b.jsonl",
        &[
            copy,
            answer("b", ["r1", "m1"], 1, 90, STOP),
            answer("b", ["r2", "m2"], 9, 5, STOP),
        ],
    );
    let alone = short(&home.read());
    home.lines(
        ".claude/projects/p/a.jsonl",
        &[answer("a", ["r1", "m1"], 1, 90, STOP)],
    );
    let wanted = [
        ("r1".to_owned(), "a".to_owned(), 7, 90),
        ("r2".to_owned(), "b".to_owned(), 7, 5),
    ];
    assert_eq!(short(&home.read()), wanted);
    assert_eq!(alone, wanted, "also when the original is gone");
}

#[test]
fn a_replayed_answer_is_no_call_and_one_without_ids_is() {
    let home = Home::new();
    home.lines(
        ".claude/projects/p/s.jsonl",
        &[
            answer("s", ["r1", "m1"], 1, 90, STOP),
            answer("s", ["r7", "m1"], 5, 90, STOP),
            answer("s", ["", "m2"], 6, 4, STOP),
            answer("t", ["", "m2"], 7, 3, STOP),
        ],
    );
    let calls = short(&home.read());
    assert_eq!(calls.len(), 3, "{calls:?}");
    assert_eq!(calls[0].0, "r1");
}

#[test]
fn sub_agents_are_billed_work() {
    let home = Home::new();
    home.lines(
        ".claude/projects/p/s/subagents/agent-1.jsonl",
        &[answer("s", ["r1", "m1"], 1, 90, STOP)],
    );
    assert_eq!(home.read().calls.len(), 1);
}

#[test]
fn only_what_failed_for_good_is_a_failed_call() {
    let home = Home::new();
    let said = |id: Value, error: Value| {
        json!({"type": "assistant", "timestamp": at(3), "sessionId": "s", "requestId": id,
            "isApiErrorMessage": error, "apiErrorStatus": 429,
            "message": {"id": "x", "model": "<synthetic>", "content": [], "usage": {"input_tokens": 0}}})
    };
    home.lines(
        ".claude/projects/p/s.jsonl",
        &[
            json!({"type": "api-request", "params": {"model": "claude-opus-4-5"}}),
            json!({"type": "system", "subtype": "api_error", "error": {"requestId": "r0"}, "timestamp": at(1)}),
            said(json!("r1"), json!(true)),
            said(json!(null), json!(true)),
            said(json!("r2"), json!(null)),
        ],
    );
    let read = home.read();
    assert_eq!(short(&read), [("r1".into(), "s".into(), 0, 0)]);
    assert_eq!(read.calls[0].error.as_deref(), Some("rate_limit"));
    assert_eq!(&*read.calls[0].model, "claude-opus-4-5");
}

#[test]
fn torn_glued_and_unknown_lines_cost_nothing() {
    let home = Home::new();
    let whole = answer("s", ["r1", "m1"], 1, 90, STOP).to_string();
    let glued = answer("s", ["r2", "m2"], 2, 5, STOP).to_string();
    let odd = r#"{"type":"assistant","usage":7,"message":"usage","timestamp":5}"#;
    let bad = r#"{"usage": nonsense}"#;
    let torn = &whole[..whole.len() - 30];
    home.text(
        ".claude/projects/p/s.jsonl",
        &format!("{odd}\n{bad}\n{whole}{glued}\n{torn}"),
    );
    let read = home.read();
    assert_eq!(read.calls.len(), 2);
    assert_eq!(read.odd, 2, "the bad line and the torn one");
    home.text(".claude/projects/p/s.jsonl", &whole);
    assert_eq!(home.read().calls.len(), 1, "a last line needs no end");
}

#[test]
fn files_may_grow_shrink_and_go() {
    let home = Home::new();
    let mut cache = Cache::default();
    let name = ".claude/projects/p/s.jsonl";
    let first = answer("s", ["r1", "m1"], 1, 90, STOP);
    home.lines(name, std::slice::from_ref(&first));
    assert_eq!(read(&mut cache, home.0.path()).calls.len(), 1);
    home.lines(
        name,
        &[first.clone(), answer("s", ["r2", "m2"], 2, 5, STOP)],
    );
    assert_eq!(read(&mut cache, home.0.path()).calls.len(), 2);
    home.lines(name, &[first]);
    assert_eq!(read(&mut cache, home.0.path()).calls.len(), 1, "read anew");
    let agents = Agents::shipped().unwrap();
    let logs = agents.find(&Machine::at(home.0.path()));
    fs::remove_file(home.path(name)).unwrap();
    let gone = Cache::default().read(&agents, &logs, &mut |_, _| {});
    assert!(gone.calls.is_empty() && gone.unread.is_empty());
}

fn total(second: u32, input: i64, last: i64) -> Value {
    let of = |n: i64| json!({"input_tokens": n, "cached_input_tokens": 0, "output_tokens": n, "reasoning_output_tokens": 0});
    json!({"timestamp": at(second), "type": "event_msg", "payload": {"type": "token_count",
        "info": {"total_token_usage": of(input), "last_token_usage": of(last)}}})
}

fn meta(id: &str, from: Option<&str>) -> Value {
    json!({"timestamp": at(0), "type": "session_meta",
        "payload": {"id": id, "cwd": "/src/shop", "forked_from_id": from}})
}

#[test]
fn codex_counts_what_moves_the_total_and_forks_inherit() {
    let home = Home::new();
    let base = ".codex/sessions/2026/03/04/rollout-";
    let parent = [total(1, 10, 10), total(2, 10, 10), total(3, 30, 20)];
    let mut all = vec![meta("p", None)];
    all.extend(parent.clone());
    home.lines(&format!("{base}p.jsonl"), &all);
    let mut child = vec![meta("c", Some("p")), meta("p", None)];
    child.extend([total(41, 10, 10), total(42, 30, 20), total(50, 35, 5)]);
    home.lines(&format!("{base}c.jsonl"), &child);
    let of = |r: &Read| -> Vec<(String, i64)> {
        let calls = r.calls.iter();
        calls
            .map(|c| (c.session.to_string(), c.tokens.input.unwrap()))
            .collect()
    };
    let wanted = [
        ("p".to_owned(), 10),
        ("p".to_owned(), 20),
        ("c".to_owned(), 5),
    ];
    assert_eq!(of(&home.read()), wanted);
    let identities: Vec<_> = home.read().calls.into_iter().map(|c| c.identity).collect();
    fs::remove_file(home.path(&format!("{base}p.jsonl"))).unwrap();
    let alone: Vec<_> = home.read().calls.into_iter().map(|c| c.identity).collect();
    assert_eq!(
        alone, identities,
        "a parent that is gone changes no identity"
    );
}

#[test]
fn a_record_and_the_total_after_it_are_one_call() {
    let home = Home::new();
    let usage = json!({"input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 10, "reasoning_output_tokens": 3});
    let record = json!({"timestamp": at(1), "type": "token_usage_record", "payload": {
        "thread_id": "p", "response_id": "resp1", "usage": usage, "thread_token_usage": usage}});
    let counted = json!({"timestamp": at(2), "type": "event_msg", "payload": {"type": "token_count",
        "info": {"total_token_usage": usage, "last_token_usage": usage}}});
    // Within a quotation it is none.
    let quoted = json!({"timestamp": at(3), "type": "compacted", "payload": {
        "latest_token_usage_record": record["payload"], "usage": usage, "response_id": "resp2"}});
    home.lines(
        ".codex/sessions/x.jsonl",
        &[meta("p", None), record, counted, quoted],
    );
    let read = home.read();
    assert_eq!(short(&read), [("resp1".into(), "p".into(), 6, 7)]);
    assert_eq!(read.calls[0].tokens.reasoning, Some(3));
}

#[test]
fn gemini_writes_messages_anew() {
    let home = Home::new();
    let message = |id: &str, tools: Value| {
        json!({"id": id, "timestamp": at(1), "type": "gemini", "model": "gemini-2.5-pro", "toolCalls": tools,
            "tokens": {"input": 100, "cached": 60, "output": 5, "thoughts": 3, "tool": 10}})
    };
    let ran = json!([{"id": "t1", "name": "read_file", "status": "success", "timestamp": at(2)}]);
    home.lines(
        ".gemini/tmp/shop/chats/session-1.jsonl",
        &[
            json!({"sessionId": "s", "kind": "main"}),
            message(
                "a",
                json!([{"id": "t1", "name": "read_file", "status": "executing"}]),
            ),
            message("a", ran.clone()),
            json!({"$rewindTo": "a"}),
            json!({"$set": {"messages": [message("a", ran), message("b", json!([]))]}}),
        ],
    );
    home.text(".gemini/tmp/shop/.project_root", "/src/shop\n");
    let read = home.read();
    assert_eq!(read.calls.len(), 2);
    assert_eq!(
        read.calls[0].tokens.input,
        Some(50),
        "without the cache, with tools"
    );
    assert_eq!(read.tools.len(), 1);
    assert_eq!(&*read.calls[0].project, "/src/shop");
}

#[test]
fn qwen_names_sessions_of_which_only_sums_are_left() {
    let home = Home::new();
    let event = json!({"event.name": "qwen-code.api_response", "event.timestamp": at(1), "response_id": "r1",
        "model": "q", "input_token_count": 10, "cached_content_token_count": 4, "output_token_count": 9,
        "thoughts_token_count": 2, "auth_type": "qwen-oauth"});
    home.lines(
        ".qwen/projects/p/chats/s.jsonl",
        &[
            json!({"sessionId": "s", "uuid": "u", "subtype": "ui_telemetry", "systemPayload": {"uiEvent": event}}),
            json!({"sessionId": "s", "type": "assistant", "usageMetadata": {"promptTokenCount": 10}}),
        ],
    );
    let sum = |s: &str| json!({"sessionId": s, "models": {"q": {"totalTokens": 99}}});
    home.lines(
        ".qwen/usage_record.jsonl",
        &[sum("s"), sum("gone"), sum("gone")],
    );
    let read = home.read();
    assert_eq!(short(&read), [("r1".into(), "s".into(), 6, 7)]);
    assert_eq!(&*read.calls[0].provider, "qwen");
    assert_eq!(read.only_sums, [("gone".to_owned(), 99)]);
}

/// opencode's tables, as far as they are read.
fn data_base(path: &Path) -> rusqlite::Connection {
    let db = rusqlite::Connection::open(path).unwrap();
    db.pragma_update(None, "journal_mode", "wal").unwrap();
    db.execute_batch(
        "CREATE TABLE session (id TEXT, version TEXT, time_created INTEGER);
         CREATE TABLE message (id TEXT, session_id TEXT, data TEXT);
         CREATE TABLE part (session_id TEXT, time_updated INTEGER, data TEXT);",
    )
    .unwrap();
    db
}

fn message(completed: Value, input: i64) -> Value {
    json!({"role": "assistant", "modelID": "m", "providerID": "openai", "cost": 0,
        "time": {"created": 1_700_000_000_000_i64, "completed": completed},
        "tokens": {"input": input, "output": 3, "reasoning": 1, "cache": {"read": 2, "write": 0}}})
}

#[test]
fn opencode_is_read_with_what_was_written_last_and_forks_count_once() {
    let home = Home::new();
    let path = home.path(".local/share/opencode/opencode.db");
    let db = data_base(&path);
    let add = |id: &str, session: &str, data: Value| {
        let sql = "INSERT INTO message VALUES (?, ?, ?)";
        db.execute(sql, (id, session, data.to_string())).unwrap();
    };
    db.execute_batch("INSERT INTO session VALUES ('fork', '1', 2), ('first', '1', 1)")
        .unwrap();
    let done = json!(1_700_000_001_000_i64);
    add("f1", "fork", message(done.clone(), 10));
    add("m1", "first", message(done.clone(), 10));
    add("m2", "first", message(Value::Null, 0));
    add("f2", "fork", message(json!(1_700_000_009_000_i64), 11));
    let mut old = message(done, 10);
    (old["id"], old["sessionID"]) = (json!("m1"), json!("first"));
    home.text(
        ".local/share/opencode/storage/message/first/m1.json",
        &old.to_string(),
    );
    let folder = path.parent().unwrap();
    let there = || {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        names.sort();
        names
    };
    let before = there();
    let read = home.read();
    let sessions: Vec<&str> = read.calls.iter().map(|c| &*c.session).collect();
    assert_eq!(sessions, ["first", "fork"], "{:?}", read.unread);
    assert_eq!(read.calls[0].cost_usd, None, "0 is no price");
    assert_eq!(there(), before);
}

#[test]
fn tools_may_be_left_out() {
    let home = Home::new();
    let result = json!({"type": "user", "timestamp": at(2), "sessionId": "s",
        "message": {"content": [{"type": "tool_result", "tool_use_id": "t1"}]}});
    home.lines(
        ".claude/projects/p/s.jsonl",
        &[answer("s", ["r1", "m1"], 1, 90, STOP), result],
    );
    let all = home.read();
    assert_eq!((all.calls.len(), all.tools.len()), (1, 1));
    let agents = Agents::shipped().unwrap().without_tools();
    let logs = agents.find(&Machine::at(home.0.path()));
    let read = Cache::default().read(&agents, &logs, &mut |_, _| {});
    assert_eq!((read.calls.len(), read.tools.len()), (1, 0));
}

#[test]
fn no_text_is_kept() {
    let home = Home::new();
    home.lines(
        ".claude/projects/p/s.jsonl",
        &[answer("s", ["r1", "m1"], 1, 90, STOP)],
    );
    assert!(!format!("{:?}", home.read()).contains("secret"));
}

#[test]
fn archives_are_unpacked() {
    let home = Home::new();
    let text = format!("{}\n{}\n", meta("p", None), total(1, 10, 10));
    let path = home.path(".codex/archived_sessions/x.jsonl.zst");
    let mut file = fs::File::create(path).unwrap();
    file.write_all(&zstd::encode_all(text.as_bytes(), 1).unwrap())
        .unwrap();
    assert_eq!(home.read().calls.len(), 1);
}

#[test]
fn an_unknown_agent_is_refused_with_those_that_there_are() {
    let agents = Agents::shipped().unwrap();
    let error = agents.only(&["clode".to_owned()]).unwrap_err();
    assert!(
        error.contains("clode") && error.contains("claude-code, codex"),
        "{error}"
    );
}

#[test]
fn an_agent_of_ones_own_is_declared_in_a_file() {
    let home = Home::new();
    let declared = "agent: mine\ntitle: Mine\nbase: [{home: .mine}]\nlogs: [{names: [log.jsonl], format: claude}]\nprovider: acme\ntokens: {input_has: [cache_read]}\notlp: {joined_by: tokens, within: 1s, delay: 5s}\n";
    home.text("schemas/imports/agents/mine.yaml", declared);
    home.lines(".mine/log.jsonl", &[answer("s", ["r1", "m1"], 1, 90, STOP)]);
    let agents = Agents::load(&home.0.path().join("schemas")).unwrap();
    let logs = agents.find(&Machine::at(home.0.path()));
    let read = Cache::default().read(&agents, &logs, &mut |_, _| {});
    assert_eq!(short(&read), [("r1".into(), "s".into(), 7, 90)]);
    assert_eq!(&*read.calls[0].provider, "acme");
    home.text(
        "schemas/imports/agents/mine.yaml",
        &declared.replace("5s", "soon"),
    );
    let wrong = Agents::load(&home.0.path().join("schemas"))
        .unwrap_err()
        .to_string();
    assert!(
        wrong.contains("mine.yaml") && wrong.contains("soon"),
        "{wrong}"
    );
}
