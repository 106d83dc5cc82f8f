"""One request to the gateway, and what its answer means."""

from __future__ import annotations

import codecs
import email.utils
import gzip
import http.client
import io
import json
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Tuple
from urllib.parse import urlsplit

from ._config import Settings
from ._version import __version__

# What names of hosts are resolved with is imported at its first use, which would be on the sender's
# thread: in a child that was forked meanwhile the lock of that import is never given back.
codecs.lookup("idna")

MAX_ANSWER = 1 << 20
GZIP_FROM = 512
MAX_RETRY_AFTER = 600.0

DONE, SPLIT, RETRY, BLOCKED = "done", "split", "retry", "blocked"


@dataclass
class Answer:
    """What to do with a batch: DONE with it, SPLIT it, RETRY it, or BLOCKED until someone acts."""

    verdict: str
    cause: str
    detail: str = ""
    accepted: int = 0
    refused: List[Dict[str, Any]] = field(default_factory=list)
    retry_after: Optional[float] = None


class _Until(io.RawIOBase):
    """A socket's answer that has to be there by a moment, however slowly it drips."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Optional[int]:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What http.client asks a socket for."""
        return io.BufferedReader(self)

    def close(self) -> None:
        self._raw.close()
        super().close()


class Http:
    """A connection that is kept; used by one thread."""

    def __init__(self, settings: Settings) -> None:
        self.where = settings.url
        self._url = settings.url
        self._timeout = settings.timeout
        self._path = ""
        self._connection: Optional[http.client.HTTPConnection] = None
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"weir-sdk-python/{__version__}",
        }
        if settings.token:
            self._headers["Authorization"] = f"Bearer {settings.token}"

    def post(self, lines: Sequence[bytes], dropped: int) -> Answer:
        """Sends a batch. Never raises: what goes wrong on the way is an answer to try again."""
        body = b"[" + b",".join(lines) + b"]"
        headers = dict(self._headers)
        if dropped:
            headers["Weir-Dropped"] = str(dropped)
        if len(body) >= GZIP_FROM:
            body = gzip.compress(body, 5)
            headers["Content-Encoding"] = "gzip"
        kept = self._connection is not None
        try:
            return self._exchange(body, headers)
        except (ConnectionError, http.client.BadStatusLine) as error:
            self.close()
            if not kept:
                return failed(error)
        except Exception as error:
            self.close()
            return failed(error)
        # A connection that was kept may have been closed meanwhile: once more with a new one.
        try:
            return self._exchange(body, headers)
        except Exception as error:
            self.close()
            return failed(error)

    def close(self) -> None:
        """Closes the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except Exception:  # noqa: S110  it is gone either way
                pass

    def leave(self) -> None:
        """In the child of a fork: the connection is the parent's, here it is only forgotten."""
        self._connection = None

    def _exchange(self, body: bytes, headers: Dict[str, str]) -> Answer:
        deadline = time.monotonic() + self._timeout
        connection = self._connection
        if connection is None:
            connection, self._path = connect(self._url, self._timeout)
            self._connection = connection
        if connection.sock is not None:
            connection.sock.settimeout(self._timeout)
        until(connection, deadline)
        connection.request("POST", self._path + "/v1/events", body, headers)
        response = connection.getresponse()
        try:
            text = response.read(MAX_ANSWER + 1)
            if response.length and len(text) <= MAX_ANSWER:
                raise http.client.IncompleteRead(text, response.length)
            answer = read(response.status, response.headers, text)
            if not response.isclosed():
                self.close()  # more than was asked for: the rest would be the next answer
            return answer
        finally:
            response.close()


def connect(url: str, timeout: float) -> Tuple[http.client.HTTPConnection, str]:
    """A connection to an address, not open yet, and the path that the address has."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        secure = http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
        return secure, parts.path
    return http.client.HTTPConnection(host, parts.port, timeout=timeout), parts.path


def until(connection: http.client.HTTPConnection, deadline: float) -> None:
    """Has the next answer of a connection be there by a moment (of the monotonic clock)."""
    timed: Any = lambda sock, *args, **named: http.client.HTTPResponse(  # noqa: E731
        _Until(sock, deadline),  # type: ignore[arg-type]
        *args,
        **named,
    )
    connection.response_class = timed


def failed(error: BaseException) -> Answer:
    """What went wrong on the way is tried again."""
    return Answer(RETRY, type(error).__name__, f"{type(error).__name__}: {error}")


def read(status: int, headers: Any, text: bytes) -> Answer:
    """What an answer of the gateway, or of what stands before it, says to do."""
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    told = told if isinstance(told, dict) else {}
    if status in (200, 422):
        if isinstance(told.get("accepted"), int):
            items = told.get("refused")
            items = items if isinstance(items, list) else []
            refused = [item for item in items if isinstance(item, dict)]
            return Answer(DONE, str(status), accepted=told["accepted"], refused=refused)
        return Answer(BLOCKED, "not-a-gateway", f"{status}, but not in the gateway's words")
    code = str(told.get("code") or f"HTTP {status}")
    words = [str(told[key]) for key in ("code", "title", "detail") if told.get(key)]
    detail = ": ".join([f"HTTP {status}", *words])
    if status in (400, 413):
        return Answer(SPLIT, code, detail)
    if status in (408, 425, 429) or status >= 500:
        return Answer(RETRY, code, detail, retry_after=retry_after(headers.get("Retry-After")))
    return Answer(BLOCKED, code, detail)


def retry_after(value: Optional[str]) -> Optional[float]:
    """Seconds from now: the header is a number of them, or a date."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if seconds == seconds else None
