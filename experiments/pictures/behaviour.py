"""What a champion does in an episode: its states, actions and rewards over time, and the scene as it moves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evaluators.environments import Discrete, Environment
from experiments.pictures import animation
from experiments.pictures.scenes import depiction
from experiments.tasks.experiment import BEHAVIOUR
from neat.plot.style import BLUE, GREY, INK, ORANGE, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evaluators.rollout import Trace

CURVES, FILM = BEHAVIOUR
_MOST_STEPS = 1000
_FEW = 300  # steps that can be told apart
_MOST_STATES, _MOST_ACTIONS = 8, 4
_PANEL, _GAP, _CHOICE = 0.42, 0.22, 0.12  # inches


class Span(NamedTuple):
    """The part of an episode that is drawn: all of it, or its end if it failed there, else its beginning."""

    start: int
    stop: int
    """Steps."""
    steps: int
    """Of the whole episode."""
    terminated: bool
    seconds: float | None = None
    """Duration of a step; none: time is counted in steps."""

    @classmethod
    def of(cls, steps: int, terminated: bool, seconds: float | None = None) -> Span:
        """The part of so long an episode."""
        start = max(0, steps - _MOST_STEPS) if terminated else 0
        return cls(start, min(start + _MOST_STEPS, steps), steps, terminated, seconds)

    @property
    def ending(self) -> str:
        """How the episode ended."""
        return "terminated" if self.terminated else "time limit"

    def __str__(self) -> str:
        if self.stop - self.start < self.steps:
            side = "last" if self.terminated else "first"
            return f"the {side} {self.stop - self.start:,} of {self.steps:,} steps"
        if self.seconds is None:
            return f"{self.steps:,} step{'s' if self.steps != 1 else ''}"
        return f"{self.steps:,} steps of {self.seconds:g} s"


class Panel(NamedTuple):
    """What a panel shows."""

    name: str
    values: np.ndarray
    """(steps + 1,) of states; (steps,) of actions, each of which lasts for a step."""
    choices: tuple[str, ...] | None = None
    """What the values 0, 1, … are called, if they are choices; empty: they have no names."""
    grows: bool = False
    """Whether it is a sum, whose last leap would be hidden by the episode's end."""


def draw(environment: Environment, trace: Trace, folder: Path) -> list[Path]:
    """Write behaviour.svg and, of an environment whose scene is known, behaviour.gif.

    Of an episode of more than 1,000 steps they show the last 1,000 if it was terminated, else the first.

    Args:
        environment: Where the episode took place.
        trace: The episode.
        folder: Where to write.

    Returns:
        The files.
    """
    shown = depiction(environment)
    tick = getattr(environment, "time_step", None)
    seconds = None if tick is None else float(tick) * (shown.substeps if shown else 1)
    span = Span.of(len(trace.reward), trace.terminated, seconds)
    names = environment.state_names[: shown.states if shown else None]
    states = [Panel(name, trace.state[:, k]) for k, name in enumerate(names)]
    choices = None
    if isinstance(environment.actions, Discrete):
        choices = shown.choices if shown and len(shown.choices) == environment.actions.count else ()
    action = shown.action if shown else "action"
    actions = [Panel(name, values, choices) for name, values in numbered(action, trace.action)]
    curves(states, actions, trace.reward, span, folder / CURVES)
    if shown is None:
        return [folder / CURVES]
    with style():
        from matplotlib.figure import Figure

        axes = Figure().add_axes((0, 0, 1, 1))
        show = shown.scene(axes, environment, trace)
        steps = animation.chosen(span.start, span.stop)
        animation.write(animation.film(axes, show, steps, captions(span, steps)), folder / FILM)
    return [folder / CURVES, folder / FILM]


def numbered(name: str, columns: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """The columns of an array, (steps, columns), each with its name."""
    count = columns.shape[1]
    return [(name if count == 1 else f"{name} {k}", columns[:, k]) for k in range(count)]


def captions(span: Span, steps: np.ndarray) -> list[str]:
    """What a film says at each of its steps."""
    return [f"step {step:,}" + (f", {span.ending}" if step == span.steps else "") for step in steps]


def curves(
    states: Sequence[Panel],
    actions: Sequence[Panel],
    reward: np.ndarray,
    span: Span,
    path: Path,
    states_are: str = "states",
) -> None:
    """A panel for each state and action, and one for the sum of the rewards, over the same time.

    Of many states the first 8 are drawn, of many actions the first 4.
    """
    from matplotlib.figure import Figure

    notes = [str(span)]
    for what, given, most in ((states_are, states, _MOST_STATES), ("actions", actions, _MOST_ACTIONS)):
        if len(given) > most:
            notes.append(f"{most} of {len(given)} {what}")
    total = Panel("sum of rewards", np.concatenate([[0.0], np.cumsum(reward)]), grows=True)
    panels = [(panel, BLUE) for panel in states[:_MOST_STATES]]
    panels += [(panel, ORANGE) for panel in actions[:_MOST_ACTIONS]] + [(total, INK)]
    tall = [max(_PANEL, _CHOICE * len(panel.choices or ())) for panel, _ in panels]
    width, left, right, below, above = 4.6, 0.66, 0.18, 0.38, 0.42
    height = below + sum(tall) + (len(panels) - 1) * _GAP + above
    share = 1 - (left + right) / width
    with style():
        figure = Figure(figsize=(width, height))
        top = height - above
        for (panel, colour), extent in zip(panels, tall, strict=True):
            axes = figure.add_axes((left / width, (top - extent) / height, share, extent / height))
            top -= extent + _GAP
            _draw_panel(axes, panel, span, colour)
            axes.tick_params("x", labelbottom=panel is total)
            axes.tick_params("y", labelsize=7)
        axes.set_xlabel("step" if span.seconds is None else "time (s)")
        line = 1 - 0.12 / height
        figure.text(left / width, line, "; ".join(notes), ha="left", va="center", color="#555555")
        if span.stop == span.steps:
            end = 1 - right / width
            figure.text(
                end, line, span.ending, ha="right", va="center", color=INK if span.terminated else GREY
            )
        save(figure, path)


def _draw_panel(axes: Axes, panel: Panel, span: Span, colour: str) -> None:
    from matplotlib.ticker import MaxNLocator

    unit = span.seconds or 1.0
    lasting = len(panel.values) == span.steps
    values = np.asarray(panel.values[span.start : span.stop + (not lasting)], float)
    time = unit * np.arange(span.start, span.stop + 1)
    few = len(time) <= _FEW
    thin = 1.0 if few else 0.7
    axes.set_title(panel.name, fontsize=7, loc="left", pad=2.5)
    if panel.choices is not None:
        x, y = _pieces(time, values)
        axes.plot(x, y, color=colour, linewidth=4, solid_capstyle="butt")
        _choice_ticks(axes, panel.choices, values)
    else:
        x, y = time, np.append(values, values[-1]) if lasting else values
        if panel.name.endswith("(rad)"):
            x, y = _unwrapped(x, y)
        leaping = few and (lasting or (not panel.grows and bool(np.all(values == np.round(values)))))
        axes.plot(x, y, color=colour, linewidth=thin, drawstyle="steps-post" if leaping else "default")
    if panel.grows:
        axes.plot(
            time[-1], values[-1], "o", color=colour, markersize=3, markeredgewidth=0, clip_on=False, zorder=3
        )
    if panel.choices is None:
        _limit(axes, values)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))
        axes.yaxis.set_major_locator(MaxNLocator(3, min_n_ticks=2, steps=[1, 2, 5, 10]))
    if span.stop == span.steps:
        dashes: Any = "solid" if span.terminated else (0, (4, 2))
        ending = {"color": GREY, "linestyle": dashes, "linewidth": 1, "clip_on": False}
        axes.axvline(time[-1], zorder=1, **ending)
    if span.seconds is None:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlim(time[0], time[-1])


def _choice_ticks(axes: Axes, choices: tuple[str, ...], values: np.ndarray) -> None:
    from matplotlib.ticker import MaxNLocator

    most = max(len(choices) - 1, int(values.max()))
    axes.set_ylim(-0.5, most + 0.5)
    if choices:
        axes.set_yticks(range(len(choices)), choices, fontsize=6.5)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _pieces(time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A level piece for each stretch of equal values, apart from each other, as one line with gaps."""
    first = np.flatnonzero(np.append(True, np.diff(values) != 0))
    last = np.append(first[1:], len(values))
    gap = np.full(len(first), np.nan)
    return np.column_stack([time[first], time[last], gap]).ravel(), np.repeat(values[first], 3)


def _unwrapped(time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """With a gap where an angle leaps from one end of the circle to the other."""
    leaps = np.flatnonzero(np.abs(np.diff(values)) > np.pi) + 1
    return np.insert(time, leaps, np.nan), np.insert(values, leaps, np.nan)


def _limit(axes: Axes, values: np.ndarray) -> None:
    """The values and a margin; 0 as a thin line where it is among them."""
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low) or 0.5 * abs(high) or 1.0
    axes.set_ylim(low - margin, high + margin)
    if low < 0 < high:
        axes.axhline(0, color="#bbbbbb", linewidth=0.5, zorder=0)
