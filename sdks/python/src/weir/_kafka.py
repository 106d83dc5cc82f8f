"""Batches straight to Kafka: the other way than `_http`, with the same answers."""

from __future__ import annotations

import ctypes
import importlib
import time
from collections import deque
from typing import Any, Deque, Dict, List, Optional, Sequence, Tuple, Union

from ._avro import UNFIT, Refused
from ._config import Settings
from ._http import BLOCKED, DONE, RETRY, Answer, failed
from ._records import Record, Records
from ._registry import Registry, Unanswered

# What is wrong with an event itself, and what only a person can mend.
_BAD = {"MSG_SIZE_TOO_LARGE", "INVALID_MSG", "INVALID_RECORD"}
_LOCKED = {
    "_AUTHENTICATION",
    "_SSL",
    "CLUSTER_AUTHORIZATION_FAILED",
    "SASL_AUTHENTICATION_FAILED",
    "TOPIC_AUTHORIZATION_FAILED",
}
_LOOK = 0.2
# Reports of what ran out of time come a little after the time is over.
_GRACE = 2.0


def check(settings: Settings) -> None:
    """Raises where the package is missing, or the properties are none of librdkafka's."""
    if not settings.tenant:
        raise ValueError("kafka needs tenant: whose events these are")
    # Of no broker: it connects to nobody, and is gone at once.
    _library().Producer({**_properties(settings), "bootstrap.servers": ""})


def servers(settings: Settings) -> str:
    """Where the first brokers are asked for."""
    given = settings.kafka or {}
    return str(given.get("bootstrap.servers") or given.get("metadata.broker.list") or "")


def _library() -> Any:
    try:
        return importlib.import_module("confluent_kafka")
    except ImportError as error:
        message = f"kafka needs a package: pip install 'weir-sdk[kafka]' ({error})"
        raise ValueError(message) from None


def _properties(settings: Settings) -> Dict[str, Any]:
    return {
        "client.id": "weir-sdk-python",
        "compression.type": "lz4",
        "linger.ms": 5,
        # What it has to say comes by reports and errors, not on the host's standard error.
        "log_level": 0,
        # As gateways and importers do: one source is one partition, whoever writes.
        "partitioner": "murmur2_random",
        **(settings.kafka or {}),
        "acks": "all",
        "enable.idempotence": True,
        "message.timeout.ms": max(int(settings.timeout * 1000), 1),
    }


class Kafka:
    """A producer that is made when there is something to send; used by one thread."""

    def __init__(self, settings: Settings) -> None:
        self.where = f"Kafka at {servers(settings)}"
        self._settings = settings
        self._records = Records(settings.tenant, Registry(settings).ask)
        self._producer: Any = None
        self._errors: Deque[Any] = deque(maxlen=1)

    def post(self, lines: Sequence[bytes], dropped: int) -> Answer:
        """Sends a batch, and waits until each event is reported. Never raises: what goes wrong on
        the way is an answer to try again. How many were dropped has no place in Kafka."""
        records: List[Tuple[int, Record]] = []
        refused: List[Dict[str, Any]] = []
        try:
            for index, line in enumerate(lines):
                made = self._made(line)
                if isinstance(made, Refused):
                    refused.append(made.item(index))
                else:
                    records.append((index, made))
            return self._deliver(records, refused)
        except Unanswered as why:
            return why.answer
        except Exception as error:
            self.close()
            return failed(error)

    def close(self) -> None:
        """Lets go of the producer, and of what it still has."""
        self._producer = None

    def leave(self) -> None:
        """In the child of a fork: the producer's threads are in the parent alone. To destroy it
        here would wait for them for ever, so the child keeps it until its own end."""
        if self._producer is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._producer))
            self._producer = None

    def _made(self, line: bytes) -> Union[Record, Refused]:
        try:
            return self._records.make(line)
        except Refused as why:
            return why
        except Unanswered:
            raise
        except Exception as error:
            # Tried again, it would hold up all that come after it.
            return Refused(UNFIT, f"{type(error).__name__}: {error}")

    def _open(self) -> Any:
        if self._producer is None:
            errors = self._errors
            # Not a method: the producer is to go with the last that names it.
            own = {"error_cb": errors.append, **_properties(self._settings)}
            self._producer = _library().Producer(own)
        return self._producer

    def _deliver(
        self, records: List[Tuple[int, Record]], refused: List[Dict[str, Any]]
    ) -> Answer:
        if not records:
            return Answer(DONE, "refused", refused=refused)
        self._errors.clear()
        batch = _Batch(self._open())
        for index, record in records:
            batch.produce(index, record)
        ended = batch.wait(self._settings.timeout + _GRACE)
        bad = [(index, error) for index, error in batch.failed if error.name() in _BAD]
        others = [error for _, error in batch.failed if error.name() not in _BAD]
        if ended and not others:
            refused += [
                {"index": index, "code": error.name(), "message": error.str()}
                for index, error in bad
            ]
            refused.sort(key=lambda item: item["index"])
            return Answer(DONE, "delivered", accepted=batch.delivered, refused=refused)
        if not ended or any(error.fatal() for error in others):
            self.close()
        return self._failed(others)

    def _failed(self, errors: List[Any]) -> Answer:
        """What was not delivered is tried again with its batch: ids that are there already are
        counted once."""
        # Why nothing arrives says more than that it took too long.
        causes = [*self._errors, *errors]
        locked = [error for error in causes if error.name() in _LOCKED]
        verdict = BLOCKED if locked else RETRY
        if not causes:
            return Answer(verdict, "no-report", "it did not say in time what became of them")
        cause = (locked or causes)[0]
        return Answer(verdict, cause.name(), f"{cause.name()}: {cause.str()}")


class _Batch:
    """Events on their way, and what is reported of them."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._open = 0
        self.delivered = 0
        self.failed: List[Tuple[int, Any]] = []

    def produce(self, index: int, record: Record) -> None:
        """Hands an event over."""

        def report(error: Optional[Any], _message: Any) -> None:
            self._open -= 1
            if error is None:
                self.delivered += 1
            else:
                self.failed.append((index, error))

        self._open += 1
        try:
            self._producer.produce(
                record.topic, key=record.key, value=record.value, on_delivery=report
            )
        except Exception as error:
            told = error.args[0] if error.args else None
            if not hasattr(told, "name"):
                raise
            report(told, None)

    def wait(self, seconds: float) -> bool:
        """Until all are reported; False where that took too long."""
        until = time.monotonic() + seconds
        while self._open > 0:
            left = until - time.monotonic()
            if left <= 0:
                return False
            self._producer.poll(min(left, _LOOK))
        return True
