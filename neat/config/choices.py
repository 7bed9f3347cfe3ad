"""The integer that represents each word of a setting in kernels.

An integer never changes its meaning, so a config and a seed always give the same run. A new word gets a new integer.
"""

from __future__ import annotations

from enum import IntEnum


class Distribution(IntEnum):
    """`distribution` of InitialValue and of ValueMutation."""

    NORMAL = 0
    UNIFORM = 1


class Structural(IntEnum):
    """`mutation.structural`."""

    ALL = 0
    ONE = 1
    ALONE = 2


class EqualFitness(IntEnum):
    """`crossover.equal_fitness`."""

    BOTH = 0
    SMALLER = 1


class Normalisation(IntEnum):
    """`speciation.normalisation`."""

    CONTINUOUS = 0
    SIZE = 1


class Measure(IntEnum):
    """`stagnation.measure`."""

    MAX = 0
    MEAN = 1
