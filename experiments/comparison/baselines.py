"""The gradient-trained networks that evolution is compared with: their layers and training, by task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaluators.gradient.nn.module import Module


@dataclass(frozen=True)
class Baseline:
    """A network and its training by AdamW, with a learning rate that falls to 0 along a cosine."""

    model: Callable[[int, int], Module]
    """Builds the network for a number of inputs and a number of outputs."""
    epochs: int
    learning_rate: float = 0.01
    batch_size: int = 32
    weight_decay: float = 0.0
    shape: tuple[int, ...] = (-1,)
    """Shape of a sample's features, as the network takes them."""


def mlp(*hidden: int, activation: str = "relu", dropout: float = 0.0) -> Callable[[int, int], Module]:
    """Return a function that builds a network with hidden dense layers of these sizes."""

    def make(inputs: int, outputs: int) -> Module:
        from evaluators.gradient import nn

        initialisation = "he_normal" if activation == "relu" else "glorot_normal"
        layers: list[Module] = [nn.Flatten()]
        for size in hidden:
            layers += [nn.Dense(inputs, size, initialisation=initialisation), nn.Activation(activation)]
            layers += [nn.Dropout(dropout)] if dropout else []
            inputs = size
        return nn.Sequential(*layers, nn.Dense(inputs, outputs))

    return make


def digits_cnn(inputs: int, outputs: int) -> Module:
    """Build a network of two convolutions, a pooling and two dense layers, for images of 8 × 8 pixels."""
    from evaluators.gradient import nn

    def convolution(before: int, after: int) -> list[Module]:
        layer = nn.Conv2d(before, after, 3, padding="same", initialisation="he_normal")
        return [layer, nn.BatchNorm(after), nn.Activation("relu")]

    return nn.Sequential(
        *convolution(1, 16),
        *convolution(16, 32),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Dense(32 * 4 * 4, 64, initialisation="he_normal"),
        nn.Activation("relu"),
        nn.Dense(64, outputs),
    )


XOR_MLP = Baseline(mlp(8, activation="tanh"), 200, 0.05)
PARITY_MLP = Baseline(mlp(32, 32, activation="tanh"), 1000, 0.01)
REGRESSION_MLP = Baseline(mlp(64, 64, activation="tanh"), 400, 5e-3)
IRIS_MLP = Baseline(mlp(32), 100, 1e-2, weight_decay=1e-2)
SPIRALS_MLP = Baseline(mlp(64, 64), 200, 1e-2, 64)
DIGITS_MLP = Baseline(mlp(128, 128, dropout=0.3), 60, 2e-3, 64, 1e-2)
DIGITS_CNN = Baseline(digits_cnn, 20, 2e-3, 64, 1e-2, (1, 8, 8))
