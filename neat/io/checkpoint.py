"""Save and load checkpoints: a run's whole state in one file of arrays (see `neat.support.archive`)."""

from __future__ import annotations

from pathlib import Path

from neat.population import Population
from neat.state.arrays import from_arrays, to_arrays
from neat.support.archive import CheckpointError as CheckpointError
from neat.support.archive import as_checkpoint_error, read_arrays, write_arrays


def save(population: Population, path: str | Path) -> None:
    """Write a population's state atomically: a kill at any moment leaves the old file or the new one.

    Saving does not change the population.

    Args:
        population: A population between two generations.
        path: The file, replaced if it exists.
    """
    write_arrays(path, to_arrays(population))


def load(path: str | Path) -> Population:
    """Return the population that `save` wrote; its run continues as if it had never stopped.

    All values in the file are checked before compiled code reads them.

    Raises:
        CheckpointError: The file cannot be read, is damaged, has another format, or has values that no run can
            produce; the message names the file and the array.
    """
    arrays = read_arrays(path)
    with as_checkpoint_error(path):
        return from_arrays(arrays, Population._without_genomes)
