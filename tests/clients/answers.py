"""Answers of four providers to one request, in the shapes that their clients read."""

import json
import re
import time
from dataclasses import dataclass

BUSY, REFUSED = 503, 400


@dataclass
class Usage:
    """Tokens by class; the classes are disjoint."""

    input: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int

    @staticmethod
    def of(number: int) -> "Usage":
        return Usage(1000 + 37 * number, 200 + 11 * number, 30 + 5 * number, 70 + 7 * number, 20 + 3 * number)


class Answer:
    """An answer of one provider; `number` makes its ids."""

    # Whether events of a stream have names, and a last one that is no JSON.
    named, ends = False, False

    def __init__(self, body: dict, path: str, number: int) -> None:
        self.body, self.path, self.number = body, path, number
        self.model = body.get("model") or "?"
        self.streams = bool(body.get("stream"))

    def told(self, usage: Usage) -> Usage:
        """What the provider's answer can tell of it."""
        return usage

    def error(self, status: int) -> dict:
        return {"error": {"message": f"made up: {status}", "type": "made_up", "code": "made_up"}}


class Messages(Answer):
    """Anthropic's: input is what was not cached; output holds thinking."""

    named = True

    def told(self, u: Usage) -> Usage:
        return Usage(u.input, u.cache_read, u.cache_write, u.output, 0)

    def error(self, status: int) -> dict:
        kind = "overloaded_error" if status == BUSY else "invalid_request_error"
        return {"type": "error", "error": {"type": kind, "message": f"made up: {status}"}}

    def usage(self, u: Usage) -> dict:
        return {
            "input_tokens": u.input,
            "cache_read_input_tokens": u.cache_read,
            "cache_creation_input_tokens": u.cache_write,
            "output_tokens": u.output,
        }

    def block(self, tool) -> dict:
        if tool is None:
            return {"type": "text", "text": "It is done."}
        return {"type": "tool_use", "id": f"toolu_{self.number:06}", "name": tool[0], "input": tool[1]}

    def whole(self, u: Usage, tool) -> dict:
        return {
            "id": f"msg_{self.number:06}", "type": "message", "role": "assistant", "model": self.model,
            "content": [self.block(tool)], "stop_reason": "tool_use" if tool else "end_turn",
            "stop_sequence": None, "usage": self.usage(u),
        }

    def events(self, u: Usage, tool) -> list[dict]:
        whole = self.whole(u, tool)
        block = whole["content"][0]
        if tool is None:
            empty, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            empty = dict(block, input={})
            delta = {"type": "input_json_delta", "partial_json": json.dumps(tool[1])}
        begun = dict(whole, content=[], stop_reason=None, usage=dict(whole["usage"], output_tokens=1))
        return [
            {"type": "message_start", "message": begun},
            {"type": "content_block_start", "index": 0, "content_block": empty},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "usage": whole["usage"],
             "delta": {"stop_reason": whole["stop_reason"], "stop_sequence": None}},
            {"type": "message_stop"},
        ]


class Completions(Answer):
    """OpenAI's chat completions: input holds what was cached, output holds reasoning."""

    ends = True

    def told(self, u: Usage) -> Usage:
        return Usage(u.input, u.cache_read, 0, u.output, u.reasoning)

    def usage(self, u: Usage) -> dict:
        taken, made = u.input + u.cache_read, u.output + u.reasoning
        return {
            "prompt_tokens": taken, "completion_tokens": made, "total_tokens": taken + made,
            "prompt_tokens_details": {"cached_tokens": u.cache_read},
            "completion_tokens_details": {"reasoning_tokens": u.reasoning},
        }

    def message(self, tool) -> dict:
        if tool is None:
            return {"role": "assistant", "content": "It is done."}
        function = {"name": tool[0], "arguments": json.dumps(tool[1])}
        one = {"id": f"call_{self.number:06}", "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [one]}

    def head(self, kind: str) -> dict:
        return {"id": f"chatcmpl-{self.number:06}", "object": kind, "created": int(time.time()), "model": self.model}

    def whole(self, u: Usage, tool) -> dict:
        end = "tool_calls" if tool else "stop"
        choice = {"index": 0, "message": self.message(tool), "finish_reason": end, "logprobs": None}
        return dict(self.head("chat.completion"), choices=[choice], usage=self.usage(u))

    def events(self, u: Usage, tool) -> list[dict]:
        head = self.head("chat.completion.chunk")
        delta = self.message(tool)
        for i, one in enumerate(delta.get("tool_calls", [])):
            one["index"] = i
        end = "tool_calls" if tool else "stop"
        out = [
            dict(head, choices=[{"index": 0, "delta": delta, "finish_reason": None}]),
            dict(head, choices=[{"index": 0, "delta": {}, "finish_reason": end}]),
        ]
        if (self.body.get("stream_options") or {}).get("include_usage"):
            out.append(dict(head, choices=[], usage=self.usage(u)))
        return out


class Responses(Answer):
    """OpenAI's responses: the same classes, and what was written to the cache within the input."""

    named = True

    def usage(self, u: Usage) -> dict:
        taken, made = u.input + u.cache_read + u.cache_write, u.output + u.reasoning
        return {
            "input_tokens": taken, "output_tokens": made, "total_tokens": taken + made,
            "input_tokens_details": {"cached_tokens": u.cache_read, "cache_write_tokens": u.cache_write},
            "output_tokens_details": {"reasoning_tokens": u.reasoning},
        }

    def item(self, tool) -> dict:
        if tool is None:
            text = {"type": "output_text", "text": "It is done.", "annotations": []}
            return {"type": "message", "id": f"msg_{self.number:06}", "status": "completed",
                    "role": "assistant", "content": [text]}
        return {"type": "function_call", "id": f"fc_{self.number:06}", "status": "completed",
                "call_id": f"call_{self.number:06}", "name": tool[0], "arguments": json.dumps(tool[1])}

    def whole(self, u: Usage, tool) -> dict:
        return {"id": f"resp_{self.number:06}", "object": "response", "created_at": int(time.time()),
                "status": "completed", "model": self.model, "output": [self.item(tool)],
                "parallel_tool_calls": False, "tool_choice": "auto", "tools": [], "usage": self.usage(u)}

    def events(self, u: Usage, tool) -> list[dict]:
        whole = self.whole(u, tool)
        begun = dict(whole, status="in_progress", output=[], usage=None)
        item = whole["output"][0]
        events = [
            {"type": "response.created", "response": begun},
            {"type": "response.output_item.added", "output_index": 0, "item": dict(item, status="in_progress")},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": whole},
        ]
        return [dict(e, sequence_number=i) for i, e in enumerate(events)]


class Generate(Answer):
    """Google's: input holds what was cached, output holds no thoughts."""

    def __init__(self, body: dict, path: str, number: int) -> None:
        super().__init__(body, path, number)
        self.model = re.search(r"models/([^:]+):", path).group(1)
        self.streams = "streamGenerateContent" in path

    def told(self, u: Usage) -> Usage:
        return Usage(u.input, u.cache_read, 0, u.output, u.reasoning)

    def error(self, status: int) -> dict:
        name = "UNAVAILABLE" if status == BUSY else "INVALID_ARGUMENT"
        return {"error": {"code": status, "message": f"made up: {status}", "status": name}}

    def whole(self, u: Usage, tool) -> dict:
        part = {"text": "It is done."}
        if tool:
            part = {"functionCall": {"name": tool[0], "args": tool[1], "id": f"call{self.number:06}"}}
        taken = u.input + u.cache_read
        usage = {"promptTokenCount": taken, "cachedContentTokenCount": u.cache_read,
                 "candidatesTokenCount": u.output, "thoughtsTokenCount": u.reasoning,
                 "totalTokenCount": taken + u.output + u.reasoning}
        content = {"role": "model", "parts": [part]}
        return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
                "usageMetadata": usage, "modelVersion": self.model, "responseId": f"answer{self.number:06}"}

    def events(self, u: Usage, tool) -> list[dict]:
        return [self.whole(u, tool)]


MAKERS = [
    (r"messages$", Messages),
    (r"chat/completions$", Completions),
    (r"responses$", Responses),
    (r"enerateContent$", Generate),
]
