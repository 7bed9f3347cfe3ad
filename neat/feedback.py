"""What a population is told of its genomes: their fitness, and what they have learned."""

from __future__ import annotations

import numpy as np

from neat.genome import GenomeArrays
from neat.validation import check_unmasked


def valid_fitness(fitness: np.ndarray, population_size: int) -> np.ndarray:
    """The fitness as float64, with -inf for NaN; ValueError for another shape, +inf, or no valid value at all."""
    expected = f"shape (population_size,) = ({population_size},)"
    given = fitness
    try:
        fitness = np.asarray(given)
        if fitness.dtype.kind not in "fiubO":
            raise TypeError(f"got dtype {fitness.dtype}")
        for value in (
            fitness.flat if fitness.dtype == object else ()
        ):  # NumPy would read text, and None as NaN
            if not hasattr(value, "__float__"):
                raise TypeError(f"got {value!r:.60}")
        fitness = fitness.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"fitness: expected numbers of {expected}: {error}") from None
    check_unmasked("fitness", given)
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


def take_over(genomes: GenomeArrays, learned: GenomeArrays) -> None:
    """Give genomes the weights, biases and responses of others; ValueError unless these are the same genomes."""
    for name in ("node_offset", "connection_offset", "node_id", "connection_innovation"):
        if not np.array_equal(getattr(genomes, name), getattr(learned, name)):
            raise ValueError(f"learned: expected the genomes of the generation, they have another {name}")
    for name in ("node_bias", "node_response", "connection_weight"):
        if not np.isfinite(getattr(learned, name)).all():
            raise ValueError(f"learned: expected finite numbers, {name} has others")
        getattr(genomes, name)[:] = getattr(learned, name)
