//! Claude Code: a line per block of an answer.

use super::{Names, Part, Told, call, or_unknown, tool};
use crate::call::{Call, Tokens};
use crate::declare::{Agent, Kept};
use crate::lenient::{Each, Flag, Maybe, Num, Text};
use crate::lines::values;
use memchr::memmem::Finder;
use serde::Deserialize;
use std::collections::HashMap;
use std::io;

/// Model of what the client says by itself.
const SYNTHETIC: &str = "<synthetic>";
/// From here on the usage of an answer holds that of its advisor.
const ADVISOR_WITHIN: [u32; 3] = [2, 1, 219];

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow)]
    session_id: Text<'a>,
    #[serde(borrow)]
    request_id: Text<'a>,
    #[serde(borrow)]
    cwd: Text<'a>,
    #[serde(borrow)]
    version: Text<'a>,
    #[serde(borrow)]
    message: Maybe<Message<'a>>,
    #[serde(borrow)]
    forked_from: Maybe<Forked<'a>>,
    is_api_error_message: Flag,
    api_error_status: Num,
    #[serde(rename = "costUSD")]
    cost_usd: Num,
    #[serde(borrow)]
    permission_decision: Maybe<Decision<'a>>,
    #[serde(borrow)]
    tool_denial_kind: Text<'a>,
    #[serde(borrow)]
    params: Maybe<Params<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    content: Each<Block<'a>>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
    #[serde(borrow)]
    usage: Maybe<Usage<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    tool_use_id: Text<'a>,
    is_error: Flag,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Usage<'a> {
    input_tokens: Num,
    cache_creation_input_tokens: Num,
    cache_read_input_tokens: Num,
    output_tokens: Num,
    cache_creation: Maybe<Lifetimes>,
    #[serde(borrow)]
    service_tier: Text<'a>,
    #[serde(borrow)]
    speed: Text<'a>,
    #[serde(borrow)]
    iterations: Each<Iteration<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Lifetimes {
    ephemeral_5m_input_tokens: Num,
    ephemeral_1h_input_tokens: Num,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Iteration<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
    input_tokens: Num,
    cache_creation_input_tokens: Num,
    cache_read_input_tokens: Num,
    output_tokens: Num,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Forked<'a> {
    #[serde(borrow)]
    session_id: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Decision<'a> {
    #[serde(borrow)]
    decision: Text<'a>,
    #[serde(borrow)]
    source: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Params<'a> {
    #[serde(borrow)]
    model: Text<'a>,
}

/// What tells lines apart before they are parsed: most bytes are text.
struct Needles {
    usage: Finder<'static>,
    request: Finder<'static>,
    result: Option<Finder<'static>>,
}

impl Needles {
    fn new(tools: bool) -> Needles {
        Needles {
            usage: Finder::new("\"usage\":"),
            request: Finder::new("\"api-request\""),
            result: tools.then(|| Finder::new("\"tool_result\"")),
        }
    }

    /// Whether a line can say anything. Parts of requests hold results too, and are long.
    fn wanted(&self, line: &[u8]) -> bool {
        let part = line.starts_with(b"{\"type\":\"api-request-blob\"");
        self.usage.find(line).is_some()
            || self.request.find(line).is_some()
            || (!part && self.result.as_ref().is_some_and(|r| r.find(line).is_some()))
    }
}

pub(super) fn read(agent: &Agent, mut lines: Told) -> io::Result<Part> {
    let needles = Needles::new(agent.keeps(Kept::Tools));
    let mut reader = Reader {
        agent,
        names: Names::default(),
        part: Part::default(),
        known: HashMap::new(),
        tools: HashMap::new(),
        asked: String::new(),
    };
    while let Some(line) = lines.next()? {
        if needles.wanted(line) && values(line, |l: Line| reader.line(&l)) {
            reader.part.odd += 1;
        }
    }
    Ok(reader.part)
}

struct Reader<'a> {
    agent: &'a Agent,
    names: Names,
    part: Part,
    /// Place of each call, by its identity.
    known: HashMap<String, usize>,
    /// Names of tools, by the id of their call.
    tools: HashMap<String, String>,
    /// Model that was asked for last.
    asked: String,
}

impl Reader<'_> {
    fn line(&mut self, line: &Line) {
        match &*line.kind.0 {
            "assistant" => self.assistant(line),
            "user" => self.results(line),
            "api-request" => {
                if let Some(model) = line.params.0.as_ref().and_then(|p| p.model.some()) {
                    self.asked = model.to_owned();
                }
            }
            _ => {}
        }
    }

    fn assistant(&mut self, line: &Line) {
        let (Some(at), Some(message)) = (line.timestamp.time(), &line.message.0) else {
            return;
        };
        for block in &message.content.0 {
            if let (Some(id), Some(name)) = (block.id.some(), block.name.some()) {
                self.tools.insert(id.to_owned(), name.to_owned());
            }
        }
        let Some(usage) = &message.usage.0 else {
            return;
        };
        let mut call = if message.model.0 == SYNTHETIC {
            match self.failed(line, at) {
                Some(call) => call,
                None => return,
            }
        } else {
            self.answered(line, at, message, usage)
        };
        self.place(line, &mut call);
        self.advised(usage, &call);
        self.add(call);
    }

    /// A request that failed for good. What else the client says by itself is no call.
    fn failed(&mut self, line: &Line, at: i64) -> Option<Call> {
        let id = line.request_id.some()?;
        if line.is_api_error_message.0 != Some(true) {
            return None;
        }
        let session = self.names.of(&line.session_id.0);
        let mut call = call(self.agent, at, session, Some(Tokens::NONE));
        let status = line.api_error_status.whole();
        let class = |s: i64| self.agent.named("error_type", &s.to_string());
        call.error = Some(status.map_or_else(|| "error".to_owned(), class));
        call.model = self.names.of(or_unknown(&self.asked));
        call.identity = id.to_owned();
        Some(call)
    }

    fn answered(&mut self, line: &Line, at: i64, message: &Message, usage: &Usage) -> Call {
        let session = self.names.of(&line.session_id.0);
        let mut call = call(self.agent, at, session, tokens(self.agent, usage));
        call.model = self.names.of(or_unknown(&message.model.0));
        call.cost_usd = line.cost_usd.0.filter(|c| *c > 0.0);
        call.stop_reason = message
            .stop_reason
            .some()
            .map(|r| self.agent.named("stop_reason", r));
        // Without a reason to stop on any line the end of the answer was not written down.
        call.complete = call.complete.or(Some(call.stop_reason.is_some()));
        call.service_tier = match usage.speed.some() {
            // It has prices of its own.
            Some(speed) if speed != "standard" => speed.to_owned(),
            _ => self.agent.named("service_tier", &usage.service_tier.0),
        };
        call.message_id = message.id.owned();
        call
    }

    /// Whose it is, and what it is known by.
    fn place(&mut self, line: &Line, call: &mut Call) {
        call.project = self.names.of(&line.cwd.0);
        call.version = self.names.of(&line.version.0);
        // A copy that tells where it comes from tells more than one that does not.
        call.rank = 1;
        if let Some(from) = line
            .forked_from
            .0
            .as_ref()
            .and_then(|f| f.session_id.some())
        {
            call.session = self.names.of(from);
            call.rank = 0;
        }
        let message = call.message_id.as_deref().unwrap_or_default();
        let within = format!("{}/{}/{message}", self.agent.name, call.session);
        if let Some(id) = line.request_id.some() {
            call.identity = id.to_owned();
            call.request_id = Some(id.to_owned());
            call.otlp_id = vec![id.to_owned()];
        } else {
            call.identity.clone_from(&within);
        }
        call.alias = (!message.is_empty()).then_some(within);
    }

    /// Calls of an advisor, by its own model, where they are not in the answer's numbers.
    fn advised(&mut self, usage: &Usage, by: &Call) {
        if usage.iterations.0.is_empty() || version(&by.version) >= ADVISOR_WITHIN {
            return;
        }
        for (n, of) in usage.iterations.0.iter().enumerate() {
            if of.kind.0 != "advisor_message" {
                continue;
            }
            let told = Tokens {
                input: of.input_tokens.whole(),
                cache_read: of.cache_read_input_tokens.whole(),
                cache_write: of.cache_creation_input_tokens.whole(),
                output: of.output_tokens.whole(),
                ..Tokens::default()
            };
            let mut call = by.clone();
            call.identity = format!("{}/advisor/{n}", by.identity);
            call.request_id = None;
            call.otlp_id = Vec::new();
            call.alias = None;
            call.tokens = told;
            call.model = self.names.of(or_unknown(&of.model.0));
            self.add(call);
        }
    }

    /// Lines of one answer follow each other, and the last one has its time.
    fn add(&mut self, call: Call) {
        match self.known.get(&call.identity) {
            Some(&i) => {
                let known = &mut self.part.calls[i];
                let at = known.at.max(call.at);
                known.absorb(call);
                known.at = at;
                self.part.repeated += 1;
            }
            None => {
                self.known
                    .insert(call.identity.clone(), self.part.calls.len());
                self.part.calls.push(call);
            }
        }
    }

    fn results(&mut self, line: &Line) {
        let (Some(at), Some(message)) = (line.timestamp.time(), &line.message.0) else {
            return;
        };
        for block in &message.content.0 {
            let Some(id) = block.tool_use_id.some() else {
                continue;
            };
            let session = self.names.of(&line.session_id.0);
            let mut tool = tool(self.agent, at, session, id);
            tool.otlp_id = vec![id.to_owned()];
            if let Some(name) = self.tools.get(id) {
                tool.tool.clone_from(name);
            }
            if let Some(d) = &line.permission_decision.0 {
                tool.decision = self.agent.named("decision", &d.decision.0);
                tool.decided_by = self.agent.named("decided_by", &d.source.0);
            } else if line.tool_denial_kind.some().is_some() {
                tool.decision = self.agent.named("decision", "reject");
            }
            let is_let = tool.decision != "rejected";
            tool.success = is_let.then_some(block.is_error.0 != Some(true));
            tool.project = self.names.of(&line.cwd.0);
            tool.version = self.names.of(&line.version.0);
            self.part.tools.push(tool);
        }
    }
}

fn tokens(agent: &Agent, usage: &Usage) -> Option<Tokens> {
    let lifetimes = usage.cache_creation.0.as_ref();
    agent.tokens.apart(Tokens {
        input: usage.input_tokens.whole(),
        cache_read: usage.cache_read_input_tokens.whole(),
        cache_write: usage.cache_creation_input_tokens.whole(),
        cache_write_5m: lifetimes.and_then(|l| l.ephemeral_5m_input_tokens.whole()),
        cache_write_1h: lifetimes.and_then(|l| l.ephemeral_1h_input_tokens.whole()),
        output: usage.output_tokens.whole(),
        reasoning: None,
    })
}

fn version(text: &str) -> [u32; 3] {
    let mut out = [0; 3];
    for (part, n) in text.split('.').zip(&mut out) {
        *n = part.parse().unwrap_or(0);
    }
    out
}
