"""A network that knows the digits 0 to 4 learns all ten from 30 samples: first a new head, then all layers.

`python examples/fine_tuning.py` writes pretrained.npz and fine_tuning.svg.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from evaluators.gradient import Batches, fit, load_part, losses, metrics, nn, optim, save


def network(classes: int, seed: int) -> nn.Sequential:
    """Return a body of two convolutions, and a head."""
    body = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding="same"), nn.BatchNorm(16), nn.Activation("relu"), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding="same"), nn.BatchNorm(32), nn.Activation("relu"), nn.MaxPool2d(2)),
    )
    return nn.Sequential(body, nn.Flatten(), nn.Dense(32 * 2 * 2, classes)).initialise(seed)


def main(seeds: int = 10, epochs: int = 40) -> None:
    """Train, and draw the accuracy on a test set, which is measured at a few epochs and chooses nothing."""
    digits, loss, every = load_digits(), losses.softmax_cross_entropy, 4
    images, labels = digits.images[:, None] / 16, digits.target
    order = np.random.default_rng(0).permutation(len(labels))
    known, fresh = order[:900][labels[order[:900]] < 5], order[900:]
    model = network(5, 0)
    fit(model, (images[known], labels[known]), loss, optim.Adam(model.parameters(), 3e-3), epochs // 2)
    save("pretrained.npz", model)
    scores: dict[str, list] = {"fine-tuned": [], "from scratch": []}
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(fresh)
        few = np.concatenate([order[labels[order] == digit][:3] for digit in range(10)])
        data, test = ((images[part], labels[part]) for part in (few, np.setdiff1d(order, few)))
        for name, curves in scores.items():
            model = network(10, seed)
            optimiser = optim.Adam(model.parameters(), 3e-3)
            if name == "fine-tuned":
                report, body = load_part("pretrained.npz", model), model.layers[0].freeze()
                optimiser.set_rate(body.parameters(), 3e-4)
            curves.append([])
            for epoch in range(0, 2 * epochs, every):
                if epoch >= epochs:
                    model.freeze(False)
                fit(model, data, loss, optimiser, every, Batches(10, 1000 * seed + epoch))
                curves[-1].append(metrics.accuracy(model(test[0]), test[1]))
    print(report)
    for name, curves in scores.items():
        mean, error = np.mean(curves, axis=0), np.std(curves, axis=0) / np.sqrt(max(seeds - 1, 1))
        print(f"{name}: {mean[len(mean) // 2 - 1]:.3f}, then {mean[-1]:.3f} ± {error[-1]:.3f}")
        plt.errorbar(every * np.arange(1, len(mean) + 1), mean, error, capsize=2, label=name)
    plt.axvline(epochs, color="grey", linestyle=":", label="the body is trained from here on")
    plt.gca().set(xlabel="epoch", ylabel=f"accuracy on {len(test[1])} other digits")
    plt.legend(title=f"mean of {seeds} seeds ± standard error")
    plt.savefig("fine_tuning.svg", bbox_inches="tight")


if __name__ == "__main__":
    main()
