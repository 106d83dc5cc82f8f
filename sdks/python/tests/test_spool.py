"""Batches on disk, while the gateway is away."""

import os
import threading
import time

import hostile
from hostile import Hostile


def test_a_batch_waits_on_disk_and_is_sent_when_the_gateway_is_back(client, tmp_path):
    gone = [hostile.status(503, ["Retry-After: 1"])]
    with Hostile(*gone, hostile.ok) as server:
        weir = client(server.url, spool=str(tmp_path))
        weir.tool_called(tool="first")
        assert weir.flush(5)
        assert weir.stats()["spooled"] == 1 and len(os.listdir(tmp_path)) == 1
        server.wait_for(lambda s: len(s.requests) >= 2)
        (again,) = server.requests[1]["events"]
        assert again == server.requests[0]["events"][0]
        server.wait_for(lambda _: os.listdir(tmp_path) == [])


def test_what_a_process_could_not_send_is_sent_by_the_next_one(client, tmp_path):
    with Hostile(hostile.hang) as server:
        weir = client(server.url, spool=str(tmp_path))
        for number in range(3):
            weir.tool_called(tool=f"tool-{number}")
        assert weir.close(0.3)
    with Hostile() as server:
        weir = client(server.url, spool=str(tmp_path))
        weir.tool_called(tool="new")
        server.wait_for(lambda s: len(s.events) == 4)
        assert {event["tool"] for event in server.events} == {"tool-0", "tool-1", "tool-2", "new"}
        server.wait_for(lambda _: os.listdir(tmp_path) == [])


def test_the_spool_is_bounded(client, tmp_path):
    with Hostile(hostile.status(503, ["Retry-After: 60"])) as server:
        weir = client(server.url, spool=str(tmp_path), spool_bytes=2000, batch_events=1)
        for _ in range(50):
            weir.tool_called(tool="x" * 100)
        time.sleep(0.5)
        used = sum(os.path.getsize(tmp_path / name) for name in os.listdir(tmp_path))
        assert 0 < used <= 2000
        assert not weir.close(0.1)


def test_a_spool_that_cannot_be_written_is_no_error_of_the_host(client, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    with Hostile(hostile.status(503), hostile.ok) as server:
        weir = client(server.url, spool=str(tmp_path / "file" / "spool"))
        weir.tool_called(tool="x")
        assert weir.flush(5)
        assert weir.stats()["sent"] == 1
        assert "spool cannot be" in caplog.text


def test_torn_and_foreign_files_are_left_out(client, tmp_path):
    (tmp_path / "notes.txt").write_text("not ours")
    (tmp_path / "0190.jsonl.part").write_text('{"type": "half')
    (tmp_path / "0191.jsonl").write_text("")
    (tmp_path / "0192.taken").write_text('{"type":"tool.called","tool":"of another process"}\n')
    old = tmp_path / "0193.taken"
    old.write_text('{"type":"tool.called","tool":"of a dead process"}\n')
    os.utime(old, (1, 1))
    with Hostile() as server:
        weir = client(server.url, spool=str(tmp_path))
        weir.tool_called(tool="new")
        server.wait_for(lambda s: len(s.events) == 2)
        time.sleep(0.2)
        assert [event["tool"] for event in server.events] == ["new", "of a dead process"]
        assert "0192.taken" in os.listdir(tmp_path)


def test_two_processes_share_a_spool(client, tmp_path):
    from weir._spool import Spool

    spool = Spool(str(tmp_path), 1 << 20)
    for number in range(40):
        assert spool.write([b'{"type":"tool.called","tool":"%d"}' % number])
    taken = []

    def work():
        mine = Spool(str(tmp_path), 1 << 20)
        while (found := mine.take()) is not None:
            taken.extend(found[1])
            mine.done(found[0])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 40
