"""The engine of the CPU (see `evaluators.engine.Engine`), which runs kernels over ranges of networks on all cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from evaluators.cpu.compilation import as_compiled, compile_with_origins
from evaluators.cpu.kernels import (
    States,
    activate_range,
    gradient_range,
    play_range,
    score_programs_range,
    score_range,
)
from evaluators.devices import HOST
from evaluators.environments import Environment
from evaluators.environments.functions import Functions
from evaluators.episodes.episode import EpisodeRecord, Lanes, Scenario
from evaluators.episodes.request import PlayRequest, check_finite
from evaluators.episodes.rewards import combine_rewards
from evaluators.program.adam import NO_DESCENT, Descent
from evaluators.program.backward import Gradient
from evaluators.program.compiled import CompiledNetworks, NetworkBatch
from evaluators.program.passes import Batch
from evaluators.program.program import Programs, Shape
from evaluators.samples import Samples
from evaluators.user_fitness import score_by_function
from neat.activations import BUILT_IN_ACTIVATIONS, BUILT_IN_AGGREGATIONS
from neat.genome.genome import Genomes
from neat.kernels import parallel
from neat.kernels.jit import is_built, summarise_numba_error
from neat.kernels.parallel import Workers

T = TypeVar("T")


class Activator:
    """Activates networks (see `evaluators.engine.Activator`)."""

    arrays = HOST

    def __init__(self, networks: NetworkBatch, workers: Workers | None) -> None:
        compiled = as_compiled(networks, workers)
        self._workers = workers
        self.programs = compiled.programs
        self._shape = Shape(compiled.input_count, not compiled.feed_forward)
        self._state_start = np.zeros(len(compiled) + 1, np.int64)
        self._state = np.zeros(0, np.float32)

    def __len__(self) -> int:
        return len(self.programs.node_count)

    def forget(self, samples: int) -> None:
        np.cumsum(self.programs.node_count * samples, out=self._state_start[1:])
        self._state = np.zeros(self._state_start[-1], np.float32)

    def clear(self, networks: np.ndarray) -> None:
        for network in networks:
            self._state[slice(*self._state_start[network : network + 2])] = 0.0

    def activate(self, x: Any, networks: np.ndarray) -> Any:
        times, _, samples, _ = x.shape
        outputs = np.empty((len(networks), times, samples, self.programs.output_slot.shape[1]), np.float32)
        parallel.over(
            activate_range(),
            len(networks),
            networks,
            self.programs,
            self._shape,
            Batch(np.ascontiguousarray(x.swapaxes(2, 3)), outputs),
            States(self._state, self._state_start),
            workers=self._workers,
            cost=max(1.0, times * samples / 16),
        )
        return outputs


class Scorer:
    """Scores networks over samples (see `evaluators.engine.Scorer`).

    One kernel compiles and scores each genome, so that it needs no arrays for the programs of all genomes.
    """

    def __init__(self, samples: Samples, workers: Workers | None) -> None:
        self._samples = samples
        self._workers = workers
        self._cost = max(1.0, len(samples.targets) / 16)

    def score(self, networks: NetworkBatch) -> np.ndarray:
        samples, feed_forward = self._samples, networks.feed_forward
        if callable(samples.fitness):
            data = samples.inputs, samples.targets
            return score_by_function(Activator(networks, self._workers), feed_forward, samples, data)
        source: Any
        if isinstance(networks, CompiledNetworks):
            kernel, source = score_programs_range(), networks.programs
        else:
            kernel, source = score_range(), networks.to_kernel()
        totals = np.empty(len(networks))
        parallel.over(
            kernel,
            len(networks),
            source,
            Shape(networks.input_count, not feed_forward),
            samples.objective(feed_forward),
            totals,
            workers=self._workers,
            cost=self._cost,
        )
        totals /= samples.divisor
        return totals


class Outcome:
    """The result of episodes (see `evaluators.engine.Outcome`)."""

    def __init__(self, record: EpisodeRecord, request: PlayRequest) -> None:
        self._record = record
        self.fitness = np.empty(len(record.reward))
        self.steps = combine_rewards(
            record.reward, record.length, request.least, request.factor, self.fitness
        )

    def record(self) -> EpisodeRecord:
        return self._record


class Player:
    """Runs episodes in an environment (see `evaluators.engine.Player`)."""

    def __init__(self, environment: Environment, workers: Workers | None = None) -> None:
        self.functions = environment.functions()
        self._environment = environment
        self._workers = workers

    def is_built(self, decision: str) -> bool:
        return is_built(play_range(self.functions, decision))

    def play(self, networks: NetworkBatch, request: PlayRequest) -> Outcome:
        record = self.record(networks, request)
        check_finite(self._environment.name, record, request.play.first)
        return Outcome(record, request)

    def record(self, networks: NetworkBatch, request: PlayRequest) -> EpisodeRecord:
        """Run episodes and return their EpisodeRecord, in which numbers may be infinite or NaN.

        Raises:
            RuntimeError: A function of the environment, or a registered one of a node, raised an error.
        """
        compiled = as_compiled(networks, self._workers)
        functions, play = self.functions, request.play
        width = _width(request.episodes)
        groups = -(-request.episodes // width)
        record = EpisodeRecord(**request.record_block(functions, len(compiled), groups).empty())
        try:
            parallel.over(
                play_range(functions, request.decision),
                len(compiled),
                compiled.programs,
                compiled.input_count,
                Scenario(self._environment.constants, play, request.senses, request.reach),
                record,
                scratch=lambda: (new_lanes(functions, compiled, width),),
                workers=self._workers,
                cost=request.episodes * min(play.limit, 100) / 16,
            )
        except Exception as error:  # only user-defined functions can raise here
            source = self._environment.name
            if _has_registered_functions(compiled.programs):
                source += ", or a registered activation or aggregation"
            raise RuntimeError(f"{source}: {type(error).__name__}: {summarise_numba_error(error)}") from error
        return record


def _has_registered_functions(programs: Programs) -> bool:
    """Return whether a node of some network has an activation or an aggregation that a user has registered."""
    for first, count in zip(programs.node_start, programs.node_count, strict=False):
        nodes = slice(first, first + count)  # further elements are not used
        if (programs.node_activation[nodes] >= BUILT_IN_ACTIVATIONS).any():
            return True
        if (programs.node_aggregation[nodes] >= BUILT_IN_AGGREGATIONS).any():
            return True
    return False


def _width(episodes: int) -> int:
    """Return the number of lanes for these episodes: a float32 vector has 8 or 16."""
    return 1 if episodes == 1 else 8 if episodes <= 8 else 16


def new_lanes(functions: Functions, networks: CompiledNetworks, width: int) -> Lanes:
    """Return scratch that is large enough for each of the networks."""
    programs = networks.programs
    slots = networks.input_count + int(programs.node_count.max())
    return Lanes(
        state=np.zeros((functions.states, width), functions.precision),
        observation=np.zeros((functions.observations, width), functions.precision),
        choice=np.zeros(width, np.int64),
        action=np.zeros((functions.dimensions, width), np.float32),
        reward=np.zeros(width),
        total=np.zeros(width),
        ended=np.zeros(width, bool),
        alive=np.zeros(width, bool),
        doubt=np.zeros(width, np.float32),
        stream=np.zeros(width, np.uint64),
        values=np.zeros((1 if networks.feed_forward else 2, slots, width), np.float32),
        gathered=np.zeros(int(np.diff(programs.link_start).max()), np.float32),
    )


class NetworkGradients:
    """Computes gradients of networks over samples (see `evaluators.engine.NetworkGradients`)."""

    arrays = HOST

    def __init__(self, genomes: Genomes, samples: Samples, workers: Workers | None = None) -> None:
        self.programs, self.origins = compile_with_origins(genomes, workers)
        self._workers = workers
        self._cost = max(1.0, len(samples.targets) / 4)
        self._scale = samples.loss_scale
        self._shape = Shape(genomes.input_count, not genomes.feed_forward)
        self._objective = samples.objective(genomes.feed_forward)
        self.gradient = Gradient(*(np.zeros_like(getattr(self.programs, name)) for name in Gradient._fields))

    def differentiate(self, numbers: Sequence[Any]) -> np.ndarray:
        return self._run(numbers, NO_DESCENT)[:, 1]

    def descend(self, numbers: Sequence[Any], descent: Descent) -> tuple[np.ndarray, np.ndarray]:
        before, after = self._run(numbers, descent).T
        return before, after

    def _run(self, numbers: Sequence[Any], descent: Descent) -> np.ndarray:
        totals = np.empty((len(self.programs.node_count), 2))
        parallel.over(
            gradient_range(),
            len(totals),
            self.programs._replace(**dict(zip(Gradient._fields, numbers, strict=True))),
            self._shape,
            self._objective,
            self._scale,
            descent,
            self.gradient,
            totals,
            workers=self._workers,
            cost=self._cost * (len(descent.rate) + 1),
        )
        return totals


class Differentiator:
    """Computes gradients over samples (see `evaluators.engine.Differentiator`)."""

    def __init__(self, samples: Samples, workers: Workers | None) -> None:
        self._samples = samples
        self._workers = workers

    def map_parts(self, genomes: Genomes, work: Callable[[Genomes, NetworkGradients], T]) -> list[T]:
        return [work(genomes, NetworkGradients(genomes, self._samples, self._workers))]


class CpuEngine:
    """Runs networks on CPU cores (see `evaluators.engine.Engine`).

    Args:
        workers: The threads that run them; None: the shared ones.
    """

    devices = ("cpu",)

    def __init__(self, workers: Workers | None = None) -> None:
        self._workers = workers

    def activator(self, networks: NetworkBatch) -> Activator:
        return Activator(networks, self._workers)

    def scorer(self, samples: Samples) -> Scorer:
        return Scorer(samples, self._workers)

    def player(self, environment: Environment) -> Player:
        return Player(environment, self._workers)

    def differentiator(self, samples: Samples) -> Differentiator:
        return Differentiator(samples, self._workers)
