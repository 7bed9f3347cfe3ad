"""The experiment with CartPole-v1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.tasks.control import Control

if TYPE_CHECKING:
    from evaluators.environments import CartPole


@dataclass(frozen=True)
class Cartpole(Control):
    """CartPole-v1: keep a pole upright on a cart; solved at a mean of 475 of 500 steps."""

    generations = 50
    target = 475.0

    def environment(self) -> CartPole:
        """Return CartPole-v1."""
        from evaluators.environments import CartPole

        return CartPole()
