"""What arrives at a peer that fails in every way it can."""

import logging
import time

import hostile
import pytest
from hostile import Hostile


def send(client, count, start=0):
    for number in range(start, start + count):
        client.tool_called(tool=f"tool-{number}", duration_ms=1.5)


def tools(server):
    return [event["tool"] for event in server.events]


def test_an_event_has_what_the_contract_asks_for(client):
    with Hostile() as server:
        weir = client(server.url, source="ci-7", resource={"service.name": "x"}, team="payments")
        weir.llm_call(provider="openai", model="gpt-5", tokens_input=3, success=False)
        assert weir.flush(5)
        request = server.requests[0]
        assert request["line"] == "POST /v1/events HTTP/1.1"
        assert request["headers"]["authorization"] == "Bearer secret"
        (event,) = request["events"]
        assert abs(event.pop("event_time") / 1e6 - time.time()) < 5
        assert event.pop("event_id")[14] == "7"
        assert event == {
            "type": "llm.call",
            "source": "ci-7",
            "resource": {"service.name": "x"},
            "engineer": {"email": "ada@acme.example", "team": "payments"},
            "provider": "openai",
            "model": "gpt-5",
            "tokens_input": 3,
            "success": False,
        }


def test_events_go_in_batches_compressed_over_one_connection(client):
    with Hostile() as server:
        weir = client(server.url, flush_interval=5, batch_events=100)
        send(weir, 250)
        server.wait_for(lambda s: len(s.events) >= 200)
        assert weir.flush(5)
        assert [len(request["events"]) for request in server.requests] == [100, 100, 50]
        assert server.requests[0]["headers"]["content-encoding"] == "gzip"
        assert server.requests[0]["size"] < 5000
        assert tools(server) == [f"tool-{number}" for number in range(250)]
        assert weir.stats()["sent"] == 250


@pytest.mark.parametrize(
    "fault",
    [
        hostile.close,
        hostile.half,
        hostile.garbage,
        hostile.drip,
        hostile.hang,
        hostile.endless,
        hostile.status(503),
        hostile.status(500),
        hostile.status(429, ["Retry-After: 0"]),
        hostile.status(502, body=b"<html>"),
        hostile.status(503, ["Retry-After: rubbish"]),
    ],
    ids="close half garbage drip hang endless 503 500 429 502 bad-retry-after".split(),
)
def test_a_failed_batch_is_repeated_with_the_same_ids(client, fault):
    with Hostile(fault, hostile.ok) as server:
        weir = client(server.url, timeout=0.4)
        send(weir, 3)
        assert weir.flush(8)
        assert len(server.requests) == 2
        first, second = (request["events"] for request in server.requests)
        assert [event["event_id"] for event in first] == [event["event_id"] for event in second]
        assert first == second
        assert weir.stats()["sent"] == 3


def test_a_kept_connection_that_was_closed_costs_no_pause(client, caplog):
    with Hostile(hostile.ok_then_close) as server:
        weir = client(server.url)
        for number in range(4):
            send(weir, 1, number)
            assert weir.flush(5)
            time.sleep(0.02)
        assert tools(server) == ["tool-0", "tool-1", "tool-2", "tool-3"]
        assert caplog.records == []  # as there would be before a pause


def test_a_kept_connection_that_closes_under_a_request_is_replaced_at_once(client, caplog):
    with Hostile(hostile.ok, hostile.close, hostile.ok) as server:
        weir = client(server.url)
        for number in range(2):
            send(weir, 1, number)
            assert weir.flush(5)
        assert tools(server) == ["tool-0", "tool-1", "tool-1"]
        assert caplog.records == []


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_is_honoured(client, code):
    with Hostile(hostile.status(code, ["Retry-After: 1"]), hostile.ok) as server:
        weir = client(server.url)
        send(weir, 1)
        assert weir.flush(5)
        waited = server.requests[1]["at"] - server.requests[0]["at"]
        assert 1.0 <= waited < 4


def test_pauses_grow_and_are_jittered(client):
    with Hostile(hostile.status(503)) as server:
        weir = client(server.url)
        send(weir, 1)
        server.wait_for(lambda s: len(s.requests) >= 4)
        times = [request["at"] for request in server.requests]
        pauses = [b - a for a, b in zip(times, times[1:])]
        for pause, most in zip(pauses, [0.5, 1.0, 2.0]):
            assert most * 0.5 <= pause < most + 1


def test_refused_items_are_told_once_per_code_and_not_repeated(client, caplog):
    caplog.set_level(logging.WARNING, "weir")
    with Hostile(hostile.refuse(0, 2), hostile.refuse(0), hostile.ok) as server:
        weir = client(server.url)
        send(weir, 3)
        assert weir.flush(5)
        send(weir, 1)
        assert weir.flush(5)
        send(weir, 1)
        assert weir.flush(5)
        assert len(server.requests) == 3
        assert weir.stats()["refused"] == 3 and weir.stats()["sent"] == 2
        told = [record.getMessage() for record in caplog.records]
        assert len(told) == 1
        assert "WEIR-0931" in told[0] and "send a good one" in told[0]


@pytest.mark.parametrize("code", [400, 413])
def test_one_bad_event_does_not_take_its_batch_with_it(client, code):
    bad = hostile.reject_if(lambda event: event["tool"] == "tool-5", code)
    with Hostile(bad) as server:
        weir = client(server.url, flush_interval=0.2)
        send(weir, 12)
        assert weir.flush(5)
        assert weir.stats()["sent"] == 11 and weir.stats()["refused"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        hostile.status(401),
        hostile.status(404),
        hostile.status(302),
        hostile.status(200, body=b"<html>welcome</html>"),
    ],
)
def test_what_only_a_person_can_mend_is_kept_and_not_hammered(client, caplog, fault):
    with Hostile(fault) as server:
        weir = client(server.url)
        send(weir, 2)
        assert not weir.flush(1)
        assert len(server.requests) == 1
        assert weir.stats()["sent"] == weir.stats()["refused"] == 0
        assert len(caplog.records) == 1
        began = time.monotonic()
        assert not weir.close(5)
        assert time.monotonic() - began < 3
        assert weir.stats()["lost"] == 2


def test_a_full_queue_drops_the_newest_and_says_how_many(client):
    def wait(connection, request):
        server.gate.wait(10)
        hostile.ok(connection, request)

    import threading

    with Hostile(wait, hostile.ok) as server:
        server.gate = threading.Event()
        weir = client(server.url, max_events=50, batch_events=10)
        send(weir, 10)
        server.wait_for(lambda s: s.requests)
        send(weir, 70, 10)
        assert weir.stats()["dropped"] == 20
        server.gate.set()
        assert weir.flush(5)
        assert tools(server) == [f"tool-{number}" for number in range(60)]
        told = [int(r["headers"].get("weir-dropped", 0)) for r in server.requests]
        assert told == [0, 20, 0, 0, 0, 0]


def test_drops_that_nobody_heard_of_are_told_again(client):
    with Hostile(hostile.hang, hostile.close, hostile.ok) as server:
        weir = client(server.url, max_events=1, timeout=0.3)
        send(weir, 1)
        server.wait_for(lambda s: s.requests)
        send(weir, 4, 1)
        assert weir.flush(8)
        told = [int(r["headers"].get("weir-dropped", 0)) for r in server.requests]
        assert sum(told[2:]) == 3 and told[1] == 3


def test_the_queue_is_bounded_in_bytes_too(client):
    with Hostile(hostile.hang) as server:
        weir = client(server.url, max_bytes=100_000)
        for _ in range(100):
            weir.tool_called(tool="x" * 10_000)
        assert weir.stats()["dropped"] >= 90
