"""Straight to the Kafka of a real system: it finds what it finds of the same events over HTTP."""

import json
import time
import uuid

import pytest
from system import BINARY
from test_kafka import SCHEMAS, examples

PATIENCE = 120
# When something came, not what it is: the partition is the same, for the key is.
OF_ITS_COMING = {"event_id", "log_time", "log_offset"}

pytestmark = pytest.mark.skipif(not BINARY, reason="WEIR_BINARY names no weir binary")


@pytest.fixture
def ways(system, client):
    """A client of each way, for the same tenant."""
    kafka = {"bootstrap.servers": system.brokers}
    straight = client(system.url, system.token, kafka=kafka, tenant="default", engineer=None)
    return [client(system.url, system.token, engineer=None), straight]


def rows(system, event):
    done = system.ask("query", "--json", f"SELECT * FROM {event.replace('.', '_')}_events")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["event_id"]: row for row in found}


def same(row):
    """What two sendings of one event have in common."""
    assert set(row) >= OF_ITS_COMING
    return {name: value for name, value in row.items() if name not in OF_ITS_COMING}


def test_every_event_type_comes_as_it_comes_over_http(system, ways):
    pairs, wanted = {}, {}
    for schema in SCHEMAS:
        for example in examples(schema):
            del example["tenant"]
            example["event_time"] = time.time_ns() // 1000
            ids = [str(uuid.uuid4()) for _ in ways]
            for way, id in zip(ways, ids):
                way.emit(schema.stem, {**example, "event_id": id})
            pairs.setdefault(schema.stem, []).append(ids)
            wanted[schema.stem] = wanted.get(schema.stem, 0) + len(ids)
    for way in ways:
        assert way.flush(PATIENCE)
        stats = way.stats()
        assert (stats["sent"], stats["refused"]) == (sum(wanted.values()) // 2, 0)
    counts = system.counts()
    until = time.monotonic() + PATIENCE
    for event, ids in pairs.items():
        of = counts[event]
        # Some are told apart by what they are of, not by their id.
        assert of["events"] + of["duplicates"] == wanted[event] and of["dead"] == 0, (event, of)
        found = rows(system, event)
        while not all(id in found for pair in ids for id in pair):
            assert time.monotonic() < until, (event, ids, list(found))
            time.sleep(1)
            found = rows(system, event)
        for over_http, straight in ids:
            assert same(found[over_http]) == same(found[straight]), event
    assert system.ask("query", "--json", "SELECT * FROM dead_letters").stdout == ""


def test_the_same_ids_are_counted_once_whichever_way_they_come(system, ways):
    before = system.counts().get("tool.called", {"events": 0, "duplicates": 0})
    ids = [str(uuid.uuid4()) for _ in range(20)]
    for way in (*ways, ways[1]):
        for id in ids:
            way.tool_called(tool="t", engineer="a@b.example", source="one", event_id=id)
        assert way.flush(PATIENCE)
    after = system.counts()["tool.called"]
    assert after["events"] - before["events"] == 20
    assert after["duplicates"] - before["duplicates"] == 40


def test_a_token_that_is_wrong_keeps_the_events(system, client, caplog):
    weir = client(system.url, "wrong", kafka=system.brokers, tenant="default")
    weir.tool_called(tool="kept")
    assert not weir.flush(2)
    assert weir.stats()["refused"] == 0 and "401" in caplog.text
