"""Lines of the log that the user of a command should see: what was detected, chosen or filled."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

_SHOWN = ("neat.settings", "evaluators.data", "experiments.data")


class _Printer(logging.Handler):
    """Prints each message once, since a command may read its data several times."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message."""
        message = record.getMessage()
        if message not in self._printed:
            self._printed.add(message)
            print(message, flush=True)


@contextlib.contextmanager
def show_logs(quiet: bool) -> Iterator[None]:
    """Print these lines while the context is open, unless it is quiet."""
    if quiet:
        yield
        return
    printer = _Printer()
    loggers = [logging.getLogger(name) for name in _SHOWN]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(printer)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(printer)
            logger.setLevel(level)
