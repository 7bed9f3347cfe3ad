"""Fitness from episodes in an environment."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np

from evaluators.checks import as_float64, as_genome, check_choice
from evaluators.devices import resolve_device
from evaluators.engine import Outcome, engine_for, unsupported_reason
from evaluators.environments import Box, Discrete, Environment
from evaluators.environments.check import check
from evaluators.environments.drawing import check_drawable
from evaluators.episodes.actions import ActionScaling
from evaluators.episodes.episode import EpisodeRecord, EpisodeSettings, ObservationScaling
from evaluators.episodes.episodic_evaluator import (
    TRAINING,
    TRIAL,
    Actions,
    Combine,
    Episodes,
    EpisodicEvaluator,
    Starts,
    Trace,
    as_genomes,
    check_trial,
)
from evaluators.episodes.observations import (
    Normaliser,
    Observations,
    make_observation_scaling,
    observation_part,
)
from evaluators.episodes.request import PlayRequest
from evaluators.models.actions import Choices, Continuous
from evaluators.models.model import Model
from evaluators.pictures.canvas import WIDTH
from evaluators.pictures.episode import film_episode
from evaluators.pictures.film import Film
from evaluators.thread_guard import Exclusive
from neat.activations import ACTIVATIONS
from neat.genome.genome import Genome, Genomes
from neat.kernels.parallel import Workers

_NO_START = np.zeros((1, 1))  # one array for all calls, so that it is sent to a GPU once


class Rollout(EpisodicEvaluator):
    """Fitness of genomes that act in an environment, over several episodes.

    The action space decides how outputs become actions:

    - Discrete, `actions="argmax"`: each action has an output, and the greatest output wins.
    - Discrete, `actions="threshold"`: there is one output, and the range of its activation is divided evenly among the
      actions.
    - Continuous: each dimension has an output, and the range of its activation is scaled to the dimension's bounds.

    `neat.activations.Activation.low` and `high` give the range of an activation.

    Args:
        environment: An instance of an `evaluators.environments.Environment`.
        episodes: The number of episodes of each genome.
        starts: "generation": all genomes of a generation have the same random starts; "genome": each has its own. Both
            depend only on the run's seed and the generation, and differ from one generation to the next.
        combine: How the rewards of episodes become a fitness: their "mean", "min" or "sum".
        observations: "scaled": finite bounds of the environment become ±1; "raw": unchanged; "normalised": by the mean
            and the standard deviation of all observations of earlier generations, and limited to ±10 (as ARS V2-t,
            Mania et al. 2018, which has no limit).
        actions: How a discrete action is chosen.
        device: See `evaluators.devices.resolve_device`. "auto" also falls back to the CPU if a user-defined function
            cannot be compiled for a GPU.
        workers: The threads that run networks on the CPU, and replay episodes that failed on a GPU; None: the shared
            ones. Results do not depend on them.

    Attributes:
        steps: Environment steps of all calls so far, without those in `play` and `validate`.

    Raises:
        ValueError: An argument has an unknown value, or the environment's functions cannot be compiled or do not work.
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
        workers: Workers | None = None,
    ) -> None:
        check(environment)
        self.devices = resolve_device(device, lambda: unsupported_reason(environment))
        super().__init__(episodes, starts, combine, actions)
        check_choice("observations", observations, get_args(Observations))
        self._environment = environment
        self.name = environment.name
        self._observations = observations
        self._player = engine_for(self.devices, workers).player(environment)
        self._functions = self._player.functions
        self._outcome: Outcome | None = None  # of the last call, until `last` is read
        self._in_use: AbstractContextManager[None] = nullcontext()
        if observations == "normalised":
            self._normaliser = Normaliser(self.num_inputs)
            self._in_use = Exclusive(
                f"{self.name}: another thread is using this evaluator, which normalises observations by the statistics "
                "of earlier calls; make an evaluator for each thread"
            )
        self._senses = make_observation_scaling(environment, observations)
        space = environment.actions
        bounds = space if isinstance(space, Box) else Box((0.0,), (space.count,))
        self._lowest, highest = np.array(bounds, np.float32)
        self._span = highest - self._lowest

    @property
    def environment(self) -> Environment:
        """The environment in which the genomes act."""
        return self._environment

    @property
    def observations(self) -> Observations:
        """How observations become inputs: "scaled", "raw" or "normalised"."""
        return self._observations

    @property
    def num_inputs(self) -> int:
        """The number of inputs that networks must have."""
        return self.environment.num_observations

    @property
    def num_outputs(self) -> int:
        """The number of outputs that networks must have."""
        actions = self.environment.actions
        if isinstance(actions, Box):
            return len(actions.low)
        return actions.count if self.actions == "argmax" else 1

    def play(
        self, genomes: Genomes | Genome | Model, episodes: int = 100, trial: int = 0, states: Any = None
    ) -> Episodes:
        """Run episodes from starts that training does not use, the same for all genomes, or from given states.

        Args:
            genomes: The genomes; or a model, which acts on observations that are scaled as when it was made.
            episodes: The number of episodes of each genome.
            trial: Selects the starts, which depend on this number only and are the same in every run.
            states: First states, of shape (episodes, k): the first k elements of the state; `reset` sets the others.
                The number of rows replaces `episodes`.

        Raises:
            ValueError: A call would raise it, or an argument is out of range.
            RuntimeError: A call would raise it.
        """
        if states is None:
            return super().play(genomes, episodes, trial)
        check_trial(trial)
        start, most = as_float64("states", states), self._functions.states
        if start.ndim != 2 or len(start) == 0 or not 1 <= start.shape[1] <= most:
            raise ValueError(f"states: expected shape (episodes, 1 … {most}), got {start.shape}")
        return _episodes(self._run(genomes, len(start), TRIAL + trial, start.copy()))

    def trace(self, genome: Genome | Model, trial: int = 0) -> Trace:
        """Run the first episode of `play` with this trial, and return it step by step.

        Raises:
            ValueError: `play` would raise it, or `genome` is not a single one.
            RuntimeError: `play` would raise it.
        """
        check_trial(trial)
        single = genome if isinstance(genome, Model) else as_genome("genome", genome)
        record = self._run(single, 1, TRIAL + trial, traced=True)
        steps, states = int(record.length[0, 0]), self._functions.states
        return Trace(
            record.trace[: steps + 1, :states],
            record.trace[1 : steps + 1, states:-1],
            record.trace[1 : steps + 1, -1],
            bool(record.terminated[0, 0]),
        )

    def record(
        self,
        genome: Genome | Model,
        path: str | Path,
        trial: int = 0,
        width: int = WIDTH,
        seconds: float | None = None,
        steps: int | None = None,
    ) -> None:
        """Write a film of the episode that `trace` returns.

        Of a longer episode than `steps`, it shows the last ones if the task ended it, else the first.

        Args:
            genome: The genome; or a model, as for `play`.
            path: The file: .gif, which is kept below 500 kB if need be with fewer frames, colours and pixels; or .mp4,
                if the program ffmpeg is installed.
            trial: Selects the start, as in `play`.
            width: The greatest width in pixels.
            seconds: The duration; None: about 6 seconds, but at most 25 frames a second. A GIF with more than 50 frames
                a second would be slow in browsers, and takes longer instead. The last frame is held for another 1.2
                seconds.
            steps: The most steps to show; None: 1,000. A GIF has 170 frames at most, so it skips steps beyond that.

        Raises:
            ValueError: `trace` would raise it, an argument is out of range, or the environment has no `draw`.
        """
        film = Film(path, width, seconds, steps)
        check_drawable(self.environment)
        film_episode(self.environment, self.trace(genome, trial), film)

    def state(self) -> dict[str, np.ndarray]:
        """Return what a checkpoint saves: environment, steps so far, and the statistics that normalise observations."""
        return super().state() | {"environment": np.array(repr(self.environment))}  # with its constants

    @property
    def is_built(self) -> bool:
        """Whether some process has compiled the loop over episodes."""
        return self._player.is_built(self._decision)

    @property
    def _decision(self) -> str:
        return "scaled" if isinstance(self.environment.actions, Box) else self.actions

    @property
    def last(self) -> Episodes | None:
        """The Episodes of the last call, fetched from a GPU when first read; None if the call failed."""
        outcome = self._outcome
        if outcome is not None:
            self._last = _episodes(outcome.record())
            if self._outcome is outcome:  # no other thread has made a call meanwhile
                self._outcome = None
        return self._last

    def _forget_last(self) -> None:
        super()._forget_last()
        self._outcome = None

    def model(self, champion: Genome) -> Model:
        """Return a model that acts with a genome as this evaluator lets it act.

        It takes observations as the environment returns them. If they are normalised, the model keeps the statistics
        that this evaluator has now.

        Raises:
            ValueError: The genome has other inputs or outputs, or observations are normalised and none has been seen.
        """
        self._check_genomes(as_genome("champion", champion).genomes)
        self._check_statistics()
        return Model(champion, observation_part(self.senses()), self._action_part())

    def _action_part(self) -> Choices | Continuous:
        space = self.environment.actions
        if isinstance(space, Discrete):
            return Choices(
                counts=(int(space.count),),
                starts=(0,),
                shape=(),
                dtype="int64",
                decision=self.actions,
                precision="float32",
            )
        low, high = (tuple(np.array(bounds, np.float32).tolist()) for bounds in space)
        return Continuous(low=low, high=high, shape=(len(low),), dtype="float32", precision="float32")

    def _play_measured(self, genomes: Genomes, episodes: int, trial: int) -> tuple[Episodes, np.ndarray]:
        with self._in_use:
            record = self._run(genomes, episodes, trial)
        return _episodes(record), record.moment

    def _evaluate(self, genomes: Genomes, episodes: int, trial: int) -> tuple[np.ndarray, int]:
        with self._in_use:
            outcome = self._player.play(genomes, self._request(genomes, episodes, trial))
            if trial == TRAINING and self._normaliser is None:
                self._outcome = outcome
            elif trial == TRAINING:
                self._last = self._add_to_normaliser(outcome.record())
        return outcome.fitness, outcome.steps

    def _play_model(self, model: Model, episodes: int, trial: int) -> Episodes:
        return _episodes(self._run(model, episodes, trial))

    def _run(
        self,
        genomes: Genomes | Genome | Model,
        episodes: int,
        trial: int,
        start: np.ndarray | None = None,
        traced: bool = False,
    ) -> EpisodeRecord:
        """Return the EpisodeRecord of episodes of these genomes, or of a model with its own ObservationScaling."""
        senses = None
        if isinstance(genomes, Model):
            senses = ObservationScaling(*self._check_parts(genomes, self._action_part()).arrays)
            genomes = genomes.genome
        batch = as_genomes(genomes)
        return self._player.play(batch, self._request(batch, episodes, trial, start, traced, senses)).record()

    def _add_to_normaliser(self, record: EpisodeRecord) -> Episodes:
        """Add the observations to the statistics that normalise later ones, and return the episodes."""
        assert self._normaliser is not None
        self._normaliser.add(record.moment, int(record.length.sum()))
        # Copies, since views would keep `moment` in memory.
        return Episodes(*(field.copy() for field in _episodes(record)))

    def _request(
        self,
        genomes: Genomes,
        episodes: int,
        trial: int,
        start: np.ndarray | None = None,
        traced: bool = False,
        senses: ObservationScaling | None = None,
    ) -> PlayRequest:
        """Return the request for episodes of these genomes; raises a ValueError if they do not fit the environment."""
        self._check_genomes(genomes)
        if trial != TRAINING and senses is None:
            self._check_statistics()
        seed, generation, common = self._start_key(genomes, trial)
        play = EpisodeSettings(
            start=_NO_START if start is None else start,
            given=0 if start is None else start.shape[1],
            first=genomes.first,
            seed=seed,
            generation=generation,
            common=common,
            trial=trial,
            limit=int(self.environment.time_limit),
            measured=self._normaliser is not None and trial == TRAINING,
            traced=traced,
        )
        return PlayRequest(
            episodes, self._decision, play, senses or self.senses(), self.reach(), *self._combination()
        )

    def senses(self) -> ObservationScaling:
        """Return how observations become inputs, in the kernels' form."""
        if self._normaliser is None:
            return self._senses
        return self._normaliser.senses()

    def reach(self) -> ActionScaling:
        """Return how outputs become actions, in the kernels' form."""
        low, factor = _output_ranges(len(ACTIVATIONS))
        return ActionScaling(low, factor, self._lowest, self._span)


@cache
def _output_ranges(activations: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower bound of each activation's range, and the inverse of the range's width."""
    low, high = np.array([(entry.low, entry.high) for entry in ACTIVATIONS[:activations]], np.float32).T
    return low.copy(), 1 / (high - low)


def _episodes(record: EpisodeRecord) -> Episodes:
    return Episodes(record.reward, record.length, record.terminated)
