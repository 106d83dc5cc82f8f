"""Which way batches go: to the gateway, or straight to Kafka."""

from __future__ import annotations

from typing import Protocol, Sequence

from ._config import Settings
from ._http import Answer, Http


class Transport(Protocol):
    """What the pipeline sends by, from one thread. No method raises."""

    where: str

    def post(self, lines: Sequence[bytes], dropped: int) -> Answer:
        """Sends a batch."""

    def close(self) -> None:
        """Closes the connection."""

    def leave(self) -> None:
        """Forgets the connection in the child of a fork, without closing it for the parent."""


def check(settings: Settings) -> None:
    """Raises where it cannot be sent by these settings at all."""
    if settings.kafka is not None:
        # Only here: the base of the SDK has no dependency.
        from . import _kafka

        _kafka.check(settings)


def opened(settings: Settings) -> Transport:
    """The way that the settings name; nothing is connected yet."""
    if settings.kafka is None:
        return Http(settings)
    from ._kafka import Kafka

    return Kafka(settings)
