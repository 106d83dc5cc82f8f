"""Questions to the api over HTTP: one request and its answer, again where it asks for patience."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import random
import threading
import time
import zlib
from collections import OrderedDict
from typing import Any, Dict, Optional, Tuple

from ._http import connect, retry_after, until
from ._version import __version__

MAX_BODY = 256 << 20
FIRST_PAUSE, LAST_PAUSE = 0.25, 5.0
# Answers that say: not now.
BUSY = (408, 425, 429, 502, 503, 504)


class Problem(Exception):
    """Why there is no answer. A refusal has a `code` of docs/errors.md and a `remedy`.

    status: that of HTTP; 0: nothing answered, and `code` is empty.
    known: the whole document (RFC 9457); where ClickHouse does not answer it tells `run` and
        `complete_through` by event type.
    """

    def __init__(self, status: int, known: Dict[str, Any]) -> None:
        self.status = status
        self.known = known
        self.code = str(known.get("code") or "")
        self.title = str(known.get("title") or "")
        self.detail = str(known.get("detail") or "")
        self.remedy = str(known.get("remedy") or "")
        words = (self.code or (f"HTTP {status}" if status else ""), self.detail or self.title)
        super().__init__(": ".join(word for word in words if word))

    def __reduce__(self) -> Any:
        return Problem, (self.status, self.known)


class Tags:
    """Answers by address with the tag (ETag) that the api gave them; the oldest go first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._kept: OrderedDict[str, Tuple[str, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: str) -> Optional[Tuple[str, bytes]]:
        with self._lock:
            if path in self._kept:
                self._kept.move_to_end(path)
            return self._kept.get(path)

    def put(self, path: str, tag: str, body: bytes) -> None:
        with self._lock:
            old = self._kept.pop(path, None)
            self._size -= len(old[1]) if old else 0
            if len(body) > self._most:
                return
            self._kept[path] = (tag, body)
            self._size += len(body)
            while self._size > self._most:
                _, (_, gone) = self._kept.popitem(last=False)
                self._size -= len(gone)


class Asker:
    """Asks one api; may be used by several threads. Times are in seconds, sizes in bytes."""

    def __init__(
        self, url: str, token: str, timeout: float, patience: float, cache_bytes: int
    ) -> None:
        self.url = url
        self._timeout = timeout
        self._patience = patience
        self._tags = Tags(cache_bytes)
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"weir-sdk-python/{__version__}",
        }
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> Dict[str, Any]:
        """The document at a path (with its query). Raises Problem."""
        end = time.monotonic() + self._patience
        attempt = 0
        while True:
            try:
                return self._once(path)
            except _Later as later:
                pause = later.pause
                if pause is None:
                    most = min(LAST_PAUSE, FIRST_PAUSE * 2 ** min(attempt, 16))
                    pause = most * random.uniform(0.5, 1.0)
                if time.monotonic() + pause > end:
                    raise later.problem from None
                time.sleep(pause)
                attempt += 1

    def _once(self, path: str) -> Dict[str, Any]:
        """One attempt. Raises Problem, or _Later where another one is worth it."""
        kept = self._tags.get(path)
        headers = dict(self._headers)
        if kept:
            headers["If-None-Match"] = kept[0]
        try:
            status, answered, body = self._exchange(path, headers)
        except (OSError, http.client.HTTPException, EOFError, zlib.error) as error:
            words = f"{self.url} gave no answer: {type(error).__name__}: {error}"
            raise Problem(0, {"detail": words}) from error
        if status == 304 and kept:
            return _document(status, kept[1])
        if status == 200:
            told = _document(status, body)
            if answered.get("ETag"):
                self._tags.put(path, answered["ETag"], body)
            return told
        problem = Problem(status, _refusal(status, body))
        if status in BUSY:
            raise _Later(problem, retry_after(answered.get("Retry-After")))
        raise problem

    def _exchange(self, path: str, headers: Dict[str, str]) -> Tuple[int, Any, bytes]:
        connection, prefix = connect(self.url, self._timeout)
        try:
            until(connection, time.monotonic() + self._timeout)
            connection.request("GET", prefix + path, headers=headers)
            response = connection.getresponse()
            body = response.read(MAX_BODY + 1)
            if response.length and len(body) <= MAX_BODY:
                raise http.client.IncompleteRead(body, response.length)
            if response.headers.get("Content-Encoding") == "gzip" and body:
                with gzip.GzipFile(fileobj=io.BytesIO(body)) as packed:
                    body = packed.read(MAX_BODY + 1)
            if len(body) > MAX_BODY:
                raise OSError(f"the answer has more than {MAX_BODY} bytes")
            return response.status, response.headers, body
        finally:
            connection.close()


class _Later(Exception):
    """Another attempt is worth it, after a pause in seconds where the answer named one."""

    def __init__(self, problem: Problem, pause: Optional[float]) -> None:
        super().__init__()
        self.problem = problem
        self.pause = pause


def _document(status: int, body: bytes) -> Dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict) or not _is_data(told.get("data")):
        detail = "the answer is not in the api's words: is WEIR_API the api's address?"
        raise Problem(status, {"detail": detail})
    return told


def _is_data(data: Any) -> bool:
    """An object, or a list of them."""
    return all(isinstance(item, dict) for item in (data if isinstance(data, list) else [data]))


def _refusal(status: int, body: bytes) -> Dict[str, Any]:
    """What a refusal says; of something that stands before the api, its status alone."""
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if isinstance(told, dict):
        return told
    return {"detail": http.client.responses.get(status, "refused")}
