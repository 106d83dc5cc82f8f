"""What the SDK tells its host: a warning once per cause, and with WEIR_DEBUG=1 what was sent."""

from __future__ import annotations

import logging
import sys
from typing import Callable, Set, Union

LOGGER = logging.getLogger("weir")
MAX_CAUSES = 200


class Notes:
    """Never raises: a log that is full or closed is not the host's problem."""

    def __init__(self, debug: bool) -> None:
        self._debug = debug
        self._told: Set[str] = set()

    def once(self, cause: str, message: str) -> None:
        """Warns of a cause the first time that it is met."""
        if cause in self._told or len(self._told) >= MAX_CAUSES:
            self.debug(message)
            return
        self._told.add(cause)
        try:
            LOGGER.warning("weir: %s", message)
        except Exception:  # noqa: S110  there is nobody left to tell
            pass

    def debug(self, message: Union[str, Callable[[], str]]) -> None:
        """Prints to standard error, whatever the host does with its loggers."""
        if not self._debug:
            return
        try:
            sys.stderr.write(f"weir: {message if isinstance(message, str) else message()}\n")
        except Exception:  # noqa: S110  there is nobody left to tell
            pass
