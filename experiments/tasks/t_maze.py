"""A maze in which a signal must be remembered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.tasks.control import Control

if TYPE_CHECKING:
    from evaluators.environments import TMaze as Environment


@dataclass(frozen=True)
class TMaze(Control):
    """T-maze: turn to the side that a signal told at the beginning; solved at a mean of 0.99 of 1.

    Networks are recurrent; with --genome.feed-forward they have no memory, and cannot get more than 0.45.
    """

    episodes: int = 4
    """Episodes of each genome and generation, goals left and right in turn."""
    length: int = 10
    """Of the corridor, cells."""

    generations = 200
    target = 0.99
    needs = {"genome": {"feed_forward": False}}

    def environment(self) -> Environment:
        """The maze."""
        from evaluators.environments import TMaze

        return TMaze(length=self.length)
