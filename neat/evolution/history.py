"""Hold the history of a run: in each generation, a row for the population and a row for each species."""

from __future__ import annotations

from typing import Any

import numpy as np

GENERATION = np.dtype(
    [
        ("generation", "i8"),
        ("evaluations", "i8"),  # so far, with this generation
        ("best", "f8"),
        ("mean", "f8"),  # of the valid fitness values, like std and median
        ("std", "f8"),
        ("median", "f8"),
        ("best_ever", "f8"),
        ("invalid", "i8"),  # genomes whose fitness was NaN or −inf
        ("species", "i8"),
        ("threshold", "f8"),  # the compatibility threshold of this generation
        ("hidden_nodes", "f8"),  # mean over the population, like the next two
        ("connections", "f8"),
        ("enabled_connections", "f8"),
        ("innovations", "i8"),  # numbers given so far; -1 with `innovation` "hashed", which does not count
    ]
)

SPECIES = np.dtype(
    [
        ("generation", "i8"),
        ("id", "i8"),
        ("size", "i8"),
        ("age", "i8"),  # generations since it was founded
        ("best", "f8"),
        ("mean", "f8"),
        ("stagnation", "i8"),  # generations since it last improved
        ("offspring", "i8"),
    ]
)


class History:
    """Holds the rows of all finished generations, in order."""

    def __init__(self, generations: np.ndarray | None = None, species: np.ndarray | None = None) -> None:
        self._generations = [] if generations is None else [generations]
        self._species = [] if species is None else [species]

    def append(self, generation: np.ndarray, species: np.ndarray) -> None:
        """Add the row of a generation, shape (1,), and the rows of its species, shape (species,)."""
        self._generations.append(generation)
        self._species.append(species)

    @property
    def generations(self) -> np.ndarray:
        """The rows of all generations, dtype GENERATION, shape (generations,)."""
        return join_rows(self._generations, GENERATION)

    @property
    def species(self) -> np.ndarray:
        """The rows of all species, one per species and generation, dtype SPECIES, shape (rows,)."""
        return join_rows(self._species, SPECIES)

    @property
    def last(self) -> np.void:
        """The row of the last generation."""
        return self._generations[-1][-1]

    @property
    def last_species(self) -> np.ndarray:
        """The rows of the last generation's species."""
        rows = self._species[-1]
        return rows[rows["generation"] == self.last["generation"]]

    def to_pandas(self) -> Any:
        """Return a copy of `generations` as a pandas DataFrame, with a row for each generation, which is the index.

        `pandas.DataFrame(history.species)` is that of the species. For several runs,
        `pandas.concat({seed: history.to_pandas() for seed, history in …}, names=["seed"])` is one frame, with the
        index (seed, generation).

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError("to_pandas needs pandas: pip install 'batchneat[pandas]'") from None
        return pandas.DataFrame(self.generations).set_index("generation")

    def __len__(self) -> int:
        return len(self.generations)


def join_rows(rows: list[np.ndarray], dtype: np.dtype) -> np.ndarray:
    """Return all rows in one array, which replaces the arrays in `rows`."""
    if len(rows) != 1:
        rows[:] = [np.concatenate(rows) if rows else np.empty(0, dtype)]
    return rows[0]
