"""Sends what AI-assisted engineering does and costs to weir: typed events, in the background."""

from ._capability import Capability
from ._client import Client
from ._guard import Person, Time
from ._machine import machine
from ._version import __version__

__all__ = ["Capability", "Client", "Person", "Time", "__version__", "machine"]
