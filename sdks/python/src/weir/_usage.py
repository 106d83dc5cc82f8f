"""What the answers of OpenAI and Anthropic say about a call, in the fields of `llm.call`.

Answers are read as objects of their clients or as plain JSON. Token classes of `llm.call` are
disjoint: OpenAI's input has the cached tokens in it and both providers' output the reasoning, so
these are taken out.
"""

from __future__ import annotations

from typing import Any, Dict, Optional


def get(thing: Any, *path: str) -> Any:
    """A value below an object or a mapping; None where there is none."""
    for name in path:
        if thing is None:
            return None
        thing = thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)
    return thing


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _less(whole: Optional[int], *parts: Optional[int]) -> Optional[int]:
    return None if whole is None else max(whole - sum(part or 0 for part in parts), 0)


class OpenAiAnswer:
    """An answer of chat completions, responses or embeddings, whole or by its stream."""

    def __init__(self) -> None:
        self.fields: Dict[str, Any] = {}
        self.complete = False
        self.tokens_seen = False

    def headers(self, headers: Any) -> None:
        """Takes the headers of a response: the id of the call is in the body."""

    def whole(self, answer: Any) -> None:
        """Takes an answer that came at once."""
        self._about(answer)
        self.complete = get(answer, "usage") is not None

    def saw(self, item: Any) -> bool:
        """Takes an item of a stream; whether the host would have got it unasked."""
        kind = get(item, "type")
        if isinstance(kind, str):
            answer = get(item, "response")
            if answer is not None:
                self._about(answer)
            if kind in ("response.completed", "response.incomplete", "response.failed"):
                self.complete = get(answer, "usage") is not None
            self.tokens_seen = self.tokens_seen or kind.endswith(".delta")
            return True
        self._about(item)
        choices = get(item, "choices")
        self.tokens_seen = self.tokens_seen or bool(choices)
        if get(item, "usage") is not None:
            self.complete = True
            return bool(choices)
        return True

    def _about(self, answer: Any) -> None:
        usage = get(answer, "usage")
        into = _first(get(usage, "prompt_tokens"), get(usage, "input_tokens"))
        about = _first(get(usage, "prompt_tokens_details"), get(usage, "input_tokens_details"))
        out = _first(get(usage, "completion_tokens"), get(usage, "output_tokens"))
        reasoning = _first(
            get(usage, "completion_tokens_details", "reasoning_tokens"),
            get(usage, "output_tokens_details", "reasoning_tokens"),
        )
        read, written = get(about, "cached_tokens"), get(about, "cache_write_tokens")
        choices = get(answer, "choices")
        found = {
            "request_id": get(answer, "id"),
            "model": get(answer, "model"),
            "tokens_input": _less(into, read, written),
            "tokens_cache_read": read,
            "tokens_cache_write": written,
            "tokens_output": _less(out, reasoning),
            "tokens_reasoning": reasoning,
            "service_tier": get(answer, "service_tier"),
            "stop_reason": get(choices[0], "finish_reason")
            if choices
            else get(answer, "incomplete_details", "reason"),
        }
        if get(answer, "status") == "failed":
            found["success"] = False
            found["error_type"] = get(answer, "error", "code") or "failed"
        self.fields.update({name: value for name, value in found.items() if value is not None})


class AnthropicAnswer:
    """A message, whole or by its stream."""

    def __init__(self) -> None:
        self.fields: Dict[str, Any] = {}
        self.complete = False
        self.tokens_seen = False
        self._usage: Dict[str, Any] = {}
        self._request: Optional[str] = None

    def headers(self, headers: Any) -> None:
        """Takes the headers of a response: the id of the request is there, as in others' logs."""
        self._request = headers.get("request-id")

    def whole(self, answer: Any) -> None:
        """Takes a message that came at once."""
        self._about(answer)
        self.complete = get(answer, "usage") is not None

    def saw(self, item: Any) -> bool:
        """Takes an event of a stream; the host gets all of them."""
        kind = get(item, "type")
        if kind == "message_start":
            self._about(get(item, "message"))
        elif kind == "message_delta":
            self._about({"stop_reason": get(item, "delta", "stop_reason")})
            self._count(get(item, "usage"))
            self.complete = True
        elif kind == "content_block_delta":
            self.tokens_seen = True
        return True

    def _about(self, answer: Any) -> None:
        found = {
            "request_id": _first(self._request, get(answer, "_request_id"), get(answer, "id")),
            "model": get(answer, "model"),
            "stop_reason": get(answer, "stop_reason"),
        }
        self.fields.update({name: value for name, value in found.items() if value is not None})
        self._count(get(answer, "usage"))

    def _count(self, usage: Any) -> None:
        """Counts of a stream replace those told before: they are running totals."""
        read = {
            "in": get(usage, "input_tokens"),
            "read": get(usage, "cache_read_input_tokens"),
            "written": get(usage, "cache_creation_input_tokens"),
            "5m": get(usage, "cache_creation", "ephemeral_5m_input_tokens"),
            "1h": get(usage, "cache_creation", "ephemeral_1h_input_tokens"),
            "out": get(usage, "output_tokens"),
            "thought": get(usage, "output_tokens_details", "thinking_tokens"),
            "tier": get(usage, "service_tier"),
        }
        told = self._usage
        told.update({name: value for name, value in read.items() if value is not None})
        found = {
            "tokens_input": told.get("in"),
            "tokens_cache_read": told.get("read"),
            "tokens_cache_write": told.get("written"),
            "tokens_cache_write_5m": told.get("5m"),
            "tokens_cache_write_1h": told.get("1h"),
            "tokens_output": _less(told.get("out"), told.get("thought")),
            "tokens_reasoning": told.get("thought"),
            "service_tier": told.get("tier"),
        }
        self.fields.update({name: value for name, value in found.items() if value is not None})
