"""What the experiments with a data set share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from experiments.tasks.experiment import STEPS, Experiment

if TYPE_CHECKING:
    import evaluators
    from neat import Genome


class Sets(NamedTuple):
    """A data set, divided."""

    inputs: np.ndarray
    """float32 (samples, inputs)."""
    targets: np.ndarray
    """float32 (samples, outputs)."""
    train: np.ndarray
    """Indices of the samples to learn from, int64."""
    test: np.ndarray
    """Of those to judge by; the same where all cases are known."""


@dataclass(frozen=True)
class Prediction(Experiment):
    """Base of the experiments whose task is a data set."""

    loss: ClassVar[str] = "squared_error"
    """Its name in `evaluators.Supervised`."""
    score_name: ClassVar[str]
    """What `score` is."""

    @abstractmethod
    def sets(self) -> Sets:
        """The samples. Raises ValueError where a field or a file of data is wrong."""

    @abstractmethod
    def score(self, outputs: np.ndarray, targets: np.ndarray) -> float:
        """How good a network's outputs are; 1 is perfect."""

    def evaluator(self, device: str) -> evaluators.Supervised:
        """The training part."""
        import evaluators

        sets = self.sets()
        return evaluators.Supervised(
            sets.inputs[sets.train],
            sets.targets[sets.train],
            fitness=self.loss,
            steps=STEPS,
            device=device,
            learn_steps=getattr(self, "learn_steps", 0),
        )


def predictions(champion: Genome, inputs: np.ndarray) -> np.ndarray:
    """The network's outputs, float32 (samples, outputs), as the evaluator sees them."""
    import evaluators

    networks = evaluators.compile(champion, device="cpu")
    for _ in range(1 if champion.feed_forward else STEPS):
        outputs = networks.activate(inputs)
    return outputs[0]


def share_right(outputs: np.ndarray, targets: np.ndarray) -> float:
    """The share of outputs on their target's side of 0.5."""
    return float(((outputs > 0.5) == (targets > 0.5)).mean())


def accuracy(outputs: np.ndarray, targets: np.ndarray) -> float:
    """The share of samples whose class has the greatest output."""
    return float((outputs.argmax(axis=1) == targets.argmax(axis=1)).mean())


def all_right(task: Prediction) -> Any:
    """A criterion for a champion: its score over all samples is 1."""
    sets = task.sets()
    return lambda champion: task.score(predictions(champion, sets.inputs), sets.targets) == 1.0
