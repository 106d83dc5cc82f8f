"""The statements of docs/sql.md through clickhouse-connect, as analysts run them in Python."""

import json
import re
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from system import BINARY

PAGE = Path(__file__).resolve().parents[3] / "docs" / "sql.md"

pytestmark = pytest.mark.skipif(not BINARY, reason="WEIR_BINARY names no weir binary")


@pytest.fixture(scope="module")
def store(month):
    """The store of a system with a simulated month in it, opened with the secret for reading."""
    status = json.loads(month.ask("status", "--json", "--secrets").stdout)
    host, port = status["clickhouse"].removeprefix("http://").rsplit(":", 1)
    secrets = status["secrets"]
    client = clickhouse_connect.get_client(
        host=host,
        port=int(port),
        username=secrets["user"],
        password=secrets["password"],
        database=secrets["database"],
    )
    yield client
    client.close()


def statements():
    return re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def test_the_page_is_answered(store):
    asked = statements()
    assert len(asked) >= 20
    empty = [sql for sql in asked if not store.query(sql).result_rows]
    # There is no year before.
    assert len(empty) <= 1 and all("usd_a_year_ago" in sql for sql in empty), empty


def test_parameters_bind_and_nothing_is_written(store):
    sql = (
        "SELECT team, sum(calls) FROM llm_call_1d "
        "WHERE tenant = {tenant:String} AND rollup = 'team' GROUP BY team"
    )
    assert store.query(sql, parameters={"tenant": "acme"}).result_rows
    assert not store.query(sql, parameters={"tenant": "nobody"}).result_rows
    with pytest.raises(DatabaseError):
        store.command("CREATE TABLE mine (n Int8) ENGINE = Memory")
