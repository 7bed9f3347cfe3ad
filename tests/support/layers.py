"""Models of layers that several tests train."""

from evaluators.gradient import nn


def mlp():
    """Return a model for 4 inputs and 3 outputs, with statistics and dropout."""
    return nn.Sequential(
        nn.Dense(4, 8), nn.Activation("tanh"), nn.BatchNorm(8), nn.Dropout(0.4), nn.Dense(8, 3)
    )
