"""Optimisers, learning-rate schedules, and gradient clipping."""

from evaluators.gradient.optim.gradients import average_gradients, clip_by_norm
from evaluators.gradient.optim.optimiser import Optimiser
from evaluators.gradient.optim.optimisers import SGD, Adadelta, Adagrad, Adam, AdamW, RMSprop

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimiser",
    "RMSprop",
    "average_gradients",
    "clip_by_norm",
]
