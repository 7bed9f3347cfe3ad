"""Polishing: the weights of one genome are fitted to the end, by a quasi-Newton method over our gradients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evaluators.engine import Engine, NetworkGradients
from evaluators.gradient.evolved import check_loss, check_slopes, replace_finite_numbers
from evaluators.gradient.tensor.device_arrays import to_host
from evaluators.program.backward import Gradient
from evaluators.samples import Samples
from neat.genome.genome import Genome, Genomes

_TRAINED = ("link_weight", "node_bias")  # of a Gradient
_TOLERANCE = 1e-9  # of the loss, relative; float32 passes cannot resolve less


class Polished(NamedTuple):
    """A genome with fitted weights."""

    genome: Genome
    """The genome with its new weights and biases; unchanged if nothing improved its fitness."""
    fitness: float
    """Its fitness."""
    fitness_before: float
    """The fitness of the genome that was given."""
    steps: int
    """The number of iterations."""


def polish(genome: Genome, samples: Samples, engine: Engine, steps: int, penalty: float = 0.0) -> Polished:
    """Fit the weights and biases of a genome by L-BFGS-B, within the genome's bounds.

    The method is SciPy's (Byrd, Lu, Nocedal and Zhu 1995). It sees the gradient of the fitness over all samples.

    Args:
        genome: A genome whose activations and aggregations have slopes.
        samples: Samples with a named loss that has a slope.
        engine: Computes the gradients.
        steps: The maximum number of iterations.
        penalty: What the sum of the squared weights counts against the fitness; biases are free.

    Raises:
        ValueError: The genome or the loss has no slopes.
    """
    batch = genome.genomes.take(np.zeros(1, np.int64))
    samples.check_genomes(batch)
    check_loss(samples)
    check_slopes(batch)
    (polished,) = engine.differentiator(samples).map_parts(
        batch, lambda part, gradients: _fit(part, gradients, samples, steps, penalty)
    )
    return polished


def _fit(
    batch: Genomes, gradients: NetworkGradients, samples: Samples, steps: int, penalty: float
) -> Polished:
    from scipy.optimize import Bounds, minimize

    programs, xp = gradients.programs, gradients.arrays.xp
    first = Gradient(*(np.array(getattr(programs, name)) for name in Gradient._fields))
    sizes = [len(getattr(first, name)) for name in _TRAINED]

    # `values`, float64 (weights + biases,), holds the trained numbers of the program one after another.
    def unpack(values: np.ndarray) -> Gradient:
        parts = np.split(values.astype(np.float32), np.cumsum(sizes)[:-1])
        return first._replace(**dict(zip(_TRAINED, parts, strict=True)))

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        total = gradients.differentiate([xp.asarray(each) for each in unpack(values)])[0]
        if not np.isfinite(total):
            return np.inf, np.zeros(len(values))
        slopes = [to_host(getattr(gradients.gradient, name)) for name in _TRAINED]
        return -total / samples.divisor, np.concatenate(slopes).astype(np.float64)

    start = np.concatenate([getattr(first, name) for name in _TRAINED]).astype(np.float64)
    bounds = [getattr(batch.bounds, name) for name in ("weight", "bias")]
    low, high = (np.repeat([float(each[side]) for each in bounds], sizes) for side in (0, 1))

    def penalised(values: np.ndarray) -> tuple[float, np.ndarray]:
        value, slopes = loss(values)
        weights = values[: sizes[0]]
        slopes[: sizes[0]] += 2 * penalty * weights
        return value + penalty * float(weights @ weights), slopes

    found = minimize(
        penalised,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(low, high),
        # The default of maxfun, 15,000, would end the search before `steps` iterations.
        options={"maxiter": steps, "maxfun": 2**31 - 1, "maxcor": 20, "ftol": _TOLERANCE, "gtol": 0.0},
    )
    fitted, finite = replace_finite_numbers(batch, gradients.origins, unpack(found.x))
    before, fitness = -loss(start)[0], -loss(found.x)[0]
    if not (finite[0] and found.fun < penalised(start)[0]):
        return Polished(batch[0], before, before, int(found.nit))
    return Polished(fitted[0], fitness, before, int(found.nit))
