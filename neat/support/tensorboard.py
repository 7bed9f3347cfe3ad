"""Open logs of TensorBoard."""

from __future__ import annotations

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
    return lambda step: tensorboardX.SummaryWriter(str(folder), purge_step=step)
