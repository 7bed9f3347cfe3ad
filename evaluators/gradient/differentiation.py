"""The gradient of the fitness of a whole population, gene by gene."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from evaluators.checks import as_batch
from evaluators.devices import resolve_device
from evaluators.engine import NetworkGradients, engine_for, unsupported_reason
from evaluators.gradient.evolved import check_loss, check_slopes
from evaluators.gradient.tensor.device_arrays import to_host
from evaluators.program.backward import Gradient
from evaluators.samples import as_samples
from neat.genome.genome import Genome, Genomes
from neat.kernels.parallel import Workers


class Differentiated(NamedTuple):
    """The fitness of genomes, and its derivative with respect to each number of their genes.

    The derivative is 0 for a gene on which no output depends, such as a disabled connection.
    """

    fitness: np.ndarray
    """float64 (genomes,)."""
    weight: np.ndarray
    """float32, in the order of `genomes.arrays.connection_weight`."""
    bias: np.ndarray
    """float32, in the order of `genomes.arrays.node_bias`."""
    response: np.ndarray
    """float32, in the order of `genomes.arrays.node_response`."""


def differentiate(
    genomes: Genomes | Genome,
    inputs: Any,
    targets: Any,
    fitness: str = "squared_error",
    recurrent_steps: int = 5,
    device: str = "cpu",
    workers: Workers | None = None,
) -> Differentiated:
    """Return the fitness of all genomes over a data set, and its gradient.

    Args:
        genomes: Genomes whose activations and aggregations have slopes.
        inputs: The inputs, as for `evaluators.Supervised`.
        targets: The targets, as for `evaluators.Supervised`.
        fitness: The fitness: `squared_error`, `absolute_error` or `cross_entropy`.
        recurrent_steps: The number of steps of recurrent networks, through which the gradient goes back in time.
        device: Where to compute (see `evaluators.devices.resolve_device`); the result is in the host's memory.
        workers: The threads that compute on the CPU, or compile networks for a GPU; None: the shared ones.

    Raises:
        ValueError: An argument is not allowed, or an activation or an aggregation has no slope.
    """
    batch = as_batch(genomes)
    samples = as_samples(inputs, targets, fitness, recurrent_steps)
    check_loss(samples)
    samples.check_genomes(batch)
    check_slopes(batch)
    engine = engine_for(resolve_device(device, unsupported_reason), workers)

    def work(part: Genomes, gradients: NetworkGradients) -> Differentiated:
        arrays = gradients.arrays
        numbers = (arrays.to_device(getattr(gradients.programs, name)) for name in Gradient._fields)
        fitness = gradients.differentiate(list(numbers)) / samples.divisor
        return Differentiated(fitness, *_by_gene(part, gradients))

    parts = engine.differentiator(samples).map_parts(batch, work)
    return Differentiated(*map(np.concatenate, zip(*parts, strict=True)))


def _by_gene(genomes: Genomes, gradients: NetworkGradients) -> Gradient:
    """Return the gradient of the fitness, in the order of the genes."""
    node, link = gradients.origins
    arrays, found = genomes.arrays, []
    for of_loss, gene, count in (
        (gradients.gradient.link_weight, link, len(arrays.connection_weight)),
        (gradients.gradient.node_bias, node, len(arrays.node_bias)),
        (gradients.gradient.node_response, node, len(arrays.node_bias)),
    ):
        of_gene, is_used = np.zeros(count, np.float32), gene >= 0
        of_gene[gene[is_used]] = -to_host(of_loss)[is_used]
        found.append(of_gene)
    return Gradient(*found)
