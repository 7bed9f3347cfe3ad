"""The experiment with MountainCarContinuous-v0 (Moore 1990)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.tasks.control import Control

if TYPE_CHECKING:
    from evaluators.environments import MountainCarContinuous as Environment


@dataclass(frozen=True)
class MountainCarContinuous(Control):
    """MountainCarContinuous-v0: swing a weak car out of a valley by a costly force; solved at a mean of 90."""

    generations = 100
    target = 90.0

    def environment(self) -> Environment:
        """Return MountainCarContinuous-v0."""
        from evaluators.environments import MountainCarContinuous

        return MountainCarContinuous()
