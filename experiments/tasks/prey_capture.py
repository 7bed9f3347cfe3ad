"""The experiment with SharpNEAT's prey capture."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.tasks.control import Control


@dataclass(frozen=True)
class PreyCapture(Control):
    """SharpNEAT's prey capture: catch a prey that flees, within 70 steps; fitness is the share of prey caught."""

    episodes: int = 50
    """Episodes of each genome in a generation."""

    environment_class = "PreyCapture"
    generations = 200
    needs = {"genome": {"feed_forward": False}}
