"""Export to JSON."""

from __future__ import annotations

import json

from neat.genome.genome import Genome
from neat.support.messages import quote


def to_json(genome: Genome) -> str:
    """Return a genome as JSON, from which `neat.Genome.from_dict(json.loads(text))` restores it bit for bit.

    Names of user-defined functions are written; the process that reads the genome must have registered them.

    Raises:
        ValueError: `genome` is not a Genome.
    """
    if not isinstance(genome, Genome):
        raise ValueError(f"genome: expected a neat.Genome, got {quote(genome)}")
    return json.dumps(genome.to_dict(), indent=1) + "\n"
