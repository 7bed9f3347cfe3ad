"""What evaluators that play episodes share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple, get_args

import numpy as np

from evaluators.checks import as_batch, check_choice, check_count, check_state
from evaluators.episodes.episode import combined
from neat.genome.genome import Genome, Genomes
from neat.kernels.jit import kernel

Starts = Literal["generation", "genome"]
Combine = Literal["mean", "min", "sum"]
Actions = Literal["argmax", "threshold"]

# Trials that are set apart, each with random numbers of its own; a person's are from TRIAL on.
TRAINING, VALIDATION, TRIAL = 0, 1, 2
_MOST_TRIALS = 250


class Episodes(NamedTuple):
    """What came of every genome's episodes."""

    reward: np.ndarray
    """float64 (genomes, episodes), the sum over an episode's steps."""
    length: np.ndarray
    """int64 (genomes, episodes), steps."""
    terminated: np.ndarray
    """bool (genomes, episodes): ended by the task rather than cut off by a time limit."""


class Episodic(ABC):
    """Base of the evaluators that play episodes.

    Attributes:
        name: The environment's name.
        steps: Environment steps of all calls so far; those in `play` and `validate` do not count.
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
        self.steps = 0

    @property
    @abstractmethod
    def num_inputs(self) -> int:
        """Inputs that the networks must have."""

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """Outputs that they must have."""

    @abstractmethod
    def _play(self, genomes: Genomes, episodes: int, trial: int) -> Episodes:
        """Play so many episodes of each genome."""

    def __call__(self, genomes: Genomes) -> np.ndarray:
        """Fitness of every genome, float64 of shape (genomes,).

        Raises:
            ValueError: The genomes have other inputs or outputs, or the environment gives something that is not finite.
            RuntimeError: The environment raised an error, its worker processes ended, or another thread is using this
                evaluator's environments or normalised observations.
        """
        self._forget_last()
        fitness, steps = self._evaluated(as_genomes(genomes), self.episodes, TRAINING)
        self.steps += steps
        return fitness

    @property
    def last(self) -> Episodes | None:
        """The Episodes of the last call; None before the first, and after one that failed."""
        return self._last

    def play(self, genomes: Genomes | Genome, episodes: int = 100, trial: int = 0) -> Episodes:
        """Episodes from fresh starts, the same for all genomes, which no training meets.

        Args:
            genomes: What plays.
            episodes: How many of each.
            trial: Another number gives other starts; they depend on it alone, and are the same in every run.

        Raises:
            ValueError: As a call.
            RuntimeError: As a call.
        """
        check_count("episodes", episodes)
        check_trial(trial)
        return self._play(as_genomes(genomes), episodes, TRIAL + trial)

    def validate(self, genomes: Genomes | Genome, episodes: int = 100) -> np.ndarray:
        """Fitness in fresh episodes, which neither training nor `play` meets, float64 of shape (genomes,).

        By this a run chooses its champion in the end.
        """
        check_count("episodes", episodes)
        fitness, _ = self._evaluated(as_genomes(genomes), episodes, VALIDATION)
        return fitness

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint keeps."""
        return {"environment": np.array(self.name), "steps": np.array(self.steps)}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take back what `state` gave.

        Raises:
            ValueError: It is of another environment, or no state of this evaluator.
        """
        own = self.state()
        check_state(arrays, own)
        # Checkpoints of earlier versions have the name alone.
        if str(arrays["environment"]) not in (str(own["environment"]), self.name):
            raise ValueError(
                f"environment: the checkpoint's is {arrays['environment']}, this one is {own['environment']}"
            )
        check_count("state: steps", int(arrays["steps"]), 0, 2**62)
        self.steps = int(arrays["steps"])

    def _forget_last(self) -> None:
        self._last = None

    def _evaluated(self, genomes: Genomes, episodes: int, trial: int) -> tuple[np.ndarray, int]:
        """Fitness, float64 (genomes,), and the steps of all episodes."""
        played = self._play(genomes, episodes, trial)
        if trial == TRAINING:
            self._last = played
        fitness = np.empty(len(genomes))
        return fitness, combine_rewards(played.reward, played.length, *self._combination(), fitness)

    def _combination(self) -> tuple[bool, float]:
        """How rewards become a fitness, as `combined` takes it."""
        # a sum is that of as many episodes as in training, however many were played
        return self.combine == "min", float(self.episodes if self.combine == "sum" else 1)


@kernel(allocates=False)
def combine_rewards(reward, length, least, factor, fitness):
    """Fill `fitness`, float64 (genomes,), from arrays of shape (genomes, episodes); returns the steps of all."""
    total = 0
    for genome in range(len(fitness)):
        fitness[genome], steps = combined(reward[genome], length[genome], least, factor)
        total += steps
    return total


def as_genomes(genomes: Genomes | Genome) -> Genomes:
    """As `evaluators.checks.as_batch`; ValueError also for no genomes."""
    batch = as_batch(genomes)
    if len(batch) == 0:
        raise ValueError("genomes: expected at least one, got none")
    return batch


def check_trial(trial: int) -> None:
    """ValueError unless it is a number of a trial."""
    check_count("trial", trial, 0, _MOST_TRIALS)
