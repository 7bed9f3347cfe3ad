"""Keep the lineage of a run: champions, births, innovations, and the origins of species.

It keeps the births of the current generation, of the champions, and of all ancestors of both. It forgets lines that
died out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neat.config.config import Config
from neat.evolution import lineage_kernels
from neat.evolution.initial_genomes import bounds_of
from neat.evolution.innovation_kernels import Requests
from neat.evolution.lineage_kernels import CurrentIndividuals, LineageScratch, Membership
from neat.evolution.lineage_tables import BIRTH, CHAMPION, INNOVATION, ORIGIN, Individual, Rows
from neat.evolution.selection import BreedingPlan
from neat.genome import buffers, schema
from neat.genome.gene_arrays import Description, copy_genome_at, join_arrays
from neat.genome.genome import Genome, GenomeArrays, Genomes
from neat.kernels.hash_table import empty_table, with_room
from neat.support.archive import join_groups, select_group
from neat.support.files import csv_text, write_atomically
from neat.support.messages import quote

_LEAST_PRUNED = 20  # births per genome of a generation before lines that died out are looked for
_STRUCTURE = ("node_id", "connection_innovation", "connection_source", "connection_target")

_Champion = tuple[int, int, int, float, int]  # a row of dtype CHAMPION


class Lineage:
    """The lineage of a run so far, which `Population(…, lineage=False)` does not keep.

    Columns that name individuals hold their numbers (see `Individual`), or -1 for none.

    Args:
        config: The settings of the run.
        genomes: The genomes of its first generation.
    """

    def __init__(self, config: Config, genomes: Genomes) -> None:
        self._set_up(config)
        self._begin(0, genomes)

    def _set_up(self, config: Config) -> None:
        self._config = config
        self._births, self._innovations, self._origins = (
            Rows(np.empty(0, dtype)) for dtype in (BIRTH, INNOVATION, ORIGIN)
        )
        self._champions: list[_Champion] = []
        self._best: list[_Champion] = []  # at most one: the run's best genome
        self._genomes = [buffers.no_genomes()]
        self._kept = 0  # genomes in them
        self._numbers = (-1, b"")  # position and numbers of the genome of the last champion
        self._least_pruned = self._prune_at = _LEAST_PRUNED * config.population_size
        self._scratch = LineageScratch.of(config.population_size)

    def _begin(self, generation: int, genomes: Genomes) -> None:
        """Take genomes without parents as the current generation."""
        self.generation = generation
        self.living = CurrentIndividuals.without_parents(generation, self._config.population_size)
        genes = genomes.arrays
        number, chosen = np.unique(genes.connection_innovation, return_index=True)
        self._enter_known(len(number))
        found = np.empty((len(number), len(INNOVATION.names or ())), np.int64)
        count = lineage_kernels.find_chosen(
            chosen, genes, genomes.input_count, generation, self._carried, found
        )
        self._innovations.append(found[:count])

    def _enter_known(self, more: int = 0) -> None:
        """Make the table of the innovation numbers that genomes have carried, with room for more."""
        known = np.ascontiguousarray(self.innovations["innovation"])
        self._carried = with_room(empty_table(64), len(known) + more)
        lineage_kernels.enter_numbers(known, self._carried)

    def restart(self, generation: int, genomes: Genomes) -> None:
        """Replace the current generation by other genomes, which have no parents, as generation `generation`."""
        known = self.innovations
        self._innovations = Rows(known[known["generation"] < self.generation])
        self._begin(generation, genomes)

    @property
    def champions(self) -> np.ndarray:
        """The champion of each finished generation, dtype CHAMPION: generation, index, individual, fitness, genome.

        `genome` is the position of its genome in `champion_genomes`. Of genomes that are equally fit, the first counts.
        """
        return np.array(self._champions, CHAMPION)

    @property
    def champion_genomes(self) -> Genomes:
        """The distinct genomes of the champions, as they were scored."""
        return self._make_batch(self._join_genomes())

    @property
    def innovations(self) -> np.ndarray:
        """Each innovation that a genome carried, dtype INNOVATION: innovation, generation, source, target, carrier.

        `generation` is that of the first genome with the innovation number, and `carrier` the individual. `source` and
        `target` are ids.
        """
        return self._innovations.join()

    @property
    def species(self) -> np.ndarray:
        """The origin of each species, dtype ORIGIN: species, generation, parent, founder.

        `generation` is that in which the species was founded, and `founder` is its first member. `parent` is the
        species of the genome from which the founder was made or copied (of its primary parent), or -1.
        """
        return self._origins.join()

    @property
    def births(self) -> np.ndarray:
        """The births of all individuals that are kept, dtype BIRTH: individual, first and second parent; ascending."""
        newborn = self.living.individual >= self.generation * self._config.population_size
        rows = np.empty(int(newborn.sum()), BIRTH)
        for name, values in zip(BIRTH.names or (), self.living, strict=False):
            rows[name] = values[newborn]
        return np.concatenate([self._prune(), rows])

    def champion(self, generation: int) -> Genome:
        """Return the champion of a finished generation; raise ValueError if the generation has none."""
        rows = self.champions
        found = np.flatnonzero(rows["generation"] == generation)
        if len(found) == 0:
            known = f"from {rows['generation'][0]} to {rows['generation'][-1]}" if len(rows) else "none yet"
            raise ValueError(f"generation: must be a finished one, {known}, got {quote(generation)}")
        return self._make_genome(self._champions[found[0]])

    def ancestors(self, of: Genome | int, both: bool = False) -> list[Individual]:
        """Return the line of an individual: each one's primary parent, from generation 0 to the individual itself.

        After crossover, the primary parent is the one whose disjoint and excess genes enter: the fitter.

        Args:
            of: A champion, such as `result.champion`, or the number of an individual, such as
                `population.lineage.living.individual[0]`.
            both: Whether to return all ancestors by both parents, in the order of their birth, not one line.

        Raises:
            ValueError: The genome is no champion of its generation in this run, or the individual is not kept.
        """
        births = self.births
        number = self._find(of) if isinstance(of, Genome) else of
        row = (
            int(np.searchsorted(births["individual"], number)) if isinstance(number, int | np.integer) else -1
        )
        if not (0 <= row < len(births) and births["individual"][row] == number):
            raise ValueError(
                f"of: must be a champion, or the number of an individual with living descendants, got {quote(of)}"
            )
        if both:
            return self._list_individuals(births[_mark_ancestors(births, births["individual"][[row]])])
        line = [row]
        while births["first"][line[-1]] >= 0:
            line.append(int(np.searchsorted(births["individual"], births["first"][line[-1]])))
        return self._list_individuals(births[line[::-1]])

    def save(self, folder: str | Path) -> None:
        """Write innovations.csv, species_origins.csv, champions.csv, champions.npz and phylogeny.csv to a folder.

        `Genomes.load` reads champions.npz, the distinct genomes of the champions. phylogeny.csv has the births in the
        format of the ALife data standard (https://alife-data-standards.github.io).
        """
        tables = {
            "champions": self.champions,
            "innovations": self.innovations,
            "species_origins": self.species,
        }
        for name, rows in tables.items():
            write_atomically(Path(folder) / f"{name}.csv", csv_text([rows.dtype.names or (), *rows.tolist()]))
        write_atomically(Path(folder) / "phylogeny.csv", csv_text(self._list_phylogeny()))
        self.champion_genomes.save(Path(folder) / "champions.npz")

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays that `restored` needs, by name, without the lines that died out."""
        self._prune()
        return self.tables()

    def tables(self) -> dict[str, np.ndarray]:
        """Return the arrays as they are, by name; those of the champions' genomes begin with "genomes."."""
        return {
            **self.living._asdict(),
            "births": self._births.join(),
            "innovations": self.innovations,
            "species": self.species,
            "champions": self.champions,
            "best": np.array(self._best, CHAMPION),
            **join_groups({"genomes": self._join_genomes()._asdict()}),
        }

    @classmethod
    def restored(cls, config: Config, generation: int, state: dict[str, np.ndarray]) -> Lineage:
        """Return the lineage of the run with this config, in this generation, from what `state` returned."""
        lineage = cls.__new__(cls)
        lineage._set_up(config)
        lineage.generation = generation
        lineage.living = CurrentIndividuals(*(state[name] for name in CurrentIndividuals._fields))
        lineage._births, lineage._innovations, lineage._origins = (
            Rows(state[name]) for name in ("births", "innovations", "species")
        )
        lineage._champions, lineage._best = state["champions"].tolist(), state["best"].tolist()
        lineage._genomes = [GenomeArrays(**select_group("genomes", state))]
        lineage._kept = len(state["genomes.node_offset"]) - 1
        lineage._enter_known()
        return lineage

    # A run calls the following two methods once per generation.

    def add_champions(self, fitness: np.ndarray, best: int | None, scored: Genomes) -> None:
        """Keep the champion of the current generation.

        Args:
            fitness: float64 (P,), -inf where it is invalid.
            best: The index of the run's best genome if that is a new one of this generation, otherwise None.
            scored: The genomes as they were scored.
        """
        champion = int(np.argmax(fitness))
        row = self._keep(champion, fitness, scored)
        self._champions.append(row)
        if best is not None:  # among equally fit ones, it can be another than the first
            self._best = [row if best == champion else self._keep(best, fitness, scored)]

    def add_children(
        self, membership: Membership, plan: BreedingPlan, requests: Requests, children: Genomes
    ) -> None:
        """Make the children the current generation.

        Args:
            membership: The Membership of the generation so far.
            plan: The BreedingPlan of the children.
            requests: The Requests of the children, with ids.
            children: The children.
        """
        (_, champion, *_), (generation, best, *_) = self._champions[-1], self._best[0]
        champions = champion, best if generation == self.generation else champion
        size, scratch = len(plan.first), self._scratch
        living = CurrentIndividuals(*np.empty((len(CurrentIndividuals._fields), size), np.int64))
        births, origins = lineage_kernels.trace_children(
            self.living, membership, plan, champions, self.generation, living, scratch
        )
        self.generation += 1
        self.living = living
        self._carried = with_room(self._carried, self._innovations.count + len(scratch.innovations))
        innovations = lineage_kernels.find_requested(
            requests,
            children.arrays,
            children.input_count,
            self.generation,
            self._carried,
            scratch.innovations,
        )
        self._births.append(scratch.births[:births])
        self._origins.append(scratch.origins[:origins])
        self._innovations.append(scratch.innovations[:innovations])
        if self._births.count >= self._prune_at:
            self._prune_at = max(self._least_pruned, 2 * len(self._prune()))

    def _keep(self, index: int, fitness: np.ndarray, scored: Genomes) -> _Champion:
        """Return the row of a champion, and keep its genome unless it is that of the last champion."""
        individual, numbers = int(self.living.individual[index]), _pack_numbers(scored.arrays, index)
        position = self._kept
        if self._champions and self._champions[-1][2] == individual:
            # The structure of the individual is the same, but it can have learned.
            last = self._champions[-1][4]
            if self._numbers[0] != last:
                self._numbers = last, _pack_numbers(self._join_genomes(), last)
            if self._numbers[1] == numbers:
                position = last
        if position == self._kept:
            self._genomes.append(copy_genome_at(scored.arrays, index))
            self._kept += 1
            self._numbers = position, numbers
        return self.generation, index, individual, float(fitness[index]), position

    def _prune(self) -> np.ndarray:
        """Forget the lines that died out; return the births of earlier generations."""
        births = self._births.join()
        living = self.living
        champions = [individual for _, _, individual, _, _ in self._champions + self._best]
        named = living.individual, living.first, living.second, np.array(champions, np.int64)
        births = births[_mark_ancestors(births, np.concatenate(named))]
        self._births = Rows(births)
        return births

    def _find(self, genome: Genome) -> int:
        """Return the number of a champion; raise ValueError if the genome is none.

        A refined champion has the structure, but not the numbers, of a champion of its generation.
        """
        generation, rows = genome.genomes.generation, self._best + self._champions
        found = [row for row in rows if self._make_genome(row) == genome]
        same_generation = (row for row in rows if row[0] == generation)
        found += [row for row in same_generation if _have_same_structure(self._make_genome(row), genome)]
        if found:
            return found[0][2]
        raise ValueError(
            f"of: must be a champion of this run, got another genome of generation {generation}; name an individual of "
            "the current generation by its number"
        )

    def _list_phylogeny(self) -> Iterator[tuple[Any, ...]]:
        """Yield the header and the rows of a phylogeny in the ALife data standard."""
        yield "id", "ancestor_list", "origin_time"
        for number, *parents in self.births.tolist():
            ancestors = ",".join(str(parent) for parent in parents if parent >= 0) or "none"
            yield number, f"[{ancestors}]", number // self._config.population_size

    def _list_individuals(self, births: np.ndarray) -> list[Individual]:
        row_of = {row[2]: row for row in reversed(self._champions + self._best)}
        individuals = []
        for number, *parents in births.tolist():
            generation, index = divmod(number, self._config.population_size)
            genome = self._make_genome(row_of[number]) if number in row_of else None
            known = tuple(parent for parent in parents if parent >= 0)
            individuals.append(Individual(number, generation, index, known, genome))
        return individuals

    def _make_genome(self, row: _Champion) -> Genome:
        return Genome(self._make_batch(copy_genome_at(self._join_genomes(), row[4]), row[0]))

    def _make_batch(self, genes: GenomeArrays, generation: int = 0) -> Genomes:
        genome = self._config.genome
        return Genomes(genes, *Description.of(genome), generation, self._config.seed, bounds_of(genome))

    def _join_genomes(self) -> GenomeArrays:
        if len(self._genomes) != 1:
            self._genomes = [join_arrays(self._genomes)]
        return self._genomes[0]


def _mark_ancestors(births: np.ndarray, descendants: np.ndarray) -> np.ndarray:
    """Return which births are those of these individuals or of their ancestors, bool (births,)."""
    marked = np.zeros(len(births), np.bool_)
    rows = np.ascontiguousarray(births).view(np.int64).reshape(-1, len(BIRTH.names or ()))
    lineage_kernels.mark_ancestors(rows, np.ascontiguousarray(descendants), marked)
    return marked


def _pack_numbers(genes: GenomeArrays, index: int) -> bytes:
    """Return the numbers of the genome at `index` as bytes, which are quick to compare."""
    node = slice(genes.node_offset[index], genes.node_offset[index + 1])
    connection = slice(genes.connection_offset[index], genes.connection_offset[index + 1])
    rows = ((row.field, node if row.owner == "node" else connection) for row in schema.NUMBERS)
    return b"".join(getattr(genes, field)[own].tobytes() for field, own in rows)


def _have_same_structure(first: Genome, second: Genome) -> bool:
    ours, theirs = first.genomes.arrays, second.genomes.arrays
    return all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in _STRUCTURE)
