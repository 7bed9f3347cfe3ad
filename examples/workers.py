"""Two worker processes against one large batch, with the rate scaled by the size of the batch and a warm-up.

`python examples/workers.py` writes workers.svg.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from evaluators.gradient import GradientWorkers, losses, nn, optim, schedules

SMALL, LARGE, RATE, LOSS = 32, 256, 0.1, losses.softmax_cross_entropy
PIXELS, LABELS = (part[:1536] for part in load_digits(return_X_y=True))


def network() -> nn.Sequential:
    """Return a network in float64."""
    layers = nn.Dense(64, 64), nn.Activation("relu"), nn.Dense(64, 10)
    return nn.Sequential(*layers).initialise(0).to(dtype=np.float64)


def train(model, size, rate, epochs, backward=None) -> tuple[list[float], float]:
    """Return the loss over all samples after each epoch, and the seconds of a step."""
    backward = backward or (lambda inputs, targets: LOSS(model(inputs), targets).backward())
    optimiser, curve, seconds, draw = optim.SGD(model.parameters(), rate), [], [], np.random.default_rng(0)
    for _ in range(epochs):
        for batch in np.split(draw.permutation(1536), 1536 // size):
            start = time.perf_counter()
            optimiser.zero_grad()
            backward(PIXELS[batch] / 16, LABELS[batch])
            optimiser.step()
            seconds.append(time.perf_counter() - start)
        curve.append(LOSS(model(PIXELS / 16), LABELS).item())
    return curve, np.median(seconds)


def main(epochs: int = 20) -> None:
    """Train in four ways, and compare the large batch with its workers."""
    scaled = schedules.linear_scaling(RATE, LARGE, SMALL)
    warm = schedules.warm_up(schedules.constant(scaled), length=5 * 1536 // LARGE, base=RATE)
    one, shared, curves = network(), network(), {}
    curves[f"batches of {SMALL}, rate {RATE}"] = train(network(), SMALL, RATE, epochs)
    curves[f"batches of {LARGE}, rate {RATE}"] = train(network(), LARGE, RATE, epochs)
    curves[f"batches of {LARGE}, rate {scaled} with warm-up"] = train(one, LARGE, warm, epochs)
    with GradientWorkers(shared, LOSS, 2) as workers:
        curves["the same with two workers"] = train(shared, LARGE, warm, epochs, workers.backward)
    for (name, (curve, seconds)), style in zip(curves.items(), ("-", "-", "-", "k:"), strict=True):
        print(f"{name}: loss {curve[-1]:.4f}, {1000 * seconds:.2f} ms a step")
        plt.semilogy(1 + np.arange(epochs), curve, style, label=name)
    pairs = zip(one.parameters(), shared.parameters(), strict=True)
    print(f"greatest difference of a weight: {max(np.abs(a.data - b.data).max() for a, b in pairs):.1e}")
    plt.gca().set(xlabel="epoch", ylabel="training loss", xticks=range(0, epochs + 1, 5))
    plt.legend()
    plt.savefig("workers.svg")


if __name__ == "__main__":
    main()
