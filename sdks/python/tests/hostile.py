"""A peer on a real socket that answers, fails, hangs and lies as a test tells it to."""

import gzip
import json
import socket
import threading
import time


class Hostile:
    """Takes a list of behaviours, one per request; the last one is for all that follow.

    A behaviour is a function of (connection, request) that writes what it wants; False ends the
    connection."""

    def __init__(self, *behaviours):
        self.behaviours = list(behaviours) or [ok]
        self.requests = []
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_how):
        self.ended.set()
        self.listener.close()

    @property
    def events(self):
        """All events of all requests, in the order of their coming, repeated ones too."""
        return [event for request in self.requests for event in request["events"]]

    def wait_for(self, what, timeout=10.0):
        """Waits until `what` is true of this server."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if what(self):
                return
            time.sleep(0.01)
        raise AssertionError(f"not within {timeout} s; {len(self.requests)} requests came")

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as reader:
            try:
                while self._one(connection, reader):
                    pass
            except OSError:
                pass

    def _one(self, connection, reader):
        line = reader.readline()
        if not line:
            return False
        headers = {}
        while True:
            header = reader.readline().decode().strip()
            if not header:
                break
            name, value = header.split(":", 1)
            headers[name.lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0)))
        raw = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        try:
            events = json.loads(raw)
        except ValueError:
            events = []
        request = {
            "line": line.decode().strip(),
            "headers": headers,
            "size": len(body),
            "events": events if isinstance(events, list) else [events],
            "at": time.monotonic(),
            "server": self,
        }
        with self.lock:
            at = min(len(self.requests), len(self.behaviours) - 1)
            behaviour = self.behaviours[at]
            self.requests.append(request)
        return behaviour(connection, request) is not False


def reply(connection, status, body, headers=()):
    """Writes one whole answer."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def ok(connection, request):
    """Takes everything."""
    reply(connection, 200, {"accepted": len(request["events"]), "refused": []})


def ok_then_close(connection, request):
    """Takes everything and closes the kept connection without a word."""
    ok(connection, request)
    return False


def status(code, headers=(), body=None):
    """Answers with a status, as a problem."""
    problem = {"title": "no", "status": code, "detail": "not now", "code": "WEIR-0999"}

    def behave(connection, _request):
        reply(connection, code, problem if body is None else body, headers)

    return behave


def hang(_connection, request):
    """Says nothing until the test is over."""
    request["server"].ended.wait(60)
    return False


def close(_connection, _request):
    """Reads the request and closes."""
    return False


def half(connection, request):
    """Closes in the middle of its answer."""
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"accep')
    return False


def drip(connection, request):
    """Sends one byte now and then, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not request["server"].ended.wait(0.05):
        connection.sendall(b"x")
    return False


def garbage(connection, _request):
    """Is not an HTTP server."""
    connection.sendall(b"\x00\x16\x03 not http at all\r\n\r\n")
    return False


def endless(connection, request):
    """Answers with a body that does not end."""
    connection.sendall(b"HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n")
    while not request["server"].ended.is_set():
        connection.sendall(b"x" * 65536)
    return False


def refuse(*indexes, code="WEIR-0931"):
    """Refuses some items; 422 where none is left."""

    def behave(connection, request):
        count = len(request["events"])
        refused = [
            {"index": i, "code": code, "message": f"item {i} is bad", "remedy": "send a good one"}
            for i in indexes
            if i < count
        ]
        left = count - len(refused)
        reply(connection, 200 if left else 422, {"accepted": left, "refused": refused})

    return behave


def reject_if(bad, code):
    """A whole body is refused where one of its events is bad, as for a body that is no JSON."""

    def behave(connection, request):
        if any(bad(event) for event in request["events"]):
            return status(code)(connection, request)
        return ok(connection, request)

    return behave
