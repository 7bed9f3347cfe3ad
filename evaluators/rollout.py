"""Fitness from episodes in an environment."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np

from evaluators.checks import as_float64, check_choice, check_current, check_size
from evaluators.cpu.kernels import play_range
from evaluators.devices import resolve_device
from evaluators.environments import Box, Environment
from evaluators.environments.check import check, why_not_on_gpu
from evaluators.environments.functions import Functions
from evaluators.episodes.actions import Reach
from evaluators.episodes.base import (
    TRAINING,
    TRIAL,
    Actions,
    Combine,
    Episodes,
    Episodic,
    Starts,
    as_genomes,
    check_trial,
)
from evaluators.episodes.episode import Lanes, Play, Record, Senses, record_block
from evaluators.episodes.observations import Normaliser, Observations, senses_for
from evaluators.network import Networks, compile, unfit_for_gpu, writable_programs
from evaluators.thread_guard import Exclusive
from neat.activations import ACTIVATIONS
from neat.genome.buffers import Block
from neat.genome.genome import Genome, Genomes
from neat.kernels import parallel
from neat.kernels.jit import cause, is_built

if TYPE_CHECKING:
    from evaluators.gpu.engines import Played

_NO_START = np.zeros((1, 1))  # always this one: a GPU is sent it once


class Trace(NamedTuple):
    """One episode, step by step."""

    state: np.ndarray
    """float64 (steps + 1, state)."""
    action: np.ndarray
    """float64 (steps, dimensions), or the choice, (steps, 1)."""
    reward: np.ndarray
    """float64 (steps,)."""
    terminated: bool
    """Rather than cut off by the time limit."""


class Rollout(Episodic):
    """Fitness of genomes that act in an environment, over several episodes.

    Outputs become actions so: of a discrete space with `actions="argmax"`, each action has an output and the greatest
    is taken; with `"threshold"` there is one output, and the range of its activation is divided evenly among the
    actions. Of a continuous space, each dimension has an output, and the range of its activation is stretched to the
    dimension's bounds (`neat.activations.Activation.low` and `high`).

    Args:
        environment: An instance of an `evaluators.environments.Environment`.
        episodes: Episodes of each genome.
        starts: "generation": all genomes of a generation meet the same random starts; "genome": each its own. Both
            depend on the run's seed and the generation alone, and differ from one generation to the next.
        combine: How episodes' rewards become a fitness.
        observations: "scaled": the environment's bounds become ±1, where they are finite; "raw"; "normalised":
            by the mean and the standard deviation of all observations of the generations before, within ±10 (as ARS
            V2-t, Mania et al. 2018, but for the limit).
        actions: How a discrete action is chosen.
        device: See `evaluators.devices.resolve_device`; "auto" is the CPU too where a function of a person's
            own cannot be compiled for a GPU.

    Attributes:
        steps: Environment steps of all calls so far; steps in `play` and `validate` do not count.

    Raises:
        ValueError: An argument is not known, or the environment's functions cannot be compiled or do not work.
    """

    def __init__(
        self,
        environment: Environment,
        episodes: int = 5,
        starts: Starts = "generation",
        combine: Combine = "mean",
        observations: Observations = "scaled",
        actions: Actions = "argmax",
        device: str = "auto",
    ) -> None:
        check(environment)
        self.devices = resolve_device(device, lambda: why_not_on_gpu(environment) or unfit_for_gpu())
        super().__init__(episodes, starts, combine, actions)
        check_choice("observations", observations, get_args(Observations))
        self._environment = environment
        self.name = environment.name
        self._observations = observations
        self._functions = environment.functions()
        self._player: Any = None if self.devices == ("cpu",) else _player(self.devices, self._functions)
        self._played: Played | None = None  # of the last call
        self._normaliser = Normaliser(self.num_inputs) if observations == "normalised" else None
        self._in_use = Exclusive(
            f"{self.name}: another thread is using this evaluator, whose observations are normalised by all before; "
            "make an evaluator for each thread"
        )
        self._senses = senses_for(environment, observations)
        space = environment.actions
        bounds = space if isinstance(space, Box) else Box((0.0,), (space.count,))
        self._lowest, highest = np.array(bounds, np.float32)
        self._span = highest - self._lowest

    @property
    def environment(self) -> Environment:
        """What the genomes act in."""
        return self._environment

    @property
    def observations(self) -> Observations:
        """How observations become inputs."""
        return self._observations

    @property
    def num_inputs(self) -> int:
        """Inputs that the networks must have."""
        return self.environment.num_observations

    @property
    def num_outputs(self) -> int:
        """Outputs that they must have."""
        actions = self.environment.actions
        if isinstance(actions, Box):
            return len(actions.low)
        return actions.count if self.actions == "argmax" else 1

    def play(
        self, genomes: Genomes | Genome, episodes: int = 100, trial: int = 0, states: Any = None
    ) -> Episodes:
        """Episodes from fresh starts, the same for all genomes, which no training meets, or from given states.

        Args:
            genomes: What plays.
            episodes: How many of each.
            trial: Another number gives other starts; they depend on it alone, and are the same in every run.
            states: First states, of shape (episodes, k), for the first k elements of the state, the rest of which is
                as `reset` leaves it; then there are as many episodes.

        Raises:
            ValueError: As a call, or an argument is out of range.
            RuntimeError: As a call.
        """
        if states is None:
            return super().play(genomes, episodes, trial)
        check_trial(trial)
        start, most = as_float64("states", states), self._functions.states
        if start.ndim != 2 or len(start) == 0 or not 1 <= start.shape[1] <= most:
            raise ValueError(f"states: expected shape (episodes, 1 … {most}), got {start.shape}")
        batch = as_genomes(genomes)
        return _episodes(self._recorded(batch, len(start), self._task(batch, TRIAL + trial, start.copy())))

    def trace(self, genome: Genome, trial: int = 0) -> Trace:
        """The first of the episodes that `play` has, step by step."""
        check_trial(trial)
        batch = as_genomes(genome)
        record = self._recorded(batch, 1, self._task(batch, TRIAL + trial, traced=True))
        steps, states = int(record.length[0, 0]), self._functions.states
        return Trace(
            record.trace[: steps + 1, :states],
            record.trace[1 : steps + 1, states:-1],
            record.trace[1 : steps + 1, -1],
            bool(record.terminated[0, 0]),
        )

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint keeps: environment, steps so far, and what the observations are normalised by."""
        own = {"environment": np.array(repr(self.environment))}  # with its constants
        return super().state() | own | (self._normaliser.state() if self._normaliser is not None else {})

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take back what `state` gave.

        Raises:
            ValueError: It is of an environment with another name or other constants, or no state of this evaluator.
        """
        super().restore(arrays)
        if self._normaliser is not None:
            self._normaliser.restore(arrays)

    @property
    def is_built(self) -> bool:
        """Whether the loop over episodes was compiled before, by any process."""
        if self._player is not None:
            return bool(self._player.is_built(self._decision))
        return is_built(play_range(self._functions, self._decision))

    @property
    def _decision(self) -> str:
        return "scaled" if isinstance(self.environment.actions, Box) else self.actions

    @property
    def last(self) -> Episodes | None:
        """The Episodes of the last call, which a GPU keeps until they are asked for; None if it failed."""
        if self._played is not None:
            self._last, self._played = _episodes(self._played.record()), None
        return self._last

    def _forget_last(self) -> None:
        super()._forget_last()
        self._played = None

    def _evaluated(self, genomes: Genomes, episodes: int, trial: int) -> tuple[np.ndarray, int]:
        training = trial == TRAINING
        if self._player is None or (self._normaliser is not None and training):
            return super()._evaluated(genomes, episodes, trial)
        played = self._played_on_gpu(genomes, episodes, self._task(genomes, trial))
        if training:
            self._played = played
        return played.fitness, int(played.steps.sum())

    def _play(self, genomes: Genomes, episodes: int, trial: int) -> Episodes:
        if self._normaliser is None:
            return _episodes(self._recorded(genomes, episodes, self._task(genomes, trial)))
        with self._in_use:
            record = self._recorded(genomes, episodes, self._task(genomes, trial))
            played = _episodes(record)
            if trial != TRAINING:
                return played
            self._normaliser.add(record.moment, int(record.length.sum()))
        return Episodes(*(field.copy() for field in played))  # not to hold `moment`, in the same memory

    def _task(
        self, genomes: Genomes, trial: int, start: np.ndarray | None = None, traced: bool = False
    ) -> Play:
        """What these genomes are to play, if they can."""
        check_current(genomes)
        check_size("genomes", f"inputs, as {self.name} observes", genomes.num_inputs, self.num_inputs)
        check_size("genomes", f"outputs, as {self.name} needs", genomes.num_outputs, self.num_outputs)
        if self._normaliser is not None and self._normaliser.count == 0 and trial != TRAINING:
            raise ValueError(
                f"{self.name}: observations are normalised by those of a run, and this evaluator has seen none: use "
                "the evaluator of the run, or restore(neat.checkpoint.load(file).evaluator_state)"
            )
        return Play(
            _NO_START if start is None else start,
            0 if start is None else start.shape[1],
            0,
            np.uint64(genomes.seed if trial < TRIAL else 0),
            genomes.generation if trial == TRAINING else 0,
            self.starts == "generation" or trial != TRAINING,
            trial,
            int(self.environment.time_limit),
            self._normaliser is not None and trial == TRAINING,
            traced,
        )

    def _recorded(self, genomes: Genomes, episodes: int, play: Play) -> Record:
        if self._player is not None:
            return self._played_on_gpu(genomes, episodes, play).record()
        record = self._play_on_cpu(genomes, episodes, play)
        self._refuse_unsound(record)
        return record

    def _record_block(self, episodes: int, groups: int, play: Play, count: int) -> Block:
        """The Block of a Record of so many genomes; `groups` of lanes are measured each."""
        return record_block(
            count,
            episodes,
            groups if play.measured else 0,
            self.num_inputs,
            play.limit if play.traced else -1,
            self._functions.states + self._functions.dimensions + 1,
        )

    def _played_on_gpu(self, genomes: Genomes, episodes: int, play: Play) -> Played:
        block_for = partial(self._record_block, episodes, episodes, play)
        senses, reach = self.senses(), self.reach()
        played: Played = self._player(
            genomes,
            self.environment.constants,
            self._decision,
            play,
            senses,
            reach,
            block_for,
            *self._combination(),
        )
        if played.steps.min() < 0:
            record = played.record()
            self._refuse_unfinished(record, genomes, play)
            self._refuse_unsound(record)
        return played

    def _play_on_cpu(self, genomes: Genomes, episodes: int, play: Play) -> Record:
        networks = compile(genomes, "cpu")
        count, width = len(genomes), _width(episodes)
        block = self._record_block(episodes, -(-episodes // width), play, count)
        record = Record(**block.empty())
        senses, reach = self.senses(), self.reach()
        try:
            parallel.over(
                play_range(self._functions, self._decision),
                count,
                writable_programs(networks),
                genomes.input_count,
                self.environment.constants,
                play,
                senses,
                reach,
                record,
                scratch=lambda: (new_lanes(self._functions, networks, width),),
                cost=episodes * min(play.limit, 100) / 16,
            )
        except Exception as error:  # of the environment's functions: nothing else raises there
            raise RuntimeError(f"{self.name}: {type(error).__name__}: {cause(error)}") from error
        return record

    def _refuse_unfinished(self, record: Record, genomes: Genomes, play: Play) -> None:
        """A GPU does not tell the error that a function raised, and stops; the CPU tells it for the same episodes."""
        unfinished = np.flatnonzero((record.length < 0).any(axis=1))
        if not len(unfinished):
            return
        for genome in map(int, unfinished):
            one = genomes.take(np.array([genome]))
            first = play._replace(first=genome)
            self._play_on_cpu(one, len(record.length[0]), first)
        episode = int(np.argmax(record.length[unfinished[0]] < 0))
        raise RuntimeError(
            f"{self.name}: a function raised an error in episode {episode} of genome {unfinished[0]}"
        )

    def senses(self) -> Senses:
        """How observations become inputs, as the kernels take it."""
        if self._normaliser is None:
            return self._senses
        return senses_for(self.environment, self.observations, self._normaliser)

    def reach(self) -> Reach:
        """How outputs become actions, as the kernels take it."""
        low, factor = _output_ranges(len(ACTIVATIONS))
        return Reach(low, factor, self._lowest, self._span)

    def _refuse_unsound(self, record: Record) -> None:
        if record.sound.all():
            return
        genome, episode = map(int, np.argwhere(~record.sound)[0])
        raise ValueError(
            f"{self.name}: an observation or a reward was not finite in step "
            f"{record.length[genome, episode]} of episode {episode} of genome {genome}"
        )


@cache
def _output_ranges(activations: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the range of each activation begins, and the inverse of its width."""
    low, high = np.array([(entry.low, entry.high) for entry in ACTIVATIONS[:activations]], np.float32).T
    return low.copy(), 1 / (high - low)


def _player(devices: tuple[str, ...], functions: Functions) -> Any:
    from evaluators.gpu.engines import Player

    return Player(devices, functions)


def _episodes(record: Record) -> Episodes:
    return Episodes(record.reward, record.length, record.terminated)


def _width(episodes: int) -> int:
    """Lanes for so many episodes: a vector of float32 is 8 or 16 of them."""
    return 1 if episodes == 1 else 8 if episodes <= 8 else 16


def new_lanes(functions: Functions, networks: Networks, width: int) -> Lanes:
    """Scratch for any of the networks."""
    programs = writable_programs(networks)
    slots = networks.num_inputs + networks.bias_input + int(programs.node_count.max())
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
