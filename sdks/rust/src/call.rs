//! Measures one call of a model: what its answer says it used, and how long it took.

use crate::client::Client;
use crate::event::Text;
use crate::events::LlmCall;
use crate::usage::Usage;
use serde::Serialize;
use std::time::{Duration, Instant};

/// A call under way, of any client of OpenAI or Anthropic: it is shown what came back, as JSON or
/// as types that write themselves as such. It is told when this is dropped: as a failure where the
/// thread panics meanwhile, or [`Call::fail`] was called.
#[derive(Debug)]
#[must_use = "a call ends when this is dropped"]
pub struct Call {
    client: Client,
    event: LlmCall,
    usage: Usage,
    began: Instant,
    last: Option<Duration>,
    panicked_before: bool,
}

impl Call {
    pub(crate) fn new(client: Client, provider: Text, model: Text) -> Call {
        Call {
            client,
            event: LlmCall {
                provider,
                model,
                success: Some(true),
                usage_complete: Some(false),
                ..LlmCall::default()
            },
            usage: Usage::default(),
            began: Instant::now(),
            last: None,
            panicked_before: std::thread::panicking(),
        }
    }

    /// Takes the answer, or an item of its stream: chat completions, responses, embeddings, messages.
    /// What is none of these changes nothing.
    pub fn read(&mut self, answer: &impl Serialize) {
        let now = self.began.elapsed();
        self.last = Some(now);
        if let Ok(item) = serde_json::to_value(answer) {
            let seen_before = self.usage.tokens_seen;
            self.usage.saw(&item, &mut self.event);
            if self.usage.tokens_seen && !seen_before {
                self.event.first_token_ms = Some(now.as_secs_f64() * 1000.0);
            }
        }
    }

    /// Changes fields that no answer has, e.g. `|e| e.category = Some("review".into())`.
    pub fn set(&mut self, change: impl FnOnce(&mut LlmCall)) {
        change(&mut self.event);
    }

    /// No answer came, or it broke off.
    pub fn fail(&mut self, error_type: impl Into<Text>) {
        self.event.success = Some(false);
        self.event.error_type = Some(error_type.into());
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // What the program does with the answer is not the call's time.
        let took = self.last.unwrap_or_else(|| self.began.elapsed());
        self.event.latency_ms = Some(took.as_secs_f64() * 1000.0);
        if std::thread::panicking() && !self.panicked_before {
            self.fail("panic");
        }
        self.client.emit(std::mem::take(&mut self.event));
    }
}
