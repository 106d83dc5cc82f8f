"""What the generated methods stand on."""

from __future__ import annotations

import datetime
import functools
from typing import Any, Callable, TypeVar, Union, cast

from ._config import Person

Time = Union[datetime.datetime, int, str]
F = TypeVar("F", bound=Callable[..., None])

__all__ = ["Person", "Time", "guarded"]


def guarded(method: F) -> F:
    """The method, with its signature and help; a wrong call is warned of once, never raised."""
    name = method.__name__.replace("_", ".", 1)

    @functools.wraps(method)
    def call(self: Any, *args: Any, **named: Any) -> None:
        try:
            method(self, *args, **named)
        except Exception as error:
            self._complain(name, error)

    return cast(F, call)
