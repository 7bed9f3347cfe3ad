"""Gradients through evolved networks: a whole population is trained at once, each genome with a topology of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from evaluators.checks import check_choice, check_count
from evaluators.cpu.kernels import gradient_range, origins_range
from evaluators.devices import resolve_device
from evaluators.gradient.optim.optimisers import Optimiser
from evaluators.gradient.tensor.place import namespace, to_host
from evaluators.gradient.tensor.tensor import Tensor
from evaluators.network import room_for, unfit_for_gpu
from evaluators.program.backward import AGGREGATIONS_WITH_SLOPES, Gradient
from evaluators.program.derivatives import SLOPES
from evaluators.program.program import Programs
from evaluators.samples import Samples, as_samples
from neat.activations import ACTIVATIONS, AGGREGATIONS
from neat.genome.genome import Bounds, Genome, Genomes
from neat.kernels import parallel
from neat.support.messages import shown

Trained = Literal["weight", "bias", "response"]

_NAMES = get_args(Trained)
_BYTES = 256  # for each genome, beside what its genes take
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
    batch = genomes.genomes if isinstance(genomes, Genome) else genomes
    if not isinstance(batch, Genomes):
        raise ValueError(f"genomes: expected neat.Genomes or neat.Genome, got {type(genomes).__name__}")
    samples = as_samples(inputs, targets, fitness, recurrent_steps)
    devices = resolve_device(device, unfit_for_gpu)
    return Trainer(samples, devices, optimiser, steps, train)(batch)


class Trainer:
    """`fit_weights` for a data set, to be called with genomes again and again."""

    def __init__(
        self,
        samples: Samples,
        devices: tuple[str, ...],
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
            raise ValueError(f"train: expected some of {', '.join(get_args(Trained))}, got {shown(train)}")
        for name in train:
            check_choice("train", name, get_args(Trained))
        if not callable(optimiser):
            raise ValueError(
                f"optimiser: expected a function of a list of parameters, got {type(optimiser).__name__}"
            )
        self._samples = samples
        self._optimiser = optimiser
        self._steps = int(steps)
        self._train = tuple(train)
        self._spaces = {} if devices == ("cpu",) else _workspaces(devices)

    def __call__(self, genomes: Genomes) -> Learned:
        """Train these genomes."""
        samples = self._samples
        samples.check_genomes(genomes)
        _check_slopes(genomes)
        if not self._spaces:
            networks = _Networks(genomes)
            return self._fit(networks, _OnCpu(networks.programs, genomes, samples), "cpu")
        from evaluators.gpu.gradients import Differentiator
        from evaluators.gpu.memory import in_parts

        def fit_part(work: Any, begin: int, end: int) -> Learned:
            part = genomes.take(np.arange(begin, end))
            networks, steps = _Networks(part), 0 if genomes.feed_forward else samples.steps
            rows = samples.input_rows, samples.target_rows
            engine = Differentiator(work, networks.programs, genomes.input_count, steps, *rows)
            return self._fit(networks, engine, work.arrays.device)

        parts = in_parts(self._spaces, genomes, _BYTES, fit_part)
        return _joined(genomes, parts)

    def _fit(self, networks: _Networks, engine: Any, device: str) -> Learned:
        """Train networks with what differentiates them."""
        divisor = self._samples.divisor
        loss = self._samples.loss, np.float32(-1.0 / divisor)
        parameters = [Tensor(values, requires_grad=True, device=device) for values in networks.numbers]
        optimiser = self._optimiser([parameters[_NAMES.index(name)] for name in self._train])
        if not isinstance(optimiser, Optimiser):
            raise ValueError(f"optimiser: expected it to make one of optim's, got {type(optimiser).__name__}")
        before = totals = engine([parameter._data for parameter in parameters], *loss)
        for _ in range(self._steps):
            for parameter, gradient in zip(parameters, engine.gradient, strict=True):
                parameter.grad = gradient
            optimiser.step()
            for name in self._train:
                # The fitness that counts must be that of weights which the config allows.
                values = parameters[_NAMES.index(name)]._data
                namespace(values).clip(values, *getattr(networks.bounds, name), out=values)
            totals = engine([parameter._data for parameter in parameters], *loss)
        learned, finite = networks.genomes_with([to_host(parameter._data) for parameter in parameters])
        diverged = ~(finite & np.isfinite(totals))
        fitness = np.where(diverged, before, totals) / divisor
        return Learned(learned, fitness, before / divisor, diverged)


def _workspaces(devices: tuple[str, ...]) -> dict[str, Any]:
    from evaluators.gpu.workspace import Workspace

    return {device: Workspace(device) for device in devices}


def _joined(genomes: Genomes, parts: list[Learned]) -> Learned:
    """What several parts of the genomes learned, as one."""
    result = genomes.take(np.arange(len(genomes)))
    for name in ("node_bias", "node_response", "connection_weight"):
        values = [getattr(part.genomes.arrays, name) for part in parts]
        getattr(result.arrays, name)[:] = np.concatenate(values)
    return Learned(result, *(np.concatenate([part[k] for part in parts]) for k in range(1, 4)))


class _Networks:
    """Genomes as programs that can be differentiated."""

    def __init__(self, genomes: Genomes) -> None:
        arrays = genomes.to_kernel()
        self._genomes = genomes
        programs = room_for(genomes)
        self._origins = np.full(len(arrays.node_id), -1), np.full(len(arrays.connection_weight), -1)
        for values in (programs.link_weight, programs.node_bias, programs.node_response):
            values.fill(0.0)  # what no output can see
        parallel.over(
            origins_range,
            len(genomes),
            arrays,
            genomes.input_count,
            genomes.num_outputs,
            programs,
            *self._origins,
        )
        first_link = np.repeat(programs.link_start[:-1], np.diff(programs.node_start))
        self.programs = programs._replace(link_end=programs.link_end - first_link)

    @property
    def bounds(self) -> Bounds:
        """The genomes'."""
        return self._genomes.bounds

    @property
    def numbers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights, biases and responses, in the programs' order."""
        return self.programs.link_weight, self.programs.node_bias, self.programs.node_response

    def genomes_with(self, numbers: Sequence[np.ndarray]) -> tuple[Genomes, np.ndarray]:
        """Copies of the genomes with these numbers where they are finite, and which they are, bool (genomes,)."""
        weight, bias, response = numbers
        node, link = self._origins
        arrays = self._genomes.arrays
        finite = _all_finite(weight, arrays.connection_offset) & _all_finite(bias, arrays.node_offset)
        finite &= _all_finite(response, arrays.node_offset)
        seen_node = (node >= 0) & np.repeat(finite, np.diff(arrays.node_offset))
        seen_link = (link >= 0) & np.repeat(finite, np.diff(arrays.connection_offset))
        result = self._genomes.take(np.arange(len(self._genomes)))
        result.arrays.node_bias[node[seen_node]] = bias[seen_node]
        result.arrays.node_response[node[seen_node]] = response[seen_node]
        result.arrays.connection_weight[link[seen_link]] = weight[seen_link]
        return result, finite


class _OnCpu:
    """The gradients of networks over a data set; see `evaluators.gpu.gradients.Differentiator`."""

    def __init__(self, programs: Programs, genomes: Genomes, samples: Samples) -> None:
        self._programs, self._samples = programs, samples
        self._input_count, self._recurrent = genomes.input_count, not genomes.feed_forward
        self.gradient = Gradient(*(np.zeros_like(getattr(programs, name)) for name in Gradient._fields))

    def __call__(self, numbers: Sequence[np.ndarray], loss: int, scale: np.float32) -> np.ndarray:
        samples, totals = self._samples, np.empty(len(self._programs.node_count))
        parallel.over(
            gradient_range(),
            len(totals),
            self._programs._replace(**dict(zip(Gradient._fields, numbers, strict=True))),
            samples.input_rows,
            self._input_count,
            samples.target_rows,
            loss,
            scale,
            self._recurrent,
            samples.steps if self._recurrent else 1,
            np.zeros(1, np.int64),
            self.gradient,
            totals,
            cost=max(1.0, len(samples.targets) / 4),
        )
        return totals


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
