"""The queue between the host's threads and the one thread that sends.

A host's thread only appends to the queue. It never waits for the network or the disk, and it never
takes a lock that is held for longer than a few instructions; the lock is reentrant, so that an
event out of a signal handler or a finaliser finds no deadlock.
"""

from __future__ import annotations

import atexit
import os
import queue
import random
import sys
import threading
import time
import weakref
from collections import Counter, deque
from typing import Deque, List, Optional, Sequence

from ._config import Settings
from ._http import BLOCKED, RETRY, SPLIT, Answer
from ._log import Notes
from ._spool import Spool
from ._transport import check, opened

FIRST_PAUSE, LAST_PAUSE = 0.5, 30.0
BLOCKED_PAUSE = 30.0
SPOOL_LOOK = 1.0

_ALL: "weakref.WeakSet[Pipeline]" = weakref.WeakSet()


def _forked() -> None:
    for pipeline in list(_ALL):
        pipeline.forked()


def _exiting() -> None:
    """All clients together have the time of the most patient one."""
    pipelines = list(_ALL)
    now = time.monotonic()
    deadlines = [now + pipeline.patience for pipeline in pipelines]
    for pipeline, deadline in zip(pipelines, deadlines):
        pipeline.begin_close(deadline)
    for pipeline, deadline in zip(pipelines, deadlines):
        pipeline.close(max(deadline - time.monotonic(), 0.0))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
atexit.register(_exiting)


class Pipeline:
    """Queue and sender of one client."""

    def __init__(self, settings: Settings, notes: Notes) -> None:
        check(settings)
        self._settings = settings
        self._notes = notes
        self._spool = Spool(settings.spool, settings.spool_bytes) if settings.spool else None
        self.reset()
        _ALL.add(self)

    def forked(self) -> None:
        """In the child of a fork: what was queued, and the connection, are the parent's."""
        self._transport.leave()
        self.reset()

    def reset(self) -> None:
        """An empty queue without a thread."""
        self._lock = threading.RLock()
        self._queue: Deque[bytes] = deque()
        self._queued_bytes = 0
        self._in_flight: Sequence[bytes] = ()
        self._wake: "queue.SimpleQueue[None]" = queue.SimpleQueue()
        self._answered = threading.Condition(threading.RLock())
        self._thread: Optional[threading.Thread] = None
        self._transport = opened(self._settings)
        self._put_count = self._done_count = 0
        self._urgent_until = 0
        self._deadline: Optional[float] = None
        self._closed = self._abandoned = False
        self._failures = 0
        self._not_before = 0.0
        self._untold_drops = 0
        self.sent = self.refused = self.dropped = self.spooled = self.lost = 0

    # On the host's threads

    def put(self, line: bytes) -> None:
        """Takes an event, or drops it where the queue is full."""
        limits = self._settings
        with self._lock:
            waiting = len(self._queue)
            if (
                self._closed
                or waiting >= limits.max_events
                or self._queued_bytes + len(line) > limits.max_bytes
            ):
                self.dropped += 1
                self._untold_drops += 1
                return
            self._queue.append(line)
            self._queued_bytes += len(line)
            self._put_count += 1
            start = self._thread is None
            if start:
                self._thread = threading.Thread(target=self._run, name="weir", daemon=True)
        if start:
            self._start()
        if waiting == 0 or waiting + 1 == limits.batch_events:
            self._wake.put(None)

    def _start(self) -> None:
        thread = self._thread
        try:
            if thread is not None:
                thread.start()
        except RuntimeError as error:  # the interpreter is ending, or has no thread left
            self._notes.once("thread", f"events wait for the exit: {error}")
            return
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            # Such a child ends without `atexit`.
            from multiprocessing.util import Finalize

            Finalize(self, Pipeline.close, args=(self, self._settings.exit_timeout), exitpriority=0)

    def flush(self, timeout: float) -> bool:
        """Waits until all that was put before is answered or spooled; False where time ran out."""
        with self._lock:
            target = self._put_count
            self._urgent_until = max(self._urgent_until, target)
        self._wake.put(None)
        with self._answered:
            return self._answered.wait_for(lambda: self._done_count >= target, timeout)

    @property
    def queued(self) -> int:
        """Events that wait, those on their way not among them."""
        return len(self._queue)

    @property
    def patience(self) -> float:
        """How long the exit waits, in seconds."""
        return self._settings.exit_timeout

    def begin_close(self, deadline: float) -> None:
        """Takes no more events, and tells the sender until when it may try."""
        with self._lock:
            if self._deadline is None:
                self._deadline = deadline
            self._closed = True
        self._wake.put(None)

    def close(self, timeout: float) -> bool:
        """Sends what is queued within the time left; spools the rest, or counts it as lost.
        Whether all was answered or spooled."""
        self.begin_close(time.monotonic() + timeout)
        thread = self._thread
        if thread is None:
            return True
        if thread.ident is None:
            self._run()  # it could not be started
        if self.flush(timeout):
            return self.lost == 0
        with self._lock:
            left = [] if self._abandoned else [*self._in_flight, *self._queue]
            self._abandoned = True
            self._queue.clear()
            self._queued_bytes = 0
        if not self._keep(left):
            self._give_up(left)
        return self.lost == 0

    # On the sender's thread

    def _run(self) -> None:
        while True:
            try:
                if not self._step():
                    return
            except Exception as error:
                # The thread is what keeps the queue from filling: it goes on, but not at once.
                self._notes.once(f"step {type(error).__name__}", f"sending failed: {error!r}")
                time.sleep(FIRST_PAUSE)

    def _step(self) -> bool:
        """One wait, or one batch; False when it is over."""
        limits = self._settings
        waiting = len(self._queue)
        urgent = self._urgent_until > self._done_count or self._closed
        if waiting == 0:
            if self._closed:
                self._transport.close()
                return False
            if not self._drain_spool():
                self._sleep(SPOOL_LOOK if self._spool else None)
            return True
        if waiting < limits.batch_events and not urgent:
            self._gather()
        batch = self._take()
        try:
            self._deliver(batch)
            if not self._closed:
                self._drain_spool()
        finally:
            with self._answered:
                self._in_flight = ()
                self._done_count += len(batch)
                self._answered.notify_all()
        return True

    def _gather(self) -> None:
        """Waits for a full batch, a flush, or the end of the interval."""
        until = time.monotonic() + self._settings.flush_interval
        while len(self._queue) < self._settings.batch_events:
            left = until - time.monotonic()
            if left <= 0 or self._closed or self._urgent_until > self._done_count:
                return
            self._sleep(left)

    def _take(self) -> List[bytes]:
        batch: List[bytes] = []
        size = 0
        with self._lock:
            while self._queue and len(batch) < self._settings.batch_events:
                size += len(self._queue[0])
                if batch and size > self._settings.batch_bytes:
                    break
                batch.append(self._queue.popleft())
            self._queued_bytes -= sum(map(len, batch))
            self._in_flight = batch
        return batch

    def _sleep(self, seconds: Optional[float]) -> None:
        """Until woken, or for so long."""
        try:
            self._wake.get(timeout=seconds)
            while True:
                self._wake.get_nowait()
        except queue.Empty:
            pass

    def _deliver(self, batch: Sequence[bytes]) -> None:
        """Sends a batch until it is answered, spooled or out of time."""
        while not self._abandoned:
            pause = self._not_before - time.monotonic()
            if pause > 0:
                if self._keep(batch):
                    return
                if not self._pause(pause):
                    self._give_up(batch)
                    return
            if self._try(batch):
                return
            if not self._abandoned and self._keep(batch):
                return

    def _pause(self, seconds: float) -> bool:
        """Waits before the next attempt; False where the exit comes sooner."""
        until = time.monotonic() + seconds
        while True:
            if self._deadline is not None and until >= self._deadline:
                return False
            left = until - time.monotonic()
            if left <= 0:
                return True
            self._sleep(left)

    def _give_up(self, batch: Sequence[bytes]) -> None:
        if not batch:
            return
        self.lost += len(batch)
        self._notes.once("lost", f"{len(batch)} events could not be sent before the exit")

    def _try(self, batch: Sequence[bytes]) -> bool:
        """One attempt, and its accounts; whether the batch is done with."""
        told = self._untold_drops
        started = time.monotonic()
        answer = self._transport.post(batch, told)
        took = (time.monotonic() - started) * 1000
        self._notes.debug(
            lambda: (
                f"sent {len(batch)} events ({_types(batch)}) to {self._transport.where}: "
                f"{answer.detail or answer.cause}, {answer.accepted} accepted, "
                f"{len(answer.refused)} refused, {told} dropped before, {took:.0f} ms"
            )
        )
        if answer.verdict in (RETRY, BLOCKED):
            self._failed(answer)
            return False
        self._failures, self._not_before = 0, 0.0
        if answer.verdict == SPLIT:
            self._split(batch, answer)
            return True
        with self._lock:
            self._untold_drops -= told
        self.sent += answer.accepted
        self.refused += len(answer.refused)
        for item in answer.refused:
            code = str(item.get("code") or "refused")
            remedy = item.get("remedy")
            self._notes.once(
                f"refused {code}",
                f"an event was refused: {code} {item.get('message') or ''}"
                + (f" ({remedy})" if remedy else ""),
            )
        return True

    def _split(self, batch: Sequence[bytes], answer: Answer) -> None:
        """One bad event must not take its neighbours with it."""
        if len(batch) > 1:
            half = len(batch) // 2
            self._deliver(batch[:half])
            self._deliver(batch[half:])
            return
        self.refused += 1
        self._notes.once(f"refused {answer.cause}", f"an event was refused: {answer.detail}")

    def _failed(self, answer: Answer) -> None:
        self._failures += 1
        self._notes.once(
            f"failed {answer.cause}",
            f"{self._transport.where} did not take events, they are kept and tried again: "
            f"{answer.detail}",
        )
        if answer.retry_after is not None:
            # A little later than asked for, so that clients do not come back all at once.
            pause = answer.retry_after * random.uniform(1.0, 1.1)
        elif answer.verdict == BLOCKED:
            pause = BLOCKED_PAUSE * random.uniform(0.5, 1.0)
        else:
            most = min(LAST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures - 1, 16))
            pause = most * random.uniform(0.5, 1.0)
        self._not_before = time.monotonic() + pause

    def _keep(self, batch: Sequence[bytes]) -> bool:
        """Spools a batch, if there is a spool with room."""
        if self._spool is None or not batch:
            return False
        try:
            if self._spool.write(batch):
                self.spooled += len(batch)
                return True
            self._notes.once("spool full", f"the spool {self._settings.spool} is full")
        except OSError as error:
            self._notes.once("spool", f"the spool cannot be written: {error}")
        return False

    def _drain_spool(self) -> bool:
        """Sends the oldest spooled batch, if it is time to; whether there may be more."""
        if self._spool is None or time.monotonic() < self._not_before:
            return False
        try:
            taken = self._spool.take()
        except OSError as error:
            self._notes.once("spool", f"the spool cannot be read: {error}")
            return False
        if taken is None:
            return False
        name, lines = taken
        if lines and not self._try(lines):
            self._spool.release(name)
            return False
        self._spool.done(name)
        return True


def _types(batch: Sequence[bytes]) -> str:
    """How many events of which type, for the debug log: every line begins with its type."""
    counts = Counter(line.split(b'"', 4)[3].decode("utf-8", "replace") for line in batch)
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
