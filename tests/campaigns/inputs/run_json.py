"""Folders of runs with a damaged run.json, and runs that are to go on from them."""

from __future__ import annotations

import contextlib
import functools
import json
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.campaigns.inputs.command_line import call
from tests.campaigns.inputs.command_line import told as told
from tests.campaigns.inputs.values import damaged, damaged_text

_PIECES = (
    "{",
    "}",
    "[" * 20_000,
    ",",
    '"',
    "null",
    "NaN",
    "1e999",
    "\0",
    "\ufeff",
    '{"a": ' * 3000,
    "9" * 6000,
)


@functools.cache
def _sound(name: str) -> Path:
    """The folder of a run that has ended."""
    folder = Path(tempfile.mkdtemp()) / name
    folder.mkdir()
    data = folder / "data.csv"
    data.write_text("a,b,price\n" + "".join(f"{k},{k * k},{3 * k}\n" for k in range(12)), "utf-8")
    own = ["--data", str(data), "--target", "price"] if name == "regression" else []
    common = ["--generations", "2", "--population-size", "10", "--quiet", "--output", str(folder / "run")]
    call([name, *own, *common])
    return folder / "run"


def attempt(draw: random.Random, folder: Path) -> Callable[[], None]:
    """Let a run go on whose description is damaged."""
    name = draw.choice(("xor", "regression", "cartpole"))
    run = folder / "run"
    shutil.copytree(_sound(name), run)
    path = run / "run.json"
    text = path.read_text("utf-8")
    if draw.random() < 0.7:
        with contextlib.suppress(RecursionError):  # no file holds data so deep
            text = json.dumps(damaged(draw, json.loads(text), draw.choice((1, 1, 2, 3))))
    else:
        text = damaged_text(draw, text, _PIECES)
    path.write_text(text, "utf-8", errors="replace")
    call([name, "--resume", str(run), "--quiet", *draw.choice(((), ("--generations", "3")))])
    return lambda: None
