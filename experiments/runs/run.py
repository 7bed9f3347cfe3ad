"""The record of one run in a study of many."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Run(NamedTuple):
    """What a study keeps of a run."""

    seed: int
    solved: bool
    generations: int
    evaluations: int
    fitness: float
    """The champion's."""
    hidden_nodes: int
    enabled_connections: int
    measures: dict[str, float]
    best: np.ndarray
    """Best fitness so far, float64 (generations,)."""
    champion: dict[str, Any]
    """As `Genome.to_dict` gives it."""
    state: dict[str, np.ndarray]
    """The evaluator's state when it judged the champion; empty if it has none."""
