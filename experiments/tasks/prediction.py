"""The base class of the experiments with a data set, and scores of predictions."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from evaluators.supervised import LEARNING_RATE, make_adam
from experiments.tasks.experiment import STEPS, Experiment

if TYPE_CHECKING:
    import evaluators
    from neat import Genome


class Sets(NamedTuple):
    """A data set, divided into a training part and a test part."""

    inputs: np.ndarray
    """float32 (samples, inputs)."""
    targets: np.ndarray
    """float32 (samples, outputs)."""
    train: np.ndarray
    """Indices of the training samples, int64."""
    test: np.ndarray
    """Indices of the test samples, int64; equal to `train` if the data set has all possible cases."""


@dataclass(frozen=True)
class Prediction(Experiment):
    """Base of the experiments whose task is a data set."""

    loss: ClassVar[str] = "squared_error"
    """Name of the loss in `evaluators.Supervised`."""
    score_name: ClassVar[str]
    """Name of the score."""

    @abstractmethod
    def sets(self) -> Sets:
        """Return the samples. Raises ValueError if a field or a data file is wrong."""

    def training_data(self) -> dict[str, Any]:
        """Return the arguments of `evaluators.Supervised` that describe the training part."""
        sets = self.sets()
        return {"inputs": sets.inputs[sets.train], "targets": sets.targets[sets.train]}

    @abstractmethod
    def score(self, outputs: np.ndarray, targets: np.ndarray) -> float:
        """Return a score of a network's outputs, where 1 is perfect."""


@dataclass(frozen=True)
class Learnable(Prediction):
    """Base of the experiments whose loss has a slope, so that genomes can learn by gradients."""

    learn_steps: int = 0
    """Gradient steps of the best genomes of each generation."""
    learn_best: float = 0.1
    """Share of the genomes that learn, in (0, 1]."""
    learn_every: int = 1
    """Generations from one that learns to the next."""
    learn_batch: int | None = None
    """Samples on which a generation learns; all by default."""
    learn_rate: float = LEARNING_RATE
    """Rate of Adam, which takes the steps."""
    inherit: bool = True
    """Offspring inherit what was learned; --no-inherit: learning affects only the fitness (Baldwin)."""

    def refuse_unused(self) -> None:
        """Raise ValueError if a field says how genomes learn, but none learns."""
        if self.learn_steps == 0:
            fields = ("learn_best", "learn_every", "learn_batch", "learn_rate", "inherit")
            self.refuse_given(fields, "needs learn_steps of at least 1, since no genome learns")

    def evaluator(self, device: str) -> evaluators.Supervised:
        """Return the evaluator of the training part."""
        import evaluators

        if not 0 < self.learn_rate < float("inf"):
            raise ValueError(f"learn_rate: must be above 0 and finite, got {self.learn_rate}")
        return evaluators.Supervised(
            **self.training_data(),
            fitness=self.loss,
            steps=STEPS,
            device=device,
            learn_steps=self.learn_steps,
            learn_best=self.learn_best,
            learn_every=self.learn_every,
            learn_batch=self.learn_batch,
            optimiser=functools.partial(make_adam, learning_rate=self.learn_rate),
            inherit=self.inherit,
        )


@dataclass(frozen=True)
class Patterns(Prediction):
    """Base of the experiments whose data set is all patterns of some bits; solved with all of them right."""

    generations = 300
    score_name = "share of patterns right"

    def score(self, outputs: np.ndarray, targets: np.ndarray) -> float:
        """Return the share of outputs on the target's side of 0.5."""
        return share_correct(outputs, targets)

    def solved(self, evaluator: Any) -> Callable[[Genome], bool]:
        """Return a criterion: all outputs are on the target's side of 0.5."""
        sets = self.sets()
        return lambda champion: self.score(predictions(champion, sets.inputs), sets.targets) == 1.0


def predictions(champion: Genome, inputs: np.ndarray) -> np.ndarray:
    """Return the network's outputs, float32 (samples, outputs), as the evaluator computes them."""
    import evaluators

    networks = evaluators.compile(champion, device="cpu")
    for _ in range(1 if champion.feed_forward else STEPS):
        outputs = networks.activate(inputs)
    return outputs[0]


def share_correct(outputs: np.ndarray, targets: np.ndarray) -> float:
    """Return the share of outputs on their target's side of 0.5."""
    return float(((outputs > 0.5) == (targets > 0.5)).mean())


def accuracy(outputs: np.ndarray, targets: np.ndarray) -> float:
    """Return the share of samples whose class has the greatest output."""
    return float((outputs.argmax(axis=1) == targets.argmax(axis=1)).mean())
