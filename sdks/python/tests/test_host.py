"""The host program is never held up, hurt, or kept from its end."""

import asyncio
import gc
import logging
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
from pathlib import Path

import hostile
import pytest
from hostile import Hostile

import weir as sdk

SRC = str(Path(__file__).resolve().parents[1] / "src")


def run(program, timeout=20, **env):
    """Runs a program of its own; gives its end, its output and how long it took."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": SRC, **env},
    )
    return done, time.monotonic() - began


PROGRAM = """
    import weir
    client = weir.Client(engineer="ada@acme.example", exit_timeout=1.0)
    for number in range(3):
        client.tool_called(tool=f"tool-{number}")
    print("done")
"""


def test_what_is_queued_at_the_exit_is_sent():
    with Hostile() as server:
        done, _ = run(PROGRAM, WEIR_URL=server.url)
        assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
        assert [event["tool"] for event in server.events] == ["tool-0", "tool-1", "tool-2"]


def test_an_exception_or_sys_exit_of_the_host_flushes_too():
    for end, code in (("raise SystemExit(3)", 3), ("raise ValueError('x')", 1)):
        with Hostile() as server:
            done, _ = run(PROGRAM + f"    {end}\n", WEIR_URL=server.url)
            assert done.returncode == code
            assert len(server.events) == 3


@pytest.mark.parametrize(
    "fault",
    [hostile.hang, hostile.drip, hostile.endless, hostile.status(503, ["Retry-After: 600"])],
    ids=["hang", "drip", "endless", "retry-after"],
)
def test_the_process_ends_within_the_deadline(fault):
    with Hostile(fault) as server:
        done, took = run(PROGRAM, WEIR_URL=server.url)
        assert done.returncode == 0 and done.stdout == "done\n"
        assert took < 5
        assert "3 events could not be sent" in done.stderr


def test_the_process_ends_when_nobody_listens_or_the_network_swallows():
    for url in ("http://127.0.0.1:1", "http://192.0.2.1:4318"):
        done, took = run(PROGRAM, WEIR_URL=url)
        assert done.returncode == 0 and took < 5


def test_two_clients_share_the_deadline():
    with Hostile(hostile.hang) as server:
        done, took = run(
            """
            import weir
            clients = [weir.Client(engineer="a@b", exit_timeout=1.0) for _ in range(4)]
            for client in clients:
                client.tool_called(tool="x")
            """,
            WEIR_URL=server.url,
        )
        assert done.returncode == 0 and took < 3.8


def test_a_fork_sends_each_event_once():
    with Hostile() as server:
        done, _ = run(
            """
            import os, weir
            client = weir.Client(engineer="a@b", flush_interval=0.3)
            client.tool_called(tool="before")
            for number in range(3):
                if os.fork() == 0:
                    client.tool_called(tool=f"child-{number}")
                    assert client.flush(5)
                    os._exit(0)
            client.tool_called(tool="after")
            for _ in range(3):
                assert os.wait()[1] == 0
            assert client.flush(5)
            """,
            WEIR_URL=server.url,
        )
        assert done.returncode == 0, done.stderr
        names = sorted(event["tool"] for event in server.events)
        assert names == ["after", "before", "child-0", "child-1", "child-2"]
        assert len({event["event_id"] for event in server.events}) == 5


def test_a_fork_while_other_threads_emit_does_not_hang():
    with Hostile() as server:
        done, _ = run(
            """
            import os, threading, time, weir
            client = weir.Client(engineer="a@b", flush_interval=0.001)
            stop = threading.Event()
            def work():
                while not stop.is_set():
                    client.tool_called(tool="parent")
                    # The child shares two cores with them.
                    time.sleep(0.0005)
            threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
            for thread in threads: thread.start()
            for _ in range(20):
                pid = os.fork()
                if pid == 0:
                    client.tool_called(tool="child")
                    os._exit(0 if client.flush(50) else 1)
                assert os.waitpid(pid, 0)[1] == 0
            stop.set()
            """,
            timeout=240,
            WEIR_URL=server.url,
        )
        assert done.returncode == 0, done.stderr
        assert sum(event["tool"] == "child" for event in server.events) == 20


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_of_multiprocessing_flushes_at_its_end(tmp_path, method):
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(f"""
        import multiprocessing, weir
        client = weir.Client(engineer="a@b", flush_interval=30)
        def work(number):
            client.tool_called(tool=f"child-{{number}}")
        if __name__ == "__main__":
            context = multiprocessing.get_context("{method}")
            children = [context.Process(target=work, args=(n,)) for n in range(2)]
            for child in children: child.start()
            for child in children: child.join(10); assert child.exitcode == 0
    """)
    )
    with Hostile() as server:
        done = subprocess.run(
            [sys.executable, str(program)],
            timeout=30,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": SRC, "WEIR_URL": server.url},
        )
        assert done.returncode == 0, done.stderr
        assert sorted(event["tool"] for event in server.events) == ["child-0", "child-1"]


def test_asyncio_is_not_held_up(client):
    async def main(weir):
        longest = 0.0

        async def watch():
            nonlocal longest
            while True:
                before = time.perf_counter()
                await asyncio.sleep(0)
                longest = max(longest, time.perf_counter() - before)

        watcher = asyncio.ensure_future(watch())

        @weir.capability("review")
        async def review(number):
            await asyncio.sleep(0.01)
            if number % 2:
                raise KeyError(number)

        found = await asyncio.gather(*map(review, range(10)), return_exceptions=True)
        assert sum(isinstance(one, KeyError) for one in found) == 5
        cancelled = asyncio.ensure_future(review(0))
        await asyncio.sleep(0)
        cancelled.cancel()
        assert not await weir.aflush(0.3)
        watcher.cancel()
        return longest

    with Hostile(hostile.hang) as server:
        weir = client(server.url, flush_interval=0)
        assert asyncio.run(main(weir)) < 1
        server.wait_for(lambda s: s.requests)
        assert weir.stats()["queued"] + len(server.events) == 11


def test_threads_lose_nothing(client):
    with Hostile() as server:
        weir = client(server.url, flush_interval=0.01)

        def work(thread):
            for number in range(300):
                weir.tool_called(tool=f"{thread}/{number}")

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert weir.flush(10)
        assert len({event["tool"] for event in server.events}) == 2400
        assert len({event["event_id"] for event in server.events}) == 2400


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system")
def test_events_out_of_signal_handlers_and_finalisers_do_not_deadlock(client):
    with Hostile() as server:
        weir = client(server.url, flush_interval=0.01, max_events=10_000_000)
        old = signal.signal(signal.SIGALRM, lambda *_: weir.tool_called(tool="signal"))
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        try:
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                weir.tool_called(tool="main")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
        assert weir.flush(20)
        assert {event["tool"] for event in server.events} == {"main", "signal"}


class Hostage:
    """A value whose every use fails."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __repr__(self):
        raise RuntimeError("repr")

    __str__ = __repr__


def test_nothing_is_thrown_into_the_host(client, caplog):
    circle = {}
    circle["circle"] = circle
    with Hostile() as server:
        weir = client(server.url)
        weir.llm_call()
        weir.llm_call("openai")
        weir.llm_call(provider="openai", model="m", tokens_inptu=3)
        weir.llm_call(provider=object(), model="m")
        weir.llm_call(provider=Hostage(), model="m")
        weir.alert_silenced(rule="r", subject=circle, silenced_until=1)
        weir.tool_called(tool="t", duration_ms=math.nan)
        weir.tool_called(tool="t", duration_ms=math.inf)
        weir.tool_called(tool="x" * 300_000)
        weir.emit("no.such", {1: 2, "x": Hostage()})
        assert weir.flush(5)
        assert server.events == []
        assert weir.stats()["refused"] == 10
        weir.tool_called(tool="half a pair \ud800 and \U0001f600")
        assert weir.flush(5)
        assert server.events[0]["tool"] == "half a pair ? and \U0001f600"
    assert all(record.levelno == logging.WARNING for record in caplog.records)


@pytest.mark.parametrize(
    "given",
    [
        {"url": "nonsense"},
        {"url": "http://[::1"},
        {"url": "http://h:x"},
        {"max_events": 0},
        {"timeout": "x"},
        {"no_such": 1},
    ],
)
def test_wrong_settings_switch_the_client_off_and_say_so(given, caplog):
    weir = sdk.Client(**given)
    weir.tool_called(tool="x")
    with weir.capability("x"):
        pass
    assert weir.flush(1) and weir.close()
    assert "nothing is sent" in caplog.text


def test_a_log_handler_that_fails_is_not_the_hosts_problem(client, monkeypatch):
    class Broken(logging.Handler):
        def emit(self, record):
            raise RuntimeError("broken handler")

    handler = Broken()
    logging.getLogger("weir").addHandler(handler)
    try:
        with Hostile(hostile.refuse(0), hostile.ok) as server:
            weir = client(server.url)
            weir.tool_called(wrong=1)
            for _ in range(2):
                weir.tool_called(tool="x")
                assert weir.flush(5)
            assert len(server.requests) == 2
    finally:
        logging.getLogger("weir").removeHandler(handler)


def test_disabled_makes_no_thread_and_no_request(client, monkeypatch):
    monkeypatch.setenv("WEIR_DISABLED", "1")
    with Hostile() as server:
        before = threading.active_count()
        weir = client(server.url)
        weir.tool_called(tool="x")
        assert weir.flush(1) and weir.close(1)
        assert threading.active_count() <= before and server.requests == []


def test_settings_come_from_the_environment():
    with Hostile() as server:
        done, _ = run(
            "import weir\nweir.Client().seat_granted(tool='t', cost_usd_per_30_days=20)",
            WEIR_URL=server.url + "/",
            WEIR_TOKEN="t0ken\n",
            WEIR_SOURCE="laptop-1",
            WEIR_ENGINEER="ada@acme.example",
            WEIR_TEAM="payments",
            WEIR_DEBUG="1",
        )
        (event,) = server.events
        assert event["source"] == "laptop-1"
        assert event["engineer"] == {"email": "ada@acme.example", "team": "payments"}
        assert server.requests[0]["headers"]["authorization"] == "Bearer t0ken"
        assert "sent 1 events (seat.granted 1)" in done.stderr


def test_memory_at_a_full_queue_is_bounded(client):
    with Hostile(hostile.hang) as server:
        weir = client(server.url, max_bytes=2 << 20)
        gc.collect()
        tracemalloc.start()
        for number in range(30_000):
            weir.llm_call(
                provider="openai", model="gpt-5", tokens_input=number, session_id="s" * 36
            )
        gc.collect()
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert weir.stats()["dropped"] > 15_000
        assert used < 4 << 20


def test_an_idle_client_uses_no_processor(client):
    with Hostile() as server:
        weir = client(server.url)
        weir.tool_called(tool="x")
        assert weir.flush(5)
        before = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - before < 0.05
