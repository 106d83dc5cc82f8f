import os
import time

import pytest
from system import System

import weir


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    """No setting of the machine that the tests run on."""
    for name in [name for name in os.environ if name.startswith("WEIR_")]:
        if name != "WEIR_BINARY":
            monkeypatch.delenv(name)


@pytest.fixture
def client():
    """Makes clients and closes them after the test, without waiting."""
    made = []

    def make(url=None, token="secret", **given):
        given.setdefault("flush_interval", 0.02)
        given.setdefault("engineer", "ada@acme.example")
        made.append(weir.Client(url, token, **given))
        return made[-1]

    yield make
    for one in made:
        one.close(0)


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """A system of the module's own, with nothing in it yet."""
    made = System(tmp_path_factory.mktemp("weir"))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def month(tmp_path_factory):
    """A system with a simulated month in it, all days before today final and computed."""
    # What is computed once a day is over is computed at once.
    at_once = {"WEIR__API__ANALYSIS__WAIT": "0s", "WEIR__API__ANALYSIS__LOOK": "2s"}
    system = System(tmp_path_factory.mktemp("weir"), **at_once)
    try:
        done = system.ask("simulate", "--engineers", "10", "--days", "30")
        assert done.returncode == 0, done.stderr
        today = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime())
        done = system.ask("digest", "--through", today, "--json")
        assert done.returncode == 0, done.stderr
        # Who reads the month's tenant.
        done = system.ask("token", "create", "--tenant", "acme", "--scope", "read")
        assert done.returncode == 0, done.stderr
        system.reader = done.stdout.strip()
        until = time.monotonic() + 180
        while not _computed(weir.Api(system.api, system.reader)):
            assert time.monotonic() < until, (system.folder / "up.log").read_text()
            time.sleep(1)
        yield system
    finally:
        system.stop()


def _computed(api):
    """Whether yesterday is computed, and the day before that is computed with it."""
    try:
        return len({row["data_through"] for row in api.trends(since="2000-01-01")}) >= 2
    except weir.Problem as problem:
        # A new token is known a moment later.
        assert problem.status == 401, problem
        return False
