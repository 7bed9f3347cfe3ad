"""Two worker processes against one large batch, with the rate scaled by the size of the batch and a warm-up.

`python examples/workers.py` writes workers.svg.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from evaluators.gradient import Batches, fit, losses, nn, optim, reporting, schedules

SMALL, LARGE, RATE, SAMPLES = 32, 256, 0.1, 1536


class Clock(reporting.Reporter):
    """Notes the time of each batch."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def batch(self, done: int, total: int) -> None:
        self.times.append(time.perf_counter())


def main(epochs: int = 20) -> None:
    """Train in four ways, and compare the large batch with its workers."""
    pixels, labels = load_digits(return_X_y=True)
    data = pixels[:SAMPLES] / 16, labels[:SAMPLES]
    scaled = schedules.linear_scaling(RATE, LARGE, SMALL)
    warm = schedules.warm_up(schedules.constant(scaled), length=5 * SAMPLES // LARGE, base=RATE)
    ways = {
        f"batches of {SMALL}, rate {RATE}": (Batches(SMALL), RATE, "-"),
        f"batches of {LARGE}, rate {RATE}": (Batches(LARGE), RATE, "-"),
        f"batches of {LARGE}, rate {scaled} with warm-up": (Batches(LARGE), warm, "-"),
        "the same with two workers": (Batches(LARGE, workers=2), warm, "k:"),
    }
    trained = []
    for name, (batches, rate, style) in ways.items():
        layers = nn.Dense(64, 64), nn.Activation("relu"), nn.Dense(64, 10)
        model = nn.Sequential(*layers).initialise(0).to(dtype=np.float64)
        optimiser, clock = optim.SGD(model.parameters(), rate), Clock()
        loss = losses.softmax_cross_entropy
        fitted = fit(model, data, loss, optimiser, epochs, batches, reporters=[clock])
        trained.append(model)
        curve = fitted.history["training_loss"]
        print(f"{name}: loss {curve[-1]:.4f}, {1000 * np.median(np.diff(clock.times)):.2f} ms a step")
        plt.semilogy(np.arange(epochs) + 1, curve, style, label=name)
    pairs = zip(trained[2].parameters(), trained[3].parameters(), strict=True)
    print(f"greatest difference of a weight: {max(np.abs(a.data - b.data).max() for a, b in pairs):.1e}")
    plt.gca().set(xlabel="epoch", ylabel="training loss", xticks=range(0, epochs + 1, 5), ylim=(None, 10))
    plt.legend(loc="upper right")
    plt.savefig("workers.svg", bbox_inches="tight")


if __name__ == "__main__":
    main()
