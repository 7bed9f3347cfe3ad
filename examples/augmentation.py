"""A convolutional network learns digits from 300 samples, with and without augmentation.

`python examples/augmentation.py` writes augmentation.svg.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from evaluators.gradient import Batch, Batches, augmentation, fit, losses, metrics, nn, optim, schedules

SEEDS, EPOCHS, TRAINING = range(8), 120, 300
ARMS = {
    "plain": [],
    "noise": [augmentation.noise(0.2)],
    "noise and shift": [augmentation.noise(0.2), augmentation.shift(1)],
}


def load(seed: int) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return 300 digits to train on, and the others."""
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    images, labels = digits.images[order, None] / 16, digits.target[order]
    return (images[:TRAINING], labels[:TRAINING]), (images[TRAINING:], labels[TRAINING:])


def train(seed: int, augment: list) -> np.ndarray:
    """Return the accuracy on the other digits after each epoch."""
    training, validation = load(seed)
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding="same"), nn.Activation("relu"), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding="same"), nn.Activation("relu"), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dense(32 * 2 * 2, 10)),
    ).initialise(seed)
    optimiser = optim.AdamW(model.parameters(), schedules.cosine(3e-3, EPOCHS * TRAINING // 30))
    batches = Batches(30, seed, augment)
    fitted = fit(
        *(model, training, losses.softmax_cross_entropy, optimiser, EPOCHS, batches),
        validation=validation,
        score=metrics.accuracy,
    )
    return fitted.history["validation_score"]


figure, (above, below) = plt.subplots(2, 1, figsize=(6.4, 6.4), height_ratios=(2, 5), layout="constrained")
images, labels = (part[:12] for part in load(0)[0])
rows = []
for colour, (name, augment) in zip(("C1", "C0", "C2"), ARMS.items(), strict=True):
    seen = Batches(augment=augment).augmented(Batch(images, labels)).inputs
    rows.append(np.hstack(np.pad(seen[:, 0], ((0, 0), (1, 1), (1, 1)))))
    scores = np.array([train(seed, augment) for seed in SEEDS])
    error = scores[:, -1].std(ddof=1) / np.sqrt(len(SEEDS))
    label = f"{name}: {100 * scores[:, -1].mean():.1f} ± {100 * error:.1f} %"
    below.plot(1 + np.arange(EPOCHS), scores.mean(axis=0), colour, label=label)
above.imshow(np.vstack(rows), cmap="Greys", vmin=0, vmax=1)
above.set(xticks=[], yticks=[4.5, 14.5, 24.5], yticklabels=list(ARMS))
below.set(xlabel="epoch", ylabel="accuracy on 1,497 other digits", ylim=(0.88, 0.98))
below.legend(title=f"last epoch, mean of {len(SEEDS)} seeds ± standard error", loc="lower right")
figure.savefig("augmentation.svg")
