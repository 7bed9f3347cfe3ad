"""Damaged genomes as JSON."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import evaluators
import neat
from tests.campaigns.inputs import samples
from tests.campaigns.inputs.values import damaged


def attempt(draw: random.Random, folder: Path) -> Callable[[], None]:
    """Read a damaged genome; if it is accepted, check, activate and write it."""
    genomes = samples.population(draw.randrange(4)).genomes
    sound = genomes[draw.randrange(len(genomes))].to_dict()
    data: Any = damaged(draw, sound, draw.choice((1, 1, 2, 4)))
    with contextlib.suppress(RecursionError, ValueError):  # a program can pass data that no file can hold
        data = json.loads(json.dumps(data))
    genome = neat.Genome.from_dict(data)

    def use() -> None:
        genome.genomes.check()
        networks = evaluators.compile(genome)
        networks.activate(np.ones((3, genome.num_inputs)))
        again = neat.Genome.from_dict(genome.to_dict())
        assert again == genome, "the written genome differs"

    return use
