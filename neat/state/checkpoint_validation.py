"""Validate a checkpoint: first the dtypes and shapes of its arrays, then their values.

A file can be made by hand, and compiled code does not check what it reads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neat.config.config import Config
from neat.evolution.champions import MOST_CANDIDATES
from neat.evolution.evaluation_results import check_values
from neat.evolution.history import GENERATION, SPECIES
from neat.evolution.lineage_kernels import CurrentIndividuals
from neat.evolution.lineage_tables import TABLES
from neat.evolution.run_arguments import MOST_GENERATIONS
from neat.genome.files import FUNCTION_NAMES, expected_arrays
from neat.genome.genome import Genome
from neat.kernels.hash_table import Table
from neat.state.run_state import RunState
from neat.support.archive import Expected, check_arrays
from neat.support.messages import quote, restate_errors


class Counters(NamedTuple):
    """The array `counters`, int64."""

    generation: int
    next_species: int
    best_generation: int
    improved_generation: int
    kept: int


class Numbers(NamedTuple):
    """The array `numbers`, float64. Without a solution, its fitness is -inf; without a fitness target, that is NaN."""

    threshold: float
    best_fitness: float
    solution_fitness: float
    solution_target: float


_INTEGER, _REAL, _BYTE = map(np.dtype, ("i8", "f8", "u1"))
_MOST_SPECIES = 2**62

HEAD: Expected = {  # needed to read the other arrays
    "format": (_INTEGER, ()),
    **FUNCTION_NAMES,
    "config": (_BYTE, (None,)),
}


def _expected_arrays(arrays: dict[str, np.ndarray], population_size: int) -> Expected:
    species, nodes, links = (
        arrays[name].size if name in arrays else 0
        for name in ("species.id", "innovations.node_value", "innovations.link_value")
    )
    table = HEAD | {
        "counters": (_INTEGER, (len(Counters._fields),)),
        "numbers": (_REAL, (len(Numbers._fields),)),
        "first_parent": (_INTEGER, (population_size,)),
        "second_parent": (_INTEGER, (population_size,)),
        "birth": (_INTEGER, (population_size,)),
        "history.generations": (GENERATION, (None,)),
        "history.species": (SPECIES, (None,)),
        "species.id": (_INTEGER, (species,)),
        "species.founded": (_INTEGER, (species,)),
        "species.improved": (_INTEGER, (species,)),
        "species.record": (_REAL, (species,)),
        "innovations.counters": (_INTEGER, (4,)),
        "candidates": (_REAL, (None,)),
    }
    table |= {f"innovations.node_{name}": (_INTEGER, (nodes,)) for name in Table._fields}
    table |= {f"innovations.link_{name}": (_INTEGER, (links,)) for name in Table._fields}
    for group in ("genomes", "representative"):
        table |= expected_arrays(group)
    if any(name.startswith("lineage.") for name in arrays):
        table |= {f"lineage.{name}": (_INTEGER, (population_size,)) for name in CurrentIndividuals._fields}
        table |= {f"lineage.{name}": (dtype, (None,)) for name, dtype in TABLES.items()}
        table |= expected_arrays("lineage.genomes")
    table["genomes.node_offset"] = (_INTEGER, (population_size + 1,))
    for group in ("best", "solution", *(f"candidate{k}" for k in range(MOST_CANDIDATES))):
        if any(name.startswith(f"{group}.") for name in arrays):
            table |= {**expected_arrays(group), f"{group}.generation": (_INTEGER, ())}
    return table


def check_all_arrays(arrays: dict[str, np.ndarray], config: Config) -> None:
    """Raise ValueError unless the arrays fit a run with this config. The evaluator checks its own arrays."""
    table = _expected_arrays(arrays, config.population_size)
    check_arrays(arrays, table)
    for name in arrays:
        if name not in table and not name.startswith("evaluator."):
            raise ValueError(f"{quote(name)}: a checkpoint has no array of this name")


def kept_genomes(state: RunState) -> dict[str, Genome]:
    """Return the genomes that a state keeps besides its population, by their names in a checkpoint."""
    kept = {f"candidate{k}": genome for k, genome in enumerate(state.candidates.genomes)}
    if state.best is not None:
        kept["best"] = state.best
    if state.solution is not None:
        kept["solution"] = state.solution.genome
    return kept


def check_state(state: RunState) -> None:
    """Raise ValueError, which names the array in a checkpoint, unless the values of a state are consistent.

    Compiled code is called only with checked values.
    """
    size, generation = state.config.population_size, state.generation
    for name, most in (
        ("generation", MOST_GENERATIONS),
        ("next_species", _MOST_SPECIES),
        ("best_generation", generation - 1),
        ("improved_generation", generation),
        ("kept", size - 1),
    ):
        least = -1 if name in ("best_generation", "kept") else 0
        _check_range(f"counters: {name}", getattr(state, name), least, most)
    _check_range("numbers: threshold", state.threshold, 0, float(np.finfo(np.float32).max))
    _check_range("first_parent", state.first_parent, -1, size - 1)
    _check_range("second_parent", state.second_parent, -1, size - 1)
    _check_range("birth", state.birth, 0, generation)
    _check_species(state)
    _check_history(state)
    _check_kept_genomes(state)
    if state.lineage is not None:
        _check_lineage(state.lineage.tables(), state)
    _check_genes(state)


def _check_range(name: str, values: Any, least: float, most: float) -> None:
    values = np.asarray(values)
    wrong = ~((least <= values) & (values <= most))
    if wrong.any():
        raise ValueError(f"{name}: must be from {least} to {most}, got {values[wrong].flat[0]}")


def _check_species(state: RunState) -> None:
    species, generation = state.species, state.generation
    _check_range("species.id", species.id, 0, state.next_species - 1)
    if (np.diff(species.id) <= 0).any():
        raise ValueError("species.id: must ascend")
    _check_range("species.founded", species.founded, 0, generation)
    _check_range("species.improved", species.improved, 0, generation)
    _check_range("species.record", species.record, -np.inf, np.inf)
    count = len(species.representative.node_offset) - 1
    if count != len(species.id) or count > state.config.population_size:
        raise ValueError(
            f"representative.node_offset: expected a genome for each of {len(species.id)} species, got {count}"
        )


def _check_history(state: RunState) -> None:
    last = state.generation - 1
    generations = state.history.generations["generation"]
    _check_range("history.generations", generations, 0, last)
    _check_range("history.species", state.history.species["generation"], 0, last)
    if (np.diff(generations) <= 0).any() or (np.diff(state.history.species["generation"]) < 0).any():
        raise ValueError("history.generations: generations must ascend, also in history.species")


def _check_kept_genomes(state: RunState) -> None:
    """Check that the best genome, the solution and each candidate have a fitness if they exist."""
    solution, candidates = state.solution, state.candidates
    known = (state.best is not None, state.best_generation >= 0, state.best_fitness > -np.inf)
    if len(set(known)) > 1:
        raise ValueError("best: expected a genome, a fitness and a generation, or none of them")
    fitness = [state.best_fitness] if state.best is not None else []
    fitness += [solution.fitness] if solution is not None else []
    if not np.isfinite(fitness).all():
        raise ValueError(
            f"numbers: the best genome and the solution must have a finite fitness, got {fitness}"
        )
    if solution is not None and solution.fitness_target is not None:
        _check_range("numbers: solution_target", solution.fitness_target, -np.inf, solution.fitness)
    if not np.isfinite(candidates.fitness).all() or len(candidates.fitness) != len(candidates.genomes):
        raise ValueError(
            f"candidates: expected a finite fitness for each of {len(candidates.genomes)} genomes, "
            f"got {candidates.fitness}"
        )


def _check_lineage(lineage: dict[str, np.ndarray], state: RunState) -> None:
    size, generation, most_species = state.config.population_size, state.generation, state.next_species - 1
    births, best = lineage["births"], lineage["best"]
    ranges = {
        "individual": (lineage["individual"], 0, (generation + 1) * size - 1),
        "parent_species": (lineage["parent_species"], -1, most_species),
        "births": (births["individual"], 0, generation * size - 1),
        "innovations": (lineage["innovations"]["innovation"], 0, 2**63 - 1),
        "innovations: generation": (lineage["innovations"]["generation"], 0, generation),
        "innovations: carrier": (lineage["innovations"]["carrier"], 0, (generation + 1) * size - 1),
        "species": (lineage["species"]["species"], 0, most_species),
        "species: generation": (lineage["species"]["generation"], 0, generation - 1),
        "species: parent": (lineage["species"]["parent"], -1, most_species),
        "species: founder": (lineage["species"]["founder"], 0, generation * size - 1),
    }
    for name in ("champions", "best"):
        ranges[name] = (lineage[name]["generation"], 0, generation - 1)
        ranges[f"{name}: index"] = (lineage[name]["index"], 0, size - 1)
        ranges[f"{name}: genome"] = (lineage[name]["genome"], 0, len(lineage["genomes.node_offset"]) - 2)
    for name, (values, least, most) in ranges.items():
        _check_range(f"lineage.{name}", values, least, most)
    for name, column in (("births", "individual"), ("champions", "generation")):
        if (np.diff(lineage[name][column]) <= 0).any():
            raise ValueError(f"lineage.{name}: {column} must ascend")
    expected = int(state.best is not None)
    if len(best) != expected:
        raise ValueError(f"lineage.best: expected a row for each of {expected} best genomes, got {len(best)}")
    if (births["first"] >= births["individual"]).any() or (births["second"] >= births["individual"]).any():
        raise ValueError("lineage.births: parents must be born before their children")
    named = [births["first"], births["second"], lineage["first"], lineage["second"]]
    named += [lineage[name]["individual"] for name in ("champions", "best")]
    unknown = np.setdiff1d(np.concatenate(named), [-1, *births["individual"]])
    if len(unknown):
        raise ValueError(f"lineage.births: individual {unknown[0]} is missing")


def _check_genes(state: RunState) -> None:
    """Check each group of genomes on its own, and against the innovation scheme."""
    kept = kept_genomes(state)
    groups = {
        "genomes": state.genomes.to_kernel(),
        "representative": state.species.representative,
        **{name: genome.genomes.arrays for name, genome in kept.items()},
    }
    if state.lineage is not None:
        groups["lineage.genomes"] = state.lineage.champion_genomes.arrays
    state.innovations.check()
    for name, genes in groups.items():
        genomes = state.genomes.with_arrays(genes)
        with restate_errors(f"{name}: "):
            genomes.check()
            check_values(genomes, state.config.genome)
            state.innovations.check_genes(genes, genomes.input_count)
    for name, genome in kept.items():
        _check_range(f"{name}.generation", genome.genomes.generation, 0, state.generation)
