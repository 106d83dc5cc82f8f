"""The client for queries, against the api of a real system with a simulated month in it."""

import datetime
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from system import BINARY

import weir

README = Path(__file__).resolve().parents[1] / "README.md"
DOCS = Path(__file__).resolve().parents[3] / "docs"

pytestmark = pytest.mark.skipif(not BINARY, reason="WEIR_BINARY names no weir binary")


@pytest.fixture
def api(month):
    return weir.Api(month.api, month.reader)


def test_a_question_is_answered_as_on_the_command_line(month, api):
    rows = api.query("top-models", days=14)
    done = month.ask("query", "top-models", "--days", "14", "--tenant", "acme", "--json")
    assert done.returncode == 0, done.stderr
    of_command = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows and len(rows) == len(of_command)
    assert [row["model"] for row in rows] == [row["model"] for row in of_command]
    assert rows.about["title"] and rows.complete_through.tzinfo is not None
    assert {question["name"] for question in api.questions()} >= {"top-models", "budgets"}


def test_pages_are_the_same_list(month, api):
    whole = api.aggregates("llm.call", window="1d", by=["team", "model"])
    paged = weir.Api(month.api, month.reader, page=7)
    assert len(whole) > 50
    assert paged.aggregates("llm.call", window="1d", by=["team", "model"]) == whole
    assert paged.aggregates("llm.call", window="1d", by=["team", "model"], limit=10) == whole[:10]
    first = whole[0]
    assert isinstance(first["window_start"], datetime.datetime)
    assert isinstance(first["day"], datetime.date) and first["measures"]["calls"] > 0
    assert set(first["subject"]) == {"team", "model"}


def test_each_kind_of_number_is_there(api):
    # Whole days of the tenant: sums are the same, however they are cut.
    last = datetime.date.today() - datetime.timedelta(days=3)
    days = {"from_": last - datetime.timedelta(days=13), "to": last}
    by_day = api.measure("llm.call.cost", step="day", **days)
    (all_of_it,) = api.measure("llm.call.cost", **days)
    assert len(by_day) == 14
    assert sum(row["value"] for row in by_day) == pytest.approx(all_of_it["value"])
    assert api.kpi("cost_per_call", step="week", **days)
    assert api.kpi_windows("spend_per_hour", limit=5)
    named = {kpi["name"] for kpi in api.kpis()}
    assert {"cost_per_call", "spend_per_hour"} <= named
    forecasts, trends, findings = api.forecasts(limit=5), api.trends(limit=5), api.findings()
    assert forecasts and forecasts[0]["day"] > forecasts[0]["data_through"]
    assert {row["verdict"] for row in trends} <= {"improving", "stable", "degrading"} and trends
    assert findings and min(row["priority"] for row in findings) == findings[0]["priority"]
    alerts = api.alerts()
    assert alerts and api.get(f"/v1/alerts/{alerts[0]['id']}") == [alerts[0]]
    assert api.anomalies(limit=3)


def test_a_frame_of_a_question_adds_up(api):
    pytest.importorskip("pandas")
    rows = api.query("top-models", days=14)
    assert rows.to_pandas()["calls"].sum() == sum(row["calls"] for row in rows)


def test_what_is_wrong_is_a_problem(month, api):
    for ask, code in [
        (lambda: api.query("top-modles"), 404),
        (lambda: api.kpi("cost_per_call", step="fortnight"), 400),
        (lambda: api.get("/v1/nothing"), 404),
        (lambda: weir.Api(month.api, "wrong").kpis(), 401),
    ]:
        with pytest.raises(weir.Problem) as raised:
            ask()
        assert raised.value.status == code and re.fullmatch(r"WEIR-\d{4}", raised.value.code)
        assert raised.value.remedy


@pytest.mark.parametrize("page", [README, DOCS / "api.md"], ids=lambda page: page.name)
def test_the_examples_run_as_printed(month, page):
    text = page.read_text(encoding="utf-8")
    examples = [e for e in re.findall(r"```python\n(.*?)```", text, re.S) if "weir.query" in e]
    assert examples
    for example in examples:
        # The simulated month is not the month of the page.
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", example],
            capture_output=True,
            text=True,
            env={"WEIR_API": month.api, "WEIR_TOKEN": month.reader, "PYTHONPATH": "src"},
        )
        assert (done.returncode, done.stderr) == (0, "") and done.stdout.strip(), done
