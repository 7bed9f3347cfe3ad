"""The experiment with a T-maze, in which the agent must remember a signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.tasks.control import Control

if TYPE_CHECKING:
    from evaluators.environments import TMaze as Environment


@dataclass(frozen=True)
class TMaze(Control):
    """T-maze: turn to the side that an early signal shows; solved at a mean of 0.99 of 1.

    Networks are recurrent. With --genome.feed-forward they have no memory and reach at most 0.45.
    """

    episodes: int = 4
    """Episodes of each genome in a generation; the goal alternates between left and right."""
    length: int = 10
    """Length of the corridor in cells."""

    generations = 200
    target = 0.99
    needs = {"genome": {"feed_forward": False}}

    def environment(self) -> Environment:
        """Return the maze."""
        from evaluators.environments import TMaze

        return TMaze(length=self.length)
