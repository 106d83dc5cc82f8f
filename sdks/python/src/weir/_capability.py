"""Measures one execution of a capability: how long it took, and whether it worked."""

from __future__ import annotations

import functools
import inspect
import time
from typing import Any, Callable, Dict, Optional, Type, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def worked(error: Optional[BaseException]) -> bool:
    """Whether leaving in this way is no failure."""
    if error is None or isinstance(error, GeneratorExit):
        return True
    return isinstance(error, SystemExit) and error.code in (None, 0)


class Capability:
    """Use it once with `with` or `async with`, or decorate functions with it. Exceptions pass
    through it."""

    def __init__(self, emit: Callable[[str, Dict[str, Any]], None], fields: Dict[str, Any]) -> None:
        self._emit = emit
        self._fields = fields
        self._began = 0.0
        self._error: Optional[str] = None

    def set(self, **fields: Any) -> None:
        """Fields of `capability.executed` that are known only now, e.g. tokens_saved=1200."""
        self._fields.update(fields)

    def fail(self, error_type: str) -> None:
        """It did not work, though no exception is raised."""
        self._error = error_type

    def __enter__(self) -> "Capability":
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], _trace: Any
    ) -> None:
        took = (time.perf_counter() - self._began) * 1000
        if not worked(error):
            self._error = type(error).__name__
        fields = {"duration_ms": took, "success": self._error is None, **self._fields}
        if self._error is not None:
            fields["error_type"] = self._error
        self._emit("capability.executed", fields)

    async def __aenter__(self) -> "Capability":
        return self.__enter__()

    async def __aexit__(self, *how: Any) -> None:
        self.__exit__(*how)

    def __call__(self, function: F) -> F:
        """The function, each call of which is one execution; generators are measured to their
        end, coroutines while they run."""
        return cast(F, _decorated(self, function))

    def _again(self) -> "Capability":
        return Capability(self._emit, dict(self._fields))


def _decorated(capability: Capability, function: Any) -> Any:
    again = capability._again
    run: Any
    if inspect.isasyncgenfunction(function):

        async def items(*args: Any, **named: Any) -> Any:
            with again():
                async for item in function(*args, **named):
                    yield item

        run = items

    elif inspect.iscoroutinefunction(function):

        async def coroutine(*args: Any, **named: Any) -> Any:
            with again():
                return await function(*args, **named)

        run = coroutine

    elif inspect.isgeneratorfunction(function):

        def generator(*args: Any, **named: Any) -> Any:
            with again():
                return (yield from function(*args, **named))

        run = generator

    else:

        def plain(*args: Any, **named: Any) -> Any:
            with again():
                return function(*args, **named)

        run = plain

    return functools.wraps(function)(run)
