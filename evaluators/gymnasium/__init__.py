"""Fitness from Gymnasium's environments."""

from evaluators.gymnasium.evaluator import Gymnasium

__all__ = [
    "Gymnasium",
]
