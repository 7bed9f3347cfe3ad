"""What a population is told of its genomes: their fitness, and what they have learned."""

from __future__ import annotations

import numpy as np

from neat.genome import Genomes
from neat.messages import cut, shown
from neat.validation import check_unmasked

LEARNED = ("connection_weight", "node_bias", "node_response")  # in the order of Bounds


def valid_fitness(fitness: np.ndarray, population_size: int) -> np.ndarray:
    """The fitness as float64, with -inf for NaN; ValueError for another shape, +inf, or no valid value at all."""
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
        if fitness.dtype == object:  # NumPy would read text, and None as NaN
            strange = [value for value in fitness.flat if not hasattr(value, "__float__")]
            if strange:
                raise TypeError(f"got {shown(strange[0])}")
        fitness = fitness.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"fitness: expected numbers of {expected}: {cut(str(error))}") from None
    if fitness.shape != (population_size,):
        raise ValueError(f"fitness: expected {expected}, got {fitness.shape}")
    if not np.isfinite(fitness).all():
        if (fitness == np.inf).any():
            genome = int(np.argmax(fitness == np.inf))
            raise ValueError(f"fitness: must be below infinity, got inf for genome {genome}")
        fitness[np.isnan(fitness)] = -np.inf
        if not (fitness > -np.inf).any():
            raise ValueError("fitness: every genome's is NaN or -inf; at least one must be a number")
    return fitness


def with_learned(genomes: Genomes, learned: Genomes) -> Genomes:
    """A generation's genomes with the weights, biases and responses that they have learned.

    Args:
        genomes: The generation's.
        learned: The same genomes after training. The arrays of weights, biases and responses become the result's.

    Raises:
        ValueError: These are not the same genomes; or the numbers are no float32, not finite, or beyond the bounds.
    """
    if not isinstance(learned, Genomes):
        raise ValueError(f"learned: expected neat.Genomes, got {type(learned).__name__}")
    for name in ("node_offset", "connection_offset", "node_id", "connection_innovation"):
        if not np.array_equal(getattr(genomes.arrays, name), getattr(learned.arrays, name)):
            raise ValueError(f"learned: expected the genomes of the generation, they have another {name}")
    for name, (low, high) in zip(LEARNED, genomes.bounds, strict=True):
        old, new = getattr(genomes.arrays, name), getattr(learned.arrays, name)
        dtype, shape = getattr(new, "dtype", type(new).__name__), getattr(new, "shape", None)
        if dtype != old.dtype or shape != old.shape:
            raise ValueError(
                f"learned: expected {name} to be {old.dtype} of shape {old.shape}, got {dtype} of shape {shape}"
            )
        if not np.isfinite(new).all():
            raise ValueError(f"learned: expected finite numbers, {name} has others")
        beyond = (new < low) | (new > high)
        if beyond.any():
            raise ValueError(
                f"learned: expected {name} within the config's bounds, from {low!s} to {high!s}, got {new[beyond][0]!s}"
            )
    arrays = genomes.arrays._replace(**{name: getattr(learned.arrays, name) for name in LEARNED})
    return genomes.with_arrays(arrays).protect()
