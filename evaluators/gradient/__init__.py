"""Gradient-based training: reverse-mode differentiation, layers, losses and optimisers, on numpy or cupy."""

from evaluators.gradient import augmentation, losses, metrics, nn, optim, ppo, reporting
from evaluators.gradient.batches import Batch, Batches
from evaluators.gradient.evolved import Learned, fit_weights
from evaluators.gradient.files import load, load_part, read_state, save
from evaluators.gradient.finite_differences import check_gradients
from evaluators.gradient.gradient_workers import GradientWorkers
from evaluators.gradient.nn import initialisation
from evaluators.gradient.operation_checks import check_operations
from evaluators.gradient.optim import schedules
from evaluators.gradient.random_numbers import Key
from evaluators.gradient.scaling import ZCA, Standardise
from evaluators.gradient.sweeping import Sweep, sweep
from evaluators.gradient.tensor import operations
from evaluators.gradient.tensor.tensor import Tensor, no_grad
from evaluators.gradient.training import Fitted, fit
from neat.support.archive import CheckpointError

__all__ = [
    "ZCA",
    "Batch",
    "Batches",
    "CheckpointError",
    "Fitted",
    "GradientWorkers",
    "Key",
    "Learned",
    "Standardise",
    "Sweep",
    "Tensor",
    "augmentation",
    "check_gradients",
    "check_operations",
    "fit",
    "fit_weights",
    "initialisation",
    "load",
    "load_part",
    "losses",
    "metrics",
    "nn",
    "no_grad",
    "operations",
    "optim",
    "ppo",
    "read_state",
    "reporting",
    "save",
    "schedules",
    "sweep",
]
