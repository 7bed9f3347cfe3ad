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

    build: Callable[[int, int, int], Module]
    """Builds the network for a width, a number of inputs and a number of outputs."""
    width: int
    """Size of a hidden layer, or number of channels of the first convolution."""
    epochs: int
    """Number of epochs where no budget decides it."""
    learning_rate: float = 0.01
    batch_size: int = 32
    weight_decay: float = 0.0
    shape: tuple[int, ...] = (-1,)
    """Shape of a sample's features, as the network takes them."""

    def model(self, inputs: int, outputs: int) -> Module:
        """Build the network."""
        return self.build(self.width, inputs, outputs)


def mlp(layers: int, activation: str = "relu", dropout: float = 0.0) -> Callable[[int, int, int], Module]:
    """Return a function that builds a network with this number of hidden dense layers."""

    def make(width: int, inputs: int, outputs: int) -> Module:
        from evaluators.gradient import nn

        initialisation = "he_normal" if activation == "relu" else "glorot_normal"
        parts: list[Module] = [nn.Flatten()]
        for _ in range(layers):
            parts += [nn.Dense(inputs, width, initialisation=initialisation), nn.Activation(activation)]
            parts += [nn.Dropout(dropout)] if dropout else []
            inputs = width
        return nn.Sequential(*parts, nn.Dense(inputs, outputs))

    return make


def digits_cnn(channels: int, inputs: int, outputs: int) -> Module:
    """Build a network of two convolutions, a pooling and two dense layers, for images of 8 × 8 pixels."""
    from evaluators.gradient import nn

    def convolution(before: int, after: int) -> list[Module]:
        layer = nn.Conv2d(before, after, 3, padding="same", initialisation="he_normal")
        return [layer, nn.BatchNorm(after), nn.Activation("relu")]

    return nn.Sequential(
        *convolution(1, channels),
        *convolution(channels, 2 * channels),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Dense(2 * channels * 4 * 4, 64, initialisation="he_normal"),
        nn.Activation("relu"),
        nn.Dense(64, outputs),
    )


XOR_MLP = Baseline(mlp(1, activation="tanh"), 8, 200, 0.05)
PARITY_MLP = Baseline(mlp(2, activation="tanh"), 32, 1000, 0.01)
REGRESSION_MLP = Baseline(mlp(2, activation="tanh"), 64, 400, 5e-3)
IRIS_MLP = Baseline(mlp(1), 32, 100, 1e-2, weight_decay=1e-2)
SPIRALS_MLP = Baseline(mlp(2), 64, 200, 1e-2, 64)
DIGITS_MLP = Baseline(mlp(2, dropout=0.3), 128, 60, 2e-3, 64, 1e-2)
DIGITS_CNN = Baseline(digits_cnn, 16, 20, 2e-3, 64, 1e-2, (1, 8, 8))
