"""Define innovation schemes, which give innovation numbers to new connections and ids to new nodes.

In every scheme but one, equal mutations of a generation get equal ids. The schemes differ in how long they remember
them:

- `GlobalInnovations`: for the whole run.
- `GenerationInnovations`: until the end of the generation (2002, section 3.2). The numbers continue to count, so that
  the same link gets two numbers if it arises in two generations.
- `PairingInnovations`: the number of a connection is computed from its node ids. It says nothing about time.
- `HashedInnovations`: numbers and node ids are computed. They are equal whenever those of `GlobalInnovations` are.
- `UnsharedInnovations`, a control for studies: not at all. Every mutation gets ids of its own.

A split is identified by (innovation number of the connection, ordinal). The ordinal is the smallest one whose node the
genome does not have, so that a genome that splits a connection again gets a new node.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neat.config.config import Config
from neat.evolution import innovation_kernels
from neat.evolution.selection import BreedingPlan
from neat.genome.genome import GenomeArrays
from neat.kernels.hash_table import Table, check_table, empty_table, with_room

_TOO_LARGE = "innovation: the pairing of two node ids exceeds int64; use the scheme global or generation"


class CollisionError(RuntimeError):
    """Raised if two links have the same hashed number. Two given links collide with a probability of 2^-63.

    Attributes:
        number: The number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(
            f"innovation: two links have the same hashed number {number}; use another seed, or the scheme global"
        )
        self.number = int(number)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the number, since the message is made from it."""
        return type(self), (self.number,), self.__dict__


class GlobalInnovations:
    """Gives the same link, and the same split of the same connection, the same id during the whole run."""

    method = innovation_kernels.COUNT
    most_ids = 2**62  # more than a run can need, and far below the limit of int64

    def __init__(self, first_node: int) -> None:
        self.first_node = first_node
        self.nodes = empty_table(64)
        self.links = empty_table(64)
        # The next node id, the next innovation number, the entries in `nodes`, and the entries in `links`.
        self.counters = np.array([first_node, 0, 0, 0], np.int64)

    @property
    def count(self) -> int:
        """The number of innovations so far: numbered connections. Schemes that compute numbers count otherwise."""
        return int(self.counters[1])

    def next_generation(self) -> None:
        """Prepare for the requests of the next generation."""

    def number_links(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Return the innovation numbers, int64 (n,), of links with these node ids, each int64 (n,).

        Raises:
            OverflowError: A pairing of two ids exceeds int64.
        """
        self._reserve(0, len(source))
        innovation = np.empty(len(source), np.int64)
        if not innovation_kernels.number_links(
            source, target, innovation, self.links, self.counters, self.method
        ):
            raise OverflowError(_TOO_LARGE)
        return innovation

    def assign(
        self,
        requests: innovation_kernels.Requests,
        genes: GenomeArrays,
        node_count: np.ndarray,
        input_count: int,
        splits: int,
        links: int,
    ) -> None:
        """Write the ids of a generation's requests, in the order of the children.

        Args:
            requests: The requests of P children; the ids are written to it.
            genes: The children's genes before the additions. The nodes of child `c` begin at `node_offset[c]`, its
                connections at `connection_offset[c]`.
            node_count: int64 (P,), the number of nodes of each child.
            input_count: The number of inputs, with the bias input.
            splits: The number of requested splits.
            links: The number of requested links.

        Raises:
            OverflowError: A pairing of two ids exceeds int64.
        """
        self._reserve(splits, 2 * splits + links)
        if not innovation_kernels.assign(
            requests, genes, node_count, input_count, self.nodes, self.links, self.counters, self.method
        ):
            raise OverflowError(_TOO_LARGE)

    def check_offspring(
        self, parents: GenomeArrays, plan: BreedingPlan, children: GenomeArrays, input_count: int
    ) -> None:
        """Raise CollisionError where a computed number turns out to mean two links.

        Args:
            parents: The parents.
            plan: The parents of each child.
            children: The finished children.
            input_count: The number of inputs, with the bias input.
        """

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays that `restore` needs, by name."""
        return {
            "counters": self.counters,
            **{f"node_{name}": array for name, array in self.nodes._asdict().items()},
            **{f"link_{name}": array for name, array in self.links._asdict().items()},
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Continue from the arrays that `state` returned."""
        self.counters = state["counters"]
        self.nodes = Table(*(state[f"node_{name}"] for name in Table._fields))
        self.links = Table(*(state[f"link_{name}"] for name in Table._fields))

    def check(self) -> None:
        """Raise ValueError for tables that are full or damaged, and for counters that can give an id twice."""
        next_node, next_link, nodes, links = self.counters.tolist()
        if not (self.first_node <= next_node <= self.most_ids and 0 <= next_link <= self.most_ids):
            raise ValueError(
                f"innovations.counters: the next ids must be from {self.first_node} and 0 to {self.most_ids}, "
                f"got {next_node} and {next_link}"
            )
        check_table("node", self.nodes, nodes, self.first_node, next_node)
        check_table("link", self.links, links, 0, next_link)

    def check_genes(self, genes: GenomeArrays, input_count: int) -> None:
        """Raise ValueError unless the next ids are above the genomes' ids, and their links have the scheme's numbers.

        Args:
            genes: Genomes that obey the rules of `Genomes.check`.
            input_count: The number of inputs, with the bias input.
        """
        if genes.node_id.max(initial=0) >= self.counters[0]:
            raise ValueError(
                f"node_id: must be below the next node id {self.counters[0]}, got {genes.node_id.max()}"
            )
        self._check_numbers(genes, input_count)

    def _check_numbers(self, genes: GenomeArrays, input_count: int) -> None:
        self._check_below_next(genes)
        genome = innovation_kernels.first_misnumbered(genes, input_count, self.links, self.method)
        if genome >= 0:
            raise ValueError(
                f"connection_innovation: genome {genome}: a link has another number than in the innovation scheme"
            )

    def _check_below_next(self, genes: GenomeArrays) -> None:
        if genes.connection_innovation.max(initial=-1) >= self.counters[1]:
            raise ValueError(
                f"connection_innovation: must be below the next number {self.counters[1]}, "
                f"got {genes.connection_innovation.max()}"
            )

    def adopt(self, genes: GenomeArrays, input_count: int) -> None:
        """Enter the ids of genomes that this scheme did not number, so that later ids are above them.

        Args:
            genes: Genomes that obey the rules of `Genomes.check`.
            input_count: The number of inputs, with the bias input.

        Raises:
            ValueError: A link has another number than in this scheme, or two links have the same number. The scheme is
                then unchanged. `GenerationInnovations` does not compare links, since it forgets them.
        """
        before = {name: array.copy() for name, array in self.state().items()}
        self._enter_links(genes, input_count)
        for counter, ids in ((0, genes.node_id), (1, genes.connection_innovation)):
            if self.method < innovation_kernels.SZUDZIK or counter == 0:
                highest = min(int(ids.max(initial=-1)), self.most_ids)
                self.counters[counter] = max(self.counters[counter], highest + 1)
        try:
            self.check()
            self.check_genes(genes, input_count)
        except ValueError:
            self.restore(before)
            raise

    def _enter_links(self, genes: GenomeArrays, input_count: int) -> None:
        number, first = np.unique(genes.connection_innovation, return_index=True)
        self._reserve(0, len(number))
        innovation_kernels.enter_links(genes, input_count, first, self.links, self.counters)

    def _reserve(self, nodes: int, links: int) -> None:
        """Make room for more nodes and links; both tables stay at most half full."""
        self.nodes = with_room(self.nodes, int(self.counters[2]) + nodes)
        self.links = with_room(self.links, int(self.counters[3]) + links)


class GenerationInnovations(GlobalInnovations):
    """Gives equal ids to equal mutations of the same generation only; the numbers continue to count."""

    def next_generation(self) -> None:
        """Forget the links and splits of the last generation."""
        if self.counters[2] or self.counters[3]:
            self.nodes.value.fill(-1)
            self.links.value.fill(-1)
            self.counters[2:] = 0

    def _check_numbers(self, genes: GenomeArrays, input_count: int) -> None:
        self._check_below_next(genes)  # the tables have no links of earlier generations

    def _enter_links(self, genes: GenomeArrays, input_count: int) -> None:
        pass


class UnsharedInnovations(GenerationInnovations):
    """Gives every mutation ids of its own, also equal ones of a generation; only the first genomes share numbers."""

    method = innovation_kernels.UNSHARED


class PairingInnovations(GlobalInnovations):
    """Numbers a connection by the Szudzik pairing of its node ids (Szudzik, "An elegant pairing function", 2006)."""

    method = innovation_kernels.SZUDZIK
    most_ids = innovation_kernels.SZUDZIK_MAXIMUM + 1

    @property
    def count(self) -> int:
        """The number of nodes created by splits."""
        return int(self.counters[2])

    def check(self) -> None:
        """Raise ValueError for damaged tables, wrong counters, or counted links, which a pairing does not have."""
        super().check()
        if self.counters[1] or self.counters[3]:
            raise ValueError(
                f"innovations.counters: a pairing counts no links, got {self.counters[1]} and {self.counters[3]}"
            )

    def _check_below_next(self, genes: GenomeArrays) -> None:
        pass

    def _enter_links(self, genes: GenomeArrays, input_count: int) -> None:
        pass


class CantorInnovations(PairingInnovations):
    """Numbers a connection by the Cantor pairing of its node ids."""

    method = innovation_kernels.CANTOR
    most_ids = innovation_kernels.CANTOR_MAXIMUM + 1


class HashedInnovations(PairingInnovations):
    """Numbers a connection by a hash of its node ids, and a split's node by a hash of the split.

    It needs no table, so that numbers agree even where genomes evolve apart. Of n links, two have the same number with
    a probability of about n^2 / 2^64; of n splits, two have the same node with about n^2 / 2^63.
    """

    method = innovation_kernels.HASHED

    @property
    def count(self) -> int:
        """-1, since nothing is counted."""
        return -1

    def number_links(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Return the innovation numbers, int64 (n,), of links with these node ids, each int64 (n,).

        Raises:
            CollisionError: Two of the links have the same number.
        """
        number = super().number_links(source, target)
        order = np.argsort(number)
        same = np.flatnonzero(np.diff(number[order]) == 0)
        one, other = order[same], order[same + 1]
        collided = (source[one] != source[other]) | (target[one] != target[other])
        if collided.any():
            raise CollisionError(number[one[collided][0]])
        return number

    def check_offspring(
        self, parents: GenomeArrays, plan: BreedingPlan, children: GenomeArrays, input_count: int
    ) -> None:
        """Raise CollisionError if a child has a number twice, or two mates have one for different links."""
        number = innovation_kernels.find_collision(parents, plan.first, plan.second, children, input_count)
        if number >= 0:
            raise CollisionError(number)

    def check(self) -> None:
        """Raise ValueError for damaged tables, or for counters that count anything."""
        super().check()
        if self.counters.tolist() != [self.first_node, 0, 0, 0]:
            raise ValueError(f"innovations.counters: hashes count nothing, got {self.counters.tolist()}")

    def check_genes(self, genes: GenomeArrays, input_count: int) -> None:
        """Raise ValueError unless the genomes' links have the scheme's numbers."""
        self._check_numbers(genes, input_count)

    def adopt(self, genes: GenomeArrays, input_count: int) -> None:
        """Raise ValueError unless the genomes' links have the scheme's numbers; there is nothing to enter."""
        self.check_genes(genes, input_count)


def make_scheme(config: Config) -> GlobalInnovations:
    """Return a new scheme of the config's kind, whose node ids begin after the inputs, outputs and hidden layers."""
    genome = config.genome
    first_node = genome.num_inputs + genome.bias_input + genome.num_outputs + sum(genome.hidden_layers)
    schemes = {
        "global": GlobalInnovations,
        "generation": GenerationInnovations,
        "unshared": UnsharedInnovations,
        "pairing": CantorInnovations if config.pairing == "cantor" else PairingInnovations,
        "hashed": HashedInnovations,
    }
    return schemes[config.innovation](first_node)
