"""Pseudonyms in place of what tells who somebody is: the same as on every other way into weir.

A pseudonym is HMAC-SHA-256 of a text, 128 bits of it, under a key that is made of the secret key
and the tenant; crates/privacy has the definition, sdks/privacy-vectors.json what both have to make.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat
import unicodedata
from typing import Any, Dict, List

from ._personal import EVENTS, MAPS

PSEUDONYMISE, OFF = "pseudonymise", "off"
_PURPOSE = b"weir pseudonyms 1"
_PERSON, _TEXT = "p-", "x-"
_SHOWN = 16
_MADE = re.compile(r"[px]-[0-9a-f]{32}")
_KEY = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
# White space as Unicode has it: Python's own has more.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
# Names that are remembered, so that each is hashed once.
_REMEMBERED = 10_000


def read_key(folder: str) -> bytes:
    """The secret key of a folder (`key`, 64 hexadecimal digits). Raises ValueError or OSError."""
    path = os.path.join(folder, "key")
    with open(path, encoding="ascii", errors="replace") as file:
        status = os.fstat(file.fileno())
        text = file.read(4096).rstrip()
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
        raise ValueError(f"others may read {path}: give it the rights 600")
    if not _KEY.fullmatch(text) or int(text, 16) == 0:
        raise ValueError(f"{path} is damaged: bring the key back from a copy")
    return bytes.fromhex(text)


def canonical_email(text: str) -> str:
    """The one spelling of an address: no white space around it, normal form C, lower case."""
    text = unicodedata.normalize("NFC", text.strip(_SPACE))
    # Letter by letter: what a letter becomes does not depend on its neighbours.
    return unicodedata.normalize("NFC", "".join(letter.lower() for letter in text))


class Privacy:
    """Makes pseudonyms for one tenant."""

    def __init__(self, secret: bytes, tenant: str) -> None:
        self.tenant = tenant
        # HKDF: of the secret key one for each tenant.
        made = hmac.new(_PURPOSE, secret, hashlib.sha256).digest()
        self._key = hmac.new(made, tenant.encode() + b"\x01", hashlib.sha256).digest()
        self._known: Dict[str, str] = {}

    def hidden(self, event: Dict[str, Any]) -> Dict[str, Any]:
        """An event, which is plain JSON, without names. It names its tenant: pseudonyms are good
        for no other, and another one's token is refused. Raises ValueError for an event type that
        is not known here: which of its fields hold names cannot be told."""
        personal = EVENTS.get(event["type"])
        if personal is None:
            raise ValueError("its names cannot be replaced: this version does not know the type")
        people, texts, maps = personal
        for path in people:
            self._at(event, path.split("."), _PERSON)
        for path in texts:
            self._at(event, path.split("."), _TEXT)
        for name in maps:
            self._map(event, name)
        return {**event, "tenant": self.tenant}

    def person(self, text: str) -> str:
        """The pseudonym of a person, by address. A pseudonym is its own."""
        address = canonical_email(text)
        return address if not address or _is_made(address) else self._hash(_PERSON, address)

    def text(self, text: str) -> str:
        """The pseudonym of another text; of an address that of the person."""
        if not text or _is_made(text):
            return text
        return self.person(text) if "@" in text else self._hash(_TEXT, text)

    def _hash(self, kind: str, text: str) -> str:
        named = kind + text
        found = self._known.get(named)
        if found is None:
            # Half a surrogate pair is sent as `?`.
            made = hmac.new(self._key, named.encode("utf-8", "replace"), hashlib.sha256)
            found = kind + made.digest()[:_SHOWN].hex()
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[named] = found
        return found

    def _at(self, inside: Dict[str, Any], path: List[str], kind: str) -> None:
        """Replaces what is at a path. What is not of its type there is replaced too: it may be a
        name all the same."""
        first, *rest = path
        value = inside.get(first)
        if rest and isinstance(value, dict):
            self._at(value, rest, kind)
        elif value is not None:
            text = value if isinstance(value, str) else str(value)
            inside[first] = self.person(text) if kind == _PERSON else self.text(text)

    def _map(self, event: Dict[str, Any], name: str) -> None:
        entries = event.get(name)
        if not isinstance(entries, dict):
            if entries is not None:
                event[name] = self.text(str(entries))
            return
        how, keys = MAPS[name]
        for key, value in entries.items():
            if _named(keys, key) == (how == "replaced") and value is not None:
                entries[key] = self.text(value if isinstance(value, str) else str(value))


def _named(keys: Any, key: str) -> bool:
    return any(key.startswith(k) if k.endswith(".") else key == k for k in keys)


def _is_made(text: str) -> bool:
    return _MADE.fullmatch(text) is not None
