"""Adam against SGD on digits: rates chosen on a validation set, then ten seeds on a separate test set.

`python examples/optimisers.py` writes optimisers.svg.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats
from sklearn.datasets import load_digits

from evaluators.gradient import Batches, fit, losses, metrics, nn, optim, sweep

OPTIMISERS = {
    "Adam": (optim.Adam, np.geomspace(3e-4, 3e-2, 5)),
    "SGD": (lambda parameters, rate: optim.SGD(parameters, rate, momentum=0.9), np.geomspace(1e-2, 1, 5)),
}


def network(seed: int) -> nn.Sequential:
    """Return a network of one hidden layer."""
    return nn.Sequential(nn.Dense(64, 64), nn.Activation("relu"), nn.Dense(64, 10)).initialise(seed)


def main(seeds: int = 10, epochs: int = 30) -> None:
    """Choose the rates, train, and draw."""
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    training, validation, test = ((pixels[k] / 16, labels[k]) for k in np.split(order, [600, 900]))
    loss, scores = losses.softmax_cross_entropy, {}
    for name, (make, rates) in OPTIMISERS.items():
        rate = sweep(network(1000), training, loss, make, rates, epochs, validation=validation).best
        results = []
        for seed in range(seeds):
            model = network(seed)
            arguments = {"batches": Batches(32, seed), "validation": validation, "test": test}
            optimiser = make(model.parameters(), rate)
            fitted = fit(model, training, loss, optimiser, epochs, score=metrics.accuracy, **arguments)
            results.append(100 * fitted.test_score)
        scores[f"{name}, rate {rate:.2g}"] = np.array(results)

    first, second = scores.values()
    scores["difference"] = first - second  # of the same seed: initial values and order
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 3.2), width_ratios=(2, 1), layout="constrained")
    for k, (name, values) in enumerate(scores.items()):
        panel = axes[k // 2]
        mean, half = values.mean(), stats.t.ppf(0.975, seeds - 1) * stats.sem(values)
        print(f"{name}: {mean:.2f} ± {half:.2f}")
        panel.plot(np.full(seeds, k) + np.linspace(-0.15, 0.15, seeds), values, "o", color=f"C{k}", alpha=0.5)
        panel.errorbar(k, mean, half, fmt="_", color="black", capsize=6, markersize=14)
    axes[0].set(
        xticks=[0, 1], xticklabels=list(scores)[:2], xlim=(-0.5, 1.5), ylabel="accuracy on the test set, %"
    )
    axes[1].set(xticks=[2], xticklabels=["difference"], xlim=(1.5, 2.5), ylabel="percentage points")
    axes[1].axhline(0, color="grey", linewidth=0.5)
    figure.savefig("optimisers.svg")


if __name__ == "__main__":
    main()
