"""Chasing a prey that flees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.tasks.control import Control

if TYPE_CHECKING:
    from evaluators.environments import PreyCapture as Environment


@dataclass(frozen=True)
class PreyCapture(Control):
    """SharpNEAT's prey capture: the share of prey that is caught, in 70 steps each."""

    episodes: int = 50
    """Episodes of each genome and generation."""

    generations = 200
    needs = {"genome": {"feed_forward": False}}

    def environment(self) -> Environment:
        """The grid."""
        from evaluators.environments import PreyCapture

        return PreyCapture()
