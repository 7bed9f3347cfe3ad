"""The base class of experiments: a task, its default settings, and the criterion of its solution."""

from __future__ import annotations

import dataclasses
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

from neat import evaluation
from neat.support.messages import find_similar

if TYPE_CHECKING:
    from evaluators import Model
    from neat import Genome

STEPS = 5  # time steps of a recurrent network before its outputs are read
ENVIRONMENT = "environment"
NAMES = (
    "xor",
    "parity",
    "multiplexer",
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
    ENVIRONMENT,
    "gymnasium",
)


BEHAVIOUR = "behaviour.svg", "behaviour.gif"
"""Files with the curves and the animation of a champion's episode."""
# Commands in place of an experiment's name.
COMPARE, EXPORT, PREDICT, PLAY, RECORD = "compare", "export", "predict", "play", "record"
SHOW, STUDY = "show", "study"


class Evaluator(evaluation.Task, evaluation.Evaluator, Protocol):
    """An evaluator that knows its task's numbers of inputs and outputs, and makes models."""

    def model(self, champion: Genome, /) -> Model:
        """Return a model of a genome."""


class Published(NamedTuple):
    """Published figures of another system, a row of a study's table; None where there is no figure."""

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
    """Base class of experiments, which are frozen dataclasses. Their fields have defaults and become flags."""

    former_names: ClassVar[Mapping[str, str]] = {}
    """Names of fields since they were renamed, by the names that runs of old versions have."""

    @property
    def generations(self) -> int:
        """Default number of generations."""
        return 100

    @property
    def needs(self) -> dict[str, Any]:
        """Settings that the task needs, as nested dictionaries. They also override a preset."""
        return {}

    @property
    def settings(self) -> dict[str, Any]:
        """Other settings that differ from the config's defaults. A preset replaces them."""
        return {}

    @property
    def published(self) -> tuple[Published, ...]:
        """Published figures of other systems."""
        return ()

    @property
    def files(self) -> dict[str, Path]:
        """Files that define the task, by the field that names them. They need not exist."""
        return {}

    @property
    def has_own_data(self) -> bool:
        """Whether the task is a data set of the user's."""
        return False

    @property
    def input_names(self) -> list[str] | None:
        """Names of the inputs, which the champion's picture shows; None if they have none."""
        return None

    @property
    def output_names(self) -> list[str] | None:
        """Names of the outputs, which the champion's picture shows; None if they have none."""
        return None

    @property
    def pictures(self) -> tuple[str, ...]:
        """Names of the files that `show` may write."""
        return ()

    def refuse_unused(self) -> None:
        """Raise ValueError if a field has a value that changes nothing beside the others."""
        return  # every field plays a role

    def refuse_given(self, names: Iterable[str], reason: str) -> None:
        """Raise ValueError, with a reason, if one of these fields does not have its default."""
        for name in names:
            value = getattr(self, name)
            if value != getattr(type(self), name):
                raise ValueError(f"{name}: {reason}, got {value}")

    def with_absolute_paths(self, folder: Path = Path()) -> Self:
        """Return a copy whose paths, relative to `folder`, are absolute: the same task from every working folder."""
        paths = {name: file for name, file in self.files.items() if Path(getattr(self, name)) == file}
        return dataclasses.replace(
            self, **{name: str((folder / file).absolute()) for name, file in paths.items()}
        )

    @abstractmethod
    def evaluator(self, device: str) -> Evaluator:
        """Return the evaluator. Raises ValueError if a field or a data file is wrong."""

    def solved(self, evaluator: Any) -> Callable[[Genome], bool] | None:
        """Return a function that tells whether a champion solves the task; None if a run does not end early."""
        return None

    @property
    def has_criterion(self) -> bool:
        """Whether the task has a criterion of its solution."""
        return type(self).solved is not Experiment.solved

    def measures(self, champion: Genome, evaluator: Any) -> dict[str, float]:
        """Return measures of a run's champion beside its fitness, by name."""
        return {}

    def show(self, champion: Genome, evaluator: Any, folder: Path) -> list[Path]:
        """Draw the champion's behaviour, and return the paths of the pictures."""
        return []


@functools.lru_cache(maxsize=64)
def cached(experiment: Experiment) -> Experiment:
    """Return the same object for all runs of a process, so that its data is read once."""
    return experiment


def find_experiment(name: str) -> type[Experiment]:
    """Return the class of an experiment.

    Raises:
        ValueError: There is no such experiment.
    """
    if name not in NAMES:
        names = (*NAMES, COMPARE, EXPORT, PREDICT, PLAY, RECORD, SHOW, STUDY)
        raise ValueError(
            f"experiment: must be one of {', '.join(names)}, got {name!r}{suggestion(name, names)}"
        )
    parts = name.split("-")
    return getattr(
        import_module(f"experiments.tasks.{'_'.join(parts)}"), "".join(part.capitalize() for part in parts)
    )


def suggestion(word: str, words: Iterable[str]) -> str:
    """Return the end of a message about an unknown word, which suggests a similar word if there is one."""
    near = find_similar(word.lower().replace("_", "-"), words)
    return "" if near is None else f"; did you mean {near}?"
