"""Models of layers, optimisers for them, and their training."""

import numpy as np

from evaluators.gradient import losses, nn, optim
from evaluators.gradient.nn import initialisation
from evaluators.gradient.optim import schedules

X = np.random.default_rng(0).normal(size=(12, 1, 4, 4))
Y = np.arange(12) % 3
SCHEDULE = schedules.warm_up(schedules.by_epoch(schedules.cosine(0.1, 9), 2), 4, 0.01)
OPTIMISERS = {
    "SGD": lambda p: optim.SGD(p, SCHEDULE, 0.9, nesterov=True, weight_decay=0.01),
    "Adagrad": lambda p: optim.Adagrad(p, schedules.step(0.1, 2)),
    "Adadelta": lambda p: optim.Adadelta(p, schedules.constant(0.5)),
    "RMSprop": optim.RMSprop,
    "Adam": optim.Adam,
    "AdamW": optim.AdamW,
}


def mlp():
    """Return a model for 4 inputs and 3 outputs, with statistics and dropout."""
    return nn.Sequential(
        nn.Dense(4, 8), nn.Activation("tanh"), nn.BatchNorm(8), nn.Dropout(0.4), nn.Dense(8, 3)
    )


def model_of():
    """Return a model for X, with all kinds of layers."""
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, initialisation="he_normal"),
        nn.BatchNorm(2),
        nn.MaxPool2d(2, 1),
        nn.Flatten(),
        nn.Dense(2, 5, initialisation=initialisation.orthogonal(2.0)),
        nn.Activation("tanh"),
        nn.Dropout(0.3),
        nn.Dense(5, 3, bias=False),
    )


def train(model, optimiser, steps):
    """Take steps by the gradient of all samples."""
    for _ in range(steps):
        optimiser.zero_grad()
        losses.softmax_cross_entropy(model(X), Y).backward()
        optimiser.step()


def check_equal(first, second):
    """Check that two states have the same bytes."""
    assert first.keys() == second.keys()
    for name, array in first.items():
        assert array.dtype == second[name].dtype and array.tobytes() == second[name].tobytes(), name
