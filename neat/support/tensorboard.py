"""Open logs of TensorBoard."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any


def log_opener(folder: str | Path) -> Callable[[int], Any]:
    """Return a function that opens a log in a folder, and drops what was logged from a step on.

    Raises:
        ImportError: tensorboardX is not installed; it comes with `batchneat[tensorboard]`.
    """
    try:
        import tensorboardX
    except ImportError:
        raise ImportError("TensorBoard needs tensorboardX: pip install 'batchneat[tensorboard]'") from None

    def open_log(step: int) -> Any:
        # tensorboardX names a file after the second in which it is opened, and would replace an earlier log of that
        # second. TensorBoard reads files in the order of their names.
        suffix = f".{time.time_ns()}.{uuid.uuid4().hex}"
        return tensorboardX.SummaryWriter(str(folder), purge_step=step, filename_suffix=suffix)

    return open_log
