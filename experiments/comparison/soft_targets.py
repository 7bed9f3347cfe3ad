"""Soft targets in float32: where training stops, and why.

`python -m experiments.comparison.soft_targets [FOLDER]` fits three logits to a soft target by gradient descent, in
float32 and in float64. It draws how far the loss is above the target's entropy, which is its lower bound.

A step w ← w − η g does not change a weight if η g is at most half a unit in the weight's last place. Once this holds
for every weight, training stops for ever, although the gradient is not 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from decimal import Decimal, localcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evaluators.gradient import Tensor, losses, optim
from experiments.cli import streams
from experiments.comparison.curves import make_panels
from neat.plot.style import BLUE, GREY, INK, ORANGE, save, style

TARGETS = (0.39019628, 0.44301641, 0.16678731)
RATE = 0.1
RATES = (0.02, 0.05, RATE, 0.2, 0.5)
STEPS = 10_000
"""Maximal number of steps; float64 needs 7,500 at the lowest learning rate."""

_DIGITS = 40
_EXACT = [Decimal(str(t)) for t in TARGETS]
# label: (dtype of the weights, dtype of the gradients, colour)
_KINDS: dict[str, tuple[type[np.floating], type[np.floating], str]] = {
    "float32": (np.float32, np.float32, ORANGE),
    "float32, weights in float64": (np.float64, np.float32, GREY),
    "float64": (np.float64, np.float64, BLUE),
}


class Curve(NamedTuple):
    """The course of a training.

    Attributes:
        logits: Logits before each step, shape (steps, 3).
        loss: Loss computed from the logits, float64 (steps,).
    """

    logits: np.ndarray
    loss: np.ndarray

    @property
    def last_gain(self) -> int:
        """The first step at which the computed loss has its least value. Early stopping would count from there."""
        return int(self.loss.argmin())

    @property
    def floor(self) -> float:
        """The loss minus the entropy after the last step."""
        return excess(self.logits[-1])


def train(weights: type[np.floating], gradients: type[np.floating], rate: float = RATE) -> Curve:
    """Train by gradient descent from logits of 0 until a step changes nothing.

    Args:
        weights: dtype of the logits.
        gradients: dtype of the loss and its gradient.
        rate: Learning rate η.
    """
    logits = Tensor(np.zeros(len(TARGETS)), True, weights)
    optimiser = optim.SGD([logits], rate)
    path, values = [], []
    for _ in range(STEPS):
        rounded = Tensor(logits.data, True, gradients)
        loss = losses.softmax_cross_entropy(rounded, TARGETS)
        loss.backward()
        path.append(logits.data.copy())
        values.append(loss.item())
        logits.grad = rounded.grad.astype(weights)
        optimiser.step()
        if (logits.data == path[-1]).all():
            break
    return Curve(np.array(path), np.array(values))


def excess(logits: np.ndarray) -> float:
    """Return the loss of the logits minus the entropy. It is computed with 40 digits, because its terms cancel."""
    with localcontext(prec=_DIGITS):
        z = [Decimal(float(logit)) for logit in logits]
        normaliser = sum((logit.exp() for logit in z), Decimal()).ln()
        return float(sum(t * (t.ln() + normaliser - logit) for t, logit in zip(_EXACT, z, strict=True)))


def predict_floor(dtype: type[np.floating], rate: float = RATE) -> float:
    """Return an upper bound of the final loss minus the entropy if only weights are rounded: Σ g² / 2t, second order.

    When training stops, |η g| is at most half a unit in the last place of each logit. The gradients add up to 0, so the
    gradient of the coarsest logit is at most the sum of the others.
    """
    t = np.array(TARGETS)
    solution = np.log(t) - np.log(t).mean()  # gradient descent keeps the sum of the logits at 0
    gradient = np.spacing(np.abs(solution).astype(dtype)).astype(np.float64) / (2 * rate)
    coarsest = gradient.argmax()
    gradient[coarsest] = min(gradient[coarsest], np.delete(gradient, coarsest).sum())
    return float((gradient**2 / (2 * t)).sum())


def draw(curves: dict[str, Curve], floors: dict[str, list[float]], path: Path) -> None:
    """Draw the loss minus the entropy against the step, and its final value against the learning rate.

    Args:
        curves: The curve of each kind at the learning rate `RATE`.
        floors: For float32 and float64, the final loss minus the entropy at each of `RATES`.
        path: File to write.
    """
    end = 1.1 * max(len(curve.loss) for curve in curves.values())
    with style():
        figure, (course, rest) = make_panels(2.9, left=0.66, above=0.1)
        rest.sharey(course)
        for name, curve in curves.items():
            colour, heights = _KINDS[name][2], [excess(z) for z in curve.logits]
            steps = [*range(len(heights)), end]
            course.plot(steps, [*heights, heights[-1]], color=colour, linewidth=1.4, label=name)
            best = curve.last_gain
            course.plot(best, heights[best], "o", color=colour, markersize=4)
        course.plot([], [], "o", color=INK, markersize=4, label="last gain in the loss as computed")
        rest.plot([], [], "s", color=INK, markersize=4, label="at rest")
        for name, heights in floors.items():
            dtype, _, colour = _KINDS[name]
            bound = [predict_floor(dtype, rate) for rate in RATES]
            (line,) = rest.plot(RATES, bound, color=INK, linewidth=0.8, linestyle=(0, (4, 2)))
            rest.plot(RATES, heights, "s", color=colour, markersize=4)
        line.set_label("predicted: η g is half a unit in the last place")
        course.set_xlim(0, end)
        course.set_xlabel("step")
        course.set_ylabel("loss − entropy")
        course.set_yscale("log")
        rest.set_xscale("log")
        rest.set_xticks(RATES, [f"{rate:g}" for rate in RATES])
        rest.minorticks_off()
        rest.set_xlabel("learning rate")
        rest.tick_params(labelleft=False)
        for axes in (course, rest):
            axes.legend(loc="upper right", handlelength=1.6, labelcolor=INK)
        save(figure, path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, print the results, and draw them."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.comparison.soft_targets", description=__doc__
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("runs/soft-targets"), help="output folder"
    )
    folder = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    curves = {name: train(weights, gradients) for name, (weights, gradients, _) in _KINDS.items()}
    floors = {}
    for name in ("float32", "float64"):
        dtype = _KINDS[name][0]
        floors[name] = [train(dtype, dtype, rate).floor for rate in RATES]
    draw(curves, floors, folder / "soft_targets.svg")
    for name, curve in curves.items():
        best = curve.last_gain
        print(
            f"{name}: stops after {len(curve.loss) - 1} steps, {curve.floor:.2g} above the entropy; "
            f"the computed loss is least at step {best}, {excess(curve.logits[best]):.2g} above the entropy"
        )
    for name in floors:
        dtype = _KINDS[name][0]
        shown = ", ".join(
            f"{rate:g}: {floor:.2g} ({predict_floor(dtype, rate):.2g})"
            for rate, floor in zip(RATES, floors[name], strict=True)
        )
        print(f"{name}: final loss minus the entropy by learning rate (predicted): {shown}")
    print(f"{folder / 'soft_targets.svg'}: the picture")


if __name__ == "__main__":
    streams.protect()
    main()
