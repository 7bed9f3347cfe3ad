"""A guard for objects that one thread may use at a time; a second thread gets an error instead of waiting."""

from __future__ import annotations

import threading
from typing import Any


class Exclusive:
    """A context manager that one thread may enter at a time; it raises a RuntimeError for a second thread.

    A copy, also one in another process, starts unused.

    Args:
        refusal: Message of the error.
    """

    def __init__(self, refusal: str) -> None:
        self._refusal = refusal
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise RuntimeError(self._refusal)

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def __reduce__(self) -> tuple[Any, ...]:
        return Exclusive, (self._refusal,)
