//! Qwen Code: telemetry records within the chat.

use super::{Names, Part, Told, call, or_unknown, tool};
use crate::call::Tokens;
use crate::declare::Agent;
use crate::lenient::{Flag, Maybe, Num, Text};
use crate::lines::values;
use memchr::memmem::Finder;
use serde::Deserialize;
use std::collections::HashMap;
use std::io;

const ANSWER: &str = "qwen-code.api_response";
const ERROR: &str = "qwen-code.api_error";
const TOOL: &str = "qwen-code.tool_call";

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Line<'a> {
    #[serde(borrow)]
    uuid: Text<'a>,
    #[serde(borrow)]
    session_id: Text<'a>,
    #[serde(borrow)]
    cwd: Text<'a>,
    #[serde(borrow)]
    version: Text<'a>,
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow)]
    system_payload: Maybe<Payload<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(borrow)]
    ui_event: Maybe<Event<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "event.name")]
    name: Text<'a>,
    #[serde(borrow, rename = "event.timestamp")]
    timestamp: Text<'a>,
    #[serde(borrow)]
    response_id: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    auth_type: Text<'a>,
    #[serde(borrow)]
    error_type: Text<'a>,
    status_code: Num,
    duration_ms: Num,
    ttft_ms: Num,
    input_token_count: Num,
    output_token_count: Num,
    cached_content_token_count: Num,
    thoughts_token_count: Num,
    #[serde(borrow)]
    call_id: Text<'a>,
    #[serde(borrow)]
    function_name: Text<'a>,
    #[serde(borrow)]
    decision: Text<'a>,
    success: Flag,
}

pub(super) fn read(agent: &Agent, mut lines: Told) -> io::Result<Part> {
    let needle = Finder::new("\"ui_telemetry\"");
    let mut reader = Reader {
        agent,
        names: Names::default(),
        part: Part::default(),
    };
    while let Some(line) = lines.next()? {
        if needle.find(line).is_some() && values(line, |l: Line| reader.line(&l)) {
            reader.part.odd += 1;
        }
    }
    Ok(reader.part)
}

struct Reader<'a> {
    agent: &'a Agent,
    names: Names,
    part: Part,
}

impl Reader<'_> {
    fn line(&mut self, line: &Line) {
        let event = line.system_payload.0.as_ref();
        let Some(event) = event.and_then(|p| p.ui_event.0.as_ref()) else {
            return;
        };
        let Some(at) = event.timestamp.time().or_else(|| line.timestamp.time()) else {
            return;
        };
        match &*event.name.0 {
            ANSWER | ERROR => self.call(line, event, at),
            TOOL => self.tool(line, event, at),
            _ => {}
        }
    }

    fn call(&mut self, line: &Line, e: &Event, at: i64) {
        let failed = e.name.0 == ERROR;
        let session = self.names.of(&line.session_id.0);
        let tokens = if failed {
            Some(Tokens::NONE)
        } else {
            self.agent.tokens.apart(Tokens {
                input: e.input_token_count.whole(),
                cache_read: e.cached_content_token_count.whole(),
                output: e.output_token_count.whole(),
                reasoning: e.thoughts_token_count.whole(),
                ..Tokens::default()
            })
        };
        let mut call = call(self.agent, at, session, tokens);
        call.model = self.names.of(or_unknown(&e.model.0));
        call.provider = self.agent.provider(&e.auth_type.0);
        call.project = self.names.of(&line.cwd.0);
        call.version = self.names.of(&line.version.0);
        call.latency_ms = e.duration_ms.0;
        call.first_token_ms = e.ttft_ms.0;
        call.message_id = line.uuid.owned();
        if failed {
            let status = e.status_code.whole().map(|s| s.to_string());
            let told = status.or_else(|| e.error_type.owned());
            let told = told.unwrap_or_else(|| "error".to_owned());
            call.error = Some(self.agent.named("error_type", &told));
        }
        match e.response_id.some() {
            Some(id) => {
                call.identity = id.to_owned();
                call.request_id = Some(id.to_owned());
                // An answer and an error have ids that are made apart.
                call.otlp_id = vec![id.to_owned()];
                call.otlp_id.extend(failed.then(|| ERROR.to_owned()));
            }
            None => call.identity = format!("{}/{}", self.agent.name, line.uuid.0),
        }
        self.part.calls.push(call);
    }

    fn tool(&mut self, line: &Line, e: &Event, at: i64) {
        let Some(id) = e.call_id.some() else {
            return;
        };
        let session = self.names.of(&line.session_id.0);
        let mut tool = tool(self.agent, at, session, id);
        tool.otlp_id = vec![tool.session.to_string(), id.to_owned()];
        tool.tool = or_unknown(&e.function_name.0).to_owned();
        tool.decision = self.agent.named("decision", &e.decision.0);
        tool.success = e.success.0.filter(|_| tool.decision != "rejected");
        tool.duration_ms = e.duration_ms.0;
        tool.project = self.names.of(&line.cwd.0);
        tool.version = self.names.of(&line.version.0);
        self.part.tools.push(tool);
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Sum<'a> {
    #[serde(borrow, rename = "sessionId")]
    session: Text<'a>,
    models: HashMap<String, Model>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Model {
    total_tokens: Num,
}

/// Sums of sessions that have ended.
pub(super) fn sums(mut lines: Told) -> io::Result<Part> {
    let mut part = Part::default();
    while let Some(line) = lines.next()? {
        let odd = values(line, |s: Sum| {
            let of = |m: &Model| m.total_tokens.whole().unwrap_or(0);
            let tokens = s.models.values().map(of).sum();
            part.sums.extend(s.session.owned().map(|id| (id, tokens)));
        });
        part.odd += u64::from(odd);
    }
    Ok(part)
}
