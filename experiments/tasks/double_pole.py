"""The experiment with two poles on one cart (2002, section 4.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from experiments.tasks.control import Control
from experiments.tasks.experiment import Published
from neat import SpeciesChampions

if TYPE_CHECKING:
    from evaluators import Rollout
    from evaluators.environments import DoublePole as Environment
    from neat import Genome

SOLUTION_STEPS = 100_000  # that a solution must balance
_SOLUTION_STARTS = 200  # of 625, from which a solution without velocities must balance for 1,000 steps
_PUBLISHED_WITH_VELOCITIES = (
    Published("Evolutionary programming", evaluations=307_200),
    Published("Conventional NE", evaluations=80_000),
    Published("SANE", evaluations=12_600),
    Published("ESP", evaluations=3_800),
    Published("NEAT, 2002", success=1.0, evaluations=3_600),
    Published("goNEAT", evaluations=35_593),
)
_PUBLISHED_WITHOUT_VELOCITIES = (
    Published("CE", evaluations=840_000),
    Published("ESP", evaluations=169_466),
    Published("NEAT, 2002", success=1.0, evaluations=33_184),
    Published("goNEAT", evaluations=44_049),
)


@dataclass(frozen=True)
class DoublePole(Control):
    """Two poles on a cart, with or without velocities as inputs, as in the 2002 paper.

    With velocities, a solution balances for 100,000 steps. Without them, the fitness is Gruau's over 1,000 steps, and a
    solution must also balance for 1,000 steps from 200 of 625 other starts.
    """

    episodes: int = 1
    """Episodes of each genome in a generation; all are identical."""
    velocities: bool = True
    """Whether the network sees velocities. Without them it needs memory, and is recurrent."""
    constants: Literal["stanley", "goneat"] = "stanley"
    """Constants of the physics, from NEAT C++ or from goNEAT."""

    def __post_init__(self) -> None:
        if self.observations == "normalised":
            raise ValueError("observations: must be 'scaled' or 'raw' for two poles, got 'normalised'")

    @property
    def generations(self) -> int:
        """Default number of generations, far more than most runs need."""
        return 600 if self.velocities else 300

    @property
    def needs(self) -> dict[str, Any]:
        """Recurrent networks without velocities, and no bias input, because the observations hold a constant."""
        return {"genome": {"feed_forward": self.velocities, "bias_input": False}}

    @property
    def settings(self) -> dict[str, Any]:
        """The population size of the paper."""
        return {} if self.velocities else {"population_size": 1000}

    @property
    def published(self) -> tuple[Published, ...]:
        """Figures from the 2002 paper, and from goNEAT's documentation."""
        return _PUBLISHED_WITH_VELOCITIES if self.velocities else _PUBLISHED_WITHOUT_VELOCITIES

    @property
    def has_criterion(self) -> bool:
        """True: the task has a criterion."""
        return True

    def environment(self, **changes: Any) -> Environment:
        """Return the environment, with or without velocities."""
        from evaluators.environments import DoublePole

        return getattr(DoublePole, self.constants)(self.velocities, **changes)

    def solved(self, evaluator: Rollout) -> Callable[[Genome], bool]:
        """Return a criterion: a champion balances long enough and, without velocities, from enough starts.

        Without velocities, champions of species are asked about in turn, because the fittest genome can balance
        steadily from one start and fail from others.
        """
        if self.velocities:
            return lambda champion: bool(evaluator.play(champion, 1).length[0, 0] >= SOLUTION_STEPS)

        def is_solved(champion: Genome) -> bool:
            whole = evaluator.play(champion, 1)
            return bool(
                not whole.terminated[0, 0]
                and self._balances(champion)
                and self._count_starts(champion) >= _SOLUTION_STARTS
            )

        return SpeciesChampions(is_solved)

    def measures(self, champion: Genome, evaluator: Rollout) -> dict[str, float]:
        """Return from how many of 625 starts the champion balances for 1,000 steps, and the steps so far."""
        return {
            "starts of 625": float(self._count_starts(champion)),
            "environment steps": float(evaluator.steps),
        }

    def _balances(self, champion: Genome) -> bool:
        return not self._make_rollout(SOLUTION_STEPS).play(champion, 1).terminated[0, 0]

    def _count_starts(self, champion: Genome) -> int:
        from evaluators.environments.double_pole import generalisation_starts

        played = self._make_rollout(1000).play(champion, states=generalisation_starts())
        return int(np.count_nonzero(~played.terminated))

    def _make_rollout(self, limit: int) -> Rollout:
        """Return the task with a reward of 1 for each step, up to a time limit."""
        from evaluators import Rollout

        return Rollout(self.environment(damping=False, time_limit=limit), observations=self.observations)
