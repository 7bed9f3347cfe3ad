"""The base class of the experiments with environments of this library."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from evaluators.mean_and_deviation import moments
from experiments.tasks.experiment import BEHAVIOUR, Experiment

if TYPE_CHECKING:
    from evaluators import Gymnasium, Rollout
    from evaluators.environments import Environment
    from neat import Genome

UNSEEN_STARTS = 100  # number of fresh starts that test a champion
# Trials of fresh starts: the first decides whether a run ends, the second measures its champion.
STOP_TRIAL, REPORT_TRIAL = 0, 1


def check_target(target: float | None) -> None:
    """Raise ValueError unless the target of a task, if it has one, is finite."""
    if target is not None and not math.isfinite(target):
        raise ValueError(f"target: must be finite, got {target}")


def exceeds(reward: np.ndarray, target: float, errors: float) -> bool:
    """Whether the mean of rewards, float64 (episodes,), exceeds the target by this many standard errors."""
    mean, deviation = moments(reward, ddof=1)
    return bool(mean - errors * deviation / len(reward) ** 0.5 >= target)


def measure_reward(
    champion: Genome, evaluator: Rollout | Gymnasium, target: float | None
) -> dict[str, float]:
    """Return the reward over starts that neither evolution nor the criterion used, and the steps so far."""
    reward = evaluator.play(champion, UNSEEN_STARTS, trial=REPORT_TRIAL).reward[0]
    measures = {"reward, unseen starts": float(reward.mean())}
    if target is not None:
        measures["solved, unseen starts"] = float(reward.mean() >= target)
    return {**measures, "environment steps": float(evaluator.steps)}


@dataclass(frozen=True)
class Control(Experiment):
    """Base class of the experiments with an environment of this library."""

    episodes: int = 5
    """Episodes of each genome in a generation."""
    starts: Literal["generation", "genome"] = "generation"
    """Whether all genomes of a generation get the same starts, or each genome its own."""
    observations: Literal["scaled", "raw", "normalised"] = "scaled"
    """How the network sees: scaled to ±1 by the environment's bounds, raw, or normalised by running statistics."""

    pictures = BEHAVIOUR

    environment_class: ClassVar[str]
    """Name of the class in `evaluators.environments`, for an environment with its defaults."""

    def environment(self) -> Environment:
        """Return the environment."""
        from evaluators import environments

        made: Environment = getattr(environments, self.environment_class)()
        return made

    @property
    def target(self) -> float | None:
        """Mean reward over unseen starts at which the task counts as solved; None if there is no such value."""
        return None

    @property
    def has_criterion(self) -> bool:
        """Whether the task has a target."""
        return self.target is not None

    def evaluator(self, device: str) -> Rollout:
        """Return the evaluator of the environment's episodes."""
        from evaluators import Rollout

        check_target(self.target)
        return Rollout(
            self.environment(),
            episodes=self.episodes,
            starts=self.starts,
            observations=self.observations,
            device=device,
        )

    def exceeds_target(self, reward: np.ndarray) -> bool:
        """Whether the mean of these rewards, float64 (episodes,), exceeds the target by two standard errors."""
        return self.target is not None and exceeds(reward, self.target, 2)

    def solved(self, evaluator: Rollout) -> Callable[[Genome], bool] | None:
        """Return a criterion: the champion exceeds the target over fresh starts by two standard errors."""
        if self.target is None:
            return None
        return lambda champion: self.exceeds_target(
            evaluator.play(champion, UNSEEN_STARTS, trial=STOP_TRIAL).reward[0]
        )

    def measures(self, champion: Genome, evaluator: Rollout) -> dict[str, float]:
        """Return the reward over starts that neither evolution nor the criterion used, and the steps so far."""
        return measure_reward(champion, evaluator, self.target)

    def show(self, champion: Genome, evaluator: Rollout, folder: Path) -> list[Path]:
        """Draw states and actions over an episode in behaviour.svg, and film it in behaviour.gif."""
        from experiments.pictures import episode_curves

        curves, film = (folder / name for name in BEHAVIOUR)
        trace = evaluator.trace(champion, trial=REPORT_TRIAL)
        episode_curves.draw(evaluator.environment, trace, curves)
        return [
            curves,
            *episode_curves.record(lambda: evaluator.record(champion, film, trial=REPORT_TRIAL), film),
        ]
