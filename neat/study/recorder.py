"""Record how alike mates are, and which innovations arise again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neat.evolution.innovation_kernels import Requests, find_ends, find_position
from neat.genome.gene_arrays import GenomeArrays, end_ids
from neat.kernels.jit import inner_function, kernel
from neat.population import Population
from neat.reporting.reporters import Reporter

_LINK, _SPLIT = range(2)
_COLUMNS = (
    "matching",
    "disjoint",
    "excess",
    "equal_crossovers",
    "doubled",
    "equal_doubled",
    "links_reborn",
    "splits_reborn",
)


class MatingRecorder(Reporter):
    """Records for each generation how its members mated, and which of their children's innovations had arisen before.

    Links are compared by the node ids of their ends. The columns, NaN where there is nothing to count, are

    - `matching`, `disjoint`, `excess`: shares of the genes of two mates, each matching pair counted once
    - `equal_crossovers`: the share of crossovers whose parents are equally fit
    - `doubled`, `equal_doubled`: the shares of crossovers, and of those of equally fit parents, whose parents have a
      link in common under two innovation numbers
    - `links_reborn`: of the different links that mutations added, the share that an earlier generation had added too,
      or that the first genomes had
    - `splits_reborn`: of the different links that mutations split, the share that an earlier generation had split too
    """

    def __init__(self) -> None:
        self._rows: list[tuple[float, ...]] = []

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """The values of all generations by name: float64 (generations,)."""
        return dict(zip(_COLUMNS, np.array(self._rows, np.float64).reshape(-1, len(_COLUMNS)).T, strict=True))

    def start(self, population: Population, generations: int) -> None:
        """Take the current genomes as the first mates, and their links as known."""
        self._rows = []
        self._parents = population.genomes
        ends = np.unique(np.stack(end_ids(self._parents.arrays, self._parents.input_count)), axis=1)
        self._known = {(_LINK, source, target) for source, target in ends.T.tolist()}

    def generation(self, population: Population, timings: Mapping[str, float]) -> None:
        """Compare the mates of the finished generation, and look for innovations that are not new."""
        parents, self._parents = self._parents, population.genomes
        mated, equal, *genes, doubled, equal_doubled = compare_mates(
            parents.to_kernel(),
            population.first_parent,
            population.second_parent,
            population.parent_fitness,
            parents.input_count,
        )
        shares = [_divide(count, sum(genes)) for count in genes]
        shares += [_divide(equal, mated), _divide(doubled, mated), _divide(equal_doubled, equal)]
        rows = np.empty((2 * len(self._parents), 3), np.int64)
        count = list_added(population.requests, self._parents.to_kernel(), parents.input_count, rows)
        added = set(map(tuple, rows[:count].tolist()))
        for kind in (_LINK, _SPLIT):
            born = {each for each in added if each[0] == kind}
            shares.append(_divide(len(born & self._known), len(born)))
        self._known |= added
        self._rows.append(tuple(shares))


def _divide(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


@kernel(allocates=False)
def compare_mates(
    genomes: GenomeArrays, first: np.ndarray, second: np.ndarray, fitness: np.ndarray, input_count: int
) -> tuple[int, int, int, int, int, int, int]:
    """Count over the crossovers of a generation.

    Args:
        genomes: GenomeArrays of the parents.
        first: int64 (P,), the primary parent of each child.
        second: int64 (P,), the other parent, or -1 without crossover.
        fitness: float64 (P,), the fitness of the parents.
        input_count: The number of inputs, with the bias input.

    Returns:
        (crossovers, those of equally fit parents, matching, disjoint and excess genes, crossovers whose parents have a
        link in common under two numbers, those of equally fit parents).
    """
    mated, equal, matching, disjoint, excess, doubled, equal_doubled = 0, 0, 0, 0, 0, 0, 0
    for child in range(len(first)):
        if second[child] < 0:
            continue
        mated += 1
        is_equal = fitness[first[child]] == fitness[second[child]]
        equal += is_equal
        a, a_end = genomes.connection_offset[first[child]], genomes.connection_offset[first[child] + 1]
        b, b_end = genomes.connection_offset[second[child]], genomes.connection_offset[second[child] + 1]
        is_doubled = False
        while a < a_end or b < b_end:
            left = genomes.connection_innovation[a] if a < a_end else np.int64(-1)
            right = genomes.connection_innovation[b] if b < b_end else np.int64(-1)
            if left == right:
                matching += 1
                a += 1
                b += 1
                continue
            if a == a_end or b == b_end:
                excess += 1
            else:
                disjoint += 1
            if b == b_end or (a < a_end and left < right):
                is_doubled |= _has_link(genomes, first[child], a, second[child], input_count)
                a += 1
            else:
                b += 1
        doubled += is_doubled
        equal_doubled += is_doubled and is_equal
    return mated, equal, matching, disjoint, excess, doubled, equal_doubled


@inner_function
def _has_link(genomes, one, position, other, input_count):
    """Whether genome `other` has the link of genome `one` at `position`."""
    ends = find_ends(genomes, one, position, input_count)
    for each in range(genomes.connection_offset[other], genomes.connection_offset[other + 1]):
        if find_ends(genomes, other, each, input_count) == ends:
            return True
    return False


@kernel(allocates=False)
def list_added(requests: Requests, children: GenomeArrays, input_count: int, rows: np.ndarray) -> int:
    """Write (kind, id of the source, id of the target) of each link that was added or split; return their number.

    Args:
        requests: Requests of P children, with ids.
        children: GenomeArrays of P genomes.
        input_count: The number of inputs, with the bias input.
        rows: int64 (2·P, 3), written.
    """
    count = 0
    for child in range(len(requests.split)):
        if requests.split[child] >= 0:
            into = find_position(children, child, requests.in_innovation[child])
            out = find_position(children, child, requests.out_innovation[child])
            source, _ = find_ends(children, child, into, input_count)
            _, target = find_ends(children, child, out, input_count)
            rows[count, 0], rows[count, 1], rows[count, 2] = _SPLIT, source, target
            count += 1
        if requests.link_target[child] >= 0:
            position = find_position(children, child, requests.link_innovation[child])
            source, target = find_ends(children, child, position, input_count)
            rows[count, 0], rows[count, 1], rows[count, 2] = _LINK, source, target
            count += 1
    return count
