"""The record of one run in a study."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Run(NamedTuple):
    """The results of a run that a study keeps."""

    seed: int
    solved: bool
    generations: int
    evaluations: int
    fitness: float
    """Fitness of the champion."""
    hidden_nodes: int
    enabled_connections: int
    measures: dict[str, float]
    best: np.ndarray
    """Best fitness so far, float64 (generations,)."""
    champion: dict[str, Any]
    """The champion, as `Genome.to_dict` returns it."""
    state: dict[str, np.ndarray]
    """The evaluator's state at the end of the run; empty if it has none."""
