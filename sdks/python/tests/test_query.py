"""The client for queries, against a peer that tests tell what to say."""

import datetime
import gzip
import pickle
import subprocess
import sys
import threading
import time
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pytest
from hostile import Hostile, close, drip, garbage, half, reply, status

import weir

UTC = datetime.timezone.utc
THROUGH = "2026-03-31T12:00:00Z"


def told(data, next=None, headers=(), through=THROUGH):
    body = {"data": data, "complete_through": through}
    if next is not None:
        body["next"] = next

    def behave(connection, _request):
        reply(connection, 200, body, headers)

    return behave


def api(server, **given):
    return weir.Api(server.url, "secret", **given)


def asked(request):
    """Path and parameters of a request."""
    parts = urlsplit(request["line"].split(" ")[1])
    return parts.path, dict(parse_qsl(parts.query))


def test_parameters_are_written_as_the_api_reads_them():
    two_hours_east = datetime.timezone(datetime.timedelta(hours=2))
    with Hostile(told([])) as server:
        one = api(server)
        one.aggregates(
            "llm.call",
            window="1h",
            by=["team", "model"],
            from_=datetime.datetime(2026, 3, 1, 1, tzinfo=two_hours_east),
            to=datetime.date(2026, 3, 2),
            subject={"team": "R&D é"},
        )
        one.query("top models/x", days=7, from_="2026-03-01")
        one.get("/v1/live", subject={"team": "a"}, none=None, yes=True)
        first, second, third = (asked(request) for request in server.requests)
        assert first == (
            "/v1/aggregates/llm.call",
            {
                "window": "1h",
                "by": "team,model",
                "from": "2026-02-28T23:00:00Z",
                "to": "2026-03-02",
                "subject[team]": "R&D é",
                "limit": "1000",
            },
        )
        assert second == ("/v1/questions/top%20models%2Fx", {"days": "7", "from": "2026-03-01"})
        assert third == ("/v1/live", {"subject[team]": "a", "yes": "true"})
        assert server.requests[0]["headers"]["authorization"] == "Bearer secret"


def test_rows_have_types_and_columns_are_of_one():
    rows = [
        {
            "day": "2026-03-01",
            "at": "2026-03-01T01:02:03.123456789Z",
            "subject": {"team": "2026-03-01"},
            "measures": {"cost_exact": "0.1000000000000000055", "calls": 3},
            "mixed": "2026-03-01",
            "none": None,
        },
        {"day": None, "at": "2026-03-01T01:02:03Z", "mixed": "2026-03-01x"},
    ]
    with Hostile(told(rows)) as server:
        found = api(server).alerts()
    assert found.complete_through == datetime.datetime(2026, 3, 31, 12, tzinfo=UTC)
    first, second = found
    assert first["day"] == datetime.date(2026, 3, 1) and second["day"] is None
    assert first["at"] == datetime.datetime(2026, 3, 1, 1, 2, 3, 123456, UTC)
    assert first["subject"] == {"team": "2026-03-01"}
    assert first["measures"] == {"cost_exact": Decimal("0.1000000000000000055"), "calls": 3}
    assert (first["mixed"], first["none"]) == ("2026-03-01", None)
    assert found.flat()[0]["measures.calls"] == 3 and "subject" not in found.flat()[0]


def test_what_stands_beside_rows_is_told():
    points = [{"day": "2026-03-01", "point": 1.5}]
    answers = [
        {"method": "combined", "points": points, "from": "2026-01-01"},
        {"title": "T", "rows": []},
        {"tenant": "acme"},
    ]
    with Hostile(*map(told, answers)) as server:
        one = api(server)
        forecast = one.forecast("spend", horizon=7)
        assert forecast == [{"day": datetime.date(2026, 3, 1), "point": 1.5}]
        assert forecast.about == {"method": "combined", "from": datetime.date(2026, 1, 1)}
        answer = one.query("top-models")
        assert (answer, answer.about) == ([], {"title": "T"})
        assert one.get("/v1/status") == [{"tenant": "acme"}]


def test_pages_are_followed_to_the_end_or_as_far_as_asked():
    pages = [told([{"n": n}, {"n": n + 1}], f"p{n}") for n in (0, 2)]
    pages.append(told([{"n": 4}], through=None))
    with Hostile(*pages) as server:
        found = api(server, page=2).alerts(status="open")
        assert [row["n"] for row in found] == [0, 1, 2, 3, 4]
        assert found.complete_through is None  # one page did not know
        queries = [asked(request)[1] for request in server.requests]
        assert [query.get("after") for query in queries] == [None, "p0", "p2"]
        assert {query["status"] for query in queries} == {"open"}
    with Hostile(*pages) as server:
        assert [row["n"] for row in api(server, page=2).alerts(limit=3)] == [0, 1, 2]
        assert [asked(request)[1]["limit"] for request in server.requests] == ["2", "1"]
    with pytest.raises(ValueError, match="limit"):
        api(server).alerts(limit=0)


def test_what_did_not_change_is_not_sent_again():
    with Hostile(
        told([{"n": 1}], headers=['ETag: W/"a"']),
        lambda connection, _request: reply(connection, 304, b""),
        told([{"n": 2}], headers=['ETag: W/"b"']),
    ) as server:
        one = api(server)
        assert [one.kpis(), one.kpis(), one.kpis()] == [[{"n": 1}], [{"n": 1}], [{"n": 2}]]
        tags = [request["headers"].get("if-none-match") for request in server.requests]
        assert tags == [None, 'W/"a"', 'W/"a"']
    # What is larger than the room for it is not kept.
    with Hostile(told([{"n": 1}], headers=['ETag: "a"'])) as server:
        one = api(server, cache_bytes=10)
        assert one.kpis() == one.kpis()
        assert "if-none-match" not in server.requests[1]["headers"]


@pytest.mark.parametrize("code", [429, 503])
def test_busy_answers_are_waited_for_as_long_as_they_say(code):
    with Hostile(status(code, ["Retry-After: 0.2"]), status(503), told([])) as server:
        begun = time.monotonic()
        assert api(server).alerts() == []
        assert 0.2 <= time.monotonic() - begun < 5
        assert len(server.requests) == 3


def test_patience_has_an_end():
    for given in ({"headers": ["Retry-After: 60"]}, {}):
        with Hostile(status(503, **given)) as server:
            begun = time.monotonic()
            with pytest.raises(weir.Problem) as raised:
                api(server, patience=0.5).alerts()
            assert raised.value.status == 503 and time.monotonic() - begun < 2


def test_refusals_are_problems_with_their_code():
    known = {
        "type": "urn:weir:error:WEIR-0305",
        "title": "a question that cannot be",
        "status": 400,
        "detail": "`step` is one of all, day",
        "code": "WEIR-0305",
        "remedy": "ask otherwise",
    }
    with Hostile(status(400, body=known)) as server:
        with pytest.raises(weir.Problem, match="WEIR-0305: `step` is one of") as raised:
            api(server).kpi("spend")
        problem = pickle.loads(pickle.dumps(raised.value))
        assert (problem.code, problem.status, problem.remedy) == ("WEIR-0305", 400, "ask otherwise")
        assert problem.known == known and len(server.requests) == 1
    # Of something else than the api.
    with Hostile(status(404, body=b"<html>")) as server:
        with pytest.raises(weir.Problem, match="HTTP 404: Not Found"):
            api(server).alerts()


@pytest.mark.parametrize("behaviour", [close, half, garbage, drip])
def test_what_is_no_answer_is_a_problem_in_time(behaviour):
    with Hostile(behaviour) as server:
        begun = time.monotonic()
        with pytest.raises(weir.Problem) as raised:
            api(server, timeout=0.5).alerts()
        assert (raised.value.status, raised.value.code) == (0, "")
        assert server.url in str(raised.value) and time.monotonic() - begun < 5


def test_what_is_not_the_api_says_so():
    with Hostile(told("x"), lambda c, _: reply(c, 200, b"<html>")) as server:
        with pytest.raises(weir.Problem, match="WEIR_API"):
            api(server).alerts()
        with pytest.raises(weir.Problem, match="WEIR_API"):
            api(server).alerts()
    for wrong in ("127.0.0.1:9347", "ftp://x", "http://x:port"):
        with pytest.raises(ValueError):
            weir.Api(wrong)


def test_a_packed_answer_is_unpacked():
    packed = gzip.compress(b'{"data": [{"n": 1}], "complete_through": null}')
    with Hostile(lambda c, _: reply(c, 200, packed, ["Content-Encoding: gzip"])) as server:
        assert api(server).alerts() == [{"n": 1}]
    with Hostile(lambda c, _: reply(c, 200, packed[:20], ["Content-Encoding: gzip"])) as server:
        with pytest.raises(weir.Problem):
            api(server).alerts()


def test_the_environment_names_the_api(monkeypatch):
    with Hostile(told({"title": "T", "rows": [{"n": 1}]}, headers=['ETag: "a"'])) as server:
        monkeypatch.setenv("WEIR_API", server.url + "/")
        monkeypatch.setenv("WEIR_TOKEN", "named")
        assert weir.query("top-models", days=7) == [{"n": 1}]
        weir.query("top-models", days=7)
        first, second = server.requests
        assert first["headers"]["authorization"] == "Bearer named"
        assert second["headers"]["if-none-match"] == '"a"'


def test_threads_share_a_client():
    rows = [{"n": n} for n in range(50)]
    with Hostile(told(rows, headers=['ETag: "a"'])) as server:
        one = api(server)
        found = []
        threads = [threading.Thread(target=lambda: found.append(one.kpis())) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [rows] * 16


def test_without_pandas_the_error_says_what_to_install():
    script = (
        "import sys; sys.modules['pandas'] = None; import weir\n"
        "try: weir.Rows([], None, {}).to_pandas()\n"
        "except ImportError as error: print(error)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": "src"})
    assert "pip install 'weir-sdk[pandas]'" in done.stdout, done.stderr


def test_a_frame_has_the_rows_and_how_far_they_are_complete():
    pandas = pytest.importorskip("pandas")
    rows = [{"day": "2026-03-01", "subject": {"team": "core"}, "value": 1.5}]
    with Hostile(told(rows)) as server:
        frame = api(server).kpi("spend").to_pandas()
    assert list(frame.columns) == ["day", "subject.team", "value"]
    assert frame["value"].sum() == 1.5
    assert frame.attrs["complete_through"] == pandas.Timestamp(THROUGH)
