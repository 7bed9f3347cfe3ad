"""The score of a training: a measure of outputs and targets beside the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from evaluators.gradient.batches import Data
from evaluators.gradient.nn.module import Module
from evaluators.gradient.tensor.device_arrays import namespace
from evaluators.gradient.tensor.tensor import Tensor, constant, no_grad
from neat.support.messages import quote

Score = Callable[[Tensor, Any], float]

_TRIED = 32  # samples


def try_score(name: str, data: Data, model: Module, score: Score | None) -> None:
    """Raise ValueError if a score refuses these samples, or returns no number.

    The outputs for the first samples stand for all. Outputs that are all equal are not tried; a score may refuse them.
    """
    if score is None:
        return
    inputs, targets = data
    xp = namespace(inputs)
    try:
        with no_grad(), np.errstate(all="ignore"):
            few = model.eval()(constant(inputs[:_TRIED])).data
            if not xp.isfinite(few).all() or (few == few[:1]).all():
                return
            compute_score(score, constant(few[xp.arange(len(inputs)) % len(few)]), targets)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def compute_score(score: Score, outputs: Tensor, targets: Any) -> float:
    """Return the score of outputs and targets; ValueError if it is not one number."""
    value = score(outputs, targets)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"score: expected one number, got {quote(value)}") from None
