"""The numbers by which kernels know the words of a setting.

A number never changes its meaning: a config and a seed mean the same run for ever. A new word gets a new number.
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
