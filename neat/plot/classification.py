"""Draw the confusion matrix of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neat.plot.canvas import Canvas, canvas, check_names, measure_text, show_name
from neat.plot.style import BLUE, INK
from neat.support.messages import quote

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_CLASSES = 100


def confusion(
    targets: Any,
    predictions: Any,
    path: str | Path | None = None,
    class_names: Sequence[str] | None = None,
    *,
    ax: Axes | None = None,
) -> Figure:
    """Draw how many samples of each class a classifier predicts as each class: a row for each true class.

    A cell's shade is the share of its row. The title counts the samples that are right.

    Args:
        targets: The true class of each sample, shape (samples,): indices from 0, or text.
        predictions: The predicted class of each sample, in the same form.
        path: The file to write, if any; its ending (svg, pdf, png) selects the format.
        class_names: The names of classes 0, 1, …, or of classes given as text the order to draw them in. By default,
            the classes that occur, sorted.
        ax: Axes to draw into, instead of a new figure.

    Returns:
        The figure.

    Raises:
        ValueError: There is no sample, the arrays do not fit, a class has no name, there are more than 100 classes,
            the path has another ending, or `ax` is not a matplotlib Axes or is given together with a path.
    """
    names, truth, predicted = _to_indices(targets, predictions, class_names)
    count = len(names)
    counts = np.zeros((count, count), np.int64)
    np.add.at(counts, (truth, predicted), 1)
    cell = max(0.16, min(0.5, 3.0 / count), measure_text(str(counts.max()), 5.0) + 0.04)  # inches
    size = min(8.0, 72 * cell * 0.4)  # points
    longest = max(measure_text(name, size) for name in names)
    turned = longest > 0.9 * cell
    left, below = longest + 0.4, (longest * 0.71 if turned else 0.1) + 0.4
    grid = cell * count
    right = max(0.1, 1.4 - grid)  # for the title
    whole = left + grid + right, below + grid + 0.3
    with canvas(path, ax, whole, (left, right, below, 0.3)) as drawing:
        _draw_counts(drawing, counts, names, (size, turned))
    return drawing.figure


def _draw_counts(drawing: Canvas, counts: np.ndarray, names: list[str], look: tuple[float, bool]) -> None:
    """Draw the matrix; `look` is the size of its texts in points, and whether the names below are turned by 45°."""
    from matplotlib.colors import LinearSegmentedColormap

    axes, count, (size, turned) = drawing.axes, len(names), look
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shades = LinearSegmentedColormap.from_list("share", ["#ffffff", BLUE])
    edges = np.arange(count + 1) - 0.5
    axes.pcolormesh(edges, edges, share, cmap=shades, vmin=0, vmax=1, edgecolors="#dddddd", linewidth=0.4)
    axes.set_aspect("equal")
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(count - 0.5, -0.5)
    for row, column in np.argwhere(counts):
        ink = "white" if share[row, column] > 0.5 else INK
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=ink)
    tilt: Any = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    axes.set_xticks(range(count), names, fontsize=size, parse_math=False, **tilt)
    axes.set_yticks(range(count), names, fontsize=size, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    right, total = int(np.trace(counts)), int(counts.sum())
    axes.set_title(f"{right} of {total} right ({right / total:.1%})", fontsize=8)


def _to_indices(targets: Any, predictions: Any, class_names: Any) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the names of the classes, and the index of each sample's true and predicted class."""
    labels = []
    for name, given in (("targets", targets), ("predictions", predictions)):
        values = _to_array(given)
        if values.ndim != 1 or values.dtype.kind not in "iubU":
            raise ValueError(f"{name}: must be integers or text of shape (samples,), got {quote(given)}")
        labels.append(values)
    if len(labels[0]) == 0:
        raise ValueError("targets: expected at least one sample, got none")
    if len(labels[0]) != len(labels[1]):
        raise ValueError(
            f"predictions: expected one for each of {len(labels[0])} targets, got {len(labels[1])}"
        )
    if (labels[0].dtype.kind == "U") != (labels[1].dtype.kind == "U"):
        raise ValueError("predictions: must be text if the targets are, and integers if they are")
    classes, index = np.unique(np.concatenate(labels), return_inverse=True)
    names = [str(each) for each in classes]
    if class_names is not None:
        names, index = _name_classes(classes, index, class_names)
    if len(names) > _MOST_CLASSES:
        raise ValueError(f"targets: expected at most {_MOST_CLASSES} classes, got {len(names)}")
    truth, predicted = np.split(index, 2)
    return [show_name(name) for name in names], truth, predicted


def _name_classes(classes: np.ndarray, index: np.ndarray, class_names: Any) -> tuple[list[str], np.ndarray]:
    """Return the names that the caller gave, and each sample's index among them."""
    count = len(class_names) if hasattr(class_names, "__len__") else len(classes)
    names = check_names("class_names", class_names, count, "classes")
    if classes.dtype.kind == "U":
        position = {name: k for k, name in enumerate(names)}
        places = np.array([position.get(name, -1) for name in classes.tolist()])
    else:
        places = np.where((classes >= 0) & (classes < count), classes, -1)
    if places.min() < 0:
        without = quote(classes[np.argmin(places)].item())
        raise ValueError(f"class_names: must name every class, got {quote(names)} without class {without}")
    return names, places[index]


def _to_array(values: Any) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError:  # rows of different lengths
        return np.empty(())
