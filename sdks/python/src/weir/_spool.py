"""Batches that could not be sent, kept on disk: one JSONL file each, oldest first, bounded.

A file is written under another name and renamed, so that half a file is never read. Processes may
share a folder: who sends a file renames it first. A file whose taker died is free again after
`FREE_AFTER`, well within the time in which a repeated event id is known.
"""

from __future__ import annotations

import os
import time
from typing import List, Optional, Sequence, Tuple

from ._ids import uuid7

FREE_AFTER = 60.0
_READY, _TAKEN, _PART = ".jsonl", ".taken", ".part"


class Spool:
    """A folder of batches. Methods raise OSError where the disk says no, but for `release`."""

    def __init__(self, folder: str, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    def write(self, lines: Sequence[bytes]) -> bool:
        """Keeps a batch; False where it has no room."""
        body = b"\n".join(lines) + b"\n"
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        if sum(size for _, size, _ in self._files()) + len(body) > self._max_bytes:
            return False
        name = os.path.join(self._folder, uuid7(time.time_ns() // 1000))
        with open(os.open(name + _PART, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(body)
        os.rename(name + _PART, name + _READY)
        return True

    def take(self) -> Optional[Tuple[str, List[bytes]]]:
        """The oldest batch, and the name to give to `done` or `release`; None: there is none."""
        for name, _, age in self._files():
            path = os.path.join(self._folder, name)
            if name.endswith(_TAKEN):
                if age < FREE_AFTER:
                    continue
                taken = path
            else:
                taken = path[: -len(_READY)] + _TAKEN
            try:
                os.utime(path)
                if taken != path:
                    os.rename(path, taken)
                with open(taken, "rb") as file:
                    lines = [line for line in file.read().split(b"\n") if line]
            except FileNotFoundError:
                continue  # another process was faster
            return taken, lines
        return None

    def release(self, taken: str) -> None:
        """Gives a batch back that could not be sent."""
        try:
            os.rename(taken, taken[: -len(_TAKEN)] + _READY)
        except OSError:
            pass  # it is free again by its age

    def done(self, taken: str) -> None:
        """Forgets a batch that was answered."""
        try:
            os.unlink(taken)
        except FileNotFoundError:
            pass

    def _files(self) -> List[Tuple[str, int, float]]:
        """Name, size and age of each file, oldest first: ids sort by their time."""
        try:
            names = sorted(os.listdir(self._folder))
        except FileNotFoundError:
            return []
        found = []
        for name in names:
            path = os.path.join(self._folder, name)
            try:
                stat = os.stat(path)
            except FileNotFoundError:
                continue
            age = max(time.time() - stat.st_mtime, 0.0)
            if name.endswith(_PART) and age > FREE_AFTER:
                os.unlink(path)  # its writer died
            elif name.endswith((_READY, _TAKEN)):
                found.append((name, stat.st_size, age))
        return found
