"""Define the tables of a run's lineage (see `neat.evolution.lineage`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neat.evolution.history import join_rows
from neat.genome.genome import Genome

BIRTH = np.dtype([("individual", "i8"), ("first", "i8"), ("second", "i8")])
INNOVATION = np.dtype(
    [("innovation", "i8"), ("generation", "i8"), ("source", "i8"), ("target", "i8"), ("carrier", "i8")]
)
ORIGIN = np.dtype([("species", "i8"), ("generation", "i8"), ("parent", "i8"), ("founder", "i8")])
CHAMPION = np.dtype(
    [("generation", "i8"), ("index", "i8"), ("individual", "i8"), ("fitness", "f8"), ("genome", "i8")]
)

TABLES = {
    "births": BIRTH,
    "innovations": INNOVATION,
    "species": ORIGIN,
    "champions": CHAMPION,
    "best": CHAMPION,
}


@dataclass(frozen=True, eq=False)
class Individual:
    """A genome from its birth on; an unchanged copy, such as an elite, is the same individual."""

    number: int
    """generation · population_size + index."""
    generation: int
    """The generation in which it was born."""
    index: int
    """Its index in that generation."""
    parents: tuple[int, ...]
    """The numbers of its parents, the primary one first: two after crossover, one after mutation alone, or none."""
    genome: Genome | None
    """The genome, as it was scored, if it was the champion of a generation; otherwise None."""


class Rows:
    """Holds rows that grow by a few in each generation.

    Args:
        rows: The first rows, whose dtype has int64 columns.
    """

    def __init__(self, rows: np.ndarray) -> None:
        self._parts = [rows]
        self.count = len(rows)

    def append(self, rows: np.ndarray) -> None:
        """Add copies of rows, int64 (n, columns)."""
        if len(rows):
            self._parts.append(rows.copy().view(self._parts[0].dtype)[:, 0])
            self.count += len(rows)

    def join(self) -> np.ndarray:
        """Return all rows in one array."""
        return join_rows(self._parts, self._parts[0].dtype)
