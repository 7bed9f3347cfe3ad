"""The base class of evaluators that run episodes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from evaluators.checks import as_batch, check_choice, check_count, check_current, check_size, check_state
from evaluators.episodes.observations import Normaliser
from evaluators.episodes.rewards import combine_rewards
from evaluators.models import inputs
from evaluators.models.model import Model
from neat.evaluation import Divide
from neat.genome.genome import Genome, Genomes
from neat.support.messages import shorten

Starts = Literal["generation", "genome"]
Combine = Literal["mean", "min", "sum"]
Actions = Literal["argmax", "threshold"]

# Each trial has its own random numbers. Trials of the caller are numbered from TRIAL on.
TRAINING, VALIDATION, TRIAL = 0, 1, 2
_MOST_TRIALS = 250


class Episodes(NamedTuple):
    """The results of every genome's episodes."""

    reward: np.ndarray
    """float64 (genomes, episodes), the sum of rewards over the steps."""
    length: np.ndarray
    """int64 (genomes, episodes), the number of steps."""
    terminated: np.ndarray
    """bool (genomes, episodes), whether the task ended the episode, rather than the time limit."""


class Trace(NamedTuple):
    """One episode, step by step."""

    state: np.ndarray
    """float64 (steps + 1, state)."""
    action: np.ndarray
    """float64 (steps, dimensions); of a discrete space, the chosen action, (steps, 1)."""
    reward: np.ndarray
    """float64 (steps,)."""
    terminated: bool
    """Whether the task ended the episode, rather than the time limit."""


class EpisodicEvaluator(ABC):
    """Base class of evaluators that run episodes.

    Attributes:
        name: The environment's name.
        steps: Environment steps of all calls so far, without those in `play` and `validate`.
    """

    name: str

    def __init__(self, episodes: int, starts: Starts, combine: Combine, actions: Actions) -> None:
        check_count("episodes", episodes)
        check_choice("starts", starts, get_args(Starts))
        check_choice("combine", combine, get_args(Combine))
        check_choice("actions", actions, get_args(Actions))
        self.episodes = int(episodes)
        self.starts = starts
        self.combine = combine
        self.actions = actions
        self._last: Episodes | None = None
        self._normaliser: Normaliser | None = None
        self.steps = 0

    @property
    @abstractmethod
    def num_inputs(self) -> int:
        """The number of inputs that networks must have."""

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """The number of outputs that networks must have."""

    @abstractmethod
    def model(self, champion: Genome) -> Model:
        """Return a model that acts with a genome as this evaluator lets it act."""

    @abstractmethod
    def _play_measured(self, genomes: Genomes, episodes: int, trial: int) -> tuple[Episodes, np.ndarray]:
        """Run episodes, and leave the statistics that normalise observations as they are.

        Returns:
            The episodes; and, float64 (genomes, …, 2, observations), what `Normaliser.add` needs, or (0, …) if nothing
            is normalised.
        """

    @abstractmethod
    def _play_model(self, model: Model, episodes: int, trial: int) -> Episodes:
        """Run this number of episodes of a model. Raises a ValueError if it is not for this environment."""

    def __call__(self, genomes: Genomes) -> np.ndarray:
        """Return the fitness of every genome, float64 of shape (genomes,).

        Raises:
            ValueError: The genomes have other inputs or outputs, or an observation or a reward is not finite.
            RuntimeError: The environment raised an error, its worker processes ended, or another thread is using this
                evaluator's environments or normalised observations.
        """
        self._forget_last()
        fitness, steps = self._evaluate(as_genomes(genomes), self.episodes, TRAINING)
        self.steps += steps
        return fitness

    @property
    def last(self) -> Episodes | None:
        """The Episodes of the last call; None before the first call, and after a failed one."""
        return self._last

    def play(self, genomes: Genomes | Genome | Model, episodes: int = 100, trial: int = 0) -> Episodes:
        """Run episodes from starts that training does not use, the same for all genomes.

        Args:
            genomes: The genomes; or a model, which acts on observations that are scaled as when it was made.
            episodes: The number of episodes of each genome.
            trial: Selects the starts, which depend on this number only and are the same in every run.

        Raises:
            ValueError: A call would raise it, or an argument is out of range.
            RuntimeError: A call would raise it.
        """
        check_count("episodes", episodes)
        check_trial(trial)
        if isinstance(genomes, Model):
            return self._play_model(genomes, episodes, TRIAL + trial)
        return self._play(as_genomes(genomes), episodes, TRIAL + trial)

    def validate(self, genomes: Genomes | Genome, episodes: int = 100) -> np.ndarray:
        """Return the fitness in episodes that neither training nor `play` uses, float64 of shape (genomes,).

        A run uses it to choose its champion at the end.
        """
        check_count("episodes", episodes)
        fitness, _ = self._evaluate(as_genomes(genomes), episodes, VALIDATION)
        return fitness

    def state(self) -> dict[str, np.ndarray]:
        """Return what a checkpoint saves: environment, steps so far, and the statistics that normalise observations."""
        own = {"environment": np.array(self.name), "steps": np.array(self.steps)}
        return own if self._normaliser is None else own | self._normaliser.state()

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned.

        Raises:
            ValueError: The state has another environment, or belongs to another kind of evaluator.
        """
        own = self.state()
        check_state(arrays, own)
        # Checkpoints of earlier versions have only the name.
        if str(arrays["environment"]) not in (str(own["environment"]), self.name):
            raise ValueError(
                f"environment: the checkpoint's is {arrays['environment']}, this one is {own['environment']}"
            )
        check_count("state: steps", int(arrays["steps"]), 0, 2**62)
        self.steps = int(arrays["steps"])
        if self._normaliser is not None:
            self._normaliser.restore(arrays)

    def _check_genomes(self, genomes: Genomes) -> None:
        """Raise a ValueError unless the genomes are intact and fit the environment."""
        check_current(genomes)
        check_size("genomes", f"inputs, as {self.name} observes", genomes.num_inputs, self.num_inputs)
        check_size("genomes", f"outputs, as {self.name} needs", genomes.num_outputs, self.num_outputs)

    def _check_statistics(self) -> None:
        """Raise a ValueError if observations are normalised and none has been seen."""
        if self._normaliser is not None and self._normaliser.count == 0:
            raise ValueError(
                f"{self.name}: observations are normalised by those of a run, but this evaluator has seen none: use "
                "the evaluator of the run or a model that it made, or "
                "restore(neat.checkpoint.load(file).evaluator_state)"
            )

    def _check_parts(self, model: Model, outputs: Any) -> inputs.Observations:
        """Return the first part of a model; raise a ValueError unless the other part is `outputs`, and both fit."""
        self._check_part("outputs", model.outputs, outputs)
        if not isinstance(model.inputs, inputs.Observations) or model.num_inputs != self.num_inputs:
            raise ValueError(
                f"model: expected one that observes {self.num_inputs} numbers, as {self.name} has, got {model!r}"
            )
        return model.inputs

    def _check_part(self, name: str, part: Any, own: Any) -> None:
        """Raise a ValueError unless a part of a model equals the same part of this evaluator."""
        if part != own:
            raise ValueError(
                f"model: its {name} differ from those of {self.name}: expected {shorten(repr(own))}, got "
                f"{shorten(repr(part))}"
            )

    def play_part(
        self, genomes: Genomes, state: dict[str, np.ndarray], episodes: int, trial: int
    ) -> dict[str, np.ndarray]:
        """Run the episodes of a part of the genomes as an evaluator with this state does; see `call_divided`."""
        self.restore(state)
        played, moment = self._play_measured(genomes, episodes, trial)
        return {**played._asdict(), "moment": moment}

    def call_divided(self, genomes: Genomes, divide: Divide) -> np.ndarray:
        """Return the fitness of every genome as a call does, with episodes that other evaluators run.

        All see the same statistics of observations. This evaluator adds the moments in the order of the genomes.
        """
        self._forget_last()
        batch = as_genomes(genomes)
        played, moment = self._divide(batch, divide, self.episodes, TRAINING)
        if self._normaliser is not None:
            self._normaliser.add(moment, int(played.length.sum()))
        self._last = played
        fitness, steps = self._combine(played)
        self.steps += steps
        return fitness

    def validate_divided(self, genomes: Genomes | Genome, divide: Divide, episodes: int = 100) -> np.ndarray:
        """Return what `validate` returns, with episodes that other evaluators run."""
        check_count("episodes", episodes)
        fitness, _ = self._combine(self._divide(as_genomes(genomes), divide, episodes, VALIDATION)[0])
        return fitness

    def _divide(
        self, genomes: Genomes, divide: Divide, episodes: int, trial: int
    ) -> tuple[Episodes, np.ndarray]:
        results = divide("play_part", genomes, self.state(), episodes, trial)
        return Episodes(*(results[name] for name in Episodes._fields)), results["moment"]

    def _forget_last(self) -> None:
        self._last = None

    def _play(self, genomes: Genomes, episodes: int, trial: int) -> Episodes:
        """Run this number of episodes of each genome; in training, add their observations to the statistics."""
        played, moment = self._play_measured(genomes, episodes, trial)
        if self._normaliser is not None and trial == TRAINING:
            self._normaliser.add(moment, int(played.length.sum()))
        return played

    def _evaluate(self, genomes: Genomes, episodes: int, trial: int) -> tuple[np.ndarray, int]:
        """Return the fitness, float64 (genomes,), and the number of steps of all episodes."""
        played = self._play(genomes, episodes, trial)
        if trial == TRAINING:
            self._last = played
        return self._combine(played)

    def _combine(self, played: Episodes) -> tuple[np.ndarray, int]:
        fitness = np.empty(len(played.reward))
        return fitness, combine_rewards(played.reward, played.length, *self._combination(), fitness)

    def _start_key(self, genomes: Genomes, trial: int) -> tuple[np.uint64, int, bool]:
        """Return what random starts depend on: the seed, the generation, and whether all genomes have the same."""
        training = trial == TRAINING
        return (
            np.uint64(genomes.seed if trial < TRIAL else 0),
            genomes.generation if training else 0,
            self.starts == "generation" or not training,
        )

    def _combination(self) -> tuple[bool, float]:
        """Return the arguments `least` and `factor` of `combined`."""
        # A sum is scaled to the number of training episodes, however many episodes ran.
        return self.combine == "min", float(self.episodes if self.combine == "sum" else 1)


def as_genomes(genomes: Genomes | Genome) -> Genomes:
    """Return genomes, or a single genome, as Genomes; raise a ValueError for any other type or for no genomes."""
    batch = as_batch(genomes)
    if len(batch) == 0:
        raise ValueError("genomes: expected at least one, got none")
    return batch


def check_trial(trial: int) -> None:
    """Raise a ValueError unless this is the number of a trial."""
    check_count("trial", trial, 0, _MOST_TRIALS)
