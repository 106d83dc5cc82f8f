"""Against a real system: run when WEIR_BINARY names a weir binary, which is started here."""

import json
import urllib.request
import uuid
from pathlib import Path

import pytest
from hostile import Hostile, reply
from system import BINARY

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas" / "events"

pytestmark = pytest.mark.skipif(not BINARY, reason="WEIR_BINARY names no weir binary")


def examples():
    for schema in sorted(SCHEMAS.glob("*.avsc")):
        for path in sorted((SCHEMAS / "examples" / schema.stem).glob("*.json")):
            fields = json.loads(path.read_text(encoding="utf-8"))
            del fields["tenant"], fields["event_time"]
            yield schema.stem, {**fields, "event_id": str(uuid.uuid4())}


def test_every_event_type_is_taken(system, client):
    weir = client(system.url, system.token)
    sent = {}
    for event, fields in examples():
        getattr(weir, event.replace(".", "_"))(**fields)
        sent[event] = sent.get(event, 0) + 1
    assert weir.flush(60)
    stats = weir.stats()
    assert (stats["sent"], stats["refused"]) == (sum(sent.values()), 0)
    counts = system.counts()
    for event, count in sent.items():
        of = counts[event]
        assert of["events"] + of["duplicates"] == count and of["dead"] == 0, (event, of)


def test_a_batch_whose_answer_was_lost_is_counted_once(system, client):
    lost = []

    def between(connection, request):
        """Passes a request on; loses the first answer."""
        ask = urllib.request.Request(
            system.url + "/v1/events",
            json.dumps(request["events"]).encode(),
            {
                "Authorization": request["headers"]["authorization"],
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(ask, timeout=60) as answer:
            body = answer.read()
        if not lost:
            lost.append(body)
            return False
        reply(connection, 200, body)

    before = system.counts().get("tool.called", {"events": 0, "duplicates": 0})
    with Hostile(between) as server:
        weir = client(server.url, system.token, source="lossy")
        for number in range(20):
            weir.tool_called(tool=f"tool-{number}")
        assert weir.flush(60)
        assert len(server.requests) == 2 and weir.stats()["sent"] == 20
    after = system.counts()["tool.called"]
    assert after["events"] - before["events"] == 20
    assert after["duplicates"] - before["duplicates"] == 20


def test_what_is_wrong_is_refused_by_item_and_told(system, client, caplog):
    weir = client(system.url, system.token)
    weir.emit("tool.called", {"tool": "good", "engineer": {"email": "ada@acme.example"}})
    weir.emit("tool.called", {"tool": "bad", "engineer": {"email": "a@b"}, "tol": 1})
    weir.emit("no.such.type", {"tool": "bad"})
    assert weir.flush(60)
    assert (weir.stats()["sent"], weir.stats()["refused"]) == (1, 2)
    assert sum("WEIR-09" in record.getMessage() for record in caplog.records) == 2


def test_a_wrong_token_keeps_the_events(system, client, caplog):
    weir = client(system.url, "wrong")
    weir.tool_called(tool="kept")
    assert not weir.flush(2)
    assert weir.stats()["refused"] == 0 and "401" in caplog.text
