"""Checkpoints: a run's whole state in one file of arrays (see `neat.io.archive`)."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from neat.activations import ACTIVATIONS, AGGREGATIONS, activation_index, aggregation_index
from neat.config.config import Config
from neat.evolution.champions import MOST_CANDIDATES
from neat.evolution.history import History
from neat.evolution.speciation import Species
from neat.evolution.target import Solution
from neat.genome.genome import Genome, GenomeArrays
from neat.io.archive import CheckpointError, check_arrays, read_arrays, under, write_arrays
from neat.io.checkpoint_rules import HEAD, Counters, Numbers, check_all_arrays, check_population, kept_genomes
from neat.population import Population
from neat.support.messages import cut
from neat.support.text_files import shorten_path

FORMAT = 3


def save(population: Population, path: str | Path) -> None:
    """Write a population's state; a kill at any moment leaves the old file or the new one, whole.

    Saving changes nothing in the population.

    Args:
        population: Between two generations.
        path: The file, replaced if it exists.
    """
    write_arrays(path, _to_arrays(population))


def load(path: str | Path) -> Population:
    """The population that `save` wrote, which goes on as if it had never stopped.

    Everything in the file is checked before compiled code sees it.

    Raises:
        CheckpointError: The file cannot be read, is damaged, has another format, or holds what no run can have left;
            the message names the file and the array.
    """
    arrays = read_arrays(path)
    try:
        return _from_arrays(arrays)
    except ValueError as error:
        raise CheckpointError(f"{shorten_path(path)}: {cut(str(error), 500)}") from None


def _prefixed(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def _to_arrays(population: Population) -> dict[str, np.ndarray]:
    species = population.species._asdict()
    representative = species.pop("representative")
    arrays = {
        "format": np.array(FORMAT),
        "activations": np.array([entry.name for entry in ACTIVATIONS]),
        "aggregations": np.array([entry.name for entry in AGGREGATIONS]),
        "config": np.frombuffer(population.config.to_toml().encode(), np.uint8),
        "counters": np.array([getattr(population, name) for name in Counters._fields]),
        "numbers": _numbers(population),
        "first_parent": population.first_parent,
        "second_parent": population.second_parent,
        "birth": population.birth,
        "history.generations": population.history.generations,
        "history.species": population.history.species,
        **_prefixed("genomes", population.genomes.arrays._asdict()),
        **_prefixed("species", species),
        **_prefixed("representative", representative._asdict()),
        **_prefixed("innovations", population.innovations.state()),
        **_prefixed("evaluator", population.evaluator_state),
    }
    arrays["candidates"] = np.array(population.candidates.fitness, np.float64)
    for name, genome in kept_genomes(population).items():
        arrays.update(_prefixed(name, genome.genomes.arrays._asdict()))
        arrays[f"{name}.generation"] = np.array(genome.genomes.generation)
    return arrays


def _numbers(population: Population) -> np.ndarray:
    _, fitness, target = population.solution or (None, -np.inf, None)
    known = Numbers(
        population.threshold, population.best_fitness, fitness, np.nan if target is None else target
    )
    return np.array(known, np.float64)


def _renumber(arrays: dict[str, np.ndarray], kind: str, index: Callable[[str], int]) -> None:
    """Give nodes the positions that their functions have in this process's table."""
    names = arrays[f"{kind}s"].tolist()
    columns = [n for n in arrays if n.endswith(f".node_{kind}") and not n.startswith("evaluator.")]
    position = np.zeros(256, np.uint8)
    for name in columns:
        for old in np.flatnonzero(np.bincount(arrays[name], minlength=1)).tolist():
            if old >= len(names):
                raise ValueError(f"{name}: must be below {len(names)}, the number of {kind}s, got {old}")
            position[old] = index(names[old])
    for name in columns:
        arrays[name] = position[arrays[name]]


def _from_arrays(arrays: dict[str, np.ndarray]) -> Population:
    check_arrays(arrays, {"format": HEAD["format"]})
    if arrays["format"] != FORMAT:
        raise ValueError(f"is a checkpoint of format {arrays['format']}; this version reads format {FORMAT}")
    check_arrays(arrays, HEAD)
    try:
        config = Config.from_toml(arrays["config"].tobytes().decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"config: {cut(str(error))}") from None
    check_all_arrays(arrays, config)
    _renumber(arrays, "activation", activation_index)
    _renumber(arrays, "aggregation", aggregation_index)

    population = Population._without_genomes(config)
    counters = Counters(*arrays["counters"].tolist())
    population._set_genomes(counters.generation, GenomeArrays(**under("genomes", arrays)))
    for name, value in counters._asdict().items():
        setattr(population, name, value)
    numbers = Numbers(*arrays["numbers"].tolist())
    population.threshold, population.best_fitness = numbers.threshold, numbers.best_fitness
    population.first_parent, population.second_parent = arrays["first_parent"], arrays["second_parent"]
    population.birth = arrays["birth"]
    population.history = History(arrays["history.generations"], arrays["history.species"])
    representative = GenomeArrays(**under("representative", arrays))
    population.species = Species(**under("species", arrays), representative=representative)
    population.innovations.restore(under("innovations", arrays))
    population.evaluator_state = under("evaluator", arrays)
    _set_kept(population, numbers, arrays)
    check_population(population)
    return population


def _set_kept(population: Population, numbers: Numbers, arrays: dict[str, np.ndarray]) -> None:
    """The best genome, the solution and the candidates."""
    population.best = _genome(population, "best", arrays)
    solution = _genome(population, "solution", arrays)
    if solution is not None:
        target = None if math.isnan(numbers.solution_target) else numbers.solution_target
        population.solution = Solution(solution, numbers.solution_fitness, target)
    candidates = [_genome(population, f"candidate{k}", arrays) for k in range(MOST_CANDIDATES)]
    population.candidates.genomes = [genome for genome in candidates if genome is not None]
    population.candidates.fitness = arrays["candidates"].tolist()


def _genome(population: Population, name: str, arrays: dict[str, np.ndarray]) -> Genome | None:
    genes = under(name, arrays)
    if not genes:
        return None
    generation = int(genes.pop("generation"))
    genomes = population.genomes.with_arrays(GenomeArrays(**genes))
    genomes.generation = generation
    try:
        return Genome(genomes)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
