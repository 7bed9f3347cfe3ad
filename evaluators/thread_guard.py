"""What one thread uses at a time: another one is refused rather than made to wait, since its results would mix."""

from __future__ import annotations

import threading
from typing import Any


class Exclusive:
    """A `with` block that one thread may be in; another one gets a RuntimeError.

    What is copied, or sent to another process, is in use by nobody.

    Args:
        refusal: The error's message.
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
