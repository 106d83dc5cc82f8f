//! What is read out of a log.

use std::sync::Arc;

/// Token classes, apart: they add up to all that was processed. `None`: the log does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Neither read from nor written to a cache.
    pub input: Option<i64>,
    /// Read from a cache.
    pub cache_read: Option<i64>,
    /// Written to a cache, whatever their lifetime there.
    pub cache_write: Option<i64>,
    /// Of those: for five minutes.
    pub cache_write_5m: Option<i64>,
    /// Of those: for an hour.
    pub cache_write_1h: Option<i64>,
    /// Output, without reasoning where that is told.
    pub output: Option<i64>,
    /// Reasoning.
    pub reasoning: Option<i64>,
}

impl Tokens {
    /// Of a call that failed and reports nothing.
    pub const NONE: Tokens = Tokens {
        input: Some(0),
        cache_read: Some(0),
        cache_write: Some(0),
        cache_write_5m: None,
        cache_write_1h: None,
        output: Some(0),
        reasoning: Some(0),
    };

    /// The larger number of each class: lines of one answer hold what was known when they were
    /// written, and their order proves nothing.
    fn max(self, other: Tokens) -> Tokens {
        Tokens {
            input: self.input.max(other.input),
            cache_read: self.cache_read.max(other.cache_read),
            cache_write: self.cache_write.max(other.cache_write),
            cache_write_5m: self.cache_write_5m.max(other.cache_write_5m),
            cache_write_1h: self.cache_write_1h.max(other.cache_write_1h),
            output: self.output.max(other.output),
            reasoning: self.reasoning.max(other.reasoning),
        }
    }

    /// All of them.
    pub fn sum(&self) -> i64 {
        let all = [
            self.input,
            self.cache_read,
            self.cache_write,
            self.output,
            self.reasoning,
        ];
        all.into_iter()
            .flatten()
            .fold(0, |a, n| a.saturating_add(n))
    }
}

/// Name of a model that the log does not tell.
pub(crate) const UNKNOWN: &str = "unknown";

/// A call of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Name of its agent's declaration.
    pub agent: Arc<str>,
    /// What it is known by: two calls of one identity are one.
    pub identity: String,
    /// The provider's id of the request or response, where the log has it: the identity too.
    pub request_id: Option<String>,
    /// Parts of the id that the event of its OTLP record has; empty where both share none.
    pub otlp_id: Vec<String>,
    /// Another id of it, within its session.
    pub message_id: Option<String>,
    /// Session.
    pub session: Arc<str>,
    /// Folder that was worked in; empty where the log does not tell.
    pub project: Arc<str>,
    /// Version of the agent.
    pub version: Arc<str>,
    /// Provider.
    pub provider: Arc<str>,
    /// Model.
    pub model: Arc<str>,
    /// When it ended, microseconds.
    pub at: i64,
    /// When it began at the earliest, microseconds, where the log tells.
    pub began: Option<i64>,
    /// Tokens.
    pub tokens: Tokens,
    /// Cost as reported, USD.
    pub cost_usd: Option<f64>,
    /// Request to last token, ms.
    pub latency_ms: Option<f64>,
    /// Request to first token, ms.
    pub first_token_ms: Option<f64>,
    /// Class of the error of a call that failed for good.
    pub error: Option<String>,
    /// Why the output ended.
    pub stop_reason: Option<String>,
    /// Tier; empty where the log does not tell.
    pub service_tier: String,
    /// Whether the numbers are those of the whole call; `Some(false)`: a lower bound.
    pub complete: Option<bool>,
    /// Of several copies the one with the least is the original.
    pub(crate) rank: u32,
    /// What the same call is known by in lines without its id.
    pub(crate) alias: Option<String>,
}

impl Call {
    /// Takes in another line, or copy, of the same call.
    pub(crate) fn absorb(&mut self, other: Call) {
        self.tokens = self.tokens.max(other.tokens);
        self.complete = match (self.complete, other.complete) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (a, b) => a.or(b),
        };
        if other.origin() < self.origin() {
            self.rank = other.rank;
            self.session = other.session;
            self.project = other.project;
            self.version = other.version;
            if &*other.model != UNKNOWN {
                self.model = other.model;
            }
            self.at = other.at;
            self.message_id = other.message_id;
        } else if &*self.model == UNKNOWN {
            self.model = other.model;
        }
        self.request_id = self.request_id.take().or(other.request_id);
        self.cost_usd = match (self.cost_usd, other.cost_usd) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        self.latency_ms = self.latency_ms.or(other.latency_ms);
        self.first_token_ms = self.first_token_ms.or(other.first_token_ms);
        self.stop_reason = self.stop_reason.take().or(other.stop_reason);
        if self.service_tier.is_empty() {
            self.service_tier = other.service_tier;
        }
        if let Some(id) = &self.request_id {
            self.identity.clone_from(id);
        }
    }

    /// Orders copies: the original comes first, whichever is read first.
    fn origin(&self) -> (u32, i64, &str) {
        (self.rank, self.at, &self.session)
    }
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Name of its agent's declaration.
    pub agent: Arc<str>,
    /// Its id.
    pub call_id: String,
    /// Parts of the id that the event of its OTLP record has; empty where both share none.
    pub otlp_id: Vec<String>,
    /// Session.
    pub session: Arc<str>,
    /// Folder that was worked in.
    pub project: Arc<str>,
    /// Version of the agent.
    pub version: Arc<str>,
    /// When it ended, microseconds.
    pub at: i64,
    /// Its name.
    pub tool: String,
    /// Whether it ran; `None`: it was not let, or not told.
    pub success: Option<bool>,
    /// Exit code of the command that it ran.
    pub exit_code: Option<i64>,
    /// `accepted`, `rejected`, or empty.
    pub decision: String,
    /// Who decided; empty where not told.
    pub decided_by: String,
    /// How long it ran, ms.
    pub duration_ms: Option<f64>,
}

impl Tool {
    /// Orders copies: the original comes first.
    pub(crate) fn origin(&self) -> (i64, &str) {
        (self.at, &self.session)
    }
}
