"""Event ids: UUIDv7, which begin with the time and so sort by it."""

from __future__ import annotations

import os


def uuid7(micros: int) -> str:
    """An id of a moment, in microseconds since 1970. Random bits come from the system: a process
    that forks, or a host that seeds `random`, cannot make two alike."""
    bits = int.from_bytes(os.urandom(10), "big")
    text = "%012x7%03x%x%015x" % (
        (micros // 1000) & 0xFFFFFFFFFFFF,
        bits & 0xFFF,
        8 | (bits >> 12) & 3,
        (bits >> 14) & 0xFFFFFFFFFFFFFFF,
    )
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
