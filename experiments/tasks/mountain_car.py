"""The experiment with MountainCar-v0 (Moore 1990)."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.tasks.control import Control


@dataclass(frozen=True)
class MountainCar(Control):
    """MountainCar-v0: swing a weak car out of a valley, -1 a step; solved at a mean of -110."""

    environment_class = "MountainCar"
    generations = 100
    target = -110.0
