"""Measures the calls of OpenAI and Anthropic clients.

Methods of the given client are replaced on the instance. What the host gets back is what it got
before; of a stream only the iterator is replaced. A fault in here is noted and never the host's.
"""

from __future__ import annotations

import functools
import inspect
import time
import weakref
from typing import Any, Callable, Dict, Optional, Tuple
from urllib.parse import urlsplit

from ._log import Notes
from ._usage import AnthropicAnswer, OpenAiAnswer, get

_RAW = "x-stainless-raw-response"


class Calls:
    """Where the calls of one client are told, and what is told of each of them."""

    def __init__(
        self, emit: Callable[[str, Dict[str, Any]], None], notes: Notes, about: Dict[str, Any]
    ) -> None:
        self.about = dict(about)
        self.stream_usage = self.about.pop("stream_usage", False)
        self.emit = emit
        self.notes = notes


class _Call:
    """One call, told once."""

    def __init__(self, calls: Calls, answer: Any, model: Any) -> None:
        self._calls = calls
        self._answer = answer
        self._model = model
        self._began = time.perf_counter()
        self._first_token_ms: Optional[float] = None
        self._last_ms = 0.0
        self._told = False
        self.hide_usage = False

    def _since(self) -> float:
        return (time.perf_counter() - self._began) * 1000

    def _tell(self, **outcome: Any) -> None:
        if self._told:
            return
        self._told = True
        try:
            fields = {"model": self._model, "success": True, "latency_ms": self._since()}
            fields["first_token_ms"] = self._first_token_ms
            fields["usage_complete"] = self._answer.complete
            fields.update(self._answer.fields)
            fields.update(self._calls.about)
            fields.update(outcome)
            self._calls.emit("llm.call", fields)
        except Exception as error:
            self._calls.notes.once("call", f"a call was not measured: {error!r}")

    def failed(self, error: BaseException) -> None:
        """An exception passes; the host leaving a generator is none."""
        if isinstance(error, GeneratorExit):
            self.left()
        else:
            self._tell(success=False, error_type=type(error).__name__)

    def ended(self) -> None:
        """The stream was read to its end."""
        self._tell()

    def left(self) -> None:
        """The host read no further; that it was left may be known only much later."""
        self._tell(latency_ms=self._last_ms or self._since())

    def saw(self, item: Any) -> bool:
        """Whether an item of the stream is for the host."""
        try:
            shown = self._answer.saw(item)
            self._last_ms = self._since()
            if self._answer.tokens_seen and self._first_token_ms is None:
                self._first_token_ms = self._last_ms
            return shown or not self.hide_usage
        except Exception as error:
            self._calls.notes.once("item", f"a stream was not understood: {error!r}")
            return True

    def answered(self, result: Any) -> Any:
        """Looks at what came back, and gives it to the host."""
        try:
            if hasattr(result, "http_response") and hasattr(result, "parse"):
                return self._raw(result)
            if hasattr(result, "_iterator"):
                return self._stream(result)
            self._answer.whole(result)
        except Exception as error:
            self._calls.notes.once("answer", f"an answer was not understood: {error!r}")
        self._tell()
        return result

    def _stream(self, stream: Any) -> Any:
        headers = get(stream, "response", "headers")
        self._answer.headers(headers if headers is not None else {})
        kind = _AsyncItems if hasattr(stream, "__anext__") else _Items
        stream._iterator = kind(stream._iterator, self)
        # Without a reference to the stream: a cycle would keep a dropped one open.
        alive = weakref.ref(stream)

        def close() -> Any:
            self.left()
            found: Any = alive()
            return type(found).close(found)

        stream.close = close
        return stream

    def _raw(self, result: Any) -> Any:
        """`with_raw_response`: the body was read, unless it is a stream that the host parses."""
        response = result.http_response
        if getattr(response, "is_closed", False):
            self._answer.headers(response.headers)
            self._answer.whole(response.json())
            self._tell()
            return result
        parse = result.parse

        def parsed(*args: Any, **named: Any) -> Any:
            found = parse(*args, **named)
            return _awaited(found, self) if inspect.isawaitable(found) else self.answered(found)

        result.parse = parsed
        return result


class _Items:
    """A stream's iterator that tells its call when it ends, breaks, or is dropped."""

    def __init__(self, inner: Any, call: _Call) -> None:
        self._inner = inner
        self._call = call

    def __iter__(self) -> "_Items":
        return self

    def __next__(self) -> Any:
        while True:
            try:
                item = self._inner.__next__()
            except StopIteration:
                self._call.ended()
                raise
            except BaseException as error:
                self._call.failed(error)
                raise
            if self._call.saw(item):
                return item

    def close(self) -> None:
        """As a generator has it."""
        self._inner.close()
        self._call.left()

    def __del__(self) -> None:
        self._call.left()


class _AsyncItems:
    """The same for `async for`."""

    def __init__(self, inner: Any, call: _Call) -> None:
        self._inner = inner
        self._call = call

    def __aiter__(self) -> "_AsyncItems":
        return self

    async def __anext__(self) -> Any:
        while True:
            try:
                item = await self._inner.__anext__()
            except StopAsyncIteration:
                self._call.ended()
                raise
            except BaseException as error:
                self._call.failed(error)
                raise
            if self._call.saw(item):
                return item

    async def aclose(self) -> None:
        """As a generator has it."""
        await self._inner.aclose()
        self._call.left()

    def __del__(self) -> None:
        self._call.left()


async def _awaited(result: Any, call: _Call) -> Any:
    try:
        found = await result
    except BaseException as error:
        call.failed(error)
        raise
    return call.answered(found)


def _measure(
    owner: Any, path: str, calls: Calls, reader: Callable[[], Any], ask_usage: bool = False
) -> None:
    """Replaces a method below a client; one that this version of it lacks is left out."""
    *parents, name = path.split(".")
    resource = get(owner, *parents)
    original = getattr(resource, name, None)
    if original is None or getattr(original, "_weir", False):
        return

    @functools.wraps(original)
    def method(*args: Any, **named: Any) -> Any:
        call = _Call(calls, reader(), named.get("model"))
        if ask_usage and named.get("stream") is True and not named.get("stream_options"):
            named["stream_options"] = {"include_usage": True}
            call.hide_usage = True
        try:
            result = original(*args, **named)
        except BaseException as error:
            call.failed(error)
            raise
        return _awaited(result, call) if inspect.isawaitable(result) else call.answered(result)

    method._weir = True  # type: ignore[attr-defined]
    setattr(resource, name, method)


class _Manager:
    """What `messages.stream()` gives: its stream is known when it is entered."""

    def __init__(self, inner: Any, call: _Call) -> None:
        self._inner = inner
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _entered(self, stream: Any) -> Any:
        self._call.answered(stream._raw_stream)
        return stream

    def __enter__(self) -> Any:
        try:
            stream = self._inner.__enter__()
        except BaseException as error:
            self._call.failed(error)
            raise
        return self._entered(stream)

    def __exit__(self, *how: Any) -> Any:
        try:
            return self._inner.__exit__(*how)
        finally:
            self._call.left()

    async def __aenter__(self) -> Any:
        try:
            stream = await self._inner.__aenter__()
        except BaseException as error:
            self._call.failed(error)
            raise
        return self._entered(stream)

    async def __aexit__(self, *how: Any) -> Any:
        try:
            return await self._inner.__aexit__(*how)
        finally:
            self._call.left()


def _measure_manager(owner: Any, path: str, calls: Calls) -> None:
    *parents, name = path.split(".")
    resource = get(owner, *parents)
    original = getattr(resource, name, None)
    if original is None or getattr(original, "_weir", False):
        return

    @functools.wraps(original)
    def method(*args: Any, **named: Any) -> Any:
        call = _Call(calls, AnthropicAnswer(), named.get("model"))
        return _Manager(original(*args, **named), call)

    method._weir = True  # type: ignore[attr-defined]
    setattr(resource, name, method)


def _measure_copies(client: Any, again: Callable[[Any], Any]) -> None:
    """A client with other options, made of a measured one, is measured too."""
    for name in ("copy", "with_options"):
        original = getattr(client, name, None)
        if original is not None:
            setattr(client, name, functools.wraps(original)(_then(original, again)))


def _then(original: Callable[..., Any], again: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda *args, **named: again(original(*args, **named))


def _address(client: Any) -> Tuple[str, str]:
    """The host that a client talks to, and the name of its class."""
    return urlsplit(str(get(client, "base_url") or "")).hostname or "", type(client).__name__


def openai(client: Any, calls: Calls) -> Any:
    """Measures an OpenAI client."""
    host, kind = _address(client)
    azure = "Azure" in kind or host.endswith(".azure.com")
    calls.about.setdefault("provider", "azure" if azure else "openai")
    ask = bool(calls.stream_usage) or azure or host == "openai.com" or host.endswith(".openai.com")
    _measure(client, "chat.completions.create", calls, OpenAiAnswer, ask_usage=ask)
    _measure(client, "chat.completions.parse", calls, OpenAiAnswer)
    _measure(client, "responses.create", calls, OpenAiAnswer)
    _measure(client, "responses.parse", calls, OpenAiAnswer)
    _measure(client, "embeddings.create", calls, OpenAiAnswer)
    _measure_copies(client, lambda copy: openai(copy, calls))
    return client


def anthropic(client: Any, calls: Calls) -> Any:
    """Measures an Anthropic client."""
    _host, kind = _address(client)
    by_class = {"Bedrock": "bedrock", "Vertex": "vertex"}
    provider = next((name for part, name in by_class.items() if part in kind), "anthropic")
    calls.about.setdefault("provider", provider)
    for messages in ("messages", "beta.messages"):
        _measure(client, f"{messages}.create", calls, AnthropicAnswer)
        _measure(client, f"{messages}.parse", calls, AnthropicAnswer)
        _measure_manager(client, f"{messages}.stream", calls)
    _measure_copies(client, lambda copy: anthropic(copy, calls))
    return client
