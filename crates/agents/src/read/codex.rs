//! Codex: a record per response; in older releases running totals only.

use super::{Names, Part, Told, call, or_unknown, tool};
use crate::call::{Call, Tokens};
use crate::declare::{Agent, Kept};
use crate::lenient::{Maybe, Num, Text};
use crate::lines::values;
use memchr::memmem::Finder;
use serde::Deserialize;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    payload: Maybe<Payload<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Payload<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    forked_from_id: Text<'a>,
    #[serde(borrow)]
    source: Maybe<Source<'a>>,
    #[serde(borrow)]
    cwd: Text<'a>,
    #[serde(borrow)]
    cli_version: Text<'a>,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    thread_id: Text<'a>,
    #[serde(borrow)]
    response_id: Text<'a>,
    usage: Maybe<Usage>,
    thread_token_usage: Maybe<Usage>,
    info: Maybe<Info>,
    #[serde(borrow)]
    call_id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    item: Maybe<Item<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Source<'a> {
    #[serde(borrow)]
    subagent: Maybe<Subagent<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Subagent<'a> {
    #[serde(borrow)]
    thread_spawn: Maybe<Spawn<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Spawn<'a> {
    #[serde(borrow)]
    parent_thread_id: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Info {
    total_token_usage: Maybe<Usage>,
    last_token_usage: Maybe<Usage>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(default)]
struct Usage {
    input_tokens: Num,
    cached_input_tokens: Num,
    cache_write_input_tokens: Num,
    output_tokens: Num,
    reasoning_output_tokens: Num,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    exit_code: Num,
    duration: Maybe<Duration>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Duration {
    secs: Num,
    nanos: Num,
}

impl Usage {
    fn totals(self) -> [i64; 5] {
        [
            self.input_tokens,
            self.cached_input_tokens,
            self.cache_write_input_tokens,
            self.output_tokens,
            self.reasoning_output_tokens,
        ]
        .map(|n| n.whole().unwrap_or(0))
    }

    /// Releases that do not tell what was written to a cache wrote none: it has no price of its own.
    fn tokens(self) -> Tokens {
        Tokens {
            input: self.input_tokens.whole(),
            cache_read: self.cached_input_tokens.whole(),
            cache_write: self.cache_write_input_tokens.whole().or(Some(0)),
            output: self.output_tokens.whole(),
            reasoning: self.reasoning_output_tokens.whole(),
            ..Tokens::default()
        }
    }
}

/// What tells lines of calls apart before they are parsed, and those of tools.
const CALLS: [&str; 4] = [
    "\"token_usage_record\"",
    "\"token_count\"",
    "\"turn_context\"",
    "\"session_meta\"",
];
const TOOLS: [&str; 2] = ["\"call_id\"", "\"item_completed\""];

pub(super) fn read(agent: &Agent, mut lines: Told) -> io::Result<Part> {
    let tools: &[&str] = if agent.keeps(Kept::Tools) {
        &TOOLS
    } else {
        &[]
    };
    let needles: Vec<Finder> = CALLS.iter().chain(tools).map(Finder::new).collect();
    let mut reader = Reader {
        agent,
        names: Names::default(),
        part: Part::default(),
        thread: None,
        root: String::new(),
        project: "".into(),
        version: "".into(),
        model: "".into(),
        total: None,
        recorded: false,
        tools: HashMap::new(),
        ran: HashMap::new(),
    };
    while let Some(line) = lines.next()? {
        if needles.iter().any(|n| n.find(line).is_some()) && values(line, |l: Line| reader.line(&l))
        {
            reader.part.odd += 1;
        }
    }
    Ok(reader.part)
}

struct Reader<'a> {
    agent: &'a Agent,
    names: Names,
    part: Part,
    /// Thread of the file.
    thread: Option<Arc<str>>,
    /// The thread whose totals its own go on from.
    root: String,
    project: Arc<str>,
    version: Arc<str>,
    model: Arc<str>,
    /// Running total that was told last.
    total: Option<[i64; 5]>,
    /// Whether a record says what the next total repeats.
    recorded: bool,
    /// Names of tools, by the id of their call.
    tools: HashMap<String, String>,
    /// What is told of tools that ran: exit code, duration, whether it was let.
    ran: HashMap<String, (Option<i64>, Option<f64>, bool)>,
}

impl Reader<'_> {
    fn line(&mut self, line: &Line) {
        let Some(p) = &line.payload.0 else {
            return;
        };
        match (&*line.kind.0, &*p.kind.0) {
            ("session_meta", _) => self.meta(p),
            ("turn_context", _) => {
                self.model = self.names.of(&p.model.0);
                if let Some(cwd) = p.cwd.some() {
                    self.project = self.names.of(cwd);
                }
            }
            ("token_usage_record", _) => self.record(line, p),
            ("event_msg", "token_count") => self.counted(line, p),
            ("event_msg", "item_completed") => self.item(p),
            ("response_item", kind) if p.call_id.some().is_some() => {
                if kind.ends_with("_output") {
                    self.output(line, p);
                } else if let Some(name) = p.name.some() {
                    self.tools.insert(p.call_id.0.clone().into(), name.into());
                }
            }
            _ => {}
        }
    }

    /// The first is the file's own; those after it are of threads that it was forked from.
    fn meta(&mut self, p: &Payload) {
        let spawn = p.source.0.as_ref().and_then(|s| s.subagent.0.as_ref());
        let parent = spawn.and_then(|s| s.thread_spawn.0.as_ref());
        let parent = p
            .forked_from_id
            .some()
            .or_else(|| parent.and_then(|s| s.parent_thread_id.some()));
        let is_own = self.thread.as_deref().is_none_or(|t| t == p.id.0);
        if self.thread.is_none() {
            self.thread = Some(self.names.of(&p.id.0));
            self.project = self.names.of(&p.cwd.0);
            self.version = self.names.of(&p.cli_version.0);
            self.root = p.id.0.to_string();
        }
        match parent {
            Some(parent) => self.root = parent.to_owned(),
            None if !is_own => self.root = p.id.0.to_string(),
            None => {}
        }
    }

    fn of(&mut self, at: i64, session: Arc<str>, usage: Usage) -> Call {
        let tokens = self.agent.tokens.apart(usage.tokens());
        let mut call = call(self.agent, at, session, tokens);
        call.project = self.project.clone();
        call.version = self.version.clone();
        call.model = self.names.of(or_unknown(&self.model));
        call
    }

    fn known_by(&self, total: [i64; 5]) -> String {
        format!("{}/{}/{total:?}", self.agent.name, self.root)
    }

    fn record(&mut self, line: &Line, p: &Payload) {
        let (Some(at), Some(usage)) = (line.timestamp.time(), p.usage.0) else {
            return;
        };
        let Some(id) = p.response_id.some() else {
            return;
        };
        // A copy in a fork keeps the thread that it was in.
        let thread = p.thread_id.some().map(|t| self.names.of(t));
        let session = thread.or_else(|| self.thread.clone()).unwrap_or_default();
        let mut call = self.of(at, session, usage);
        call.identity = id.to_owned();
        call.request_id = Some(id.to_owned());
        call.alias = p.thread_token_usage.0.map(|t| self.known_by(t.totals()));
        self.part.calls.push(call);
        self.recorded = true;
    }

    /// A total that moved, where no record says by what.
    fn counted(&mut self, line: &Line, p: &Payload) {
        let (Some(at), Some(info)) = (line.timestamp.time(), &p.info.0) else {
            return;
        };
        let (Some(total), Some(last)) = (info.total_token_usage.0, info.last_token_usage.0) else {
            return;
        };
        let total = total.totals();
        let moved = self.total.replace(total) != Some(total);
        if !moved || std::mem::take(&mut self.recorded) || last.totals() == [0; 5] {
            return;
        }
        let session = self.thread.clone().unwrap_or_default();
        let mut call = self.of(at, session, last);
        call.identity = self.known_by(total);
        call.alias = Some(call.identity.clone());
        self.part.calls.push(call);
    }

    fn item(&mut self, p: &Payload) {
        let Some(item) = &p.item.0 else {
            return;
        };
        let took = item.duration.0.as_ref().and_then(|d| {
            let (secs, nanos) = (d.secs.0?, d.nanos.0.unwrap_or(0.0));
            Some(secs * 1e3 + nanos / 1e6)
        });
        let is_let = item.status.0 != "declined";
        let told = (item.exit_code.whole(), took, is_let);
        if told != (None, None, true) {
            self.ran.insert(item.id.0.clone().into(), told);
        }
    }

    fn output(&mut self, line: &Line, p: &Payload) {
        let (Some(at), Some(id)) = (line.timestamp.time(), p.call_id.some()) else {
            return;
        };
        let session = self.thread.clone().unwrap_or_default();
        let mut tool = tool(self.agent, at, session, id);
        tool.otlp_id = vec![tool.session.to_string(), id.to_owned()];
        if let Some(name) = self.tools.get(id) {
            tool.tool.clone_from(name);
        }
        let (code, took, is_let) = self.ran.get(id).copied().unwrap_or((None, None, true));
        (tool.exit_code, tool.duration_ms) = (code, took);
        tool.success = is_let.then_some(true);
        if !is_let {
            tool.decision = self.agent.named("decision", "denied");
        }
        tool.project = self.project.clone();
        tool.version = self.version.clone();
        self.part.tools.push(tool);
    }
}
