"""A model that `fit` trains, its data, and comparisons of what was trained."""

import numpy as np

from evaluators.gradient import Batches, fit, losses, metrics, nn, optim
from evaluators.gradient.optim import schedules

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(90, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64) + (X[:, 2] > 1)
TRAIN, VALIDATION, TEST = ((X[part], Y[part]) for part in (slice(50), slice(50, 70), slice(70, None)))
LOSS = losses.softmax_cross_entropy


def model_of(seed=0, device="cpu"):
    """Return a model for the data."""
    layers = nn.Dense(4, 16), nn.BatchNorm(16), nn.Activation("tanh"), nn.Dropout(0.1), nn.Dense(16, 3)
    return nn.Sequential(*layers).initialise(seed).to(device)


def train(epochs=6, model=None, device="cpu", **arguments):
    """Train a model, by default a new one; return it and what `fit` returns."""
    model = model or model_of(device=device)
    optimiser = optim.Adam(model.parameters(), schedules.cosine(0.02, 60))
    settings = dict(data=TRAIN, batches=Batches(8), validation=VALIDATION, test=TEST, score=metrics.accuracy)
    return model, fit(model, loss=LOSS, optimiser=optimiser, epochs=epochs, **{**settings, **arguments})


def assert_same_model(first, second):
    """Check that two models have the same state."""
    for name, array in first.state().items():
        np.testing.assert_array_equal(array, second.state()[name], err_msg=name)
