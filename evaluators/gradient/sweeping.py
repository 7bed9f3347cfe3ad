"""A search for the learning rate: short trainings of the same model with different rates."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from evaluators.gradient.batch_gradients import Loss
from evaluators.gradient.batches import Data
from evaluators.gradient.nn.module import Module
from evaluators.gradient.optim.optimiser import Optimiser
from evaluators.gradient.optim.schedules import check_rate
from evaluators.gradient.training import fit
from neat.support.messages import quote


class Sweep(NamedTuple):
    """The result of `sweep`; `neat.plot.rates` draws it.

    Attributes:
        rate: float64 (rates,).
        loss: float64 (rates,), after training with each rate; NaN where training diverged.
    """

    rate: np.ndarray
    loss: np.ndarray

    @property
    def best(self) -> float:
        """The rate with the lowest loss; ValueError if training diverged with all of them."""
        if np.isnan(self.loss).all():
            raise ValueError(f"sweep: training diverged with all rates; the smallest was {self.rate.min():g}")
        return float(self.rate[np.nanargmin(self.loss)])


def sweep(
    model: Module,
    data: Data,
    loss: Loss,
    optimiser: Callable[[list[Any], float], Optimiser],
    rates: Iterable[float],
    epochs: int = 3,
    **settings: Any,
) -> Sweep:
    """Train a copy of a model with each of some learning rates for a few epochs.

    Args:
        model: The model, which is left unchanged.
        data: See `fit`.
        loss: See `fit`.
        optimiser: Returns an optimiser of parameters with a rate, such as `optim.Adam`.
        rates: Learning rates, such as `numpy.geomspace(1e-4, 1, 9)`.
        epochs: Passes through the data with each rate.
        **settings: Further arguments of `fit`, without a checkpoint and a score. With a validation set, the loss is
            the validation loss after the last epoch; otherwise, it is the training loss over the last epoch.

    Raises:
        ValueError: There is no rate, or an argument is not allowed.
    """
    if not callable(optimiser):
        raise ValueError(
            f"optimiser: expected a function of parameters and a rate, such as optim.Adam, got {quote(optimiser)}"
        )
    for name in ("checkpoint", "resume"):
        if settings.get(name):
            raise ValueError(f"{name}: the trainings of a sweep cannot share one")
    if settings.get("score") is not None:
        raise ValueError("score: a sweep returns losses, and no score")
    if not isinstance(rates, Iterable):
        raise ValueError(f"rates: expected a list of numbers, got {quote(rates)}")
    tried = [check_rate(rate) for rate in rates]
    if not tried:
        raise ValueError("rates: expected at least one, got none")
    measure = "validation_loss" if settings.get("validation") is not None else "training_loss"
    found = []
    for rate in tried:
        trained = copy.deepcopy(model)
        made = optimiser(trained.parameters(), rate)
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                found.append(float(fit(trained, data, loss, made, epochs, **settings).history[measure][-1]))
        except ValueError:
            if made.steps == 0:  # a mistake, which would occur with every rate
                raise
            found.append(math.nan)
    return Sweep(np.array(tried), np.array(found))
