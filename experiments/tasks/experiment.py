"""What an experiment is: a task, how the first config for it looks, and when it is solved."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from neat import evaluation
from neat.support.messages import nearest

if TYPE_CHECKING:
    from neat import Genome

STEPS = 5  # of a recurrent network before its outputs are read
NAMES = (
    "xor",
    "parity",
    "regression",
    "classification",
    "cartpole",
    "mountain-car",
    "mountain-car-continuous",
    "acrobot",
    "pendulum",
    "double-pole",
    "t-maze",
    "prey-capture",
    "gymnasium",
)


BEHAVIOUR = "behaviour.svg", "behaviour.gif"
"""Curves and film of what a champion does."""
COMPARE = "compare"  # which stands where an experiment's name does, and is none


class Evaluator(evaluation.Task, evaluation.Evaluator, Protocol):
    """A task that gives genomes their fitness."""


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
    """Base of the experiments: frozen dataclasses whose fields, with defaults, are their own flags."""

    @property
    def generations(self) -> int:
        """Generations that a run has unless told otherwise."""
        return 100

    @property
    def needs(self) -> dict[str, Any]:
        """Settings that the task asks for, as nested dictionaries."""
        return {}

    @property
    def settings(self) -> dict[str, Any]:
        """More that differs from the config's defaults; a preset has none of it."""
        return {}

    @property
    def published(self) -> tuple[Published, ...]:
        """Figures of others."""
        return ()

    @property
    def files(self) -> dict[str, Path]:
        """Files by which the task is made, by the field that names them; they need not exist."""
        return {}

    @property
    def pictures(self) -> tuple[str, ...]:
        """Names of the files that `show` may write."""
        return ()

    def located(self) -> Self:
        """The same with absolute paths, so that it is the same task from every folder."""
        paths = {name: file for name, file in self.files.items() if Path(getattr(self, name)) == file}
        return dataclasses.replace(self, **{name: str(file.absolute()) for name, file in paths.items()})

    @abstractmethod
    def evaluator(self, device: str) -> Evaluator:
        """The task. Raises ValueError where a field or a file of data is wrong."""

    def solved(self, evaluator: Any) -> Callable[[Genome], bool] | None:
        """Whether a champion solves the task; none: there is no such thing, a run has all its generations."""
        return None

    @property
    def has_criterion(self) -> bool:
        """Whether there is a `solved`."""
        return type(self).solved is not Experiment.solved

    def measures(self, champion: Genome, evaluator: Any) -> dict[str, float]:
        """More about a run's champion than its fitness, by name."""
        return {}

    def show(self, champion: Genome, evaluator: Any, folder: Path) -> list[Path]:
        """Draw what the champion does; returns the pictures."""
        return []


def named(name: str) -> type[Experiment]:
    """The class of an experiment.

    Raises:
        ValueError: There is no such experiment.
    """
    if name not in NAMES:
        names = (*NAMES, COMPARE)
        raise ValueError(
            f"experiment: must be one of {', '.join(names)}, got {name!r}{suggestion(name, names)}"
        )
    parts = name.split("-")
    return getattr(
        import_module(f"experiments.tasks.{'_'.join(parts)}"), "".join(part.capitalize() for part in parts)
    )


def suggestion(word: str, words: Iterable[str]) -> str:
    """The end of a message about an unknown word: the nearest of those that are known, if one is near."""
    near = nearest(word.lower().replace("_", "-"), words)
    return "" if near is None else f"; did you mean {near}?"
