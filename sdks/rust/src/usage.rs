//! What answers of OpenAI and Anthropic say about a call, in the fields of `llm.call`.
//!
//! Token classes of `llm.call` are disjoint: OpenAI's input has the cached tokens in it and both
//! providers' output the reasoning, so these are taken out.

use crate::event::Text;
use crate::events::LlmCall;
use serde_json::Value;

/// What was told of a call so far.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    /// Running totals of a message of Anthropic: later counts replace earlier ones.
    message: Message,
    /// Whether the first token of a stream has come.
    pub tokens_seen: bool,
}

#[derive(Debug, Default)]
struct Message {
    output: Option<i64>,
    thought: Option<i64>,
}

impl Usage {
    /// Takes an answer that came at once, or an item of its stream, in either provider's form.
    pub fn saw(&mut self, item: &Value, into: &mut LlmCall) {
        match text(item, "/type").as_deref() {
            Some("message") => {
                self.message(item, into);
                into.usage_complete = Some(item.get("usage").is_some_and(|u| !u.is_null()));
            }
            Some("message_start") => self.message(&item["message"], into),
            Some("message_delta") => {
                put(&mut into.stop_reason, text(item, "/delta/stop_reason"));
                self.count(&item["usage"], into);
                into.usage_complete = Some(true);
            }
            Some("content_block_delta") => self.tokens_seen = true,
            Some(kind) => self.response(kind, &item["response"], into),
            None => self.answer(item, into),
        }
    }

    /// An event of a stream of OpenAI's responses.
    fn response(&mut self, kind: &str, response: &Value, into: &mut LlmCall) {
        self.tokens_seen |= kind.ends_with(".delta");
        if response.is_object() {
            self.answer(response, into);
        }
    }

    /// A whole answer of OpenAI, or a chunk of one of chat completions.
    fn answer(&mut self, of: &Value, into: &mut LlmCall) {
        let first = |paths: [&str; 2]| paths.iter().find_map(|p| number(of, p));
        let input = first(["/usage/prompt_tokens", "/usage/input_tokens"]);
        let read = first([
            "/usage/prompt_tokens_details/cached_tokens",
            "/usage/input_tokens_details/cached_tokens",
        ]);
        let written = first([
            "/usage/prompt_tokens_details/cache_write_tokens",
            "/usage/input_tokens_details/cache_write_tokens",
        ]);
        let output = first(["/usage/completion_tokens", "/usage/output_tokens"]);
        let reasoning = first([
            "/usage/completion_tokens_details/reasoning_tokens",
            "/usage/output_tokens_details/reasoning_tokens",
        ]);
        put(&mut into.request_id, text(of, "/id"));
        if let Some(model) = text(of, "/model") {
            into.model = model;
        }
        put(&mut into.tokens_input, less(input, [read, written]));
        put(&mut into.tokens_cache_read, read);
        put(&mut into.tokens_cache_write, written);
        put(&mut into.tokens_output, less(output, [reasoning, None]));
        put(&mut into.tokens_reasoning, reasoning);
        put(&mut into.service_tier, text(of, "/service_tier"));
        let stopped = ["/choices/0/finish_reason", "/incomplete_details/reason"];
        put(
            &mut into.stop_reason,
            stopped.iter().find_map(|p| text(of, p)),
        );
        if text(of, "/status").as_deref() == Some("failed") {
            into.success = Some(false);
            let code = text(of, "/error/code");
            into.error_type = Some(code.unwrap_or_else(|| "failed".into()));
        }
        self.tokens_seen |= of.pointer("/choices/0/delta").is_some();
        if of["usage"].is_object() {
            into.usage_complete = Some(true);
        }
    }

    fn message(&mut self, of: &Value, into: &mut LlmCall) {
        // The id of the request, where somebody set it, is in a header that logs have, too.
        if into.request_id.is_none() {
            into.request_id = text(of, "/id");
        }
        if let Some(model) = text(of, "/model") {
            into.model = model;
        }
        put(&mut into.stop_reason, text(of, "/stop_reason"));
        self.count(&of["usage"], into);
    }

    fn count(&mut self, usage: &Value, into: &mut LlmCall) {
        put(&mut self.message.output, number(usage, "/output_tokens"));
        let thought = "/output_tokens_details/thinking_tokens";
        put(&mut self.message.thought, number(usage, thought));
        put(&mut into.tokens_input, number(usage, "/input_tokens"));
        let read = number(usage, "/cache_read_input_tokens");
        put(&mut into.tokens_cache_read, read);
        let written = number(usage, "/cache_creation_input_tokens");
        put(&mut into.tokens_cache_write, written);
        let of_5m = "/cache_creation/ephemeral_5m_input_tokens";
        put(&mut into.tokens_cache_write_5m, number(usage, of_5m));
        let of_1h = "/cache_creation/ephemeral_1h_input_tokens";
        put(&mut into.tokens_cache_write_1h, number(usage, of_1h));
        let output = less(self.message.output, [self.message.thought, None]);
        put(&mut into.tokens_output, output);
        put(&mut into.tokens_reasoning, self.message.thought);
        put(&mut into.service_tier, text(usage, "/service_tier"));
    }
}

fn put<T>(into: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *into = value;
    }
}

fn number(of: &Value, path: &str) -> Option<i64> {
    of.pointer(path)?.as_i64()
}

fn text(of: &Value, path: &str) -> Option<Text> {
    let text = of.pointer(path)?.as_str()?;
    Some(text.to_owned().into())
}

fn less(whole: Option<i64>, parts: [Option<i64>; 2]) -> Option<i64> {
    let parts: i64 = parts.into_iter().flatten().sum();
    whole.map(|w| (w - parts).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(items: &[Value]) -> (LlmCall, Usage) {
        let (mut call, mut usage) = (LlmCall::default(), Usage::default());
        for item in items {
            usage.saw(item, &mut call);
        }
        (call, usage)
    }

    fn tokens(call: &LlmCall) -> [Option<i64>; 7] {
        [
            call.tokens_input,
            call.tokens_cache_read,
            call.tokens_cache_write,
            call.tokens_cache_write_5m,
            call.tokens_cache_write_1h,
            call.tokens_output,
            call.tokens_reasoning,
        ]
    }

    fn chat_usage() -> Value {
        json!({
            "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 60},
            "completion_tokens_details": {"reasoning_tokens": 20},
        })
    }

    const OF_OPENAI: [Option<i64>; 7] = [Some(40), Some(60), None, None, None, Some(30), Some(20)];

    #[test]
    fn chat_completions_whole_and_by_a_stream() {
        let about = json!({"id": "chatcmpl-1", "model": "gpt-5-2026", "service_tier": "default"});
        let with = |more: Value| {
            let mut item = about.clone();
            for (name, value) in more.as_object().into_iter().flatten() {
                item[name] = value.clone();
            }
            item
        };
        let stopped = json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]);
        let answered = json!([{"index": 0, "message": {}, "finish_reason": "stop"}]);
        let whole = [with(json!({"choices": answered, "usage": chat_usage()}))];
        let stream = [
            with(
                json!({"choices": [{"index": 0, "delta": {"content": "h"}, "finish_reason": null}]}),
            ),
            with(json!({"choices": stopped})),
            with(json!({"choices": [], "usage": chat_usage()})),
        ];
        for items in [&whole[..], &stream[..]] {
            let (call, usage) = read(items);
            assert_eq!(tokens(&call), OF_OPENAI);
            assert_eq!(call.request_id.as_deref(), Some("chatcmpl-1"));
            assert_eq!(
                (&*call.model, call.stop_reason.as_deref()),
                ("gpt-5-2026", Some("stop"))
            );
            assert_eq!(call.usage_complete, Some(true));
            assert_eq!(usage.tokens_seen, items.len() > 1);
        }
        // One that breaks off has told nothing of its tokens.
        let (call, _) = read(&stream[..2]);
        assert_eq!((call.usage_complete, call.tokens_output), (None, None));
    }

    #[test]
    fn responses_whole_by_a_stream_and_failed() {
        let whole = json!({
            "id": "resp_1", "object": "response", "model": "gpt-5-2026", "status": "completed",
            "usage": {
                "input_tokens": 100, "input_tokens_details": {"cached_tokens": 60},
                "output_tokens": 50, "output_tokens_details": {"reasoning_tokens": 20},
            },
        });
        let begun =
            json!({"id": "resp_1", "model": "gpt-5-2026", "status": "in_progress", "usage": null});
        let stream = [
            json!({"type": "response.created", "response": begun}),
            json!({"type": "response.output_text.delta", "delta": "h"}),
            json!({"type": "response.completed", "response": whole}),
        ];
        for items in [&[whole][..], &stream[..]] {
            let (call, _) = read(items);
            assert_eq!(tokens(&call), OF_OPENAI);
            assert_eq!(call.usage_complete, Some(true));
        }
        let failed = json!({"id": "resp_1", "status": "failed", "error": {"code": "server_error"}});
        let (call, _) = read(&[json!({"type": "response.failed", "response": failed})]);
        assert_eq!(
            (call.success, call.error_type.as_deref()),
            (Some(false), Some("server_error"))
        );
    }

    #[test]
    fn messages_whole_and_by_a_stream() {
        let whole = json!({
            "id": "msg_1", "type": "message", "model": "claude-x", "stop_reason": "end_turn",
            "usage": {
                "input_tokens": 7, "cache_read_input_tokens": 500, "cache_creation_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
                "output_tokens": 42, "service_tier": "standard",
            },
        });
        let mut begun = whole.clone();
        begun["usage"]["output_tokens"] = 1.into();
        begun["stop_reason"] = Value::Null;
        let stream = [
            json!({"type": "message_start", "message": begun}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
                "usage": {"output_tokens": 42}}),
            json!({"type": "message_stop"}),
        ];
        for items in [&[whole][..], &stream[..]] {
            let (call, _) = read(items);
            let expected = [7, 500, 30, 10, 20, 42].map(Some);
            assert_eq!(tokens(&call)[..6], expected);
            assert_eq!(
                (&*call.model, call.stop_reason.as_deref()),
                ("claude-x", Some("end_turn"))
            );
            assert_eq!(call.usage_complete, Some(true));
        }
        let (call, usage) = read(&stream[..2]);
        assert_eq!((call.usage_complete, usage.tokens_seen), (None, true));
    }

    #[test]
    fn what_is_no_answer_changes_nothing() {
        let none = LlmCall::default();
        for item in [
            json!(null),
            json!([1]),
            json!("x"),
            json!({"usage": "x", "choices": 1}),
        ] {
            assert_eq!(read(&[item]).0, none);
        }
    }
}
