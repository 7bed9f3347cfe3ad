"""Export to JSON."""

from __future__ import annotations

import json

from evaluators.export.graph import check_genome
from neat.genome.genome import Genome

_IDS = {"id", "innovation", "source", "target"}


def to_json(genome: Genome) -> str:
    """Return a genome as JSON, from which `neat.Genome.from_dict(json.loads(text))` restores it bit for bit.

    Names of user-defined functions are written; the process that reads the genome must have registered them. Ids from
    2^53 on, which JavaScript would round, are written as strings.

    Raises:
        ValueError: `genome` is not a Genome.
    """
    check_genome(genome)
    data = genome.to_dict()
    for gene in (*data["nodes"], *data["connections"]):
        gene.update({key: str(gene[key]) for key in _IDS & gene.keys() if gene[key] >= 2**53})
    return json.dumps(data, indent=1) + "\n"
