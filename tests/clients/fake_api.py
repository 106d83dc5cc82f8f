"""A model API for tests: as much of four providers' as clients need, and a list of what it gave.

Each client speaks to a path of its own, `/NAME/…`, and gets answers by its plan: one word for each
request that offers tools, "text" when the plan is over. Other requests (titles, checks) get "text".

| word | answer |
|---|---|
| text | some words |
| tool | a call of one of the offered tools, which reads a file |
| busy | status 503, which clients ask again after |
| refused | status 400, which they give up after |

Tokens are made up, other ones for every answer, so that none stands for another.
"""

import json
import re
import threading
import time
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from answers import BUSY, MAKERS, REFUSED, Usage

FILE = "calc.py"
TOOLS = re.compile(r"^(read|read_file|exec_command|shell|shell_command|view)$", re.IGNORECASE)


@dataclass
class Given:
    """An answer that was given."""

    client: str
    api: str
    model: str
    status: int
    tool: bool
    usage: Usage | None


@dataclass
class Api:
    """The server and what it gave."""

    project: str
    plans: dict[str, list[str]] = field(default_factory=dict)
    given: list[Given] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        api = self
        handler = type("Handler", (Handler,), {"api": api})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, client: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{client}"

    def of(self, client: str) -> list[Given]:
        with self.lock:
            return [g for g in self.given if g.client == client]

    def stop(self) -> None:
        self.server.shutdown()

    def next_word(self, client: str, offers_tools: bool) -> tuple[int, str]:
        """Number of the answer and its word."""
        with self.lock:
            number = len(self.given)
            plan = self.plans.get(client, [])
            return number, plan.pop(0) if offers_tools and plan else "text"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: Api

    def log_message(self, *_) -> None:
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            # Clients go when they have what they want.
            pass

    def do_HEAD(self) -> None:
        self.send_json(200, {})

    def do_GET(self) -> None:
        if self.path.split("?")[0].endswith("/models"):
            return self.send_json(200, {"object": "list", "data": [], "models": []})
        self.send_json(404, {"error": {"message": "there is no such path", "type": "not_found_error"}})

    def do_POST(self) -> None:
        body = json.loads(self.body() or b"{}")
        _, client, rest = self.path.split("?")[0].split("/", 2)
        maker = next((m for end, m in MAKERS if re.search(end, rest)), None)
        if maker is None:
            if "count" in rest:
                return self.send_json(200, {"input_tokens": 1000, "totalTokens": 1000})
            self.api.unknown.append(self.path)
            return self.send_json(404, {"error": {"message": "there is no such path"}})
        offered = list(tools(body))
        number, word = self.api.next_word(client, bool(offered))
        answer = maker(body, rest, number)
        given = Given(client, maker.__name__, answer.model, 200, False, None)
        if word in ("busy", "refused"):
            given.status = BUSY if word == "busy" else REFUSED
            with self.api.lock:
                self.api.given.append(given)
            return self.send_json(given.status, answer.error(given.status))
        usage = Usage.of(number)
        tool = call(offered, self.api.project) if word == "tool" else None
        given.tool = tool is not None
        given.usage = answer.told(usage)
        with self.api.lock:
            self.api.given.append(given)
        if answer.streams:
            self.send_events(answer.events(usage, tool), answer.named, answer.ends)
        else:
            self.send_json(200, answer.whole(usage, tool))

    def body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def send_json(self, status: int, value: dict) -> None:
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        if status == BUSY:
            self.send_header("retry-after", "0")
        self.end_headers()
        self.wfile.write(text)

    def send_events(self, events: list[dict], named: bool, ends: bool) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for event in events:
            name = f"event: {event['type']}\n" if named else ""
            self.wfile.write(f"{name}data: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
            time.sleep(0.005)
        if ends:
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


def tools(body: dict):
    """Names and JSON schemas of the tools that a request offers."""
    for tool in body.get("tools") or []:
        if not isinstance(tool, dict):
            continue
        for f in tool.get("functionDeclarations") or [tool.get("function") or tool]:
            schema = f.get("parameters") or f.get("input_schema") or f.get("parametersJsonSchema") or {}
            if "name" in f:
                yield f["name"], schema


def call(offered: list[tuple[str, dict]], project: str) -> tuple[str, dict] | None:
    """A call of a tool that reads a file, with what its schema requires."""
    found = next(((n, s) for n, s in offered if TOOLS.match(n)), None)
    if found is None:
        return None
    name, schema = found
    arguments = {}
    for key in schema.get("required") or []:
        kind = (schema.get("properties") or {}).get(key, {}).get("type")
        if "path" in key.lower() or "file" in key.lower():
            arguments[key] = f"{project}/{FILE}"
        elif str(kind).lower() == "array":
            arguments[key] = ["cat", FILE]
        else:
            arguments[key] = f"cat {FILE}"
    return name, arguments


def ledger(given: list[Given]) -> dict:
    """Calls, failed ones, tools and tokens by class of some answers."""
    good = [g.usage for g in given if g.usage]
    total = {k: sum(asdict(u)[k] for u in good) for k in asdict(Usage.of(0))}
    return {"calls": len(good), "failed": len(given) - len(good),
            "tools": sum(g.tool for g in given), **total}
