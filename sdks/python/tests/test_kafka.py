"""Straight to Kafka: what is written, and what becomes of it where Kafka or the registry fails."""

import http.server
import io
import json
import sys
import threading
import time
import uuid
from pathlib import Path

import fastavro
import pytest
from test_host import run
from test_privacy import folder, hiding  # noqa: F401  a fixture

from weir._avro import Refused
from weir._privacy import Privacy
from weir._records import Records

SCHEMAS = sorted((Path(__file__).resolve().parents[3] / "schemas" / "events").glob("*.avsc"))
DECLARED = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in SCHEMAS}
ID = 0x01020304
CALL = {
    "type": "llm.call",
    "event_id": "01931b5e-7a00-7000-8000-000000000001",
    "event_time": 1772445600000001,
    "source": "ci",
    "engineer": {"email": "bob@example.com"},
    "provider": "openai",
    "model": "gpt-5",
}


def examples(path):
    for example in sorted((path.parent / "examples" / path.stem).glob("*.json")):
        yield json.loads(example.read_text(encoding="utf-8"))


def made(event, tenant="acme", ask=lambda name, schema: (ID, None)):
    return Records(tenant, ask).make(json.dumps(event).encode())


def micros(value):
    """What another reader of Avro read, as JSON has it."""
    if hasattr(value, "timestamp"):
        return round(value.timestamp() * 1e6)
    if isinstance(value, dict):
        return {key: micros(item) for key, item in value.items()}
    return str(value) if isinstance(value, uuid.UUID) else value


def read(value, schema):
    assert value[:5] == b"\0\1\2\3\4"
    rest = io.BytesIO(value[5:])
    found = micros(fastavro.schemaless_reader(rest, schema))
    assert not rest.read()
    return found


def completed(given, schema):
    """An event with the defaults of what it leaves out."""
    whole = {}
    for field in schema["fields"]:
        value = given.get(field["name"], field.get("default"))
        if isinstance(field["type"], dict) and field["type"]["type"] == "record":
            value = completed(value, field["type"])
        whole[field["name"]] = value
    return whole


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda path: path.stem)
def test_another_reader_reads_every_example(schema):
    declared = DECLARED[schema.stem]
    for example in examples(schema):
        record = made({"type": schema.stem, **example}, example["tenant"])
        assert record.topic == f"weir.events.{schema.stem}"
        assert record.key == example["source"].encode()
        assert read(record.value, declared) == completed(example, declared)


@pytest.mark.parametrize(
    "given, field, found",
    [
        ({"event_id": "01931B5E7A0070008000000000000001"}, "event_id", CALL["event_id"]),
        ({"event_time": "2026-03-02T12:00:00.000001+02:00"}, "event_time", CALL["event_time"]),
        ({"engineer": {"email": " Bob@Example.COM "}}, "engineer", "bob@example.com"),
        ({"tokens_input": 12.0}, "tokens_input", 12),
        ({"tokens_input": -(1 << 63)}, "tokens_input", -(1 << 63)),
        ({"cost_usd": "0.0123"}, "cost_usd", 0.0123),
        ({"cost_usd": 3}, "cost_usd", 3.0),
        ({"category": None, "error_type": None}, "category", ""),
        ({"resource": {"b": "1", "a": "ü"}}, "resource", {"a": "ü", "b": "1"}),
    ],
)
def test_values_are_taken_as_the_gateway_takes_them(given, field, found):
    event = read(made({**CALL, **given}).value, DECLARED["llm.call"])
    value = event[field]["email"] if field == "engineer" else event[field]
    assert (value, event["tenant"]) == (found, "acme")


@pytest.mark.parametrize(
    "given, code, says",
    [
        ({"tokens_inputs": 1}, "0904", "llm.call: tokens_inputs is no field of the schema; wri"),
        ({"engineer": {"mail": "x"}}, "0904", "engineer.mail"),
        ({"engineer": None}, "0903", "engineer is missing"),
        ({"tokens_input": 1.5}, "0903", "tokens_input: a 64-bit integer"),
        ({"tokens_input": 1 << 63}, "0903", "64-bit"),
        ({"tokens_input": True}, "0903", "64-bit"),
        ({"tokens_input": "12"}, "0903", "tokens_input"),
        ({"cost_usd": "1e999"}, "0903", "cost_usd: a number"),
        ({"cost_usd": "inf"}, "0903", "cost_usd: a number"),
        ({"resource": {"a": 1}}, "0903", "resource.a: a text"),
        ({"source": "a\nb"}, "0008", "source"),
        ({"source": ""}, "0903", "source"),
        ({"event_id": "7"}, "0905", "no UUID"),
        ({"event_id": "00000000-0000-0000-0000-000000000000"}, "0905", "no UUID"),
        ({"event_time": "yesterday"}, "0906", "no time"),
        ({"event_time": 1772445600}, "0906", "microseconds"),
        ({"tenant": "umbrella"}, "0907", "of tenant acme"),
    ],
)
def test_what_the_gateway_would_refuse_for_its_form_is_refused(given, code, says):
    with pytest.raises(Refused) as raised:
        made({**CALL, **given})
    item = raised.value.item(3)
    assert (item["index"], item["code"]) == (3, f"WEIR-{code}")
    assert says in item["message"]


def test_a_type_of_the_system_alone_is_written_by_the_registrys_schema():
    fields = [field for field in DECLARED["llm.call"]["fields"] if field["name"] != "engineer"][:5]
    scores = {"name": "scores", "type": {"type": "array", "items": ["null", "double", "string"]}}
    own = {"type": "record", "name": "Own", "fields": [*fields, scores]}
    event = {name: CALL[name] for name in ("event_id", "event_time", "source")}
    event = {**event, "type": "review.done", "scores": [1, "2", None]}
    record = made(event, ask=lambda name, schema: (ID, own) if schema is None else None)
    assert read(record.value, own)["scores"] == [1.0, "2", None]


class Registry(http.server.BaseHTTPRequestHandler):
    """Knows the types that it is told of; notes what it was asked."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, json.loads(body), self.headers["Authorization"]))
        status, told = self.server.answer(self.path)
        text = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_words):
        pass


@pytest.fixture
def registry():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    server.asked, server.answer = [], lambda path: (200, {"id": ID})
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Error:
    def __init__(self, name):
        self.name, self.str = lambda: name, lambda: f"{name} in words"
        self.fatal = lambda: name == "_FATAL"


class Library:
    """Stands in for confluent_kafka. What becomes of a record is its `verdict`; None is silence."""

    def __init__(self):
        self.made, self.written, self.due = [], [], []
        self.verdict = lambda value: True

    def Producer(self, properties):
        self.made.append(properties)
        return self

    def produce(self, topic, key, value, on_delivery):
        self.written.append((topic, key, value))
        self.due.append((self.verdict(value), on_delivery))

    def poll(self, seconds):
        due, self.due = self.due, []
        for verdict, report in due:
            if verdict is not None:
                report(None if verdict is True else Error(verdict), None)
        if not due:
            time.sleep(min(seconds, 0.01))


@pytest.fixture
def library(monkeypatch):
    made = Library()
    monkeypatch.setitem(sys.modules, "confluent_kafka", made)
    return made


def test_records_go_with_an_id_that_is_asked_for_once(client, registry, library):
    weir = client(registry.url, kafka="one:9092", tenant="acme", source="ci", spool=None)
    for number in range(3):
        weir.tool_called(tool=f"tool-{number}")
        assert weir.flush(5)
    assert weir.stats()["sent"] == 3 and len(registry.asked) == 1
    path, asked, token = registry.asked[0]
    assert path == "/subjects/weir.events.tool.called-value/versions"
    assert token == "Bearer secret" and asked["schemaType"] == "AVRO"
    assert json.loads(asked["schema"])["name"] == "ToolCalled"
    assert {(topic, key) for topic, key, _ in library.written} == {
        ("weir.events.tool.called", b"ci")
    }
    properties = library.made[-1]
    assert properties["bootstrap.servers"] == "one:9092" and properties["acks"] == "all"
    assert properties["enable.idempotence"] is True


def test_what_fails_is_tried_again_under_the_same_ids(client, registry, library, caplog):
    verdicts = iter([True, "_MSG_TIMED_OUT", "_FATAL"])
    library.verdict = lambda value: next(verdicts, True)
    weir = client(registry.url, kafka="one:9092", tenant="acme", flush_interval=0.2)
    weir.tool_called(tool="a")
    weir.tool_called(tool="b")
    assert weir.flush(10)
    values = [value for _, _, value in library.written]
    assert values[:2] == values[2:4] == values[4:] and weir.stats()["sent"] == 2
    # What cannot go on is made anew.
    assert len(library.made) == 3
    assert "Kafka at one:9092 did not take events" in caplog.text


def test_refused_events_are_counted_and_hold_nothing_up(client, registry, library, caplog):
    registry.answer = lambda path: (
        (404, {"error_code": 40401, "message": "no such subject"})
        if "skill" in path
        else (200, {"id": ID})
    )
    library.verdict = lambda value: "MSG_SIZE_TOO_LARGE" if b"large" in value else True
    weir = client(registry.url, kafka="one:9092", tenant="acme", flush_interval=0.2)
    weir.tool_called(tool="large")
    weir.tool_called(tool="good")
    weir.tool_called(tool=7)
    weir.emit("skill.scored", {"skill": "s"})
    weir.emit("skill.scored", {"skill": "s"})
    assert weir.flush(5)
    assert (weir.stats()["sent"], weir.stats()["refused"]) == (1, 4)
    assert len(registry.asked) == 2
    for said in ("MSG_SIZE_TOO_LARGE in words", "WEIR-0902", "WEIR-0903"):
        assert caplog.text.count(said) == 1


@pytest.mark.parametrize("away", ["registry", "401", "silent", "TOPIC_AUTHORIZATION_FAILED"])
def test_what_is_away_keeps_the_events_and_costs_no_time(client, registry, library, away, tmp_path):
    library.verdict = lambda value: None if away == "silent" else away
    if away == "401":
        registry.answer = lambda path: (401, {"code": "WEIR-0911"})
    url = "http://127.0.0.1:1" if away == "registry" else registry.url
    weir = client(
        url, kafka="one:9092", tenant="acme", timeout=0.2, max_events=5, spool=str(tmp_path / "s")
    )
    for _ in range(3):
        weir.tool_called(tool="kept")
    assert weir.flush(5)
    assert weir.stats()["spooled"] == 3 and weir.stats()["refused"] == 0
    began = time.monotonic()
    weir.close(2)
    assert time.monotonic() - began < 3


def test_no_name_reaches_kafka(client, registry, library, folder):  # noqa: F811
    weir = client(
        registry.url, kafka="one:9092", engineer="Ada@Example.com", resource={"host.name": "adas"},
        **hiding(folder),
    )
    weir.llm_call(provider="p", model="m")
    assert weir.flush(5)
    ((_, key, value),) = library.written
    event = read(value, DECLARED["llm.call"])
    privacy = Privacy(bytes.fromhex((folder / "key").read_text()), "acme")
    assert event["engineer"]["email"] == privacy.person("ada@example.com")
    # That of the host, where none is given.
    assert event["source"].startswith("x-") and key == event["source"].encode()
    assert event["tenant"] == "acme" and b"adas" not in value


@pytest.mark.parametrize(
    "given, said",
    [
        ({"kafka": "one:9092"}, "kafka needs tenant"),
        ({"kafka": {"acks": "all"}, "tenant": "acme"}, "bootstrap.servers"),
        ({"kafka": {"bootstrap.servers": "one:9092", "aks": 1}, "tenant": "acme"}, '"aks"'),
    ],
)
def test_wrong_settings_are_told_once_and_nothing_is_sent(client, caplog, given, said):
    weir = client("http://127.0.0.1:1", **given)
    weir.tool_called(tool="x")
    assert weir.flush(1) and weir.stats()["queued"] == 0
    assert len(caplog.records) == 1
    assert said in caplog.text and "nothing is sent" in caplog.text


def test_a_missing_package_is_told_once(client, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    monkeypatch.setenv("WEIR_KAFKA", "one:9092")
    monkeypatch.setenv("WEIR_TENANT", "acme")
    weir = client("http://127.0.0.1:1")
    weir.tool_called(tool="x")
    assert weir.flush(1) and len(caplog.records) == 1
    assert "pip install 'weir-sdk[kafka]'" in caplog.text


def test_the_base_imports_none_of_it():
    program = "import sys, weir; weir.Client('http://127.0.0.1:1'); print(sorted(sys.modules))"
    done, _ = run(program)
    assert "'weir._http'" in done.stdout
    for name in ("confluent_kafka", "weir._kafka", "weir._avro", "fastavro"):
        assert f"'{name}'" not in done.stdout


AWAY = """
    import os, weir
    client = weir.Client(kafka="127.0.0.1:1", tenant="acme", engineer="a@b", exit_timeout=1.0)
    client.tool_called(tool="parent")
    assert not client.flush(0.5)
    if os.fork() == 0:
        client.tool_called(tool="child")
        assert not client.flush(0.5)
        raise SystemExit(3)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 3
    print("done")
"""


def test_a_process_ends_in_time_without_kafka_also_in_a_fork(registry):
    done, took = run(AWAY, WEIR_URL=registry.url)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert took < 10
    # Nothing of the library's own.
    told = done.stderr.splitlines()
    assert told and all(line.startswith(("weir: ", "1 events")) for line in told), told
