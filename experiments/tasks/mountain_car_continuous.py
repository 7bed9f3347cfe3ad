"""The experiment with MountainCarContinuous-v0 (Moore 1990)."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.tasks.control import Control


@dataclass(frozen=True)
class MountainCarContinuous(Control):
    """MountainCarContinuous-v0: swing a weak car out of a valley by a costly force; solved at a mean of 90."""

    environment_class = "MountainCarContinuous"
    generations = 100
    target = 90.0
