//! Readers, one per format.

mod claude;
mod codex;
mod gemini;
mod opencode;
mod qwen;

use crate::call::{Call, Tokens, Tool, UNKNOWN};
use crate::declare::{Agent, Format};
use crate::lines::Lines;
use crate::places::Log;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

/// What one file says.
#[derive(Debug, Default, Clone)]
pub(crate) struct Part {
    pub calls: Vec<Call>,
    pub tools: Vec<Tool>,
    /// Lines of a call that an earlier line of the file stands for.
    pub repeated: u64,
    /// Lines that are no JSON.
    pub odd: u64,
    /// Sums of sessions, which are no calls: (session, tokens).
    pub sums: Vec<(String, i64)>,
}

/// Told of bytes that were read.
pub(crate) type OnRead<'a> = &'a (dyn Fn(u64) + Sync);

/// Reads a file.
pub(crate) fn read(agent: &Agent, log: &Log, on: OnRead) -> io::Result<Part> {
    match log.format {
        Format::Claude => claude::read(agent, lines(log, on)?),
        Format::Codex => codex::read(agent, lines(log, on)?),
        Format::Gemini => gemini::read(agent, log, on),
        Format::Qwen => qwen::read(agent, lines(log, on)?),
        Format::QwenSums => qwen::sums(lines(log, on)?),
        Format::Opencode => opencode::read(agent, log, on),
        Format::OpencodeJson => opencode::message(agent, log, on),
    }
}

/// Lines that tell of their bytes.
pub(crate) struct Told<'a> {
    lines: Lines,
    on: OnRead<'a>,
    unread: u64,
}

fn lines<'a>(log: &Log, on: OnRead<'a>) -> io::Result<Told<'a>> {
    Ok(Told {
        lines: Lines::open(&log.path)?,
        on,
        unread: 0,
    })
}

impl Told<'_> {
    fn next(&mut self) -> io::Result<Option<&[u8]>> {
        if self.unread >= 1 << 20 {
            (self.on)(std::mem::take(&mut self.unread));
        }
        let line = self.lines.next()?;
        self.unread += line.map_or(0, |l| l.len() as u64 + 1);
        Ok(line)
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        (self.on)(self.unread);
    }
}

/// Texts that repeat from line to line.
#[derive(Default)]
struct Names(HashMap<String, Arc<str>>);

impl Names {
    fn of(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let name: Arc<str> = text.into();
        self.0.insert(text.to_owned(), name.clone());
        name
    }
}

/// A call of which little is told yet.
fn call(agent: &Agent, at: i64, session: Arc<str>, tokens: Option<Tokens>) -> Call {
    Call {
        agent: agent.name.clone(),
        identity: String::new(),
        request_id: None,
        otlp_id: Vec::new(),
        message_id: None,
        session,
        project: "".into(),
        version: "".into(),
        provider: agent.provider(""),
        model: UNKNOWN.into(),
        at,
        began: None,
        complete: tokens.is_none().then_some(false),
        tokens: tokens.unwrap_or_default(),
        cost_usd: None,
        latency_ms: None,
        first_token_ms: None,
        error: None,
        stop_reason: None,
        service_tier: String::new(),
        rank: 0,
        alias: None,
    }
}

/// A call of a tool of which little is told yet.
fn tool(agent: &Agent, at: i64, session: Arc<str>, call_id: &str) -> Tool {
    Tool {
        agent: agent.name.clone(),
        call_id: call_id.to_owned(),
        otlp_id: Vec::new(),
        session,
        project: "".into(),
        version: "".into(),
        at,
        tool: UNKNOWN.to_owned(),
        success: None,
        exit_code: None,
        decision: String::new(),
        decided_by: String::new(),
        duration_ms: None,
    }
}

/// The name of a model, or that it is not known.
fn or_unknown(model: &str) -> &str {
    if model.is_empty() { UNKNOWN } else { model }
}
