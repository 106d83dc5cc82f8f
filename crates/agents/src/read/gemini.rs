//! Gemini CLI: a message per answer, written anew when its tools have run.

use super::{Names, OnRead, Part, call, lines, or_unknown, tool};
use crate::call::Tokens;
use crate::declare::Agent;
use crate::lenient::{Each, Maybe, Num, Text};
use crate::lines::values;
use crate::places::Log;
use serde::Deserialize;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The list of messages, written anew.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Set<'a> {
    #[serde(borrow)]
    messages: Each<Message<'a>>,
}

/// A line: a session's head, a message, or messages.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow, rename = "sessionId")]
    session: Text<'a>,
    #[serde(borrow, rename = "$set")]
    set: Maybe<Set<'a>>,
    #[serde(borrow)]
    messages: Each<Message<'a>>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
    tokens: Maybe<Told>,
    #[serde(borrow, rename = "toolCalls")]
    tools: Each<Ran<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Told {
    input: Num,
    output: Num,
    cached: Num,
    thoughts: Num,
    tool: Num,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Ran<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    timestamp: Text<'a>,
}

pub(super) fn read(agent: &Agent, log: &Log, on: OnRead) -> io::Result<Part> {
    let mut reader = Reader {
        agent,
        names: Names::default(),
        part: Part::default(),
        session: session_of(&log.path),
        project: project(&log.path).into(),
    };
    // Of the time before lines: one object, over many lines.
    if log.path.extension().is_some_and(|e| e == "json") {
        let whole = std::fs::read(&log.path)?;
        on(whole.len() as u64);
        reader.part.odd += u64::from(values(&whole, |l: Message| reader.line(&l)));
        return Ok(reader.part);
    }
    let mut lines = lines(log, on)?;
    while let Some(line) = lines.next()? {
        if values(line, |l: Message| reader.line(&l)) {
            reader.part.odd += 1;
        }
    }
    Ok(reader.part)
}

/// What a session is called until its log says it.
fn session_of(path: &Path) -> Arc<str> {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into()
}

/// The folder that was worked in: written beside the chats, or else in the list of projects.
fn project(path: &Path) -> String {
    let chats = path
        .ancestors()
        .find(|a| a.file_name().is_some_and(|n| n == "chats"));
    let Some(folder) = chats.and_then(Path::parent) else {
        return String::new();
    };
    if let Ok(root) = std::fs::read_to_string(folder.join(".project_root")) {
        return root.trim().to_owned();
    }
    #[derive(Deserialize)]
    struct Projects {
        projects: HashMap<String, String>,
    }
    let own = folder.parent().and_then(Path::parent);
    let list = own.and_then(|own| std::fs::read(own.join("projects.json")).ok());
    let list: Option<Projects> = list.and_then(|l| serde_json::from_slice(&l).ok());
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let found = list.and_then(|l| l.projects.into_iter().find(|(_, n)| *n == name));
    found.map_or_else(|| name.into_owned(), |(path, _)| path)
}

struct Reader<'a> {
    agent: &'a Agent,
    names: Names,
    part: Part,
    session: Arc<str>,
    project: Arc<str>,
}

impl Reader<'_> {
    fn line(&mut self, line: &Message) {
        if let Some(session) = line.session.some() {
            self.session = self.names.of(session);
        }
        self.message(line);
        let set = line.set.0.iter().flat_map(|s| &s.messages.0);
        for message in line.messages.0.iter().chain(set) {
            self.message(message);
        }
    }

    fn message(&mut self, m: &Message) {
        let (Some(id), Some(at)) = (m.id.some(), m.timestamp.time()) else {
            return;
        };
        for ran in &m.tools.0 {
            self.tool(ran, at);
        }
        let Some(told) = &m.tokens.0 else {
            return;
        };
        let tool = told.tool.whole().unwrap_or(0);
        let tokens = self.agent.tokens.apart(Tokens {
            input: told.input.whole().map(|n| n + tool),
            cache_read: told.cached.whole(),
            output: told.output.whole(),
            reasoning: told.thoughts.whole(),
            ..Tokens::default()
        });
        let mut call = call(self.agent, at, self.session.clone(), tokens);
        call.identity = format!("{}/{}/{id}", self.agent.name, self.session);
        call.message_id = Some(id.to_owned());
        call.model = self.names.of(or_unknown(&m.model.0));
        call.project = self.project.clone();
        self.part.calls.push(call);
    }

    fn tool(&mut self, ran: &Ran, at: i64) {
        let Some(id) = ran.id.some() else {
            return;
        };
        let at = ran.timestamp.time().unwrap_or(at);
        let mut tool = tool(self.agent, at, self.session.clone(), id);
        tool.tool = or_unknown(&ran.name.0).to_owned();
        tool.success = match &*ran.status.0 {
            "success" => Some(true),
            "error" => Some(false),
            "cancelled" => {
                tool.decision = self.agent.named("decision", "cancel");
                None
            }
            // It has not ended yet: a later line says how.
            _ => return,
        };
        tool.project = self.project.clone();
        self.part.tools.push(tool);
    }
}
