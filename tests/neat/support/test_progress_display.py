import io
import re

import numpy as np
import pytest
from rich.console import Console

from neat.support import progress_display
from neat.support.progress_display import ProgressDisplay, abbreviate, show_number


@pytest.fixture
def clock(monkeypatch):
    """The seconds since the start, which tests set."""

    class Clock:
        now = 0.0

    monkeypatch.setattr(progress_display.time, "monotonic", lambda: 1000 + Clock.now)
    return Clock


def shown_by(is_terminal, width=80, **arguments):
    text = io.StringIO()
    console = Console(file=text, force_terminal=is_terminal, width=width, color_system=None)
    return ProgressDisplay("step", console=console, **arguments), text


def test_a_log_has_a_line_for_each_tenth_and_after_a_minute_of_silence(clock):
    display, text = shown_by(False, total=20)
    for done, now in ((1, 5), (2, 6), (3, 7), (4, 66), (4.5, 125.9), (4.6, 126), (5, 127), (7, 128)):
        clock.now = now
        display.update(done, lambda done=done: {"at": str(done)})
    display.close()
    assert [re.search("at [0-9.]+", line)[0] for line in text.getvalue().splitlines()] == [
        "at 1",
        "at 2",
        "at 4",
        "at 4.6",
        "at 7",
    ]


def test_the_last_state_of_a_log_is_shown_once(clock):
    display, text = shown_by(False, total=20)
    for done in (1, 2, 3):
        display.update(done, lambda: {})
    display.close()
    display.close()
    assert [line.split()[1] for line in text.getvalue().splitlines()] == ["1/20", "2/20", "3/20"]


def test_what_follows_the_last_update_does_not_count(clock):
    display, text = shown_by(False, total=100)
    for done, now in ((1, 1), (2, 2)):
        clock.now = now
        display.update(done, lambda: {})
    clock.now = 60
    display.close()
    assert display.speed == pytest.approx(1)
    assert text.getvalue().splitlines()[-1] == "step   2/100  0:02"


def test_the_time_left_is_estimated_without_the_first_step(clock):
    display, text = shown_by(False, total=10, done=2)
    assert display.speed is None
    for done, now in ((3, 60), (4, 62), (5, 64)):  # the first waits for a compiler
        clock.now = now
        display.update(done, lambda: {})
    assert display.speed == pytest.approx(0.5)
    assert text.getvalue().splitlines() == [
        "step  3/10  1:00",
        "step  4/10  1:02, 0:12 left",
        "step  5/10  1:04, 0:10 left",
    ]


def test_the_time_left_is_at_most_that_of_the_limit(clock):
    display, text = shown_by(False, total=1000, max_seconds=100)
    clock.now = 30
    display.update(1, lambda: {})
    assert text.getvalue() == "step    1/1000  0:30, 1:10 left\n"


@pytest.mark.parametrize("width", [80, 140])
def test_a_terminal_shows_the_values_below_their_names(clock, width):
    values = {
        "best": "-0.0001234",
        "mean": "-0.0001234",
        "champion": "103 hidden nodes, 999 connections",
        "evaluations/s": "12.3k",
    }
    display, text = shown_by(True, width, total=1000)
    display.update(500, lambda: values)
    display.update(501, lambda: pytest.fail("drawn too soon after the last drawing"))
    clock.now = 3700
    display.update(502, lambda: values)
    display._surface._live.refresh()
    assert " 1:01:40, 255:55:00 left\n" in text.getvalue()
    display.close()  # without the time left, as the work may have ended early
    *_, head, names, last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text.getvalue()).splitlines()
    assert head.startswith("step  502/1000 ━") and head.endswith("  1:01:40")
    assert len(head) == min(width, 100)
    assert names.split() == list(values)
    assert re.split("  +", last.strip()) == list(values.values())
    assert text.getvalue().endswith("\x1b[?25h"), "the cursor is shown again"


def test_a_status_has_a_line_of_its_own_that_goes_on_between_updates(clock):
    counts = iter(range(100))
    display, text = shown_by(True, total=10, status=lambda: f"workers: {next(counts)}")
    display.update(1, lambda: {"best": "3"})
    for _ in range(2):
        display._surface._live.refresh()
    display.close()
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text.getvalue()).splitlines()
    seen = [int(line.split()[1]) for line in lines if line.startswith("workers: ")]
    assert len(set(seen)) >= 3
    display, text = shown_by(False, total=10, status=lambda: "workers: 7")
    display.update(1, lambda: {"best": "3"})
    assert text.getvalue() == "step  1/10  best 3  workers: 7  0:00\n"


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    display, text = shown_by(True, total=2)
    for done in (1, 2):
        display.update(done, lambda: {})
    assert [line.split()[1] for line in text.getvalue().splitlines()] == ["1/2", "2/2"]


def test_nothing_to_do():
    display, text = shown_by(False, total=0, done=3)
    display.update(3, lambda: {})
    assert text.getvalue().startswith("step 3/3  ")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.5, "0.5"), (999.4, "999"), (999.9, "1k"), (12345, "12.3k"), (3e9, "3G"), (5e12, "5e+03G")],
)
def test_short_numbers(value, text):
    assert abbreviate(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.00012346, "-0.0001235"),
        (9999.0, "9999"),
        (-123456.7, "-123,457"),
        (1e9, "1e+09"),
        (np.nan, "nan"),
    ],
)
def test_numbers(value, text):
    assert show_number(value) == text
