"""Durations and outcomes of capabilities."""

import asyncio
import time

import pytest
from hostile import Hostile


@pytest.fixture
def told(client):
    """A client, and what it has told so far."""
    with Hostile() as server:
        weir = client(server.url)

        def events():
            assert weir.flush(5)
            return server.events

        yield weir, events


def test_with_measures_duration_and_success(told):
    weir, events = told
    with weir.capability("review", context_size_tokens=900) as run:
        time.sleep(0.03)
        run.set(tokens_saved=1200)
    (event,) = events()
    assert event["type"] == "capability.executed" and event["capability"] == "review"
    assert 29 < event["duration_ms"] < 2000
    assert event["success"] is True and "error_type" not in event
    assert (event["tokens_saved"], event["context_size_tokens"]) == (1200, 900)
    assert event["engineer"] == {"email": "ada@acme.example"}


def test_exceptions_pass_through_and_are_told(told):
    weir, events = told
    error = KeyError("x")
    with pytest.raises(KeyError) as caught:
        with weir.capability("review"):
            raise error
    assert caught.value is error
    with weir.capability("review") as run:
        run.fail("timeout")
    with pytest.raises(SystemExit):
        with weir.capability("review"):
            raise SystemExit(0)
    assert [(e["success"], e.get("error_type")) for e in events()] == [
        (False, "KeyError"),
        (False, "timeout"),
        (True, None),
    ]


def test_decorated_functions_stay_what_they_are(told):
    weir, events = told

    @weir.capability("plain")
    def plain(a, b=2):
        """Adds."""
        return a + b

    @weir.capability("generator")
    def generator():
        got = yield 1
        yield got
        return 3

    @weir.capability("coroutine")
    async def coroutine():
        await asyncio.sleep(0.02)
        return 4

    @weir.capability("items")
    async def items():
        yield 5
        await asyncio.sleep(0.02)
        yield 6

    async def run():
        async with weir.capability("block"):
            return await coroutine(), [item async for item in items()]

    assert plain(1) == 3 and (plain.__name__, plain.__doc__) == ("plain", "Adds.")
    made = generator()
    assert next(made) == 1 and made.send(7) == 7
    made.close()
    assert asyncio.run(run()) == (4, [5, 6])
    found = {event["capability"]: event for event in events()}
    assert set(found) == {"plain", "generator", "coroutine", "items", "block"}
    assert all(event["success"] for event in found.values())
    assert found["coroutine"]["duration_ms"] > 15 and found["items"]["duration_ms"] > 15


def test_a_decorated_function_may_call_itself(told):
    weir, events = told

    @weir.capability("recursive")
    def down(n):
        time.sleep(0.01)
        return n if n == 0 else down(n - 1)

    assert down(2) == 0
    took = [event["duration_ms"] for event in events()]
    assert len(took) == 3 and took[0] < took[1] < took[2]
