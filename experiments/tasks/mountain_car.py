"""The experiment with MountainCar-v0 (Moore 1990)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.tasks.control import Control

if TYPE_CHECKING:
    from evaluators.environments import MountainCar as Environment


@dataclass(frozen=True)
class MountainCar(Control):
    """MountainCar-v0: swing a weak car out of a valley, -1 a step; solved at a mean of -110."""

    generations = 100
    target = -110.0

    def environment(self) -> Environment:
        """Return MountainCar-v0."""
        from evaluators.environments import MountainCar

        return MountainCar()
