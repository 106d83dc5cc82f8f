"""Event ids: UUIDv7, which begin with the time and so sort by it."""

from __future__ import annotations

import os


def uuid7(micros: int) -> str:
    """An id of a moment, in microseconds since 1970. Random bits come from the system: a process
    that forks, or a host that seeds `random`, cannot make two alike."""
    millis = (micros // 1000) & 0xFFFFFFFFFFFF
    random = os.urandom(10).hex()
    variant = "89ab"[ord(random[3]) & 3]
    return (
        f"{millis >> 16:08x}-{millis & 0xFFFF:04x}-7{random[:3]}-"
        f"{variant}{random[4:7]}-{random[7:19]}"
    )
