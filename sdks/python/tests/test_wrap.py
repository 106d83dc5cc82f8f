"""The real OpenAI and Anthropic clients, in front of a peer that speaks their protocols."""

import asyncio
import gc
import json

import anthropic
import hostile
import openai
import pytest
from hostile import Hostile

CHAT_USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 20},
}
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5-2026",
    "service_tier": "default",
    "usage": CHAT_USAGE,
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}
    ],
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-5-2026",
    "status": "completed",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 150,
    },
}
TOKENS = {"tokens_input": 40, "tokens_cache_read": 60, "tokens_output": 30, "tokens_reasoning": 20}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [{"type": "text", "text": "hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 7,
        "cache_read_input_tokens": 500,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        "output_tokens": 42,
        "service_tier": "standard",
    },
}
MESSAGE_TOKENS = {
    "tokens_input": 7,
    "tokens_cache_read": 500,
    "tokens_cache_write": 30,
    "tokens_cache_write_5m": 10,
    "tokens_cache_write_1h": 20,
    "tokens_output": 42,
}


def chat_chunk(**parts):
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-5-2026",
        "choices": [],
        **parts,
    }


def chat_chunks(usage):
    delta = [{"index": 0, "delta": {"content": "hel"}, "finish_reason": None}]
    end = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    chunks = [chat_chunk(choices=delta), chat_chunk(choices=end)]
    return chunks + ([chat_chunk(usage=CHAT_USAGE)] if usage else [])


def message_events():
    start = {
        **MESSAGE,
        "content": [],
        "stop_reason": None,
        "usage": {**MESSAGE["usage"], "output_tokens": 1},
    }
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "hello"},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 42},
        },
        {"type": "message_stop"},
    ]


def stream(connection, events, named=False, cut=None):
    """Writes server-sent events; `cut` ends the connection in the middle."""
    lines = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nrequest-id: req_7\r\n"
    connection.sendall(lines + b"Transfer-Encoding: chunked\r\n\r\n")
    for event in events[:cut]:
        head = f"event: {event['type']}\n" if named else ""
        text = f"{head}data: {json.dumps(event)}\n\n".encode()
        connection.sendall(f"{len(text):x}\r\n".encode() + text + b"\r\n")
    if cut is None:
        done = b"" if named else b"data: [DONE]\n\n"
        connection.sendall(
            (f"{len(done):x}\r\n".encode() + done + b"\r\n" if done else b"") + b"0\r\n\r\n"
        )
    return cut is None


def model_api(connection, request):
    """Chat completions, responses, embeddings and messages, whole and streamed."""
    (asked,) = request["events"]
    path = request["line"].split()[1]
    cut = 1 if asked.get("user") == "cut" else None
    if path.endswith("/chat/completions"):
        if asked.get("stream"):
            usage = bool((asked.get("stream_options") or {}).get("include_usage"))
            return stream(connection, chat_chunks(usage), cut=cut)
        return hostile.reply(connection, 200, CHAT, ["Content-Type: application/json"])
    if path.endswith("/responses"):
        if asked.get("stream"):
            events = [
                {
                    "type": "response.created",
                    "sequence_number": 0,
                    "response": {**RESPONSE, "status": "in_progress", "usage": None},
                },
                {
                    "type": "response.output_text.delta",
                    "sequence_number": 1,
                    "delta": "hel",
                    "item_id": "i",
                    "output_index": 0,
                    "content_index": 0,
                    "logprobs": [],
                },
                {"type": "response.completed", "sequence_number": 2, "response": RESPONSE},
            ]
            return stream(connection, events, named=True)
        return hostile.reply(connection, 200, RESPONSE, ["Content-Type: application/json"])
    if path.endswith("/embeddings"):
        body = {
            "object": "list",
            "model": "embed-3",
            "data": [],
            "usage": {"prompt_tokens": 8, "total_tokens": 8},
        }
        return hostile.reply(connection, 200, body, ["Content-Type: application/json"])
    if asked.get("stream"):
        return stream(
            connection, message_events(), named=True, cut=3 if "cut" in str(asked) else None
        )
    headers = ["Content-Type: application/json", "request-id: req_7"]
    return hostile.reply(connection, 200, MESSAGE, headers)


@pytest.fixture
def world(client):
    """A client of weir's, the events it told, and the address of a model API."""
    with Hostile() as server, Hostile(model_api) as api:
        weir = client(server.url)

        def events():
            assert weir.flush(5)
            return server.events

        yield weir, events, api


def openai_client(kind, world, **about):
    weir, _events, api = world
    about.setdefault("stream_usage", True)
    made = kind(base_url=api.url + "/v1", api_key="k", max_retries=0)
    assert weir.wrap_openai(made, category="review", **about) is made
    return made


def anthropic_client(kind, world):
    weir, _events, api = world
    return weir.wrap_anthropic(kind(base_url=api.url, api_key="k", max_retries=0), session_id="s-1")


def expect(event, **fields):
    assert event["type"] == "llm.call"
    assert {name: event.get(name) for name in fields} == fields


ASK = {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]}
SAY = {**ASK, "model": "claude-x", "max_tokens": 10}


def test_openai_answers(world):
    ai = openai_client(openai.OpenAI, world)
    assert ai.chat.completions.create(**ASK).choices[0].message.content == "hello"
    assert ai.responses.create(model="gpt-5", input="hi").id == "resp_1"
    assert ai.chat.completions.with_raw_response.create(**ASK).parse().id == "chatcmpl-1"
    ai.embeddings.create(model="embed", input="x", encoding_format="float")
    ai.with_options(timeout=5).chat.completions.create(**ASK)
    chat, response, raw, embedding, copied = world[1]()
    for event in (chat, raw, copied):
        expect(
            event,
            provider="openai",
            model="gpt-5-2026",
            request_id="chatcmpl-1",
            success=True,
            stop_reason="stop",
            service_tier="default",
            usage_complete=True,
            category="review",
            **TOKENS,
        )
        assert 0 < event["latency_ms"] < 5000
    expect(response, request_id="resp_1", usage_complete=True, **TOKENS)
    expect(embedding, model="embed-3", tokens_input=8, tokens_output=None)


def test_openai_streams(world):
    ai = openai_client(openai.OpenAI, world)
    chunks = list(ai.chat.completions.create(**ASK, stream=True))
    assert [bool(chunk.choices) for chunk in chunks] == [True, True]
    asked = list(
        ai.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True})
    )
    assert [bool(chunk.choices) for chunk in asked] == [True, True, False]
    kinds = [e.type for e in ai.responses.create(model="gpt-5", input="hi", stream=True)]
    assert kinds[-1] == "response.completed"
    with ai.chat.completions.stream(**ASK) as helper:
        assert helper.get_final_completion().choices[0].message.content == "hel"
    found = world[1]()
    assert len(found) == 4
    for event in found:
        expect(event, usage_complete=True, success=True, **TOKENS)
        assert 0 < event["first_token_ms"] <= event["latency_ms"]


def test_streams_that_are_left_or_break_are_told_once(world):
    ai = openai_client(openai.OpenAI, world)
    for _chunk in ai.chat.completions.create(**ASK, stream=True):
        break
    del _chunk
    gc.collect()
    ai.chat.completions.create(**ASK, stream=True).close()
    with pytest.raises(Exception):
        list(ai.chat.completions.create(**ASK, stream=True, user="cut"))
    left, closed, broken = world[1]()
    expect(left, success=True, usage_complete=False, tokens_input=None)
    expect(closed, success=True, usage_complete=False)
    expect(broken, success=False, usage_complete=False)
    assert broken["error_type"]


def test_usage_is_not_asked_for_where_the_host_did_not_and_it_may_not_be_known(world):
    ai = openai_client(openai.OpenAI, world, stream_usage=False)
    list(ai.chat.completions.create(**ASK, stream=True))
    assert "stream_options" not in world[2].requests[0]["events"][0]
    expect(world[1]()[0], usage_complete=False, tokens_input=None, stop_reason="stop")


def test_openai_async(world):
    async def run():
        ai = openai_client(openai.AsyncOpenAI, world)
        await ai.chat.completions.create(**ASK)
        got = await ai.chat.completions.create(**ASK, stream=True)
        assert len([chunk async for chunk in got]) == 2
        async with ai.chat.completions.stream(**ASK) as helper:
            assert (await helper.get_final_completion()).id == "chatcmpl-1"
        await ai.responses.create(model="gpt-5", input="hi")

    asyncio.run(run())
    found = world[1]()
    assert len(found) == 4
    for event in found:
        expect(event, usage_complete=True, **TOKENS)


def test_anthropic_answers_and_streams(world):
    ai = anthropic_client(anthropic.Anthropic, world)
    assert ai.messages.create(**SAY).content[0].text == "hello"
    assert ai.messages.with_raw_response.create(**SAY).parse().id == "msg_1"
    assert len(list(ai.messages.create(**SAY, stream=True))) == 6
    with ai.messages.stream(**SAY) as helper:
        assert "".join(helper.text_stream) == "hello"
    found = world[1]()
    assert len(found) == 4
    for event in found:
        expect(
            event,
            provider="anthropic",
            model="claude-x",
            request_id="req_7",
            session_id="s-1",
            stop_reason="end_turn",
            service_tier="standard",
            usage_complete=True,
            **MESSAGE_TOKENS,
        )
    assert "first_token_ms" in found[3]


def test_anthropic_async(world):
    async def run():
        ai = anthropic_client(anthropic.AsyncAnthropic, world)
        await ai.messages.create(**SAY)
        async for _event in await ai.messages.create(**SAY, stream=True):
            pass
        async with ai.messages.stream(**SAY) as helper:
            assert await helper.get_final_text() == "hello"
        with pytest.raises(Exception):
            async with ai.messages.stream(**{**SAY, "system": "cut"}) as helper:
                await helper.get_final_text()

    asyncio.run(run())
    *found, broken = world[1]()
    assert len(found) == 3
    for event in found:
        expect(event, request_id="req_7", usage_complete=True, **MESSAGE_TOKENS)
    expect(broken, success=False, usage_complete=False, tokens_input=7, tokens_output=1)


def test_errors_pass_through_and_are_told(world):
    weir, events, _api = world
    with Hostile(hostile.status(429, body={"error": {"message": "slow down"}})) as api:
        ai = weir.wrap_openai(openai.OpenAI(base_url=api.url, api_key="k", max_retries=0))
        with pytest.raises(openai.RateLimitError):
            ai.chat.completions.create(**ASK)
        claude = weir.wrap_anthropic(
            anthropic.Anthropic(base_url=api.url, api_key="k", max_retries=0)
        )
        with pytest.raises(anthropic.RateLimitError):
            claude.messages.create(**SAY)
        with pytest.raises(anthropic.RateLimitError):
            with claude.messages.stream(**SAY):
                pass
        with pytest.raises(TypeError):
            ai.chat.completions.create(model="m")
    found = events()
    assert [event.get("error_type") for event in found] == ["RateLimitError"] * 3 + ["TypeError"]
    assert all(event["success"] is False and "tokens_input" not in event for event in found)


def test_wrapping_twice_or_something_else_is_harmless(world, caplog):
    ai = openai_client(openai.OpenAI, world)
    world[0].wrap_openai(ai)
    ai.chat.completions.create(**ASK)
    assert world[0].wrap_openai(None) is None
    assert world[0].wrap_anthropic(thing := object()) is thing
    assert len(world[1]()) == 1
