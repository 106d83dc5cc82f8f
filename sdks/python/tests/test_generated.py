"""The typed methods are those of the schemas."""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import Hostile

import weir as sdk

ROOT = Path(__file__).resolve().parents[3]
SCHEMAS = sorted((ROOT / "schemas" / "events").glob("*.avsc"))
ENVELOPE = {"event_id", "event_time", "source", "resource"}


def test_the_generated_files_are_current():
    done = subprocess.run(
        [sys.executable, str(ROOT / "sdks" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda path: path.stem)
def test_every_example_is_what_its_method_sends(client, schema):
    method = schema.stem.replace(".", "_")
    examples = sorted((schema.parent / "examples" / schema.stem).glob("*.json"))
    assert examples
    with Hostile() as server:
        weir = client(server.url, engineer=None)
        sent = []
        for path in examples:
            example = json.loads(path.read_text(encoding="utf-8"))
            del example["tenant"]
            getattr(weir, method)(**example)
            kept = {name: value for name, value in example.items() if value is not None}
            sent.append({"type": schema.stem, **kept})
        assert weir.flush(5)
        assert server.events == sent
        assert weir.stats()["refused"] == 0


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda path: path.stem)
def test_required_fields_and_docs_are_those_of_the_schema(schema):
    declared = json.loads(schema.read_text(encoding="utf-8"))
    method = getattr(sdk.Client, schema.stem.replace(".", "_"))
    parameters = inspect.signature(method).parameters
    fields = [f for f in declared["fields"] if f["name"] not in ENVELOPE | {"tenant"}]
    assert set(parameters) == {"self"} | ENVELOPE | {field["name"] for field in fields}
    words = " ".join((method.__doc__ or "").split())
    assert " ".join(declared["doc"].split()) in words
    for field in fields:
        assert f"{field['name']}: {' '.join(field['doc'].split())}" in words
        required = parameters[field["name"]].default is inspect.Parameter.empty
        own = field["name"] == "engineer" and isinstance(field["type"], dict)
        assert required == ("default" not in field and not own)


def test_times_are_whole_microseconds(client):
    from datetime import datetime, timedelta, timezone

    moment = datetime(2026, 3, 2, 12, 0, 0, 1, timezone(timedelta(hours=2)))
    with Hostile() as server:
        weir = client(server.url)
        weir.incident_recorded(
            incident_id="i", service_name="s", opened_at=moment, event_time=moment
        )
        assert weir.flush(5)
        (event,) = server.events
        assert event["opened_at"] == event["event_time"] == 1772445600000001


def test_a_resource_of_an_event_is_laid_over_the_clients(client):
    with Hostile() as server:
        weir = client(server.url, resource={"a": "1", "b": "1"})
        weir.tool_called(tool="t", resource={"b": "2"})
        assert weir.flush(5)
        assert server.events[0]["resource"] == {"a": "1", "b": "2"}


def test_facts_of_the_machine_fit_their_event(client):
    with Hostile() as server:
        weir = client(server.url)
        weir.engineer_registered(**sdk.machine())
        assert weir.flush(5) and weir.stats()["refused"] == 0
        assert server.events[0]["runtime_version"].startswith("Python 3.")


def test_ids_are_uuids_of_version_7_and_sort_by_time():
    import uuid

    from weir._ids import uuid7

    ids = [uuid7(micros * 1000) for micros in range(1, 5000)]
    assert len(set(ids)) == len(ids) and ids == sorted(ids)
    for one in map(uuid.UUID, ids[::50]):
        assert one.version == 7 and one.variant == uuid.RFC_4122
    assert uuid.UUID(uuid7(1772445600000001)).int >> 80 == 1772445600000


def test_the_sources_are_of_the_oldest_python_that_is_supported():
    import ast

    for path in Path(sdk.__file__).parent.glob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
