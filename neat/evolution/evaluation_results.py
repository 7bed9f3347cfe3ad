"""Check what a population receives for its genomes: their fitness and their learned values."""

from __future__ import annotations

import numpy as np

from neat.activations import ACTIVATIONS, AGGREGATIONS
from neat.config.models import GenomeConfig
from neat.genome.gene_arrays import NUMBERS, check_bounds
from neat.genome.genome import Genomes
from neat.support.messages import quote, restate_errors, shorten
from neat.support.validation import check_unmasked


def validate_fitness(fitness: np.ndarray, population_size: int) -> np.ndarray:
    """Return the fitness as float64 (population_size,), with -inf for NaN.

    Raises:
        ValueError: The fitness has another shape, contains +inf, or has no valid value.
    """
    expected = f"shape (population_size,) = ({population_size},)"
    if isinstance(fitness, int | float | np.generic | np.ndarray) and np.ndim(fitness) == 0:
        raise ValueError(
            f"fitness: expected {expected}, got one number, {fitness}; "
            "wrap a function that gives the fitness of one network in evaluators.PerGenome"
        )
    check_unmasked("fitness", fitness)
    try:
        fitness = np.asarray(fitness)
        if fitness.dtype.kind not in "fiubO":
            raise TypeError(f"got dtype {fitness.dtype}")
        if fitness.dtype == object:  # NumPy would convert text to numbers, and None to NaN
            others = [value for value in fitness.flat if not hasattr(value, "__float__")]
            if others:
                raise TypeError(f"got {quote(others[0])}")
        fitness = fitness.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"fitness: expected numbers of {expected}: {shorten(str(error))}") from None
    if fitness.shape != (population_size,):
        raise ValueError(f"fitness: expected {expected}, got {fitness.shape}")
    if not np.isfinite(fitness).all():
        if (fitness == np.inf).any():
            genome = int(np.argmax(fitness == np.inf))
            raise ValueError(f"fitness: must be below infinity, got inf for genome {genome}")
        fitness[np.isnan(fitness)] = -np.inf
        if not (fitness > -np.inf).any():
            raise ValueError("fitness: every value is NaN or -inf; at least one must be a number")
    return fitness


def merge_learned(genomes: Genomes, learned: Genomes) -> Genomes:
    """Return a generation's genomes with their learned weights, biases and responses.

    Args:
        genomes: The genomes of the generation.
        learned: The same genomes after training. The result shares its arrays of weights, biases and responses.

    Raises:
        ValueError: `learned` has other genomes, or numbers that are not float32, not finite, or beyond the bounds.
    """
    if not isinstance(learned, Genomes):
        raise ValueError(f"learned: expected neat.Genomes, got {type(learned).__name__}")
    for name in ("node_offset", "connection_offset", "node_id", "connection_innovation"):
        if not np.array_equal(getattr(genomes.arrays, name), getattr(learned.arrays, name)):
            raise ValueError(f"learned: expected the genomes of the generation, got another {name}")
    for name in NUMBERS:
        old, new = getattr(genomes.arrays, name), getattr(learned.arrays, name)
        dtype, shape = getattr(new, "dtype", type(new).__name__), getattr(new, "shape", None)
        if dtype != old.dtype or shape != old.shape:
            raise ValueError(
                f"learned: expected {name} to be {old.dtype} of shape {old.shape}, got {dtype} of shape {shape}"
            )
        if not np.isfinite(new).all():
            raise ValueError(f"learned: {name} must be finite, got {new[~np.isfinite(new)][0]!s}")
    with restate_errors("learned: "):
        check_bounds(learned.arrays, genomes.bounds)
    arrays = genomes.arrays._replace(**{name: getattr(learned.arrays, name) for name in NUMBERS})
    return genomes.with_arrays(arrays).protect()


def check_values(genomes: Genomes, config: GenomeConfig) -> None:
    """Raise ValueError for a number beyond the bounds, or a node function that the config does not allow.

    Args:
        genomes: Genomes that obey the rules of `Genomes.check`, with the config's bounds.
        config: The genome settings.
    """
    arrays = genomes.arrays
    check_bounds(arrays, genomes.bounds)
    first = np.repeat(arrays.node_offset[:-1], np.diff(arrays.node_offset))
    is_output = np.arange(len(first)) - first < config.num_outputs
    output = config.output_activation
    outputs = config.activation_options if output is None else (output,)
    for where, column, table, allowed in (
        (is_output, arrays.node_activation, ACTIVATIONS, outputs),
        (~is_output, arrays.node_activation, ACTIVATIONS, config.activation_options),
        (slice(None), arrays.node_aggregation, AGGREGATIONS, config.aggregation_options),
    ):
        for index in np.flatnonzero(np.bincount(column[where])).tolist():
            if table[index].name not in allowed:
                names = shorten(", ".join(allowed))
                raise ValueError(
                    f"{table[index].name!r} is no node function that the config allows here: {names}"
                )
