"""Balancing two poles on one cart: section 4.2 of the 2002 paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from experiments.tasks.control import Control
from experiments.tasks.experiment import Published

if TYPE_CHECKING:
    from evaluators import Rollout
    from evaluators.environments import DoublePole as Environment
    from neat import Genome

LONG = 100_000  # steps that a solution must balance
_GENERALISES = 200  # of 625 starts that it must balance for 1,000 steps, if it does not see velocities
_WITH = (
    Published("Evolutionary programming", evaluations=307_200),
    Published("Conventional NE", evaluations=80_000),
    Published("SANE", evaluations=12_600),
    Published("ESP", evaluations=3_800),
    Published("NEAT, 2002", success=1.0, evaluations=3_600),
    Published("goNEAT", evaluations=35_593),
)
_WITHOUT = (
    Published("CE", evaluations=840_000),
    Published("ESP", evaluations=169_466),
    Published("NEAT, 2002", success=1.0, evaluations=33_184),
    Published("goNEAT", evaluations=44_049),
)


@dataclass(frozen=True)
class DoublePole(Control):
    """Two poles on a cart, with or without seeing velocities, as in the 2002 paper.

    With velocities a solution balances 100,000 steps. Without, the fitness is Gruau's over 1,000 steps, and a solution
    balances 100,000 steps and 200 of 625 other starts for 1,000 steps.
    """

    episodes: int = 1
    """Episodes of each genome and generation; all are alike."""
    velocities: bool = True
    """Whether the network sees them; without, it needs memory, and is recurrent."""
    constants: Literal["stanley", "goneat"] = "stanley"
    """Of NEAT C++, or goNEAT's."""

    def __post_init__(self) -> None:
        if self.observations == "normalised":
            raise ValueError("observations: must be 'scaled' or 'raw' for two poles, got 'normalised'")

    @property
    def generations(self) -> int:
        """Far more than most runs need."""
        return 600 if self.velocities else 300

    @property
    def needs(self) -> dict[str, Any]:
        """Memory where velocities are not seen; what is seen has a constant among it already."""
        return {"genome": {"feed_forward": self.velocities, "bias_input": False}}

    @property
    def settings(self) -> dict[str, Any]:
        """The paper's population."""
        return {} if self.velocities else {"population_size": 1000}

    @property
    def published(self) -> tuple[Published, ...]:
        """As the 2002 paper reports them; goNEAT's as its documentation does."""
        return _WITH if self.velocities else _WITHOUT

    @property
    def has_criterion(self) -> bool:
        """There is one."""
        return True

    def environment(self, **changes: Any) -> Environment:
        """One of the two tasks."""
        from evaluators.environments import DoublePole

        return getattr(DoublePole, self.constants)(self.velocities, **changes)

    def solved(self, evaluator: Rollout) -> Callable[[Genome], bool]:
        """The champion balances long enough and, without velocities, from enough starts."""
        if self.velocities:
            return lambda champion: bool(evaluator.play(champion, 1).length[0, 0] >= LONG)

        def holds(champion: Genome) -> bool:
            whole = evaluator.play(champion, 1)
            return bool(
                not whole.terminated[0, 0]
                and self._balances(champion)
                and self._starts(champion) >= _GENERALISES
            )

        return holds

    def measures(self, champion: Genome, evaluator: Rollout) -> dict[str, float]:
        """Starts of 625 that the champion balances for 1,000 steps, and the work."""
        return {"starts of 625": float(self._starts(champion)), "environment steps": float(evaluator.steps)}

    def _balances(self, champion: Genome) -> bool:
        return not self._counting(LONG).play(champion, 1).terminated[0, 0]

    def _starts(self, champion: Genome) -> int:
        from evaluators.environments.double_pole import generalisation_starts

        played = self._counting(1000).play(champion, states=generalisation_starts())
        return int(np.count_nonzero(~played.terminated))

    def _counting(self, limit: int) -> Rollout:
        """The task with steps counted, up to another limit."""
        from evaluators import Rollout

        return Rollout(self.environment(damping=False, time_limit=limit), observations=self.observations)
