"""Scoring with a user-defined function of outputs and targets, on any device."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.samples import Samples
from neat.support.validation import check_unmasked


def score_by_function(
    activator: Any, feed_forward: bool, samples: Samples, data: tuple[Any, Any]
) -> np.ndarray:
    """Return the fitness of every network, float64 (networks,).

    Args:
        activator: Networks that have not been activated yet (see `evaluators.engine.Activator`).
        feed_forward: Whether the networks have no memory.
        samples: The samples; their fitness is a function.
        data: Inputs and targets of the samples, arrays of the activator's device.

    Raises:
        ValueError: The function does not return one number for each network.
    """
    inputs, targets = data
    everyone, steps = np.arange(len(activator)), samples.steps_of(feed_forward)
    if not feed_forward:
        activator.forget(len(inputs))
    for _ in range(steps):
        outputs = activator.activate(inputs[np.newaxis, np.newaxis], everyone)
    assert callable(samples.fitness)
    with activator.arrays.current():
        given = samples.fitness(outputs[:, 0], targets)
        check_unmasked("fitness", given)
        result = activator.arrays.to_host(given)
    if result.shape != (len(activator),) or result.dtype.kind not in "fiub":
        raise ValueError(
            f"fitness: expected the function to return numbers of shape ({len(activator)},), "
            f"got dtype {result.dtype} of shape {result.shape}"
        )
    return result.astype(np.float64)
