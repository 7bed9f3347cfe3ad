"""The experiment with Acrobot-v1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from experiments.tasks.control import Control


@dataclass(frozen=True)
class Acrobot(Control):
    """Acrobot-v1: swing up two links by their joint, -1 a step; solved at a mean of -100."""

    observations: Literal["scaled", "raw", "normalised"] = "raw"
    """How the network sees. Raw by default, because the bounds of the velocities are far beyond what occurs."""

    environment_class = "Acrobot"
    generations = 50
    target = -100.0
