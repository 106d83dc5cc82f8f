//! opencode: messages in a data base, and in files of the time before it.

use super::{OnRead, Part, call, or_unknown, tool};
use crate::call::{Call, Tokens};
use crate::declare::{Agent, Kept};
use crate::lenient::{Maybe, Num, Text};
use crate::places::{Log, beside};
use rusqlite::{Connection, OpenFlags};
use serde::Deserialize;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Times that a data base is copied anew because it changed meanwhile.
const COPIES: usize = 3;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, rename = "sessionID")]
    session: Text<'a>,
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow, rename = "modelID")]
    model: Text<'a>,
    #[serde(borrow, rename = "providerID")]
    provider: Text<'a>,
    tokens: Maybe<Told>,
    time: Maybe<Times>,
    #[serde(borrow)]
    path: Maybe<Paths<'a>>,
    cost: Num,
    #[serde(borrow)]
    finish: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Told {
    input: Num,
    output: Num,
    reasoning: Num,
    cache: Maybe<Cached>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cached {
    read: Num,
    write: Num,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Times {
    created: Num,
    completed: Num,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Paths<'a> {
    #[serde(borrow)]
    cwd: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PartData<'a> {
    #[serde(borrow)]
    tool: Text<'a>,
    #[serde(borrow, rename = "callID")]
    call_id: Text<'a>,
    #[serde(borrow)]
    state: Maybe<State<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct State<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    time: Maybe<Span>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Span {
    start: Num,
    end: Num,
}

/// A file of the time before the data base.
pub(super) fn message(agent: &Agent, log: &Log, on: OnRead) -> io::Result<Part> {
    let text = std::fs::read(&log.path)?;
    on(text.len() as u64);
    let mut part = Part::default();
    match serde_json::from_slice::<Message>(&text) {
        Ok(m) => {
            let (id, session) = (m.id.0.to_string(), m.session.0.as_ref().into());
            part.calls.extend(made(agent, &m, id, session, 0));
        }
        // It may be half written yet.
        Err(e) => part.odd += u64::from(!e.is_eof()),
    }
    Ok(part)
}

pub(super) fn read(agent: &Agent, log: &Log, on: OnRead) -> io::Result<Part> {
    let folder = tempfile::tempdir()?;
    let copy = copy(&log.path, folder.path())?;
    on(log.size);
    let db = Connection::open_with_flags(&copy, OpenFlags::SQLITE_OPEN_READ_WRITE);
    db.and_then(|db| all(agent, &db)).map_err(io::Error::other)
}

/// Copies a data base with its log of writes: to read it where it lies, SQLite would write there.
fn copy(path: &Path, folder: &Path) -> io::Result<PathBuf> {
    let to = folder.join("opencode.db");
    for _ in 0..COPIES {
        let before = (state(path), state(&beside(path)));
        std::fs::copy(path, &to)?;
        match std::fs::copy(beside(path), beside(&to)) {
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                // Of an attempt before.
                let _ = std::fs::remove_file(beside(&to));
            }
            Err(e) => return Err(e),
        }
        if before == (state(path), state(&beside(path))) {
            break;
        }
    }
    Ok(to)
}

fn state(path: &Path) -> Option<(u64, std::time::SystemTime)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.len(), meta.modified().ok()?))
}

fn all(agent: &Agent, db: &Connection) -> rusqlite::Result<Part> {
    let mut part = Part::default();
    let created = created(db)?;
    let mut versions: HashMap<Arc<str>, Arc<str>> = HashMap::new();
    let mut sessions: HashMap<String, (Arc<str>, u32)> = HashMap::new();
    for (n, (id, version)) in created.iter().enumerate() {
        let name: Arc<str> = id.as_str().into();
        versions.insert(name.clone(), version.as_str().into());
        // Of copies the original is in the session that was made first.
        sessions.insert(id.clone(), (name, u32::try_from(n).unwrap_or(u32::MAX)));
    }
    let mut find = db.prepare("SELECT id, session_id, data FROM message")?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let (id, session): (String, String) = (row.get(0)?, row.get(1)?);
        let data = row.get_ref(2)?.as_bytes().unwrap_or_default();
        let Ok(m) = serde_json::from_slice::<Message>(data) else {
            part.odd += 1;
            continue;
        };
        let (session, rank) = sessions
            .get(&session)
            .cloned()
            .unwrap_or_else(|| (session.as_str().into(), u32::MAX));
        if let Some(mut call) = made(agent, &m, id, session, rank) {
            call.version = versions.get(&call.session).cloned().unwrap_or_default();
            part.calls.push(call);
        }
    }
    if agent.keeps(Kept::Tools) {
        tools(agent, db, &versions, &mut part)?;
    }
    Ok(part)
}

/// Sessions with their versions, in the order in which they were made.
fn created(db: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut find = db.prepare("SELECT id, version FROM session ORDER BY time_created, id")?;
    let rows = find.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// The call of an answer that used anything. While it runs its numbers are 0.
fn made(agent: &Agent, m: &Message, id: String, session: Arc<str>, rank: u32) -> Option<Call> {
    if m.role.0 != "assistant" {
        return None;
    }
    let (told, time) = (m.tokens.0.as_ref()?, m.time.0.as_ref()?);
    let cache = told.cache.0.as_ref();
    let tokens = Tokens {
        input: told.input.whole(),
        cache_read: cache.and_then(|c| c.read.whole()),
        cache_write: cache.and_then(|c| c.write.whole()),
        output: told.output.whole(),
        reasoning: told.reasoning.whole(),
        ..Tokens::default()
    };
    let (created, completed) = (time.created.whole()?, time.completed.whole()?);
    if tokens.sum() == 0 {
        return None;
    }
    let apart = agent.tokens.apart(tokens);
    let mut call = call(agent, completed * 1000, session, apart);
    // A fork copies messages under new ids, with their times and numbers.
    call.identity = format!(
        "{}/{}/{}/{created}/{completed}/{}",
        agent.name,
        m.provider.0,
        m.model.0,
        numbers(&tokens)
    );
    call.rank = rank;
    call.message_id = Some(id);
    call.began = Some(created * 1000);
    call.model = or_unknown(&m.model.0).into();
    call.provider = agent.provider(&m.provider.0);
    call.cost_usd = m.cost.0.filter(|c| *c > 0.0);
    call.stop_reason = m.finish.some().map(|f| agent.named("stop_reason", f));
    call.project = m.path.0.as_ref().map_or("", |p| &p.cwd.0).into();
    Some(call)
}

fn numbers(t: &Tokens) -> String {
    let of = |n: Option<i64>| n.unwrap_or(0);
    format!(
        "{}/{}/{}/{}/{}",
        of(t.input),
        of(t.cache_read),
        of(t.cache_write),
        of(t.output),
        of(t.reasoning)
    )
}

fn tools(
    agent: &Agent,
    db: &Connection,
    versions: &HashMap<Arc<str>, Arc<str>>,
    part: &mut Part,
) -> rusqlite::Result<()> {
    // The text of an answer is in parts too: only those of tools are looked into.
    let mut find = db.prepare(
        "SELECT session_id, time_updated, data FROM part WHERE data LIKE '%\"type\":\"tool\"%'",
    )?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let (session, updated): (String, i64) = (row.get(0)?, row.get(1)?);
        let data = row.get_ref(2)?.as_bytes().unwrap_or_default();
        let Ok(p) = serde_json::from_slice::<PartData>(data) else {
            part.odd += 1;
            continue;
        };
        let (Some(id), Some(state)) = (p.call_id.some(), &p.state.0) else {
            continue;
        };
        let success = match &*state.status.0 {
            "completed" => Some(true),
            "error" => Some(false),
            _ => continue,
        };
        let span = state.time.0.as_ref();
        let (start, end) = span.map_or((None, None), |s| (s.start.whole(), s.end.whole()));
        let at = end.unwrap_or(updated) * 1000;
        let mut tool = tool(agent, at, session.as_str().into(), id);
        tool.tool = or_unknown(&p.tool.0).to_owned();
        tool.success = success;
        tool.duration_ms = start.zip(end).map(|(s, e)| (e - s).max(0) as f64);
        tool.version = versions.get(&tool.session).cloned().unwrap_or_default();
        part.tools.push(tool);
    }
    Ok(())
}
