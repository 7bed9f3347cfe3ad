"""Draw training by gradients: the losses of a model, and the metrics of proximal policy optimisation (PPO)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neat.plot.canvas import Canvas, canvas
from neat.plot.curves import clip, set_integer_ticks
from neat.plot.style import BLUE, GREY, INK, ORANGE
from neat.support.messages import quote

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BEYOND = 10  # times the median: a sweep's losses above it are beyond the top of the axis
_UPDATES = 150  # of PPO's, from twice this number on means of several are drawn
_LOG_RATIO = 20  # losses that differ by a larger factor are drawn on a logarithmic axis


def training(history: np.ndarray, path: str | Path | None = None, *, ax: Axes | None = None) -> Figure:
    """Draw the losses of `evaluators.gradient.fit` by epoch, and the scores in a panel below if there are any.

    A dot marks the epoch of the lowest validation loss, whose parameters the model has at the end.

    Args:
        history: `Fitted.history`, of at least one epoch.
        path: The file to write, if any; its ending (svg, pdf, png) selects the format.
        ax: Axes to draw into, instead of a new figure. With a score, they are replaced by two panels in their place.

    Returns:
        The figure.

    Raises:
        ValueError: `history` is not such an array or is empty, the path has another ending, or `ax` is not a
            matplotlib Axes or is given together with a path.
    """
    scores = {"training_score": BLUE, "validation_score": ORANGE}
    _check_history(history, ("epoch", "training_loss", "validation_loss", *scores), "Fitted")
    scored = any(np.isfinite(history[name]).any() for name in scores)
    size = (4.6, 2.9 + 1.2 * scored)
    with canvas(path, ax, size) as drawing:
        losses = drawing.axes
        if scored:
            losses, score = _split(drawing, [(0, 0.4, 1, 0.6), (0, 0, 1, 0.32)])
            for name, colour in scores.items():
                score.plot(history["epoch"], clip(history[name]), color=colour, label=name, **_look(history))
            score.set_ylabel("score")
            set_integer_ticks(score, history["epoch"])
            losses.tick_params(labelbottom=False)
        drawing._replace(axes=losses).add_legend(_draw_losses(losses, history))
        set_integer_ticks(losses, history["epoch"])
        (score if scored else losses).set_xlabel("epoch")
    return drawing.figure


def _draw_losses(axes: Axes, history: np.ndarray) -> list[Any]:
    """Draw both losses, and return the legend's handles."""
    x, trained, validated = (history[name] for name in ("epoch", "training_loss", "validation_loss"))
    look = _look(history)
    handles = axes.plot(x, clip(trained), color=BLUE, label="training", **look)
    if np.isfinite(validated).any():
        handles += axes.plot(x, clip(validated), color=ORANGE, label="validation", **look)
        best = int(np.nanargmin(validated))
        label = f"lowest validation loss, epoch {x[best]}"
        handles += axes.plot(
            x[best], validated[best], "o", color=ORANGE, markersize=5, clip_on=False, label=label
        )
    values = np.concatenate([trained, validated])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > _LOG_RATIO * values.min():
        axes.set_yscale("log")
    axes.set_ylabel("loss")
    return handles


def _look(history: np.ndarray) -> dict[str, Any]:
    """Return the look of a curve; a single epoch would leave no line."""
    return {"linewidth": 1.4, "marker": "o" if len(history) == 1 else "", "markersize": 3}


def rates(sweep: Any, path: str | Path | None = None, *, ax: Axes | None = None) -> Figure:
    """Draw the losses of `evaluators.gradient.sweep` by learning rate, and mark the lowest.

    Crosses at the top are rates with which training diverged. Losses above ten times the median are beyond the top of
    the axis, so that the others can be told apart.

    Args:
        sweep: A `Sweep`, or its arrays `rate` and `loss`.
        path: See `training`.
        ax: See `training`.

    Returns:
        The figure.

    Raises:
        ValueError: `sweep` has no such arrays, all losses are NaN, or see `training`.
    """
    try:
        rate, loss = (np.asarray(each, np.float64) for each in sweep)
    except (TypeError, ValueError):
        raise ValueError(f"sweep: expected rates and losses, got {quote(sweep)}") from None
    if rate.ndim != 1 or rate.shape != loss.shape or not np.isfinite(loss).any():
        raise ValueError(
            f"sweep: expected rates and losses of equal number, one loss finite, got {rate.shape} and {loss.shape}"
        )
    from matplotlib.ticker import LogLocator

    order = np.argsort(rate, kind="stable")
    rate, loss = rate[order], loss[order]
    diverged = ~np.isfinite(loss)
    with canvas(path, ax) as drawing:
        axes, best = drawing.axes, int(np.nanargmin(loss))
        handles = axes.plot(rate, clip(loss), "o-", color=BLUE, linewidth=1.4, markersize=3, label="loss")
        label = f"lowest, at a rate of {rate[best]:.2g}"
        handles += axes.plot(rate[best], loss[best], "o", color=ORANGE, markersize=6, label=label)
        if diverged.any():
            top: Any = {"transform": axes.get_xaxis_transform(), "clip_on": False}
            handles += axes.plot(
                rate[diverged], np.ones(diverged.sum()), "x", color=GREY, label="diverged", **top
            )
        axes.set_xscale("log")
        values = loss[~diverged]
        limit = _BEYOND * np.median(values)
        shown = values[(values <= limit) | (limit <= 0)]
        if shown.min() > 0 and shown.max() > _LOG_RATIO * shown.min():
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            narrow = shown.max() < 100 * shown.min()
            axes.yaxis.set_minor_locator(LogLocator(subs=(2, 4, 6) if narrow else ()))
            axes.yaxis.set_minor_formatter("{x:g}")
        if len(shown) < len(values):
            low, high = shown.min(), shown.max()
            room = 0.1 * (high - low)
            axes.set_ylim(
                *((low / 1.2, high * 1.2) if axes.get_yscale() == "log" else (low - room, high + room))
            )
        axes.set(xlabel="learning rate", ylabel="loss")
        drawing.add_legend(handles)
    return drawing.figure


class _Panel(NamedTuple):
    """A metric of PPO."""

    field: str
    title: str
    expectation: str
    """How it should look, in lines."""


# Expectations after Huang et al., "The 37 Implementation Details of Proximal Policy Optimization", ICLR Blog Track
# (2022), and the sources that it names.
_PANELS = (
    _Panel(
        "reward",
        "reward of the episodes that ended",
        "It should rise and then stay high.",
    ),
    _Panel(
        "entropy",
        "entropy",
        "It should fall slowly. If it drops at once,\nthe policy stops exploring.",
    ),
    _Panel(
        "policy_loss",
        "policy loss",
        "It should stay near 0. Its trend says little,\nbecause the data change.",
    ),
    _Panel(
        "value_loss",
        "value loss",
        "It may rise while rewards grow,\nand should fall once they are steady.",
    ),
    _Panel(
        "approximate_kl",
        "approximate KL divergence",
        "It should stay below some 0.02.\nPeaks mean that updates are too large.",
    ),
    _Panel(
        "clip_fraction",
        "share of clipped samples",
        "It should stay between some 0.05 and 0.3.\nAt 0, updates are too small.",
    ),
    _Panel(
        "explained_variance",
        "explained variance",
        "It should rise towards 1. At 0 or below,\nthe values predict nothing.",
    ),
    _Panel(
        "learning_rate",
        "learning rate",
        "It should follow the settings: constant,\nor falling to 0.",
    ),
)


def ppo(history: np.ndarray, path: str | Path | None = None, *, ax: Axes | None = None) -> Figure:
    """Draw the metrics of `evaluators.gradient.ppo.train` by environment steps, and say how each should look.

    If there are many updates, lines are means over several of them, above those of single ones.

    Args:
        history: `TrainedPolicy.history`, of at least one update.
        path: The file to write, if any; its ending (svg, pdf, png) selects the format.
        ax: Axes whose place the panels take, instead of a new figure. They should be about as large as one.

    Returns:
        The figure.

    Raises:
        ValueError: `history` is not such an array or is empty, the path has another ending, or `ax` is not a
            matplotlib Axes or is given together with a path.
    """
    _check_history(history, ("steps", *(panel.field for panel in _PANELS)), "TrainedPolicy")
    rows = len(_PANELS) // 2
    width, height = 7.2, 1.95 * rows
    boxes = [(0.55 * (k % 2), 1 - (k // 2 + 0.55) / rows, 0.45, 0.53 / rows) for k in range(len(_PANELS))]
    with canvas(path, ax, (width, height), (0.55, 0.1, 0.05, 0.2)) as drawing:
        for axes, panel in zip(_split(drawing, boxes), _PANELS, strict=True):
            _draw_metric(axes, panel, history)
    return drawing.figure


def _draw_metric(axes: Axes, panel: _Panel, history: np.ndarray) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    x, values = history["steps"], clip(history[panel.field])
    shown = np.isfinite(values)  # no episode may have ended in an update
    many = shown.sum() // _UPDATES
    if many > 1:  # the curve of single updates would be a band
        axes.plot(x[shown], values[shown], color=BLUE, linewidth=0.3, alpha=0.4)
        means = np.convolve(values[shown], np.full(many, 1 / many), "valid")
        axes.plot(x[shown][many - 1 :], means, color=BLUE, linewidth=1.0)
    else:
        axes.plot(x[shown], values[shown], color=BLUE, linewidth=1.0, marker="o" if shown.sum() == 1 else "")
    if panel.field == "explained_variance" and shown.any():
        # The first values can be far below 0.
        axes.set_ylim(max(-1.0, min(-0.05, float(values[shown].min()))), 1.02)
        axes.axhline(0, color=GREY, linewidth=0.5)
    axes.set_title(panel.title, fontsize=8, loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(labelsize=7)
    if x[-1] > x[0]:
        axes.set_xlim(x[0], x[-1])
    means_of = f"; the line is the mean of {many} updates" if many > 1 else ""
    axes.set_xlabel(f"environment steps{means_of}\n{panel.expectation}", fontsize=7, color=INK)


def _split(drawing: Canvas, boxes: list[tuple[float, float, float, float]]) -> list[Axes]:
    """Return panels in the place of the axes; boxes are (left, below, width, height) as shares of it."""
    drawing.axes.set_axis_off()
    return [drawing.axes.inset_axes(box) for box in boxes]


def _check_history(history: Any, fields: tuple[str, ...], owner: str) -> None:
    """Raise ValueError unless `history` is an array of one row or more that has the fields."""
    if not isinstance(history, np.ndarray) or not set(fields) <= set(history.dtype.names or ()):
        part = f"; pass its .history, of a {owner}" if hasattr(history, "history") else ""
        raise ValueError(
            f"history: must be an array with the fields {', '.join(fields)}, got {quote(history)}{part}"
        )
    if history.ndim != 1 or len(history) == 0:
        raise ValueError("history: expected at least one row, got none")
