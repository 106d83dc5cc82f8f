"""Pseudonyms in place of names, the same as on every other way in."""

import datetime
import enum
import json
import os
import socket
from pathlib import Path

import pytest
from hostile import Hostile, status

from weir._privacy import Privacy, read_key

SDKS = Path(__file__).resolve().parents[2]
VECTORS = json.loads((SDKS / "privacy-vectors.json").read_text(encoding="utf-8"))
KEY = bytes.fromhex(VECTORS["key"])


@pytest.fixture
def folder(tmp_path):
    """A folder with the key of the vectors."""
    made = tmp_path / "privacy"
    made.mkdir(mode=0o700)
    with open(os.open(made / "key", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(VECTORS["key"] + "\n")
    return made


def hiding(folder):
    return {"privacy": "pseudonymise", "privacy_folder": str(folder), "tenant": "acme"}


def test_pseudonyms_are_those_of_the_vectors():
    for kind, of in (("people", Privacy.person), ("texts", Privacy.text)):
        for vector in VECTORS[kind]:
            made = of(Privacy(KEY, vector["tenant"]), vector["text"])
            assert made == vector["pseudonym"], vector
    for vector in VECTORS["events"]:
        made = Privacy(KEY, vector["tenant"]).hidden({"type": vector["type"], **vector["item"]})
        assert (made.pop("type"), made.pop("tenant")) == (vector["type"], vector["tenant"])
        assert made == vector["hidden"]


class Text(enum.Enum):
    NORA = "nora@example.com"


def test_no_name_is_sent_or_spooled(client, folder, tmp_path):
    spool = tmp_path / "spool"
    with Hostile(status(503)) as server:
        weir = client(
            server.url,
            source="noras-laptop",
            engineer={"email": "Nora@Example.com", "team": "search"},
            resource={"host.name": "noras-laptop", "service.name": "ide"},
            spool=str(spool),
            **hiding(folder),
        )
        weir.llm_call(provider="p", model="m")
        weir.engineer_registered(name="Nora L.", host_name="noras-laptop")
        weir.emit("goal.set", {"operator": Text.NORA})
        # Of another form than it should have: refused at the gateway, but named to nobody.
        weir.emit("llm.call", {"engineer": "nora@example.com", "source": ["nora"]})
        with weir.capability("review"):
            pass
        server.wait_for(lambda s: s.requests)
        weir.close(0.1)
        told = json.dumps(server.events)
    kept = b"".join(path.read_bytes() for path in spool.iterdir())
    assert len(server.events) == 5 and kept.count(b"\n") == 5
    for name in ("nora", "Nora"):
        assert name not in told and name.encode() not in kept
    first = server.events[0]
    nora = Privacy(KEY, "acme").person("nora@example.com")
    assert first["engineer"] == {"email": nora, "team": "search"}
    assert first["resource"]["service.name"] == "ide" and first["tenant"] == "acme"
    assert first["resource"]["host.name"] == first["source"]
    # A type that is not known here may have names anywhere.
    weir.emit("review.finished", {"reviewer": "nora"})
    assert weir.stats()["refused"] == 1


@pytest.mark.parametrize(
    "given, said",
    [
        ({"privacy": "pseudonymize"}, "pseudonymise"),
        ({"privacy": "pseudonymise"}, "privacy_folder"),
        ({"privacy": "pseudonymise", "privacy_folder": "/no/such", "tenant": "acme"}, "/no/such"),
    ],
)
def test_without_its_key_nothing_is_sent(client, caplog, given, said):
    with Hostile() as server:
        weir = client(server.url, **given)
        weir.llm_call(provider="p", model="m")
        assert weir.flush(1) and not server.requests
    assert said in caplog.text and "nothing is sent" in caplog.text


def test_the_environment_switches_it_on(client, folder, monkeypatch):
    for name, value in hiding(folder).items():
        monkeypatch.setenv(f"WEIR_{name.upper()}", value)
    with Hostile() as server:
        weir = client(server.url)
        weir.llm_call(provider="p", model="m", event_time=datetime.datetime.now())
        assert weir.flush(5)
        assert server.events[0]["engineer"]["email"].startswith("p-")


def test_a_key_is_for_its_owner_alone(folder):
    key = folder / "key"
    assert read_key(str(folder)) == KEY
    key.chmod(0o644)
    with pytest.raises(ValueError, match="600"):
        read_key(str(folder))
    key.chmod(0o600)
    for damaged in ("0" * 64, "12", "x" * 64, VECTORS["key"] * 2):
        key.write_text(damaged)
        with pytest.raises(ValueError, match="damaged"):
            read_key(str(folder))


def test_names_that_come_often_are_hashed_once_and_few_are_kept():
    privacy = Privacy(KEY, "acme")
    first = privacy.text(socket.gethostname())
    for number in range(25_000):
        privacy.text(f"host-{number}")
    assert len(privacy._known) <= 10_000 and privacy.text(socket.gethostname()) == first
