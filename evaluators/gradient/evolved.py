"""Training of a whole population by gradients, in which each genome has its own topology."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from evaluators.checks import as_batch, check_choice, check_count
from evaluators.devices import resolve_device
from evaluators.engine import Descending, Engine, NetworkGradients, engine_for, unsupported_reason
from evaluators.gradient.optim.optimiser import Optimiser
from evaluators.gradient.optim.optimisers import Adam
from evaluators.gradient.tensor.device_arrays import namespace, to_host
from evaluators.gradient.tensor.tensor import Tensor
from evaluators.program.adam import Descent
from evaluators.program.backward import AGGREGATIONS_WITH_SLOPES, Gradient
from evaluators.program.compiled import Origins
from evaluators.samples import Samples, as_samples
from neat.activations import ACTIVATIONS, AGGREGATIONS
from neat.genome import schema
from neat.genome.genome import Genome, Genomes
from neat.kernels.parallel import Workers
from neat.support.messages import quote

Trainable = Literal["weight", "bias", "response"]

# The fields of Gradient by the names of Trainable.
_FIELDS = {row.name: row.program_field for row in schema.NUMBERS if row.program_field in Gradient._fields}
_WITH_SLOPES = ("squared_error", "absolute_error", "cross_entropy")


class Learned(NamedTuple):
    """The result of `fit_weights`."""

    genomes: Genomes
    """Copies with the trained numbers, within the genomes' bounds; a genome whose numbers became infinite or NaN keeps
    its old ones."""
    fitness: np.ndarray
    """float64 (genomes,), the fitness after training; of a genome that diverged, the fitness before."""
    fitness_before: np.ndarray
    """float64 (genomes,), the fitness before training."""
    diverged: np.ndarray
    """bool (genomes,), whether a number or the fitness became infinite or NaN in training."""


def fit_weights(
    genomes: Genomes | Genome,
    inputs: Any,
    targets: Any,
    optimiser: Callable[[list[Tensor]], Optimiser],
    steps: int,
    fitness: str = "squared_error",
    *,
    recurrent_steps: int = 5,
    train: Sequence[Trainable] = ("weight", "bias"),
    device: str = "cpu",
    workers: Workers | None = None,
) -> Learned:
    """Train the weights of all genomes at once, each on all samples in each step.

    After each step, numbers outside the genomes' bounds are set to the nearest bound. The genomes of a population have
    the bounds of its config. The losses are independent: an optimiser that treats each number by itself trains each
    genome as it would alone. All optimisers do, except those that clip by the norm.

    Args:
        genomes: Genomes whose activations and aggregations have slopes.
        inputs: The inputs, as for `evaluators.Supervised`.
        targets: The targets, as for `evaluators.Supervised`.
        optimiser: Returns an optimiser of a list of parameters, `lambda parameters: optim.Adam(parameters, 0.01)`. On
            the CPU, a kernel takes the steps of a new Adam; the object that was returned then stays as it is.
        steps: The number of steps of the optimiser.
        fitness: The fitness to improve: `squared_error`, `absolute_error` or `cross_entropy`.
        recurrent_steps: The number of steps of recurrent networks, through which the gradient goes back in time.
        train: The attributes to train.
        device: Where to train (see `evaluators.devices.resolve_device`); the optimiser's parameters are there.
        workers: The threads that train on the CPU, or compile networks for a GPU; None: the shared ones.

    Returns:
        The trained genomes, their fitness before and after, and which of them diverged.

    Raises:
        ValueError: An argument is not allowed, or an activation or an aggregation has no slope.
    """
    batch = as_batch(genomes)
    samples = as_samples(inputs, targets, fitness, recurrent_steps)
    engine = engine_for(resolve_device(device, unsupported_reason), workers)
    return Trainer(samples, engine, optimiser, steps, train)(batch)


class Trainer:
    """Trains genomes on a data set that stays on the device between calls (see `fit_weights`)."""

    def __init__(
        self,
        samples: Samples,
        engine: Engine,
        optimiser: Callable[[list[Tensor]], Optimiser],
        steps: int,
        train: Sequence[Trainable] = ("weight", "bias"),
    ) -> None:
        check_loss(samples)
        check_count("steps", steps)
        if isinstance(train, str) or not train:
            raise ValueError(f"train: expected some of {', '.join(_FIELDS)}, got {quote(train)}")
        for name in train:
            check_choice("train", name, tuple(_FIELDS))
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
        """Train genomes, and return the result."""
        samples = self._samples
        samples.check_genomes(genomes)
        check_slopes(genomes)
        parts = self._differentiator.map_parts(genomes, self._fit)
        if len(parts) == 1:
            return parts[0]
        learned, *numbers = zip(*parts, strict=True)
        return Learned(Genomes.concatenate(learned), *map(np.concatenate, numbers))

    def _fit(self, genomes: Genomes, gradients: NetworkGradients) -> Learned:
        """Train genomes with the gradients of their networks."""
        divisor, device = self._samples.divisor, gradients.arrays.device
        parameters = {
            field: Tensor(getattr(gradients.programs, field), requires_grad=True, device=device)
            for field in Gradient._fields
        }
        optimiser = self._optimiser([parameters[_FIELDS[name]] for name in self._train])
        if not isinstance(optimiser, Optimiser):
            raise ValueError(
                f"optimiser: expected a function that returns an Optimiser, it returned {type(optimiser).__name__}"
            )
        descent = self._as_descent(optimiser, parameters, genomes)
        if descent is not None and isinstance(gradients, Descending):
            before, totals = gradients.descend(
                [parameter._data for parameter in parameters.values()], descent
            )
        else:
            before, totals = self._descend(optimiser, parameters, gradients, genomes)
        trained = Gradient(*(to_host(parameter._data) for parameter in parameters.values()))
        learned, finite = replace_finite_numbers(genomes, gradients.origins, trained)
        diverged = ~(finite & np.isfinite(totals))
        fitness = np.where(diverged, before, totals) / divisor
        return Learned(learned, fitness, before / divisor, diverged)

    def _descend(
        self,
        optimiser: Optimiser,
        parameters: dict[str, Tensor],
        gradients: NetworkGradients,
        genomes: Genomes,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Make the steps of an optimiser, and return the losses before and after."""
        before = totals = gradients.differentiate([parameter._data for parameter in parameters.values()])
        for _ in range(self._steps):
            for parameter, gradient in zip(parameters.values(), gradients.gradient, strict=True):
                parameter.grad = gradient
            optimiser.step(check_finite=False)  # one genome may diverge; see `_fit`
            for name in self._train:
                # The fitness that is returned must be that of weights which the config allows.
                values = parameters[_FIELDS[name]]._data
                namespace(values).clip(values, *getattr(genomes.bounds, name), out=values)
            totals = gradients.differentiate([parameter._data for parameter in parameters.values()])
        return before, totals

    def _as_descent(
        self, optimiser: Optimiser, parameters: dict[str, Tensor], genomes: Genomes
    ) -> Descent | None:
        """Return the steps of an optimiser for kernels; None unless it is a plain Adam that has made no step."""
        trained = [
            any(each is parameter for each in optimiser.parameters) for parameter in parameters.values()
        ]
        if (
            type(optimiser) is not Adam
            or optimiser.amsgrad
            or optimiser.steps
            or any(rate is not None for rate in optimiser.own_rates)
            or sum(trained) < len(optimiser.parameters)
        ):
            return None
        steps = range(1, self._steps + 1)
        corrected = [optimiser.correct(step, optimiser.rate_at(step - 1)) for step in steps]
        rate, epsilon = np.array(corrected, np.float32).T.copy()
        bounds = {field: getattr(genomes.bounds, name) for name, field in _FIELDS.items()}
        low, high = np.array([bounds[field] for field in Gradient._fields], np.float32).T.copy()
        keep = np.array(optimiser.betas)
        take = (1 - keep).astype(np.float32)
        return Descent(rate, epsilon, keep.astype(np.float32), take, np.array(trained), low, high)


def replace_finite_numbers(
    genomes: Genomes, origins: Origins, numbers: Gradient
) -> tuple[Genomes, np.ndarray]:
    """Return copies of genomes with new numbers, and which genomes have only finite ones, bool (genomes,).

    The other genomes are copied unchanged.

    Args:
        genomes: The genomes from which the programs were compiled.
        origins: The Origins of the programs.
        numbers: Weights, biases and responses in the programs' order.
    """
    node, link = origins
    arrays = genomes.arrays
    finite = _all_finite(numbers.link_weight, arrays.connection_offset)
    finite &= _all_finite(numbers.node_bias, arrays.node_offset)
    finite &= _all_finite(numbers.node_response, arrays.node_offset)
    replaced_node = (node >= 0) & np.repeat(finite, np.diff(arrays.node_offset))
    replaced_link = (link >= 0) & np.repeat(finite, np.diff(arrays.connection_offset))
    result = genomes.take(np.arange(len(genomes)))
    result.arrays.node_bias[node[replaced_node]] = numbers.node_bias[replaced_node]
    result.arrays.node_response[node[replaced_node]] = numbers.node_response[replaced_node]
    result.arrays.connection_weight[link[replaced_link]] = numbers.link_weight[replaced_link]
    return result, finite


def _all_finite(values: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return whether all values of each genome are finite, bool (genomes,); `offset` says where they begin."""
    wrong = np.concatenate([[0], np.cumsum(~np.isfinite(values))])
    return wrong[offset[1:]] == wrong[offset[:-1]]


def check_loss(samples: Samples) -> None:
    """Raise a ValueError unless the fitness is a named loss with a slope."""
    if samples.fitness not in _WITH_SLOPES:
        raise ValueError(
            f"fitness: expected one with a slope, {', '.join(_WITH_SLOPES)}, got {quote(samples.fitness)}"
        )


def check_slopes(genomes: Genomes) -> None:
    """Raise a ValueError unless all activations and aggregations of the genomes have slopes."""
    arrays = genomes.arrays
    activations = [entry.name for entry in ACTIVATIONS if entry.slope is not None]
    for kind, table, used, known in (
        ("activation", ACTIVATIONS, arrays.node_activation, activations),
        ("aggregation", AGGREGATIONS, arrays.node_aggregation, AGGREGATIONS_WITH_SLOPES),
    ):
        for position in np.unique(used):
            if table[position].name not in known:
                raise ValueError(
                    f"{kind}: {table[position].name} has no slope to train with; those that have: {', '.join(known)}"
                )
