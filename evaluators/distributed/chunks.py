"""How a population is cut into chunks: by genes, and by the time that the last chunks took."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neat.genome.genome import Genomes

_PER_SLOT = 4  # chunks for each slot, so that a slot that gets cheap genomes takes another chunk
_LEAST_SECONDS = 0.02  # of work in a chunk, some ten times what it costs to hand one out

Span = tuple[int, int]
"""The index of a chunk's first genome, and of the first one behind it."""


class Cutter:
    """Cuts populations into chunks that take about the same time.

    A genome is expected to take a constant time, and another for each of its genes.

    Args:
        size: Genomes of a chunk; None: as their cost says.
    """

    def __init__(self, size: int | None) -> None:
        self._size = size
        self._seconds: np.ndarray | None = None  # of a genome, and of a gene

    def cut(self, genomes: Genomes, slots: int) -> list[Span]:
        """Return the chunks for this number of slots."""
        count = len(genomes)
        if self._size is not None:
            ends = np.arange(self._size, count + self._size, self._size).clip(max=count)
        else:
            cost = self._expect_cost(genomes)
            chunks = _PER_SLOT * slots
            if self._seconds is not None:
                chunks = min(chunks, max(slots, int(cost.sum() / _LEAST_SECONDS)))
            total = np.cumsum(cost)
            shares = total[-1] * np.arange(1, chunks) / chunks
            ends = np.unique([*np.searchsorted(total, shares) + 1, count])
        return list(zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True))

    def learn(self, genomes: Genomes, spans: Sequence[Span], seconds: Sequence[float]) -> None:
        """Learn from the seconds that chunks took."""
        from scipy.optimize import nnls

        if not spans:
            return
        begin, end = np.array(spans).T
        total = np.concatenate([[0], np.cumsum(_count_genes(genomes))])
        genes, count = total[end] - total[begin], end - begin
        coefficients, _ = nnls(np.column_stack([count, genes]).astype(np.float64), np.asarray(seconds))
        if coefficients.any():
            self._seconds = coefficients

    def _expect_cost(self, genomes: Genomes) -> np.ndarray:
        genes = _count_genes(genomes)
        constant, per_gene = (genes.mean(), 1.0) if self._seconds is None else self._seconds
        return constant + per_gene * genes + 1e-12


def _count_genes(genomes: Genomes) -> np.ndarray:
    """Return the number of genes of each genome, int64 (genomes,)."""
    arrays = genomes.arrays
    return np.diff(arrays.node_offset) + np.diff(arrays.connection_offset)
