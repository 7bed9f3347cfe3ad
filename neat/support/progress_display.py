"""Show the progress of long work: in place on a terminal and in a notebook, as lines in a log."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from neat.support.html import table_of_rows

if TYPE_CHECKING:
    from rich.console import Console, ConsoleRenderable

_REDRAW_INTERVAL = 0.1  # seconds between two drawings in place
_LINES = 10  # lines of a whole log, unless the work takes long
_LONGEST_SILENCE = 60.0  # seconds between two lines of a log, if there is something to tell
_WINDOW = 256  # drawings over which the speed is measured
_MOST_WIDTH = 100  # columns of a terminal

Describe = Callable[[], Mapping[str, str]]
"""Returns what to show beside the bar: texts by name. It is called only when something is drawn."""


class _State(NamedTuple):
    """What is drawn."""

    heading: str
    """The unit and the numbers of those done and to do."""
    share: float
    """The share of the work that is done."""
    elapsed: float
    """Seconds since the start."""
    left: float | None
    """Seconds of work left; None if unknown, or if the work is over."""
    values: Mapping[str, str]
    status: Callable[[], object] | None
    """Returns a line about what goes on, which a terminal asks for again and again."""


class _Surface(Protocol):
    """What a display draws on."""

    def is_due(self, share: float, seconds: float) -> bool:
        """Return whether to draw, when a share of the work is done and the last drawing is `seconds` old."""

    def draw(self, state: _State) -> None:
        """Draw a state."""

    def close(self) -> None:
        """Leave out the time left, and draw no more."""


class ProgressDisplay:
    """Shows a bar, the time, and values; about ten lines, or one a minute, where there is no terminal or notebook.

    The speed is measured from the first update, since what precedes it may wait for a compiler.

    Args:
        unit: What is counted, such as "generation".
        total: The number of units to do.
        done: The number of units done before.
        console: The output; None for standard output, or the notebook.
        max_seconds: Seconds after which the work ends even if units are left; None for no limit.
        status: Returns what to show as a line of its own; a terminal shows it also between two updates.
    """

    def __init__(
        self,
        unit: str,
        total: int,
        done: int = 0,
        console: Console | None = None,
        max_seconds: float | None = None,
        status: Callable[[], object] | None = None,
    ) -> None:
        from rich.console import Console

        self.console = console or Console(highlight=False, soft_wrap=True)
        self._unit, self._total, self._max_seconds = unit, max(total, done, 1), max_seconds
        self._started = time.monotonic()
        self._drawn = self._started
        self._status = status
        self._samples: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        self._latest: tuple[float, float, Describe] | None = None  # when, how many were done, what to show
        self._surface = self._choose_surface(done)

    def _choose_surface(self, done: int) -> _Surface:
        if self.console.is_jupyter:
            return _Notebook()
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            start = _State(self._heading(done), done / self._total, 0.0, None, {}, self._status)
            return _Terminal(self.console, start)
        return _Log(self.console, done / self._total)

    @property
    def speed(self) -> float | None:
        """Units per second in the latest drawings; None before the second."""
        if len(self._samples) < 2:
            return None
        (first, done_first), (last, done_last) = self._samples[0], self._samples[-1]
        return (done_last - done_first) / max(last - first, 1e-9)

    def update(self, done: float, describe: Describe) -> None:
        """Note the number of units done, and draw if it is time to."""
        now = time.monotonic()
        self._latest = now, done, describe
        if not self._samples or self._surface.is_due(done / self._total, now - self._drawn):
            self._draw()

    def close(self) -> None:
        """Draw the last state, without the time left since the work may have ended early, and release the terminal."""
        if self._latest is not None:
            self._draw(is_over=True)
        self._surface.close()

    def _draw(self, is_over: bool = False) -> None:
        assert self._latest is not None
        now, done, describe = self._latest
        self._latest, self._drawn = None, now
        self._samples.append((now, done))
        left = None if is_over else self._estimate_left(done, now)
        self._surface.draw(
            _State(
                self._heading(done), done / self._total, now - self._started, left, describe(), self._status
            )
        )

    def _heading(self, done: float) -> str:
        return f"{self._unit} {int(done):>{len(str(self._total))}}/{self._total}"

    def _estimate_left(self, done: float, now: float) -> float | None:
        """Return the seconds that are left by the speed or the limit of time, or None if neither is known."""
        limits = [] if self._max_seconds is None else [self._max_seconds - (now - self._started)]
        if self.speed:
            limits.append((self._total - done) / self.speed)
        return max(min(limits), 0.0) if limits else None


class _Terminal:
    """A bar with the time, and the values below their names."""

    def __init__(self, console: Console, state: _State) -> None:
        from rich.live import Live

        self._console = console
        self.draw(state)
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=8)
        self._live.start()

    def is_due(self, share: float, seconds: float) -> bool:
        return seconds >= _REDRAW_INTERVAL

    def draw(self, state: _State) -> None:
        self._state, self._drawn = state, time.monotonic()

    def close(self) -> None:
        self._state = self._state._replace(left=None)
        self._live.stop()

    def _render(self) -> ConsoleRenderable:
        """Return what the terminal shows now. rich calls this also between two drawings, so that the clock goes on."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        state, since = self._state, time.monotonic() - self._drawn
        left = None if state.left is None else max(state.left - since, 0.0)
        width = min(self._console.width, _MOST_WIDTH)
        head = Table.grid(expand=True, padding=(0, 1))
        head.width = width
        head.add_column(no_wrap=True)
        head.add_column(ratio=1)
        head.add_column(no_wrap=True)
        head.add_row(
            state.heading,
            ProgressBar(completed=100 * state.share),
            _format_times(state.elapsed + since, left),
        )
        values = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for name in state.values:
            values.add_column(name, justify="right", no_wrap=True, min_width=8)
        values.add_row(*state.values.values())
        parts: list[ConsoleRenderable] = [head, values] if state.values else [head]
        if state.status is not None:
            parts.append(Text(str(state.status()), style="dim", no_wrap=True, overflow="ellipsis"))
        return Group(*parts)


class _Notebook:
    """A bar and a table in the output of the cell."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._state: _State | None = None

    def is_due(self, share: float, seconds: float) -> bool:
        return seconds >= _REDRAW_INTERVAL

    def draw(self, state: _State) -> None:
        from IPython.display import HTML, display

        content = HTML(
            f'<div>{escape(state.heading)} <progress max="1" value="{state.share:.4f}" '
            f'style="width: 20em; vertical-align: middle"></progress> {_format_times(state.elapsed, state.left)}</div>'
            + table_of_rows("", list(state.values), [state.values.values()])
            + ("" if state.status is None else f"<div>{escape(str(state.status()))}</div>")
        )
        self._state = state
        if self._handle is None:
            self._handle = display(content, display_id=True)
        else:
            self._handle.update(content)

    def close(self) -> None:
        if self._state is not None and self._state.left is not None:
            self.draw(self._state._replace(left=None))


class _Log:
    """A line for each tenth of the work, and after a minute of silence."""

    def __init__(self, console: Console, share: float) -> None:
        self._console, self._tenth = console, int(_LINES * share)

    def is_due(self, share: float, seconds: float) -> bool:
        return int(_LINES * share + 1e-9) > self._tenth or seconds >= _LONGEST_SILENCE

    def draw(self, state: _State) -> None:
        self._tenth = int(_LINES * state.share + 1e-9)
        values = [f"{name} {value}" for name, value in state.values.items()]
        status = [] if state.status is None else [str(state.status())]
        line = "  ".join([state.heading, *values, *status, _format_times(state.elapsed, state.left)])
        self._console.print(line, soft_wrap=True, markup=False)

    def close(self) -> None:
        pass


def _format_times(elapsed: float, left: float | None) -> str:
    """Return the time since the start and, if it is known and not over, the time left."""
    past = _format_seconds(elapsed)
    return f"{past}, {_format_seconds(left)} left" if left else past


def _format_seconds(seconds: float) -> str:
    """Return minutes and seconds, with hours if there are any: 0:07 or 1:23:45."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def abbreviate(value: float) -> str:
    """Format a number with three digits and a unit, such as 12.3k."""
    power = next((power for power in range(3) if value < 999.5 * 1000**power), 3)
    return f"{value / 1000**power:.3g}{('', 'k', 'M', 'G')[power]}"


def show_number(value: float) -> str:
    """Format a number with four digits, or as a whole one if it is large, such as 12,345."""
    return f"{value:,.0f}" if 9999.5 <= abs(value) < 1e7 else f"{value:.4g}"
