"""Precision–recall and ROC curves of a rare class, with and without class weights.

`python examples/imbalanced.py` writes imbalanced.svg.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification

from evaluators.gradient import Batches, Standardise, fit, losses, metrics, nn, optim, schedules

EPOCHS, SIZE = 30, 64
x, y = make_classification(
    6_000, 12, n_informative=6, weights=[0.97], class_sep=0.8, flip_y=0.01, random_state=0
)
parts = slice(3_000), slice(3_000, None)
scale = Standardise(x[parts[0]])
training, test = ((scale(x[part]), y[part]) for part in parts)


def train(class_weight: str | None) -> np.ndarray:
    """Return the outputs for the test set."""
    model = nn.Sequential(nn.Dense(12, 32), nn.Activation("relu"), nn.Dense(32, 2)).initialise(0)
    rate = schedules.cosine(3e-3, EPOCHS * len(training[0]) // SIZE)
    optimiser = optim.AdamW(model.parameters(), rate, weight_decay=0.1)
    batches = Batches(SIZE, class_weight=class_weight)
    fit(model, training, losses.softmax_cross_entropy, optimiser, EPOCHS, batches)
    return model(test[0]).data


figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
share = test[1].mean()
for name, class_weight, colour in (("plain", None, "C1"), ("balanced", "balanced", "C0")):
    outputs = train(class_weight)
    chosen = outputs.argmax(axis=1) == 1
    recall, false = chosen[test[1] == 1].mean(), chosen[test[1] == 0].mean()
    curve = metrics.precision_recall_curve(outputs, test[1])
    left.step(curve.x, curve.y, colour, where="post", label=f"{name}, area {curve.area:.2f}")
    left.plot(recall, test[1][chosen].mean(), "o", color=colour)
    roc = metrics.roc_curve(outputs, test[1])
    right.plot(roc.x, roc.y, colour, label=f"{name}, area {roc.area:.2f}")
    right.plot(false, recall, "o", color=colour)
left.axhline(share, color="grey", linestyle=":", label=f"guessing, {share:.2f}")
left.set(
    xlabel="recall: share of the rare class that is found", ylabel="precision: share of alarms that are true"
)
right.plot([0, 1], [0, 1], color="grey", linestyle=":", label="guessing, 0.50")
right.set(xlabel="share of the others that raise an alarm", ylabel="recall")
for axes, corner in ((left, (0.02, 0.1)), (right, "lower right")):
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.legend(loc=corner)
figure.suptitle(
    "Two classifiers; a dot is the choice of the class with the greater output", fontsize="medium"
)
figure.savefig("imbalanced.svg")
