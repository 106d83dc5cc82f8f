import pytest

import weir


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    """No setting of the machine that the tests run on."""
    for name in ("URL", "TOKEN", "SOURCE", "ENGINEER", "TEAM", "SPOOL", "DISABLED", "DEBUG"):
        monkeypatch.delenv(f"WEIR_{name}", raising=False)


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
