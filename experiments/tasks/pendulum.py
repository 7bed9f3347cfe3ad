"""The experiment with Pendulum-v1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.tasks.control import Control

if TYPE_CHECKING:
    from evaluators.environments import Pendulum as Environment


@dataclass(frozen=True)
class Pendulum(Control):
    """Pendulum-v1: swing up a pendulum and hold it there; solved at a mean of -200."""

    episodes: int = 20
    """Episodes of each genome in a generation."""

    generations = 200
    target = -200.0
    settings = {"population_size": 500}

    def environment(self) -> Environment:
        """Return Pendulum-v1."""
        from evaluators.environments import Pendulum

        return Pendulum()
