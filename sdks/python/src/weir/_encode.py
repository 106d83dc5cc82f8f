"""One event as the JSON that `POST /v1/events` takes."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from enum import Enum
from typing import Any, Mapping
from uuid import UUID

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MICROSECOND = datetime.timedelta(microseconds=1)


def _other(value: Any) -> Any:
    """What JSON has no form for: times are whole microseconds, sets and the like are lists."""
    if isinstance(value, datetime.datetime):
        # A time without a zone is one of this machine's.
        return (value.astimezone(datetime.timezone.utc) - _EPOCH) // _MICROSECOND
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if hasattr(value, "item"):  # a number of numpy
        return value.item()
    raise TypeError(f"a value of type {type(value).__name__} cannot be sent")


# What is not a number (NaN, infinity) is refused here: it would make a whole batch unreadable.
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_other
)


def encode(event: Mapping[str, Any]) -> bytes:
    """The event's bytes. Half a surrogate pair becomes `?`. Raises TypeError or ValueError."""
    return _ENCODER.encode(event).encode("utf-8", "replace")
