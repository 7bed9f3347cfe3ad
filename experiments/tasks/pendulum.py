"""The experiment with Pendulum-v1."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.tasks.control import Control


@dataclass(frozen=True)
class Pendulum(Control):
    """Pendulum-v1: swing up a pendulum and hold it there; solved at a mean of -200."""

    episodes: int = 20
    """Episodes of each genome in a generation."""

    environment_class = "Pendulum"
    generations = 200
    target = -200.0
    settings = {"population_size": 500}
