"""Damaged CSV files."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np

from experiments.tasks.csv_file import read_csv
from tests.campaigns.inputs.values import NUMBERS, WORDS, damaged_text

_SOUND = "a,b,kind,price\n" + "".join(f"{k},{k * k / 7},{'xy'[k % 2]},{3 * k}\n" for k in range(12))
_PIECES = (
    ",",
    ";",
    "\t",
    '"',
    '"a,b"',
    "\n",
    "\r",
    "\0",
    "\ufeff",
    "1_000",
    "1,5",
    "٣",
    "2020-01-01",
    "x" * 200_000,
)


def attempt(draw: random.Random, folder: Path) -> Callable[[], None]:
    """Read a damaged table; if it is accepted, it must hold finite numbers and consistent shapes."""
    sound = _SOUND.replace(",x,", f",{draw.choice(WORDS)},") if draw.random() < 0.2 else _SOUND
    sound = sound.replace("4", str(draw.choice(NUMBERS)), 1) if draw.random() < 0.2 else sound
    path = folder / "damaged.csv"
    encoding = draw.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16"))
    path.write_bytes(damaged_text(draw, sound, _PIECES).encode(encoding, "replace"))
    classes = draw.random() < 0.3
    data = read_csv(path, "kind" if classes else "price", classes, fills=draw.random() < 0.3)

    def use() -> None:
        assert data.features.shape == (len(data.target), len(data.names))
        texts = data.categories or {}
        for name, column in zip(data.names, data.features.T, strict=True):
            cells = [cell for cell in column if cell is not None]
            if name in texts:
                assert set(cells) == set(texts[name])
            else:
                assert not np.isinf(np.array(cells, float)).any()
        assert classes or np.isfinite(data.target).all()

    return use
