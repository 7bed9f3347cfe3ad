"""Damaged configuration files of neat-python."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from neat.io import neat_python
from tests.campaigns.inputs import toml
from tests.campaigns.inputs.values import damaged_text

SOUND = (Path(__file__).parents[2] / "data" / "neat_python_xor.ini").read_text("utf-8")
PIECES = (
    *(
        "=",
        "[",
        "]",
        "[DEFAULT]\n",
        "%",
        "%%",
        "%(pop_size)s",
        "${NEAT:pop_size}",
        "\n",
        "\r",
        "\0",
        "\ufeff",
        " ",
        ";",
        "#",
    ),
    *("[NEAT]\npop_size = 3\n", "a = %(b)s\nb = %(a)s\n", "x = " + "9" * 10_000 + "\n", "x" * 5000),
    "".join(f"a{k} = {f'%(a{k - 1})s' * 10 if k else 'x' * 10}\n" for k in range(12)),
)


def attempt(draw: random.Random, folder: Path) -> Callable[[], None]:
    """Read a damaged file; if it is accepted, evolve its population."""
    text = damaged_text(draw, SOUND, PIECES)
    if draw.random() < 0.5:
        imported = neat_python.config_from_text(text)
    else:
        path = folder / "damaged.ini"
        path.write_bytes(text.encode(draw.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16")), "replace"))
        imported = neat_python.config_from_ini(path)
    return lambda: toml.live(imported.config)
