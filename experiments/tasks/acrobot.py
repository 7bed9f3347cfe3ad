"""The experiment with Acrobot-v1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from experiments.tasks.control import Control

if TYPE_CHECKING:
    from evaluators.environments import Acrobot as Environment


@dataclass(frozen=True)
class Acrobot(Control):
    """Acrobot-v1: swing up two links by their joint, -1 a step; solved at a mean of -100."""

    observations: Literal["scaled", "raw", "normalised"] = "raw"
    """How the network sees. Raw by default, because the bounds of the velocities are far beyond what occurs."""

    generations = 50
    target = -100.0

    def environment(self) -> Environment:
        """Return Acrobot-v1."""
        from evaluators.environments import Acrobot

        return Acrobot()
