"""What the experiments in environments share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evaluators.deviation import moments
from experiments.tasks.experiment import BEHAVIOUR, Experiment

if TYPE_CHECKING:
    from evaluators import Rollout
    from evaluators.environments import Environment
    from neat import Genome

UNSEEN = 100  # starts on which a champion is judged
JUDGED, REPORTED = 0, 1  # trials: by which a run ends, and by which its champion is measured


@dataclass(frozen=True)
class Control(Experiment):
    """Base of the experiments whose task is an environment of ours."""

    episodes: int = 5
    """Episodes of each genome and generation."""
    starts: Literal["generation", "genome"] = "generation"
    """Whether all genomes of a generation meet the same starts, or each its own."""
    observations: Literal["scaled", "raw", "normalised"] = "scaled"
    """How the network sees: scaled to ±1 by the environment's bounds, raw, or by running mean and deviation."""

    pictures = BEHAVIOUR

    @abstractmethod
    def environment(self) -> Environment:
        """The task."""

    @property
    def target(self) -> float | None:
        """Mean reward over unseen starts with which the task counts as solved."""
        return None

    @property
    def has_criterion(self) -> bool:
        """Whether there is a target."""
        return self.target is not None

    def evaluator(self, device: str) -> Rollout:
        """Episodes of the environment."""
        from evaluators import Rollout

        return Rollout(
            self.environment(),
            episodes=self.episodes,
            starts=self.starts,
            observations=self.observations,
            device=device,
        )

    def solved(self, evaluator: Rollout) -> Callable[[Genome], bool] | None:
        """The champion reaches the target over fresh starts, with two standard errors to spare."""
        target = self.target
        if target is None:
            return None

        def holds(champion: Genome) -> bool:
            reward = evaluator.play(champion, UNSEEN, trial=JUDGED).reward[0]
            mean, deviation = moments(reward, ddof=1)
            return bool(mean - 2 * deviation / len(reward) ** 0.5 >= target)

        return holds

    def measures(self, champion: Genome, evaluator: Rollout) -> dict[str, float]:
        """Reward over starts that neither evolution nor the end of the run has seen, and the work."""
        reward = evaluator.play(champion, UNSEEN, trial=REPORTED).reward[0]
        measures = {"reward, unseen starts": float(reward.mean())}
        if self.target is not None:
            measures["solved, unseen starts"] = float(reward.mean() >= self.target)
        return {**measures, "environment steps": float(evaluator.steps)}

    def show(self, champion: Genome, evaluator: Rollout, folder: Path) -> list[Path]:
        """States and actions over an episode as behaviour.svg, and the scene as behaviour.gif."""
        from experiments.pictures import behaviour

        return behaviour.draw(evaluator.environment, evaluator.trace(champion, trial=REPORTED), folder)
