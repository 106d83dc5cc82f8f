"""Sends what AI-assisted engineering does and costs to weir: typed events, in the background. And
asks for what was counted: `weir.query`, `weir.Api`."""

from ._ask import Problem
from ._capability import Capability
from ._client import Client
from ._guard import Person, Time
from ._machine import machine
from ._query import Api, query
from ._rows import Rows
from ._version import __version__

__all__ = [
    "Api",
    "Capability",
    "Client",
    "Person",
    "Problem",
    "Rows",
    "Time",
    "__version__",
    "machine",
    "query",
]
