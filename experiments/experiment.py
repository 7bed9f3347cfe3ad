"""What an experiment is: a task, how the first config for it looks, and when it is solved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import evaluators
    from neat import Genome

STEPS = 5  # of a recurrent network before its outputs are read
NAMES = ("xor", "parity", "regression", "classification")


class Published(NamedTuple):
    """A row of somebody else's figures, beside which ours are shown; None where they give none."""

    source: str
    success: float | None = None
    generations: float | None = None
    evaluations: float | None = None
    sd: float | None = None
    worst: float | None = None
    hidden_nodes: float | None = None
    enabled_connections: float | None = None


@dataclass(frozen=True)
class Experiment(ABC):
    """Base of the experiments: frozen dataclasses whose fields are their own flags.

    Attributes:
        generations: Generations that a run has unless told otherwise.
        needs: Settings that the task asks for, as nested dictionaries.
        settings: More that differs from the config's defaults; a preset has none of it.
        published: Figures of others.
    """

    generations: ClassVar[int] = 100
    needs: ClassVar[dict[str, Any]] = {}
    settings: ClassVar[dict[str, Any]] = {}
    published: ClassVar[tuple[Published, ...]] = ()

    @abstractmethod
    def evaluator(self, device: str) -> evaluators.Supervised:
        """The task. Raises ValueError where a field or a file of data is wrong."""

    def solved(self) -> Callable[[Genome], bool] | None:
        """Whether a champion solves the task; none: there is no such thing, a run has all its generations."""
        return None

    def measures(self, champion: Genome) -> dict[str, float]:
        """More about a run's champion than its fitness, by name."""
        return {}


def predictions(champion: Genome, inputs: np.ndarray) -> np.ndarray:
    """The network's outputs, float32 (samples, outputs), as the evaluator sees them."""
    import evaluators

    networks = evaluators.compile(champion, device="cpu")
    for _ in range(1 if champion.feed_forward else STEPS):
        outputs = networks.activate(inputs)
    return outputs[0]


def named(name: str) -> type[Experiment]:
    """The class of an experiment.

    Raises:
        ValueError: There is no such experiment.
    """
    if name not in NAMES:
        raise ValueError(f"experiment: must be one of {', '.join(NAMES)}, got {name!r}")
    return getattr(import_module(f"experiments.{name}"), name.capitalize())
