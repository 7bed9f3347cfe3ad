"""Helpers for tests of evolution make configs, random evolution, children of given parents, and comparisons."""

from unittest import mock

import numpy as np

import neat
from neat.evolution import selection

SCHEMES = (
    {"innovation": "global"},
    {"innovation": "generation"},
    {"innovation": "pairing", "pairing": "szudzik"},
    {"innovation": "pairing", "pairing": "cantor"},
    {"innovation": "hashed"},
    {"innovation": "unshared"},
)
SCHEME_NAMES = ("global", "generation", "szudzik", "cantor", "hashed", "unshared")

# All mutations and kinds of crossover, with high rates.
BUSY_GENOME = {
    "activation": "random",
    "activation_options": ("tanh", "relu", "sin"),
    "aggregation": "random",
    "aggregation_options": ("sum", "max"),
    "response": {"mean": 1.0, "spread": 0.5},
}
BUSY_MUTATION = {
    "add_node_rate": 0.3,
    "add_connection_rate": 0.5,
    "delete_node_rate": 0.1,
    "delete_connection_rate": 0.2,
    "enable_rate": 0.1,
    "disable_rate": 0.1,
    "activation_rate": 0.2,
    "aggregation_rate": 0.2,
    "response": {"perturb_rate": 0.5, "replace_rate": 0.1},
}
BUSY = {
    "genome": BUSY_GENOME,
    "mutation": BUSY_MUTATION,
    "crossover": {"average_rate": 0.2, "single_point_rate": 0.2},
    "reproduction": {"interspecies_rate": 0.2},
}
NO_VALUES = {"perturb_rate": 0.0, "replace_rate": 0.0}
NO_MUTATION = {
    "add_node_rate": 0.0,
    "add_connection_rate": 0.0,
    "weight": NO_VALUES,
    "bias": NO_VALUES,
    "response": NO_VALUES,
}


def make_config(**settings):
    """Return a config for 3 inputs and 2 outputs. Settings are merged into small defaults."""
    base = neat.Config(
        genome={"num_inputs": 3, "num_outputs": 2}, population_size=60, mutation={"split_oldest_rate": 0.0}
    )
    return base.updated(**settings)


def random_fitness(population, levels=None, salt=0):
    """Return random fitness that depends on the generation only; with `levels`, so few values that some are equal."""
    generator = np.random.default_rng((population.generation, salt))
    size = population.config.population_size
    return (
        generator.normal(size=size) if levels is None else generator.integers(0, levels, size).astype(float)
    )


def evolve(population, generations, levels=None, salt=0):
    """Advance the population by some generations and return it."""
    for _ in range(generations):
        population.tell(random_fitness(population, levels, salt))
    return population


def make_children(config, genomes, first, second=None, both=None, mutates=False, scheme=None, generation=1):
    """Let a population make children of given parents; return them and the requests to the innovation scheme.

    `first` are the indices of the primary parents, `second` those of the others (-1 for a clone).
    """
    size = len(first)
    plan = {
        "first": np.asarray(first),
        "second": np.full(size, -1) if second is None else np.asarray(second),
        "mutates": np.full(size, mutates),
        "both": np.zeros(size, np.bool_) if both is None else np.asarray(both),
        "birth": np.zeros(size, np.int64),
    }
    population = neat.Population(config.updated(population_size=max(size, 2)))
    population._set_genomes(generation - 1, genomes.to_kernel())
    population.birth = np.zeros(len(genomes), np.int64)
    population.innovations = scheme or population.innovations
    fields = [plan[name] for name in selection.BreedingPlan._fields]
    with mock.patch.object(selection, "plan_offspring", lambda *_: fields):
        population._reproduce(None, None, None)
    return population.genomes.take(np.arange(len(population.genomes))), population._offspring_maker.requests


def ends(genomes):
    """Return the ids of all connections' sources and targets, int64 each."""
    arrays, inputs = genomes.arrays, genomes.input_count
    genome = np.repeat(np.arange(len(genomes)), np.diff(arrays.connection_offset))
    first = arrays.node_offset[genome] - inputs

    def ids(index):
        node = np.maximum(first + index, 0)
        return np.where(index < inputs, index, arrays.node_id[node] if len(node) else 0)

    return ids(arrays.connection_source), ids(arrays.connection_target)


def as_bytes(arrays):
    """Return the bytes of each array of a named tuple, by name."""
    return {name: array.tobytes() for name, array in arrays._asdict().items()}


def state(population):
    """Return the whole state of a population, in a form that == compares."""

    def known(genome):
        return genome and (as_bytes(genome.genomes.arrays), genome.genomes.generation)

    species = population.species._asdict()
    return {
        "generation": (population.generation, population.genomes.generation, population.genomes.seed),
        "genomes": as_bytes(population.genomes.arrays),
        "lineage": (population.parents.tobytes(), population.birth.tobytes()),
        "record": population.lineage
        and {name: array.tobytes() for name, array in population.lineage.state().items()},
        "representative": as_bytes(species.pop("representative")),
        "species": {name: array.tobytes() for name, array in species.items()},
        "next_species": population.next_species,
        "threshold": population.threshold,
        "innovations": {name: array.tobytes() for name, array in population.innovations.state().items()},
        "history": (population.history.generations.tobytes(), population.history.species.tobytes()),
        "best": (population.best_fitness, population.best_generation, known(population.best)),
        "solution": population.solution and (known(population.solution.genome), *population.solution[1:]),
        "stagnation": population.improved_generation,
        "evaluator": {name: array.tobytes() for name, array in population.evaluator_state.items()},
    }
