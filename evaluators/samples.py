"""A data set and the fitness over it, which `Supervised` and gradient training share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from evaluators.checks import as_float32, as_float64, check_current, check_size
from evaluators.class_targets import check_probabilities, one_hot
from evaluators.program.loss import LOSSES, WEIGHTED, Loss, Objective
from neat.genome.genome import Genomes
from neat.support.messages import quote

CLASSIFYING = ("cross_entropy", "accuracy")
"""The fitness functions whose targets are classes."""


class Samples(NamedTuple):
    """A checked data set and the fitness over it. `as_samples` makes it."""

    inputs: np.ndarray
    """float32 (samples, inputs)."""
    targets: np.ndarray
    """float32 (samples, outputs)."""
    fitness: str | Callable[[np.ndarray, np.ndarray], Any]
    """One of `evaluators.program.loss.LOSSES`, or a user-defined function."""
    steps: int
    """The number of steps that a recurrent network makes before its outputs are read."""
    input_rows: np.ndarray
    """The inputs in the kernels' layout, float32 (1, 1, inputs, samples)."""
    target_rows: np.ndarray
    """The targets in the kernels' layout, float32 (outputs, samples); with weights, these are one more row."""
    weights: np.ndarray | None
    """The weights of the samples, float32 (samples,), 1 on average; None if all samples count alike."""

    @property
    def num_inputs(self) -> int:
        """The number of inputs that networks must have."""
        return self.inputs.shape[1]

    @property
    def num_outputs(self) -> int:
        """The number of outputs that networks must have."""
        return self.targets.shape[1]

    @property
    def classifies(self) -> bool:
        """Whether the targets are classes."""
        return self.fitness in CLASSIFYING

    @property
    def loss(self) -> int:
        """The named fitness as kernels identify it (see `evaluators.program.loss.Objective`)."""
        assert isinstance(self.fitness, str)
        return Loss[self.fitness.upper()] + (0 if self.weights is None else WEIGHTED)

    @property
    def divisor(self) -> int:
        """The divisor that turns a named loss, summed over the samples, into the fitness."""
        if self.fitness == "accuracy":
            return len(self.targets)
        return -(len(self.targets) if self.fitness == "cross_entropy" else self.targets.size)

    @property
    def loss_scale(self) -> np.float32:
        """The factor that turns a named loss, summed over the samples, into minus the fitness."""
        return np.float32(-1.0 / self.divisor)

    def objective(self, feed_forward: bool) -> Objective:
        """Return the data set and the named loss for kernels, on networks of this kind."""
        return Objective(self.input_rows, self.target_rows, self.loss, self.steps_of(feed_forward))

    def steps_of(self, feed_forward: bool) -> int:
        """Return the number of steps that networks make: 1 if they are feed-forward."""
        return 1 if feed_forward else self.steps

    def take(self, rows: np.ndarray) -> Samples:
        """Return the samples with these indices, int64 (n,)."""
        weights = None if self.weights is None else self.weights[rows]
        return _as_record(self.inputs[rows], self.targets[rows], self.fitness, self.steps, weights)

    def check_genomes(self, genomes: Genomes) -> None:
        """Raise a ValueError unless the genomes are intact and have the data set's inputs and outputs."""
        check_current(genomes)
        check_size("genomes", "inputs, as the data set has", genomes.num_inputs, self.num_inputs)
        check_size("genomes", "outputs, as the targets have", genomes.num_outputs, self.num_outputs)


def as_samples(
    inputs: Any,
    targets: Any,
    fitness: str | Callable[[np.ndarray, np.ndarray], Any],
    steps: int,
    sample_weight: Any = None,
) -> Samples:
    """Check the arguments of `evaluators.Supervised` that describe the data set, and return them as a record.

    Raises:
        ValueError: The fitness is unknown, `steps` is not a positive integer, or an array is not finite or has
            another shape.
    """
    if not callable(fitness) and fitness not in LOSSES:
        known = ", ".join(LOSSES)
        raise ValueError(f"fitness: expected a function or one of {known}, got {quote(fitness)}")
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise ValueError(f"steps: expected an integer of at least 1, got {quote(steps)}")
    rows = as_float32("inputs", inputs)
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(f"inputs: expected shape (samples, inputs), got {rows.shape}")
    expected = as_columns(as_float32("targets", targets))
    if fitness in CLASSIFYING:
        expected = _class_targets(expected, np.ndim(targets) == 1)
    check_size("targets", "samples", len(expected), len(rows))
    weights = None if sample_weight is None else _weights(sample_weight, len(rows), fitness)
    return _as_record(rows, expected, fitness, int(steps), weights)


def _as_record(
    inputs: np.ndarray,
    targets: np.ndarray,
    fitness: str | Callable[[np.ndarray, np.ndarray], Any],
    steps: int,
    weights: np.ndarray | None,
) -> Samples:
    """Return checked arrays as Samples, with copies in the kernels' layout, for which alone they are compiled."""
    rows = targets.T if weights is None else np.vstack([targets.T, weights])
    return Samples(
        inputs,
        targets,
        fitness,
        steps,
        input_rows=np.ascontiguousarray(inputs.T)[np.newaxis, np.newaxis],
        target_rows=np.ascontiguousarray(rows),
        weights=weights,
    )


def _weights(sample_weight: Any, samples: int, fitness: Any) -> np.ndarray:
    """Return the weights with a mean of 1, float32 (samples,)."""
    if callable(fitness):
        raise ValueError("sample_weight: is for a named fitness; let the function weight its samples itself")
    weights = as_float64("sample_weight", sample_weight)
    if weights.shape != (samples,):
        raise ValueError(f"sample_weight: expected shape ({samples},), got {weights.shape}")
    if weights.min() < 0:
        raise ValueError(f"sample_weight: expected no negative numbers, got {weights.min()}")
    if not weights.any():
        raise ValueError("sample_weight: expected a weight above 0, got zeros only")
    weights = weights / weights.max()  # so that the sum stays finite
    return (weights / weights.mean()).astype(np.float32)


def as_columns(targets: np.ndarray) -> np.ndarray:
    """Return targets of shape (samples, outputs) or (samples,) as (samples, outputs); ValueError for other shapes."""
    columns = targets[:, np.newaxis] if targets.ndim == 1 else targets
    if columns.ndim != 2 or 0 in columns.shape:
        raise ValueError(f"targets: expected shape (samples, outputs) or (samples,), got {columns.shape}")
    return columns


def _class_targets(columns: np.ndarray, are_labels: bool) -> np.ndarray:
    """Return float32 (samples, 1) for two classes, else one probability per class, (samples, classes)."""
    if are_labels:
        labels = columns[:, 0]
        wrong = labels[(labels != np.floor(labels)) | (labels < 0) | (labels >= 2**16)]
        if wrong.size:
            raise ValueError(f"targets: expected integer labels from 0, got {wrong[0]}")
        classes = int(labels.max()) + 1
        return one_hot(labels, classes, np, np.float32) if classes > 2 else columns
    check_probabilities("targets", columns)
    wrong_sums = np.abs(columns.sum(axis=1) - 1) > 1e-4
    if columns.shape[1] > 1 and wrong_sums.any():
        row = int(wrong_sums.argmax())
        raise ValueError(f"targets: expected every row to sum to 1, got {columns[row].sum()} in row {row}")
    return columns
