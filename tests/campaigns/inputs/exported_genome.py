"""Damaged JSON exports of neat-python's genomes."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np

import evaluators
from neat.io import neat_python
from tests.campaigns.inputs.values import JSON_PIECES, damaged, damaged_text

SOUND = {
    "network_type": "recurrent",
    "topology": {"num_inputs": 2, "num_outputs": 1, "input_keys": [-1, -2], "output_keys": [0]},
    "nodes": [
        {"id": -1, "type": "input", "activation": {"name": "identity"}, "aggregation": {"name": "sum"}},
        {"id": -2, "type": "input", "activation": {"name": "identity"}, "aggregation": {"name": "sum"}},
        *(
            {
                "id": k,
                "type": "hidden" if k else "output",
                "bias": 0.5,
                "response": 1.0,
                "activation": {"name": "tanh"},
                "aggregation": {"name": "max"},
            }
            for k in range(3)
        ),
    ],
    "connections": [
        {"from": a, "to": b, "weight": 0.3 * a - b, "enabled": a != 1, "innovation": k}
        for k, (a, b) in enumerate(((-1, 0), (-2, 1), (1, 0), (-1, 2), (2, 2), (2, 1)))
    ],
}


def attempt(draw: random.Random, folder: Path) -> Callable[[], None]:
    """Read a damaged export; if it is accepted, check and activate the genome."""
    text = json.dumps(SOUND)
    if draw.random() < 0.7:
        with contextlib.suppress(RecursionError):  # no file holds data so deep
            text = json.dumps(damaged(draw, SOUND, draw.choice((1, 1, 2, 4))))
    else:
        text = damaged_text(draw, text, JSON_PIECES)
    path = folder / "damaged.json"
    path.write_text(text, "utf-8", errors="replace")
    genome = neat_python.genome_from_json(path)

    def use() -> None:
        genome.genomes.check()
        evaluators.compile(genome).activate(np.ones((3, genome.num_inputs)))

    return use
