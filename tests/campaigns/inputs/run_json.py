"""Folders of runs with a damaged run.json, from which a run resumes."""

from __future__ import annotations

import contextlib
import functools
import json
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from neat.io import checkpoint
from tests.campaigns.inputs.command_line import call
from tests.campaigns.inputs.values import JSON_PIECES, damaged, damaged_text

_FOLDERS = tempfile.TemporaryDirectory()


@functools.cache
def _sound(name: str) -> Path:
    """Return the folder of a finished run."""
    folder = Path(_FOLDERS.name) / name
    folder.mkdir()
    data = folder / "data.csv"
    data.write_text("a,b,price\n" + "".join(f"{k},{k * k},{3 * k}\n" for k in range(12)), "utf-8")
    own = ["--data", str(data), "--target", "price"] if name == "regression" else []
    common = ["--generations", "2", "--population-size", "10", "--quiet", "--output", str(folder / "run")]
    call([name, *own, *common])
    return folder / "run"


def attempt(draw: random.Random, folder: Path) -> Callable[[], None]:
    """Resume a run whose description is damaged."""
    name = draw.choice(("xor", "regression", "cartpole"))
    run = folder / "run"
    shutil.copytree(_sound(name), run)
    path = run / "run.json"
    text = path.read_text("utf-8")
    if draw.random() < 0.7:
        with contextlib.suppress(RecursionError):  # no file holds data so deep
            text = json.dumps(damaged(draw, json.loads(text), draw.choice((1, 1, 2, 3))))
    else:
        text = damaged_text(draw, text, JSON_PIECES)
    path.write_text(text, "utf-8", errors="replace")
    replaced = name == "regression" and draw.random() < 0.3
    data = _sound(name).parent / "data.csv"
    content = data.read_text("utf-8")
    if replaced:
        data.write_text(content.replace("3", "4"), "utf-8")
    try:
        call([name, "--resume", str(run), "--quiet", *draw.choice(((), ("--generations", "3")))])
    finally:
        data.write_text(content, "utf-8")
    return lambda: _expect_the_same_run(_sound(name), run, replaced)


def _expect_the_same_run(sound: Path, run: Path, replaced: bool) -> None:
    assert not replaced, "the run resumed with other data"
    population = checkpoint.load(run / "checkpoint.npz")
    population.genomes.check()
    assert population.config == checkpoint.load(sound / "checkpoint.npz").config, "the run has another config"
    metrics = [(folder / "metrics.csv").read_bytes() for folder in (sound, run)]
    assert metrics[1].startswith(metrics[0]), "the run's past has changed"
