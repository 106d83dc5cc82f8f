"""What an event costs its host: `python -m weir.bench`.

Sends to a server of its own in another process, so that its work is not counted here. Prints a
table: time of one call on the calling thread, share of a busy host's work, memory at a full queue.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import socket
import time
import tracemalloc
from typing import Any, Callable, List, Tuple

from ._client import Client

EVENTS = 50_000
WORK_SECONDS = 6.0
ANSWER = b'{"accepted":0,"refused":[]}'


def _serve(pipe: Any) -> None:
    """Reads requests and accepts them, one connection at a time."""
    listener = socket.create_server(("127.0.0.1", 0))
    pipe.send(listener.getsockname()[1])
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as reader:
            while line := reader.readline():
                length = 0
                while (line := reader.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                reader.read(length)
                head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ANSWER)
                connection.sendall(head + ANSWER)


def _emit(client: Client, number: int) -> None:
    client.llm_call(
        provider="anthropic",
        model="claude-sonnet-4-5",
        category="coding",
        tokens_input=number,
        tokens_cache_read=48213,
        tokens_output=642,
        latency_ms=9120.5,
        session_id="5b0c7e4e-93f1",
    )


def _per_event(client: Client, clock: Callable[[], int]) -> str:
    """Mean, p50 and p99 of one call, in µs, while the sender works beside it."""
    took: List[int] = []
    for number in range(EVENTS):
        began = clock()
        _emit(client, number)
        took.append(clock() - began)
        if number % 500 == 0:
            client.flush(5)  # the queue never fills: a dropped event would be a cheap one
    took.sort()
    mean, middle, high = sum(took) / len(took), took[len(took) // 2], took[len(took) * 99 // 100]
    return f"mean {mean / 1000:.1f}, p50 {middle / 1000:.1f}, p99 {high / 1000:.1f}"


def _share(client: Client, events_per_second: int) -> float:
    """The part of a busy host's processor time that events at a steady rate take, in percent: the
    calls, and all that other threads do."""
    spent = 0.0
    emitted = 0
    process, thread = time.process_time(), time.thread_time()
    began = time.perf_counter()
    while (passed := time.perf_counter() - began) < WORK_SECONDS:
        if emitted < passed * events_per_second:
            before = time.thread_time()
            while emitted < passed * events_per_second:
                _emit(client, emitted)
                emitted += 1
            spent += time.thread_time() - before
        sum(range(2000))
    whole = time.process_time() - process
    return 100 * (spent + whole - (time.thread_time() - thread)) / whole


def _memory() -> Tuple[int, float]:
    """Events in a full queue, and what they hold, in MiB."""
    silent = socket.create_server(("127.0.0.1", 0))
    client = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", engineer="ada@acme.example")
    gc.collect()
    tracemalloc.start()
    for number in range(50_000):
        _emit(client, number)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    queued = client.stats()["queued"]
    logging.getLogger("weir").disabled = True  # that these are lost is no news
    client.close(0)
    silent.close()
    return queued, used / 2**20


def main() -> None:
    """Runs it and prints the table."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("fork").Process(target=_serve, args=(there,), daemon=True)
    server.start()
    client = Client(f"http://127.0.0.1:{here.recv()}", engineer="ada@acme.example")
    rows = [
        ("µs per event on the calling thread", _per_event(client, time.perf_counter_ns)),
        ("  of these, of processor time", _per_event(client, time.thread_time_ns)),
    ]
    for rate in (100, 1000):
        rows.append((f"of a busy host's work, {rate} events/s", f"{_share(client, rate):.2f} %"))
    client.close()
    server.terminate()
    queued, held = _memory()
    rows.append(("memory at a full queue", f"{held:.1f} MiB, {queued} events"))
    for what, value in rows:
        print(f"{what:<38} {value}")


if __name__ == "__main__":
    main()
