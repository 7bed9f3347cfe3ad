"""Pictures of an episode: curves of states, actions and rewards over time, and an animation of the scene."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evaluators.environments import Discrete, Environment
from experiments.pictures import animation
from experiments.pictures.scenes import find_depiction
from experiments.tasks.experiment import BEHAVIOUR
from neat.plot.style import BLUE, GREY, INK, ORANGE, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evaluators.rollout import Trace

CURVES, FILM = BEHAVIOUR
_MAX_STEPS = 1000
_MAX_DISTINCT_STEPS = 300  # more steps than that cannot be told apart in the figure
_MAX_STATES, _MAX_ACTIONS = 8, 4
_PANEL, _GAP, _CHOICE = 0.42, 0.22, 0.12  # heights in inches


class Span(NamedTuple):
    """The part of an episode that is drawn: of a long episode the end if it was terminated, else the beginning."""

    start: int
    stop: int
    """Step after the last one that is drawn."""
    steps: int
    """Number of steps of the whole episode."""
    terminated: bool
    seconds: float | None = None
    """Duration of a step; None if time is counted in steps."""

    @classmethod
    def of(cls, steps: int, terminated: bool, seconds: float | None = None) -> Span:
        """Return the part to draw of an episode with a number of steps."""
        start = max(0, steps - _MAX_STEPS) if terminated else 0
        return cls(start, min(start + _MAX_STEPS, steps), steps, terminated, seconds)

    @property
    def ending(self) -> str:
        """The reason why the episode ended."""
        return "terminated" if self.terminated else "time limit"

    def __str__(self) -> str:
        if self.stop - self.start < self.steps:
            side = "last" if self.terminated else "first"
            return f"the {side} {self.stop - self.start:,} of {self.steps:,} steps"
        if self.seconds is None:
            return f"{self.steps:,} step{'s' if self.steps != 1 else ''}"
        return f"{self.steps:,} steps of {self.seconds:g} s"


class Panel(NamedTuple):
    """The content of one panel."""

    name: str
    values: np.ndarray
    """Values, (steps + 1,) for a state or (steps,) for an action, which lasts for a step."""
    choices: tuple[str, ...] | None = None
    """Names of the values 0, 1, … of a discrete action; empty if they have no names; None for real numbers."""
    grows: bool = False
    """Whether the values are a cumulative sum. A dot marks its end, which the line of the episode's end would hide."""


def draw(environment: Environment, trace: Trace, folder: Path) -> list[Path]:
    """Write behaviour.svg and, if the environment has a scene, behaviour.gif.

    Of an episode of more than 1,000 steps they show the last 1,000 if it was terminated, else the first 1,000.

    Args:
        environment: The environment of the episode.
        trace: The episode.
        folder: Output folder.

    Returns:
        Paths of the files.
    """
    shown = find_depiction(environment)
    tick = getattr(environment, "time_step", None)
    seconds = None if tick is None else float(tick) * (shown.substeps if shown else 1)
    span = Span.of(len(trace.reward), trace.terminated, seconds)
    names = environment.state_names[: shown.states if shown else None]
    states = [Panel(name, trace.state[:, k]) for k, name in enumerate(names)]
    choices = None
    if isinstance(environment.actions, Discrete):
        choices = shown.choices if shown and len(shown.choices) == environment.actions.count else ()
    action = shown.action if shown else "action"
    actions = [Panel(name, values, choices) for name, values in name_columns(action, trace.action)]
    draw_curves(states, actions, trace.reward, span, folder / CURVES)
    if shown is None:
        return [folder / CURVES]
    with style():
        from matplotlib.figure import Figure

        axes = Figure().add_axes((0, 0, 1, 1))
        move = shown.scene(axes, environment, trace)
        steps = animation.choose_steps(span.start, span.stop)
        frames = animation.render_frames(axes, move, steps, frame_captions(span, steps))
        animation.write_gif(frames, folder / FILM)
    return [folder / CURVES, folder / FILM]


def name_columns(name: str, columns: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return the columns of an array, (steps, columns), each with a name."""
    count = columns.shape[1]
    return [(name if count == 1 else f"{name} {k}", columns[:, k]) for k in range(count)]


def frame_captions(span: Span, steps: np.ndarray) -> list[str]:
    """Return the caption of each frame."""
    return [f"step {step:,}" + (f", {span.ending}" if step == span.steps else "") for step in steps]


def draw_curves(
    states: Sequence[Panel],
    actions: Sequence[Panel],
    reward: np.ndarray,
    span: Span,
    path: Path,
    states_are: str = "states",
) -> None:
    """Draw a panel for each state and action, and one for the sum of the rewards, over the same time.

    Only the first 8 states and the first 4 actions are drawn.
    """
    from matplotlib.figure import Figure

    notes = [str(span)]
    for what, given, most in ((states_are, states, _MAX_STATES), ("actions", actions, _MAX_ACTIONS)):
        if len(given) > most:
            notes.append(f"{most} of {len(given)} {what}")
    total = Panel("sum of rewards", np.concatenate([[0.0], np.cumsum(reward)]), grows=True)
    panels = [(panel, BLUE) for panel in states[:_MAX_STATES]]
    panels += [(panel, ORANGE) for panel in actions[:_MAX_ACTIONS]] + [(total, INK)]
    heights = [max(_PANEL, _CHOICE * len(panel.choices or ())) for panel, _ in panels]
    width, left, right, below, above = 4.6, 0.66, 0.18, 0.38, 0.42
    height = below + sum(heights) + (len(panels) - 1) * _GAP + above
    share = 1 - (left + right) / width
    with style():
        figure = Figure(figsize=(width, height))
        top = height - above
        for (panel, colour), extent in zip(panels, heights, strict=True):
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
    distinct = len(time) <= _MAX_DISTINCT_STEPS
    axes.set_title(panel.name, fontsize=7, loc="left", pad=2.5)
    if panel.choices is not None:
        x, y = _level_segments(time, values)
        axes.plot(x, y, color=colour, linewidth=4, solid_capstyle="butt")
        _choice_ticks(axes, panel.choices, values)
    else:
        x, y = time, np.append(values, values[-1]) if lasting else values
        if panel.name.endswith("(rad)"):
            x, y = _break_at_wraps(x, y)
        stepwise = distinct and (lasting or (not panel.grows and bool(np.all(values == np.round(values)))))
        drawstyle = "steps-post" if stepwise else "default"
        axes.plot(x, y, color=colour, linewidth=1.0 if distinct else 0.7, drawstyle=drawstyle)
    if panel.grows:
        axes.plot(
            time[-1], values[-1], "o", color=colour, markersize=3, markeredgewidth=0, clip_on=False, zorder=3
        )
    if panel.choices is None:
        _set_value_limits(axes, values)
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


def _level_segments(time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a horizontal segment for each run of equal values, as one line with gaps."""
    first = np.flatnonzero(np.append(True, np.diff(values) != 0))
    last = np.append(first[1:], len(values))
    gap = np.full(len(first), np.nan)
    return np.column_stack([time[first], time[last], gap]).ravel(), np.repeat(values[first], 3)


def _break_at_wraps(time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the curve of an angle with gaps where it jumps by a full turn."""
    jumps = np.flatnonzero(np.abs(np.diff(values)) > np.pi) + 1
    return np.insert(time, jumps, np.nan), np.insert(values, jumps, np.nan)


def _set_value_limits(axes: Axes, values: np.ndarray) -> None:
    """Set the vertical limits to the values and a margin, and draw a thin line at 0 if it lies between them."""
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low) or 0.5 * abs(high) or 1.0
    axes.set_ylim(low - margin, high + margin)
    if low < 0 < high:
        axes.axhline(0, color="#bbbbbb", linewidth=0.5, zorder=0)
