"""Rows of an answer: dictionaries whose times are times, and how they become a DataFrame."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

Row = Dict[str, Any]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
# Members that hold values of dimensions: names that people chose, whatever they look like.
_NAMES = ("subject", "dimensions")
# What sums end with whose digits JSON's numbers do not hold.
_EXACT = "_exact"


class Rows(List[Row]):
    """The rows of an answer, and what it says beside them.

    complete_through: everything that arrived in time and happened before has been counted; None:
        that is not known yet.
    about: other members of the answer, e.g. a question's `title` and `coverage`, a forecast's
        `method` and `backtest`.
    """

    def __init__(
        self, rows: List[Row], complete_through: Optional[datetime.datetime], about: Row
    ) -> None:
        super().__init__(rows)
        self.complete_through = complete_through
        self.about = about

    def flat(self) -> List[Row]:
        """The rows without members in members: `{"subject": {"team": "core"}}` becomes
        `{"subject.team": "core"}`."""
        return [dict(_flat("", row)) for row in self]

    def to_pandas(self) -> Any:
        """A DataFrame of the flat rows, with `complete_through` in its `attrs`. It needs pandas:
        `pip install 'weir-sdk[pandas]'`."""
        try:
            import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ImportError as error:
            raise ImportError("to_pandas needs pandas: pip install 'weir-sdk[pandas]'") from error
        frame = pandas.DataFrame(self.flat())
        frame.attrs["complete_through"] = self.complete_through
        return frame


def _flat(before: str, row: Mapping[str, Any]) -> Iterator[Tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{before}{name}.", value)
        else:
            yield before + name, value


def moment(text: str) -> datetime.datetime:
    """A moment as the api writes it, in UTC; beyond microseconds it is cut."""
    text = text[:-1]
    if "." in text:
        head, digits = text.split(".")
        text = f"{head}.{digits[:6]:0<6}"
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc)


def typed(rows: List[Row]) -> List[Row]:
    """Rows with times, days and exact numbers in place of their texts. A column is one of them
    where all its values are: in one column are values of one type."""
    columns: Dict[str, List[Any]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    kinds = {name: _kind(name, values) for name, values in columns.items()}
    return [{name: _value(kinds[name], name, value) for name, value in row.items()} for row in rows]


def _value(kind: Optional[Callable[[str], Any]], name: str, value: Any) -> Any:
    if kind is not None and isinstance(value, str):
        return kind(value)
    if isinstance(value, dict) and name not in _NAMES:
        return typed([value])[0]
    return value


def _kind(name: str, values: List[Any]) -> Optional[Callable[[str], Any]]:
    texts = [value for value in values if value is not None]
    if not texts or not all(isinstance(text, str) for text in texts):
        return None
    if name.endswith(_EXACT):
        return Decimal
    if all(_MOMENT.fullmatch(text) for text in texts):
        return moment
    if all(_DAY.fullmatch(text) for text in texts):
        return datetime.date.fromisoformat
    return None
