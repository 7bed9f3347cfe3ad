"""Checkpoints: a run's whole state in one file of arrays (see `neat.archive`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neat.activations import ACTIVATIONS, AGGREGATIONS, activation_index, aggregation_index
from neat.archive import CheckpointError, read_arrays, write_arrays
from neat.config import Config
from neat.genome import GenomeArrays
from neat.history import GENERATION, SPECIES, History
from neat.population import Population
from neat.speciation import Species
from neat.target import Solution

if TYPE_CHECKING:
    from neat.genome import Genome

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

    Raises:
        CheckpointError: The file cannot be read, is damaged, or has another format; the message names it.
    """
    arrays = read_arrays(path)
    if "format" in arrays and int(arrays["format"]) != FORMAT:
        raise CheckpointError(
            f"{path}: is a checkpoint of format {int(arrays['format'])}; this version reads format {FORMAT}"
        )
    try:
        return _from_arrays(arrays)
    except KeyError as error:
        raise CheckpointError(f"{path}: is no checkpoint of a run: {error.args[0]} is missing") from None
    except TypeError as error:  # of a named tuple that lacks a field
        raise CheckpointError(f"{path}: is no checkpoint of a run: {error}") from None
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _prefixed(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def _named(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays under a prefix, in memory of their own."""
    length = len(prefix) + 1
    return {name[length:]: array for name, array in arrays.items() if name.startswith(f"{prefix}.")}


def _to_arrays(population: Population) -> dict[str, np.ndarray]:
    solution, fitness, target = population.solution or (None, -np.inf, None)
    species = population.species._asdict()
    representative = species.pop("representative")
    arrays = {
        "format": np.array(FORMAT),
        "activations": np.array([entry.name for entry in ACTIVATIONS]),
        "aggregations": np.array([entry.name for entry in AGGREGATIONS]),
        "config": np.frombuffer(population.config.to_toml().encode(), np.uint8),
        "counters": np.array(
            [
                population.generation,
                population.next_species,
                population.best_generation,
                population.improved_generation,
                population.kept,
            ]
        ),
        "numbers": np.array([population.threshold, population.best_fitness, fitness, target], np.float64),
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
    kept = {"best": population.best, "solution": solution}
    kept |= {f"candidate{k}": genome for k, genome in enumerate(population.candidates.genomes)}
    arrays["candidates"] = np.array(population.candidates.fitness)
    for name, genome in kept.items():
        if genome is not None:
            arrays.update(_prefixed(name, genome.genomes.arrays._asdict()))
            arrays[f"{name}.generation"] = np.array(genome.genomes.generation)
    return arrays


def _renumber(arrays: dict[str, np.ndarray], kind: str, index: Callable[[str], int]) -> None:
    """Give nodes the positions that their functions have in this process's table."""
    names = arrays[f"{kind}s"].tolist()
    columns = [name for name in arrays if name.endswith(f".node_{kind}")]
    position = np.zeros(len(names), np.uint8)
    for old in np.unique(np.concatenate([arrays[name] for name in columns])):
        position[old] = index(names[old])
    for name in columns:
        arrays[name] = position[arrays[name]]


def _from_arrays(arrays: dict[str, np.ndarray]) -> Population:
    _renumber(arrays, "activation", activation_index)
    _renumber(arrays, "aggregation", aggregation_index)
    config = Config.from_toml(arrays["config"].tobytes().decode())
    population = Population._without_genomes(config)
    generation, next_species, best_generation, improved_generation, kept = map(int, arrays["counters"])
    population._set_genomes(generation, GenomeArrays(**_named("genomes", arrays)))
    population.next_species = next_species
    population.best_generation = best_generation
    population.improved_generation = improved_generation
    population.kept = kept
    population.threshold, population.best_fitness, fitness, target = map(float, arrays["numbers"])
    population.first_parent, population.second_parent = arrays["first_parent"], arrays["second_parent"]
    population.birth = arrays["birth"]
    population.history = History(
        arrays["history.generations"].astype(GENERATION), arrays["history.species"].astype(SPECIES)
    )
    population.species = Species(
        **_named("species", arrays), representative=GenomeArrays(**_named("representative", arrays))
    )
    population.innovations.restore(_named("innovations", arrays))
    population.best = _genome(population, _named("best", arrays))
    solution = _genome(population, _named("solution", arrays))
    if solution is not None:
        population.solution = Solution(solution, fitness, None if np.isnan(target) else target)
    population.evaluator_state = _named("evaluator", arrays)
    for k, fitness in enumerate(arrays["candidates"].tolist()):
        genome = _genome(population, _named(f"candidate{k}", arrays))
        assert genome is not None
        population.candidates.genomes.append(genome)
        population.candidates.fitness.append(fitness)
    return population


def _genome(population: Population, arrays: dict[str, np.ndarray]) -> Genome | None:
    if not arrays:
        return None
    generation = int(arrays.pop("generation"))
    genome = population.genomes.with_arrays(GenomeArrays(**arrays))[0]
    genome.genomes.generation = generation
    return genome
