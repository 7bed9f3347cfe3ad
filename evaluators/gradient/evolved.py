"""Gradients through evolved networks: a whole population is trained at once, each genome with a topology of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from evaluators.checks import as_batch, check_choice, check_count
from evaluators.devices import resolve_device
from evaluators.engine import Engine, NetworkGradients, engine_for, unsupported_reason
from evaluators.gradient.optim.optimiser import Optimiser
from evaluators.gradient.tensor.device_arrays import namespace, to_host
from evaluators.gradient.tensor.tensor import Tensor
from evaluators.program.backward import AGGREGATIONS_WITH_SLOPES, Gradient
from evaluators.program.compiled import Origins
from evaluators.program.derivatives import SLOPES
from evaluators.samples import Samples, as_samples
from neat.activations import ACTIVATIONS, AGGREGATIONS
from neat.genome.genome import Genome, Genomes
from neat.support.messages import shown

Trained = Literal["weight", "bias", "response"]

_NAMES = get_args(Trained)
_WITH_SLOPES = ("squared_error", "absolute_error", "cross_entropy")


class Learned(NamedTuple):
    """What training came to."""

    genomes: Genomes
    """With the trained numbers, within the genomes' bounds; a genome whose training left the finite numbers is as it
    was."""
    fitness: np.ndarray
    """float64 (genomes,), after training."""
    fitness_before: np.ndarray
    """float64 (genomes,)."""
    diverged: np.ndarray
    """bool (genomes,): training left the finite numbers."""


def fit_weights(
    genomes: Genomes | Genome,
    inputs: Any,
    targets: Any,
    optimiser: Callable[[list[Tensor]], Optimiser],
    steps: int,
    fitness: str = "squared_error",
    recurrent_steps: int = 5,
    train: Sequence[Trained] = ("weight", "bias"),
    device: str = "cpu",
) -> Learned:
    """Train the weights of all genomes at once, each on all samples in each step.

    After each step, numbers beyond the genomes' bounds (the config's, for a population's genomes) are put back to them.
    The losses are independent, so that an optimiser that treats each number by itself (all but those that clip by the
    norm) trains each genome as it would alone.

    Args:
        genomes: Genomes whose activations and aggregations have slopes.
        inputs: As for `evaluators.Supervised`.
        targets: As for `evaluators.Supervised`.
        optimiser: Makes it from a list of parameters, `lambda parameters: optim.Adam(parameters, 0.01)`.
        steps: Of the optimiser.
        fitness: What is improved: `squared_error`, `absolute_error` or `cross_entropy`.
        recurrent_steps: Steps of recurrent networks, through which the gradient goes back in time.
        train: Which numbers.
        device: Where they are trained (see `evaluators.devices.resolve_device`); the optimiser's parameters are there.

    Raises:
        ValueError: An argument is not allowed, or an activation or an aggregation has no slope.
    """
    batch = as_batch(genomes)
    samples = as_samples(inputs, targets, fitness, recurrent_steps)
    engine = engine_for(resolve_device(device, unsupported_reason))
    return Trainer(samples, engine, optimiser, steps, train)(batch)


class Trainer:
    """`fit_weights` for a data set, to be called with genomes again and again."""

    def __init__(
        self,
        samples: Samples,
        engine: Engine,
        optimiser: Callable[[list[Tensor]], Optimiser],
        steps: int,
        train: Sequence[Trained] = ("weight", "bias"),
    ) -> None:
        if samples.fitness not in _WITH_SLOPES:
            raise ValueError(
                f"fitness: expected one with a slope, {', '.join(_WITH_SLOPES)}, got {shown(samples.fitness)}"
            )
        check_count("steps", steps)
        if isinstance(train, str) or not train:
            raise ValueError(f"train: expected some of {', '.join(_NAMES)}, got {shown(train)}")
        for name in train:
            check_choice("train", name, _NAMES)
        if not callable(optimiser):
            raise ValueError(
                f"optimiser: expected a function of a list of parameters, got {type(optimiser).__name__}"
            )
        self._samples = samples
        self._optimiser = optimiser
        self._steps = int(steps)
        self._train = tuple(train)
        self._differentiator = engine.differentiator(samples)

    def __call__(self, genomes: Genomes) -> Learned:
        """Train these genomes."""
        samples = self._samples
        samples.check_genomes(genomes)
        _check_slopes(genomes)
        parts = self._differentiator.map_parts(genomes, self._fit)
        return parts[0] if len(parts) == 1 else _joined(genomes, parts)

    def _fit(self, genomes: Genomes, gradients: NetworkGradients) -> Learned:
        """Train genomes with the gradients of their networks."""
        divisor, device = self._samples.divisor, gradients.arrays.device
        numbers = [getattr(gradients.programs, name) for name in Gradient._fields]
        parameters = [Tensor(values, requires_grad=True, device=device) for values in numbers]
        optimiser = self._optimiser([parameters[_NAMES.index(name)] for name in self._train])
        if not isinstance(optimiser, Optimiser):
            raise ValueError(f"optimiser: expected it to make one of optim's, got {type(optimiser).__name__}")
        before = totals = gradients.differentiate([parameter._data for parameter in parameters])
        for _ in range(self._steps):
            for parameter, gradient in zip(parameters, gradients.gradient, strict=True):
                parameter.grad = gradient
            optimiser.step()
            for name in self._train:
                # The fitness that counts must be that of weights which the config allows.
                values = parameters[_NAMES.index(name)]._data
                namespace(values).clip(values, *getattr(genomes.bounds, name), out=values)
            totals = gradients.differentiate([parameter._data for parameter in parameters])
        trained = Gradient(*(to_host(parameter._data) for parameter in parameters))
        learned, finite = _genomes_with(genomes, gradients.origins, trained)
        diverged = ~(finite & np.isfinite(totals))
        fitness = np.where(diverged, before, totals) / divisor
        return Learned(learned, fitness, before / divisor, diverged)


def _joined(genomes: Genomes, parts: list[Learned]) -> Learned:
    """What several parts of the genomes learned, as one."""
    result = genomes.take(np.arange(len(genomes)))
    for name in ("node_bias", "node_response", "connection_weight"):
        values = [getattr(part.genomes.arrays, name) for part in parts]
        getattr(result.arrays, name)[:] = np.concatenate(values)
    return Learned(result, *(np.concatenate([part[k] for part in parts]) for k in range(1, 4)))


def _genomes_with(genomes: Genomes, origins: Origins, numbers: Gradient) -> tuple[Genomes, np.ndarray]:
    """Copies of the genomes with these numbers where they are finite, and which they are, bool (genomes,).

    Args:
        genomes: What the programs were compiled from.
        origins: Where in the genomes' arrays the programs' nodes and links are.
        numbers: Weights, biases and responses in the programs' order.
    """
    node, link = origins
    arrays = genomes.arrays
    finite = _all_finite(numbers.link_weight, arrays.connection_offset)
    finite &= _all_finite(numbers.node_bias, arrays.node_offset)
    finite &= _all_finite(numbers.node_response, arrays.node_offset)
    seen_node = (node >= 0) & np.repeat(finite, np.diff(arrays.node_offset))
    seen_link = (link >= 0) & np.repeat(finite, np.diff(arrays.connection_offset))
    result = genomes.take(np.arange(len(genomes)))
    result.arrays.node_bias[node[seen_node]] = numbers.node_bias[seen_node]
    result.arrays.node_response[node[seen_node]] = numbers.node_response[seen_node]
    result.arrays.connection_weight[link[seen_link]] = numbers.link_weight[seen_link]
    return result, finite


def _all_finite(values: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Whether all of each genome's are, bool (genomes,)."""
    wrong = np.concatenate([[0], np.cumsum(~np.isfinite(values))])
    return wrong[offset[1:]] == wrong[offset[:-1]]


def _check_slopes(genomes: Genomes) -> None:
    arrays = genomes.arrays
    for kind, table, used, known in (
        ("activation", ACTIVATIONS, arrays.node_activation, SLOPES),
        ("aggregation", AGGREGATIONS, arrays.node_aggregation, AGGREGATIONS_WITH_SLOPES),
    ):
        for position in np.unique(used):
            if table[position].name not in known:
                raise ValueError(
                    f"{kind}: {table[position].name} has no slope to train with; those that have: {', '.join(known)}"
                )
