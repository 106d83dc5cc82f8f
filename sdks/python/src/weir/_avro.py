"""JSON values as Avro binary, by a schema.

Takes what weir's gateway takes, in the same ways: a time may be a text (RFC 3339), a number with a
fraction may be a text, a whole number may be written `3.0`, null stands for a field that is left
out, and addresses of people have one spelling.
"""

from __future__ import annotations

import datetime
import difflib
import math
import re
import struct
from typing import Any, Callable, Dict, List, Mapping, Optional, Set, Tuple

from ._privacy import canonical_email

UNFIT, UNKNOWN_FIELD = "WEIR-0903", "WEIR-0904"

# Beyond it floats are not exact.
_EXACT = 1 << 53
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r"(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)",
    re.ASCII,
)
_EPOCH = datetime.datetime(1970, 1, 1)
# Nanoseconds of each unit.
_UNITS = {"timestamp-millis": 1_000_000, "timestamp-micros": 1000, "timestamp-nanos": 1}

# Appends a value; takes it exactly as the schema says where the last argument is true.
Put = Callable[[Any, bytearray, bool], None]


class Refused(Exception):
    """Why an event is not sent: a code of weir, and words."""

    def __init__(self, code: str, message: str, *path: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.path: List[str] = list(path)
        self.type = ""

    def item(self, index: int) -> Dict[str, Any]:
        """As an answer of the gateway has it."""
        said = (".".join(self.path) + self.message).lstrip(": ")
        message = f"{self.type}: {said}" if self.type else said
        return {"index": index, "code": self.code, "message": message}


class Schema:
    """A schema made ready to write many values. Raises ValueError where it is none that can be."""

    def __init__(self, declared: Any) -> None:
        self._named: Dict[str, Put] = {}
        self._put = self._compile(declared)

    def write(self, value: Any, out: bytearray) -> None:
        """Appends the Avro binary. Raises Refused where the value does not fit."""
        self._put(value, out, False)

    def _compile(self, declared: Any, email: bool = False) -> Put:
        if isinstance(declared, list):
            return self._union(declared, email)
        kind = declared if isinstance(declared, str) else declared.get("type")
        if isinstance(kind, (dict, list)):
            return self._compile(kind, email)
        if kind == "record":
            return self._record(declared)
        if kind == "enum":
            return self._known(declared, _enum(declared["symbols"]))
        if kind == "array":
            return _array(self._compile(declared["items"]))
        if kind == "map":
            return _map(self._compile(declared["values"]))
        if kind in ("int", "long"):
            logical = None if isinstance(declared, str) else declared.get("logicalType")
            return _whole(32 if kind == "int" else 64, _UNITS.get(str(logical)))
        if kind == "string" and email:
            return _address
        plain = _PLAIN.get(str(kind)) or self._named.get(str(kind).rpartition(".")[2])
        if plain is None:
            raise ValueError(f"values of type {kind!r} are not written here")
        return plain

    def _known(self, declared: Mapping[str, Any], put: Put) -> Put:
        """Keeps what other places of the schema may name."""
        self._named[str(declared["name"]).rpartition(".")[2]] = put
        return put

    def _record(self, declared: Mapping[str, Any]) -> Put:
        fields: List[Tuple[str, Put, bool, Any]] = []
        names: Set[str] = {field["name"] for field in declared["fields"]}

        def put(value: Any, out: bytearray, exact: bool) -> None:
            if not isinstance(value, dict):
                raise _unfit("an object")
            for extra in value.keys() - names:
                raise _unknown(extra, names)
            for name, write, nullable, default in fields:
                given = value.get(name)
                if given is None and (name not in value or not (exact or nullable)):
                    given = default
                    if given is _MISSING:
                        raise Refused(UNFIT, " is missing and has no default; add it", name)
                _within(name, write, given, out, exact)

        # Before its fields: they may name it.
        self._known(declared, put)
        for field in declared["fields"]:
            kind = field["type"]
            nullable = kind == "null" or isinstance(kind, list) and "null" in kind
            write = self._compile(kind, field.get("weir.form") == "email")
            fields.append((field["name"], write, nullable, field.get("default", _MISSING)))
        return put

    def _union(self, declared: List[Any], email: bool) -> Put:
        branches = [self._compile(branch, email) for branch in declared]

        def put(value: Any, out: bytearray, exact: bool) -> None:
            # Of many branches the first that fits exactly, else the first that fits.
            many = len(branches) > 2
            if many and not exact and _branch(branches, value, out, True) is None:
                return
            why = _branch(branches, value, out, exact)
            if why is not None:
                raise _unfit("a value of one of the union's types") if many else why

        return put


def _branch(branches: List[Put], value: Any, out: bytearray, exact: bool) -> Optional[Refused]:
    """Writes by the first branch that fits; why the last one did not, where none does."""
    start = len(out)
    why: Optional[Refused] = None
    for index, branch in enumerate(branches):
        put_long(out, index)
        try:
            branch(value, out, exact)
            return None
        except Refused as refused:
            # What is wrong inside says more than that it is not null.
            why = refused if branch is not _null or why is None else why
            del out[start:]
    return why


def _unfit(expected: str) -> Refused:
    return Refused(UNFIT, f": {expected} expected; correct the value")


def _unknown(name: str, names: Set[str]) -> Refused:
    near = difflib.get_close_matches(name, names, 1)
    advice = f"write {near[0]} or leave it out" if near else "correct its name or leave it out"
    return Refused(UNKNOWN_FIELD, f" is no field of the schema; {advice}", name)


def _within(name: str, put: Put, value: Any, out: bytearray, exact: bool) -> None:
    try:
        put(value, out, exact)
    except Refused as refused:
        refused.path.insert(0, name)
        raise


def put_long(out: bytearray, value: int) -> None:
    """Appends a whole number of 64 bits: zigzag, seven bits a byte."""
    left = (value << 1) ^ (value >> 63)
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)


def put_text(out: bytearray, text: str) -> None:
    """Appends a text. Half a surrogate pair becomes `?`."""
    raw = text.encode("utf-8", "replace")
    put_long(out, len(raw))
    out += raw


def _null(value: Any, out: bytearray, exact: bool) -> None:
    if value is not None:
        raise _unfit("null")


def _boolean(value: Any, out: bytearray, exact: bool) -> None:
    if not isinstance(value, bool):
        raise _unfit("a boolean")
    out.append(value)


def _string(value: Any, out: bytearray, exact: bool) -> None:
    if not isinstance(value, str):
        raise _unfit("a text")
    put_text(out, value)


def _address(value: Any, out: bytearray, exact: bool) -> None:
    _string(canonical_email(value) if isinstance(value, str) else value, out, exact)


def _number(form: str) -> Put:
    """A number with a fraction; as text too, where it is written as JSON writes it."""

    def put(value: Any, out: bytearray, exact: bool) -> None:
        if isinstance(value, str) and not exact and _NUMBER.fullmatch(value.strip(" \t\r\n")):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _unfit("a number")
        try:
            if math.isinf(float(value)):
                raise OverflowError
            out += struct.pack(form, value)
        except OverflowError:
            raise _unfit("a number") from None

    return put


def _whole(bits: int, unit: Optional[int]) -> Put:
    """A whole number, or where it has a unit a time."""
    least, most = -(1 << bits - 1), (1 << bits - 1) - 1
    expected = f"a {bits}-bit integer"
    if unit is not None:
        expected = f"a time as RFC 3339 or as {expected}"

    def put(value: Any, out: bytearray, exact: bool) -> None:
        if isinstance(value, float) and not exact and value.is_integer() and abs(value) <= _EXACT:
            value = int(value)
        elif isinstance(value, str) and not exact and unit is not None:
            nanos = moment(value)
            value = None if nanos is None else nanos // unit
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise _unfit(expected)
        put_long(out, value)

    return put


def _enum(symbols: List[str]) -> Put:
    places = {symbol: place for place, symbol in enumerate(symbols)}

    def put(value: Any, out: bytearray, exact: bool) -> None:
        if not isinstance(value, str) or value not in places:
            raise _unfit("a symbol of the enum")
        put_long(out, places[value])

    return put


def _array(item: Put) -> Put:
    def put(value: Any, out: bytearray, exact: bool) -> None:
        if not isinstance(value, list):
            raise _unfit("a list")
        if value:
            put_long(out, len(value))
            for one in value:
                item(one, out, exact)
        out.append(0)

    return put


def _map(item: Put) -> Put:
    def put(value: Any, out: bytearray, exact: bool) -> None:
        if not isinstance(value, dict):
            raise _unfit("an object")
        if value:
            put_long(out, len(value))
            for key in sorted(value):
                put_text(out, key)
                _within(key, item, value[key], out, exact)
        out.append(0)

    return put


def moment(text: str) -> Optional[int]:
    """Nanoseconds since 1970 of a time with a zone; None where the text is none."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    fraction, sign, hours, minutes = found.groups()[6:]
    try:
        # A leap second is the one before it.
        at = datetime.datetime(year, month, day, hour, minute, min(second, 59 + (second > 60)))
    except ValueError:
        return None
    east = int(hours or 0) * 3600 + int(minutes or 0) * 60
    seconds = (at - _EPOCH) // datetime.timedelta(seconds=1) - (-east if sign == "-" else east)
    return seconds * 1_000_000_000 + int((fraction or "").ljust(9, "0"))


_MISSING: Any = object()
_PLAIN: Dict[str, Put] = {
    "null": _null,
    "boolean": _boolean,
    "string": _string,
    "float": _number("<f"),
    "double": _number("<d"),
}
