"""Training by gradients: reverse-mode differentiation, layers, losses and optimisers over numpy or cupy."""

from evaluators.gradient import (
    initialisation,
    losses,
    metrics,
    nn,
    operations,
    optim,
    ppo,
    reporting,
    schedules,
)
from evaluators.gradient.autograd import Tensor, no_grad
from evaluators.gradient.checking import check_gradients
from evaluators.gradient.data import Standardise
from evaluators.gradient.topologies import Learned, fit_weights
from evaluators.gradient.training import Fitted, fit
from neat.archive import CheckpointError

__all__ = [
    "CheckpointError",
    "Fitted",
    "Learned",
    "Standardise",
    "Tensor",
    "check_gradients",
    "fit",
    "fit_weights",
    "initialisation",
    "losses",
    "metrics",
    "nn",
    "no_grad",
    "operations",
    "optim",
    "ppo",
    "reporting",
    "schedules",
]
