"""Curves of an episode: states, actions and rewards over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evaluators.environments import Discrete, Environment
from evaluators.pictures.film import Span
from neat.plot.style import BLUE, GREY, INK, ORANGE, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evaluators import Gymnasium
    from evaluators.episodes.episodic_evaluator import Trace
    from evaluators.gymnasium.watching import GymnasiumTrace

_MAX_DISTINCT_STEPS = 300  # more steps than that cannot be told apart in the figure
MAX_STATES, MAX_ACTIONS = 8, 4  # that are shown
_PANEL, _GAP, _CHOICE = 0.42, 0.22, 0.12  # heights in inches


Named = list[tuple[str, np.ndarray]]
"""Values over time with their names."""


class Episode(NamedTuple):
    """What is shown of an episode."""

    states: Named
    """Values, (steps + 1,) each."""
    actions: Named
    """Values, (steps,) each."""
    reward: np.ndarray
    """float64 (steps,)."""
    span: Span


class Panel(NamedTuple):
    """The content of one panel."""

    name: str
    values: np.ndarray
    """Values, (steps + 1,) for a state or (steps,) for an action, which lasts for a step."""
    choices: tuple[str, ...] | None = None
    """Names of the values 0, 1, … of a discrete action; empty if they have no names; None for real numbers."""
    grows: bool = False
    """Whether the values are a cumulative sum. A dot marks its end, which the line of the episode's end would hide."""


def draw(environment: Environment, trace: Trace, path: Path) -> None:
    """Draw curves of the states, the actions and the sum of rewards of an episode.

    Of an episode of more than 1,000 steps they show the last 1,000 if it was terminated, else the first 1,000.

    Args:
        environment: The environment of the episode.
        trace: The episode.
        path: The file.
    """
    space = environment.actions
    choices = space.names if isinstance(space, Discrete) else None
    draw_curves(name_trace(environment, trace), path, choices)


def record(write: Callable[[], None], path: Path) -> list[Path]:
    """Call a function that writes a film, and return the path, or print why there is no film and return nothing."""
    try:
        write()
    except Exception as error:  # renderers need a display, and users' functions have mistakes
        print(f"no {path.name}: {' '.join(str(error).split()) or type(error).__name__}")
        return []
    return [path]


def name_trace(environment: Environment, trace: Trace) -> Episode:
    """Return an episode of an environment of this library with the names of its states and actions."""
    names = environment.state_names[: environment.shown_states]
    return Episode(
        list(zip(names, trace.state.T[: len(names)], strict=True)),
        _name_columns("action", trace.action, environment.action_names),
        trace.reward,
        Span.of(len(trace.reward), trace.terminated, environment.step_duration),
    )


def name_gymnasium_trace(evaluator: Gymnasium, trace: GymnasiumTrace) -> Episode:
    """Return an episode of Gymnasium with its observations in place of states."""
    return Episode(
        _name_columns("observation", trace.observation),
        _name_columns("action", trace.action),
        trace.reward,
        Span.of(len(trace.reward), trace.terminated, evaluator.step_duration),
    )


def _name_columns(name: str, columns: np.ndarray, names: Sequence[str] = ()) -> Named:
    """Return the columns of an array, (steps, columns), each with its own name, or `name` and maybe a number."""
    count = columns.shape[1]
    if len(names) != count:
        names = [name] if count == 1 else [f"{name} {k}" for k in range(count)]
    return list(zip(names, columns.T, strict=True))


def draw_curves(
    episode: Episode, path: Path, choices: tuple[str, ...] | None, states_are: str = "states"
) -> None:
    """Draw a panel for each state and action, and one for the sum of the rewards, over the same time.

    Only the first 8 states and the first 4 actions are drawn. `choices` are those of a panel of actions.
    """
    from matplotlib.figure import Figure

    states, actions, reward, span = episode
    notes = [str(span)]
    for what, given, most in ((states_are, states, MAX_STATES), ("actions", actions, MAX_ACTIONS)):
        if len(given) > most:
            notes.append(f"{most} of {len(given)} {what}")
    total = Panel("sum of rewards", np.concatenate([[0.0], np.cumsum(reward)]), grows=True)
    panels = [(Panel(*state), BLUE) for state in states[:MAX_STATES]]
    panels += [(Panel(*action, choices), ORANGE) for action in actions[:MAX_ACTIONS]]
    panels.append((total, INK))
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
