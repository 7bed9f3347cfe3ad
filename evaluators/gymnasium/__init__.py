"""Fitness from Gymnasium environments."""

from evaluators.gymnasium.evaluator import Gymnasium

__all__ = ["Gymnasium"]
