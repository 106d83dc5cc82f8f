"""An event's JSON as the record that weir's gateway would make of it: topic, key, Avro in
Confluent's frame."""

from __future__ import annotations

import json
import pkgutil
import re
import time
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

from ._avro import UNFIT, Refused, Schema, moment

NOT_JSON, UNKNOWN_TYPE, BAD_TEXT = "WEIR-0901", "WEIR-0902", "WEIR-0008"
BAD_EVENT_ID, BAD_EVENT_TIME, OTHER_TENANT = "WEIR-0905", "WEIR-0906", "WEIR-0907"

MAX_SOURCE = 512
# 1990, and a day from now: as in gateways.
_EARLIEST, _AHEAD = 631_152_000_000_000, 86_400_000_000
# The spellings that the gateway reads: plain, with hyphens, in braces, as URN.
_HYPHENS = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_UUID = re.compile(rf"[0-9a-f]{{32}}|{_HYPHENS}|\{{{_HYPHENS}\}}|urn:uuid:{_HYPHENS}", re.I)

# Id and schema, as JSON, under which events of a type are written; of the shipped schema, or of the
# registry's own where none is shipped. May raise Refused.
Ask = Callable[[str, Optional[str]], Tuple[int, Any]]


class Record(NamedTuple):
    """What is written to Kafka."""

    topic: str
    key: bytes
    value: bytes


class Records:
    """Makes the records of one tenant."""

    def __init__(self, tenant: str, ask: Ask) -> None:
        self._tenant = tenant
        self._ask = ask
        self._shipped: Optional[Dict[str, Any]] = None
        self._known: Dict[str, Tuple[bytes, Schema]] = {}

    def make(self, line: bytes) -> Record:
        """The record of an event as it is queued. Raises Refused, or what asking raises."""
        try:
            event = json.loads(line)
            name = event.pop("type")
        except (ValueError, LookupError, TypeError, AttributeError):
            # Of a spool that was damaged.
            raise Refused(NOT_JSON, "what was kept is no event") from None
        if not isinstance(name, str):
            raise Refused(UNFIT, "type is the name of an event type, as text")
        try:
            frame, schema = self._writer(name)
            source = self._envelope(event)
            value = bytearray(frame)
            schema.write(event, value)
        except Refused as refused:
            refused.type = name
            raise
        return Record(topic(name), source.encode("utf-8", "replace"), bytes(value))

    def _writer(self, name: str) -> Tuple[bytes, Schema]:
        found = self._known.get(name)
        if found is None:
            if self._shipped is None:
                self._shipped = json.loads(pkgutil.get_data("weir", "_schemas.json") or b"{}")
            schema = self._shipped.get(name)
            id, registered = self._ask(name, None if schema is None else json.dumps(schema))
            frame = b"\0" + id.to_bytes(4, "big")
            try:
                found = frame, Schema(registered if schema is None else schema)
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise Refused(UNKNOWN_TYPE, str(error)) from None
            self._known[name] = found
        return found

    def _envelope(self, event: Dict[str, Any]) -> str:
        """Brings what every event has into its one form; the source, which is the key."""
        if event.get("tenant") not in (None, self._tenant):
            message = f"the client is of tenant {self._tenant}: leave tenant out"
            raise Refused(OTHER_TENANT, message)
        event["tenant"] = self._tenant
        event["event_id"] = _id(event.get("event_id"))
        event["event_time"] = _time(event.get("event_time"))
        source = event.get("source")
        if not source or not isinstance(source, str):
            raise Refused(UNFIT, "source is the name of what sends, as text")
        if len(source.encode("utf-8", "replace")) > MAX_SOURCE or min(source) < " ":
            message = f"source has more than {MAX_SOURCE} bytes or control characters"
            raise Refused(BAD_TEXT, message)
        return source


def topic(name: str) -> str:
    """The topic of an event type."""
    return f"weir.events.{name}"


def _id(given: Any) -> str:
    if not isinstance(given, str) or not _UUID.fullmatch(given):
        raise Refused(BAD_EVENT_ID, "event_id is no UUID")
    plain = re.sub("urn:uuid:|[-{}]", "", given.lower())
    if not plain.strip("0"):
        raise Refused(BAD_EVENT_ID, "event_id is no UUID")
    # One id has one spelling, so that a retry in another one is the same event.
    cuts = (0, 8, 12, 16, 20, 32)
    return "-".join(plain[start:end] for start, end in zip(cuts, cuts[1:]))


def _time(given: Any) -> int:
    nanos = moment(given) if isinstance(given, str) else None
    micros = given if nanos is None else nanos // 1000
    if isinstance(micros, bool) or not isinstance(micros, int):
        words = "write RFC 3339 or whole microseconds since 1970"
        raise Refused(BAD_EVENT_TIME, f"event_time is no time: {words}")
    if not _EARLIEST <= micros <= time.time_ns() // 1000 + _AHEAD:
        words = "numbers are microseconds since 1970"
        raise Refused(
            BAD_EVENT_TIME, f"event_time is before 1990 or more than a day ahead: {words}"
        )
    return micros
