"""What was counted, as rows: the client for weir's api."""

from __future__ import annotations

import datetime
import os
import threading
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union
from urllib.parse import quote, urlencode

from ._ask import Asker
from ._config import address
from ._rows import Row, Rows, moment, typed

DEFAULT_API = "http://127.0.0.1:9347"

Day = Union[datetime.date, str]
Moment = Union[datetime.datetime, datetime.date, str]
Subject = Mapping[str, str]


class Api:
    """Asks weir's api. Methods return all rows, page after page, or the first `limit`; they raise
    Problem where there is no answer.

    What is not given is taken from `WEIR_API` (`weir status --json` shows it as `api`) and
    `WEIR_TOKEN`. Days are of the tenant, `from_` and `to` both included; moments are in UTC.

    timeout: seconds that one request may take.
    patience: seconds that answers which say "not now" (429, 503) are waited for, as long as
        `Retry-After` tells or with growing pauses.
    cache_bytes: answers that are kept, to be sent again only where they changed (ETag).
    page: rows of a page; less where the api's `limits.rows` is.
    """

    def __init__(
        self,
        url: Optional[str] = None,
        token: Optional[str] = None,
        *,
        timeout: float = 60.0,
        patience: float = 30.0,
        cache_bytes: int = 32 << 20,
        page: int = 1000,
    ) -> None:
        found = address(url or os.environ.get("WEIR_API") or DEFAULT_API)
        secret = (token or os.environ.get("WEIR_TOKEN") or "").strip()
        self._asker = Asker(found, secret, timeout, patience, cache_bytes)
        self._page = page

    def query(self, question: str, **parameters: Any) -> Rows:
        """The answer to a named question (`questions` lists them), with its parameters by name."""
        return self._rows("/v1/questions/" + _name(question), parameters)

    def questions(self) -> Rows:
        """The named questions, and what parameters they take."""
        return self._rows("/v1/questions", {})

    def kpis(self, *, category: Optional[str] = None, kind: Optional[str] = None) -> Rows:
        """KPIs and scores as they are declared; kind: `kpi` or `score`."""
        return self._rows("/v1/kpis", {"category": category, "kind": kind})

    def kpi(
        self,
        kpi: str,
        *,
        from_: Optional[Day] = None,
        to: Optional[Day] = None,
        step: Optional[str] = None,
        subject: Optional[Subject] = None,
        limit: Optional[int] = None,
    ) -> Rows:
        """A KPI over days, the last 30 where nothing is said. step: one row for `all` of them, or
        by `day`, `week`, `month`."""
        asked = {"from": from_, "to": to, "step": step}
        return self._pages(f"/v1/kpis/{_name(kpi)}/values", asked, subject, limit)

    def kpi_windows(
        self,
        kpi: str,
        *,
        from_: Optional[Moment] = None,
        as_of: Optional[Moment] = None,
        subject: Optional[Subject] = None,
        limit: Optional[int] = None,
    ) -> Rows:
        """A KPI by now, by the windows that it is published for that end from `from_` to `as_of`;
        scores too."""
        asked = {"from": from_, "as_of": as_of}
        return self._pages(f"/v1/kpis/{_name(kpi)}/windows", asked, subject, limit)

    def aggregates(
        self,
        event_type: str,
        *,
        window: Optional[str] = None,
        by: Optional[Sequence[str]] = None,
        measures: Optional[Sequence[str]] = None,
        from_: Optional[Moment] = None,
        to: Optional[Moment] = None,
        subject: Optional[Subject] = None,
        limit: Optional[int] = None,
    ) -> Rows:
        """Measures of an event type by window (`1m`, `5m`, `1h`, `1d`) and subject, of windows that
        begin from `from_` on and before `to`."""
        asked = {"window": window, "by": by, "measures": measures, "from": from_, "to": to}
        return self._pages(f"/v1/aggregates/{_name(event_type)}", asked, subject, limit)

    def measure(
        self,
        statistic: str,
        *,
        from_: Optional[Day] = None,
        to: Optional[Day] = None,
        step: Optional[str] = None,
        by: Optional[Sequence[str]] = None,
        subject: Optional[Subject] = None,
        limit: Optional[int] = None,
    ) -> Rows:
        """A measure over days (`llm.call.cost`, `llm.call.latency.p95`), by dimensions."""
        asked = {"from": from_, "to": to, "step": step, "by": by}
        return self._pages(f"/v1/measures/{_name(statistic)}/values", asked, subject, limit)

    def forecast(
        self,
        kpi: str,
        *,
        from_: Optional[Day] = None,
        to: Optional[Day] = None,
        horizon: Optional[int] = None,
        season: Optional[int] = None,
        subject: Optional[Subject] = None,
    ) -> Rows:
        """The days ahead of a KPI of one subject, with intervals; `about` has the method, and how
        it and the naive one did in a back-test."""
        asked = {"from": from_, "to": to, "horizon": horizon, "season": season}
        return self._rows(f"/v1/kpis/{_name(kpi)}/forecast", {**asked, **_subject(subject)})

    def forecasts(
        self,
        *,
        kpi: Optional[str] = None,
        since: Optional[Day] = None,
        subject: Optional[Subject] = None,
        limit: Optional[int] = None,
    ) -> Rows:
        """Forecasts that were computed once a day was over: of the newest day, or since one."""
        return self._pages("/v1/forecasts", {"kpi": kpi, "since": since}, subject, limit)

    def trends(
        self,
        *,
        kpi: Optional[str] = None,
        verdict: Optional[str] = None,
        since: Optional[Day] = None,
        subject: Optional[Subject] = None,
        limit: Optional[int] = None,
    ) -> Rows:
        """Trends that were computed once a day was over: improving, stable or degrading."""
        asked = {"kpi": kpi, "verdict": verdict, "since": since}
        return self._pages("/v1/trends", asked, subject, limit)

    def findings(
        self,
        *,
        kind: Optional[str] = None,
        about: Optional[str] = None,
        verdict: Optional[str] = None,
        since: Optional[Day] = None,
        subject: Optional[Subject] = None,
        limit: Optional[int] = None,
    ) -> Rows:
        """What deserves a look, the most urgent first. kind: `trend`, `budget`, `experiment`,
        `cause`, `recommendation` or `opportunity`."""
        asked = {"kind": kind, "about": about, "verdict": verdict, "since": since}
        return self._pages("/v1/findings", asked, subject, limit)

    def alerts(
        self,
        *,
        status: Optional[str] = None,
        rule: Optional[str] = None,
        severity: Optional[str] = None,
        priority: Optional[str] = None,
        from_: Optional[Moment] = None,
        to: Optional[Moment] = None,
        subject: Optional[Subject] = None,
        limit: Optional[int] = None,
    ) -> Rows:
        """Alerts at their last step, those that opened last first. status: `open` or `resolved`."""
        how = {"status": status, "rule": rule, "severity": severity, "priority": priority}
        return self._pages("/v1/alerts", {**how, "from": from_, "to": to}, subject, limit)

    def anomalies(
        self,
        *,
        detector: Optional[str] = None,
        severity: Optional[str] = None,
        event: Optional[str] = None,
        from_: Optional[Moment] = None,
        to: Optional[Moment] = None,
        subject: Optional[Subject] = None,
        limit: Optional[int] = None,
    ) -> Rows:
        """What detectors found, of the newest windows first."""
        what = {"detector": detector, "severity": severity, "event": event}
        return self._pages("/v1/anomalies", {**what, "from": from_, "to": to}, subject, limit)

    def get(self, path: str, **parameters: Any) -> Rows:
        """Any other path of `/docs`, with its parameters; those that are words of Python have an
        underscore behind them (`from_`). What is no list is one row."""
        return self._rows(path, parameters)

    def _rows(self, path: str, parameters: Mapping[str, Any]) -> Rows:
        """One answer."""
        told = self._asker.get(path + _query(parameters))
        rows, about = _parts(told["data"])
        return Rows(typed(rows), _through(told), about)

    def _pages(
        self,
        path: str,
        asked: Mapping[str, Any],
        subject: Optional[Subject],
        limit: Optional[int],
    ) -> Rows:
        """All pages of a list, or what its first `limit` rows are. It is complete through what
        the page says that knew least."""
        if limit is not None and limit < 1:
            raise ValueError(f"limit is a number of rows from 1 on, not {limit}")
        parameters = {**asked, **_subject(subject)}
        rows: List[Row] = []
        through: List[Optional[datetime.datetime]] = []
        after: Optional[str] = None
        while not through or after is not None:
            left = None if limit is None else limit - len(rows)
            if left is not None and left <= 0:
                break
            size = self._page if left is None else min(self._page, left)
            told = self._asker.get(path + _query({**parameters, "limit": size, "after": after}))
            rows += told["data"]
            through.append(_through(told))
            after = told.get("next")
        known = [at for at in through if at is not None]
        least = min(known) if len(known) == len(through) else None
        return Rows(typed(rows[:limit]), least, {})


def query(question: str, **parameters: Any) -> Rows:
    """The answer to a named question, as `weir query` gives it: `weir.query("top-models", days=7)`.
    Address and token come from `WEIR_API` and `WEIR_TOKEN`. Raises Problem."""
    return _of_environment().query(question, **parameters)


_shared: Dict[Tuple[str, str], Api] = {}
_sharing = threading.Lock()


def _of_environment() -> Api:
    """One for each address and token, so that answers are kept from one question to the next."""
    named = (os.environ.get("WEIR_API", ""), os.environ.get("WEIR_TOKEN", ""))
    with _sharing:
        if named not in _shared:
            _shared.clear()
            _shared[named] = Api()
        return _shared[named]


def _parts(data: Any) -> Tuple[List[Row], Row]:
    """The rows of an answer, and its other members: rows are a list, a member that holds them, or
    the answer is one itself."""
    if isinstance(data, list):
        return data, {}
    for member in ("rows", "points"):
        if isinstance(data.get(member), list):
            rest = {name: value for name, value in data.items() if name != member}
            return data[member], typed([rest])[0]
    return [data], {}


def _through(told: Mapping[str, Any]) -> Optional[datetime.datetime]:
    text = told.get("complete_through")
    return moment(text) if isinstance(text, str) else None


def _name(text: str) -> str:
    return quote(text, safe="")


def _subject(subject: Optional[Subject]) -> Dict[str, Any]:
    return {f"subject[{name}]": value for name, value in (subject or {}).items()}


def _query(parameters: Mapping[str, Any]) -> str:
    """Parameters as an address has them; those that are None are left out."""
    pairs = []
    for name, value in sorted(parameters.items()):
        if isinstance(value, Mapping):
            pairs += sorted((f"{name}[{key}]", _text(of)) for key, of in value.items())
        elif value is not None:
            pairs.append((name[:-1] if name.endswith("_") else name, _text(value)))
    return "?" + urlencode(pairs) if pairs else ""


def _text(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        # A time without a zone is one of this machine's.
        utc = value.astimezone(datetime.timezone.utc)
        return utc.replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple, set, frozenset)):
        return ",".join(str(item) for item in value)
    return str(value)
