"""The methods that `compare` compares. Each solves a task and returns a learning curve.

Work is counted in environment steps or, on data sets, in evaluations. An evaluation is one pass of a network over the
training data. A gradient counts as three: one forward pass, and a backward pass that costs two. Work and time exclude
compilation, and the test sets and fresh episodes that score runs or decide when they end.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from experiments.cli.flags import Options
from experiments.cli.settings import build_config
from experiments.comparison import baselines
from experiments.comparison.baselines import Baseline
from experiments.comparison.curves import Point
from experiments.tasks.acrobot import Acrobot
from experiments.tasks.cartpole import Cartpole
from experiments.tasks.classification import Classification
from experiments.tasks.control import REPORT_TRIAL, UNSEEN_STARTS, Control
from experiments.tasks.mountain_car_continuous import MountainCarContinuous
from experiments.tasks.parity import Parity
from experiments.tasks.pendulum import Pendulum
from experiments.tasks.prediction import Learnable, Prediction, predictions
from experiments.tasks.regression import Regression

if TYPE_CHECKING:
    from neat import Genome

LEARN_STEPS = 30
_GRADIENT_COST = 3  # evaluations
_NUM_SCORES = 50  # of a policy, while it learns


@dataclass
class Curve:
    """The scores of a run over work and time, without the time that scoring takes."""

    points: list[Point] = field(default_factory=list)
    _begin: float = field(default_factory=time.perf_counter)

    @contextlib.contextmanager
    def paused(self) -> Iterator[float]:
        """Stop the clock inside the block; yield the seconds so far."""
        begin = time.perf_counter()
        yield begin - self._begin
        self._begin += time.perf_counter() - begin

    def add(self, work: float, score: Callable[[], float]) -> None:
        """Compute the score and add it as a point."""
        with self.paused() as seconds:
            self.points.append(Point(work, seconds, score()))

    def finish(self, score: Callable[[], float]) -> list[Point]:
        """Add the score of the run's final network, and return all points."""
        self.add(self.points[-1].work, score)
        return self.points


class Outcome(NamedTuple):
    """The result of a run."""

    parameters: int
    """Number of weights and biases of the final network."""
    curve: list[Point]
    """The last point is that of the final network."""

    @property
    def end(self) -> Point:
        """The last point of the curve."""
        return self.curve[-1]


class ComparedTask(NamedTuple):
    """A task and the networks that are compared with evolution on it."""

    experiment: Callable[[int, int], Prediction | Control]
    """Makes the task from a seed, which divides its data, and a number of learning steps."""
    baselines: dict[str, Baseline]
    """Networks for a data set; empty for an environment, where PPO is compared."""


TASKS = {
    "xor": ComparedTask(lambda seed, learn: Parity(bits=2, learn_steps=learn), {"MLP": baselines.XOR_MLP}),
    "parity": ComparedTask(
        lambda seed, learn: Parity(bits=4, learn_steps=learn), {"MLP": baselines.PARITY_MLP}
    ),
    "spirals": ComparedTask(
        lambda seed, learn: Classification(split_seed=seed, learn_steps=learn),
        {"MLP": baselines.SPIRALS_MLP},
    ),
    "iris": ComparedTask(
        lambda seed, learn: Classification(data="iris", split_seed=seed, learn_steps=learn),
        {"MLP": baselines.IRIS_MLP},
    ),
    "digits": ComparedTask(
        lambda seed, learn: Classification(data="digits", split_seed=seed, learn_steps=learn),
        {"MLP": baselines.DIGITS_MLP, "CNN": baselines.DIGITS_CNN},
    ),
    "regression": ComparedTask(
        lambda seed, learn: Regression(split_seed=seed, learn_steps=learn), {"MLP": baselines.REGRESSION_MLP}
    ),
    "cartpole": ComparedTask(lambda seed, learn: Cartpole(), {}),
    "acrobot": ComparedTask(lambda seed, learn: Acrobot(), {}),
    "mountain-car-continuous": ComparedTask(lambda seed, learn: MountainCarContinuous(), {}),
    "pendulum": ComparedTask(lambda seed, learn: Pendulum(), {}),
}


Method = Callable[[int, float], Outcome]
"""A function that runs a method with a seed and a share of the usual length."""


def make_methods(task: str) -> dict[str, Method]:
    """Return the methods for a task, by name. Raises ImportError if its data is not installed."""
    compared = TASKS[task]
    experiment = compared.experiment(0, 0)
    if isinstance(experiment, Control):
        return {
            "NEAT": lambda seed, share: _evolve_control(compared, seed, share),
            "PPO": lambda seed, share: _train_policy(compared, seed, share),
        }
    experiment.sets()  # raises ImportError before anything is written

    def training(baseline: Baseline) -> Method:
        return lambda seed, share: _train_network(compared, baseline, seed, share)

    return {
        "NEAT": lambda seed, share: _evolve(compared, seed, share, 0),
        "NEAT, learning": lambda seed, share: _evolve(compared, seed, share, LEARN_STEPS),
        **{name: training(baseline) for name, baseline in compared.baselines.items()},
    }


def score_name(task: str) -> str:
    """Return the name of a task's score."""
    experiment = TASKS[task].experiment(0, 0)
    return (
        experiment.score_name
        if isinstance(experiment, Prediction)
        else f"reward over {UNSEEN_STARTS} fresh starts"
    )


def work_name(task: str) -> str:
    """Return the unit in which a task's work is counted."""
    return "evaluations" if isinstance(TASKS[task].experiment(0, 0), Prediction) else "environment steps"


def target_score(task: str) -> float | None:
    """Return the score at which a task counts as solved; None if there is no criterion."""
    experiment = TASKS[task].experiment(0, 0)
    return experiment.target if isinstance(experiment, Control) else 1.0 if experiment.has_criterion else None


def _evolve(compared: ComparedTask, seed: int, share: float, learn_steps: int) -> Outcome:
    """Evolve on a data set. The number of evaluations is the same with and without learning."""
    from neat import Population

    experiment = compared.experiment(seed, learn_steps)
    assert isinstance(experiment, Learnable)
    evaluator = experiment.evaluator("cpu")
    config = build_config(experiment, evaluator, Options(), {"seed": seed})
    learning = experiment.learn_best * learn_steps
    cost = config.population_size * (1 + _GRADIENT_COST * learning)
    budget = share * experiment.generations * config.population_size
    inputs, targets, _, test = experiment.sets()
    solved = experiment.solved(evaluator)

    def score(champion: Genome) -> float:
        return experiment.score(predictions(champion, inputs[test]), targets[test])

    population, curve = Population(config), Curve()

    def record(champion: Genome) -> bool:
        curve.add(population.generation * cost, lambda: score(champion))
        with curve.paused():
            return solved is not None and solved(champion)

    champion = population.run(evaluator, generations=max(1, round(budget / cost)), solved=record).champion
    return Outcome(count_parameters(champion), curve.finish(lambda: score(champion)))


def _evolve_control(compared: ComparedTask, seed: int, share: float) -> Outcome:
    from neat import Population

    experiment = compared.experiment(seed, 0)
    assert isinstance(experiment, Control)
    evaluator = experiment.evaluator("cpu")
    config = build_config(experiment, evaluator, Options(), {"seed": seed})
    solved, curve = experiment.solved(evaluator), Curve()

    def score(champion: Genome) -> float:
        return float(evaluator.play(champion, UNSEEN_STARTS, trial=REPORT_TRIAL).reward.mean())

    def record(champion: Genome) -> bool:
        curve.add(evaluator.steps, lambda: score(champion))
        with curve.paused():
            return solved is not None and solved(champion)

    generations = max(1, round(share * experiment.generations))
    champion = Population(config).run(evaluator, generations=generations, solved=record).champion
    return Outcome(count_parameters(champion), curve.finish(lambda: score(champion)))


def count_parameters(champion: Genome) -> int:
    """Return the number of enabled connections and nodes: the weights and biases of the champion."""
    return sum(connection["enabled"] for connection in champion.connections) + len(champion.nodes)


def _train_network(compared: ComparedTask, baseline: Baseline, seed: int, share: float) -> Outcome:
    from evaluators.gradient import fit, losses, optim, reporting
    from evaluators.gradient.optim import schedules

    experiment = compared.experiment(seed, 0)
    assert isinstance(experiment, Prediction)
    inputs, targets, train, test = experiment.sets()
    inputs = inputs.reshape(len(inputs), *baseline.shape)
    model = baseline.model(inputs[0].size, targets.shape[1]).initialise(seed)
    epochs = max(1, round(share * baseline.epochs))
    steps = epochs * -(-len(train) // baseline.batch_size)
    rate = schedules.cosine(baseline.learning_rate, steps)
    optimiser = optim.AdamW(model.parameters(), rate, weight_decay=baseline.weight_decay)
    loss: dict[str, Any] = {
        "squared_error": losses.mean_squared,
        "cross_entropy": losses.softmax_cross_entropy,
    }
    curve = Curve()

    class Scores(reporting.Reporter):
        def epoch(self, history: np.ndarray) -> None:
            curve.add(_GRADIENT_COST * len(history), score)

    def score() -> float:
        return experiment.score(model.eval()(inputs[test]).data, targets[test])

    fit(
        model,
        (inputs[train], targets[train]),
        loss[experiment.loss],
        optimiser,
        epochs,
        baseline.batch_size,
        seed=seed,
        reporters=[Scores()],
    )
    return Outcome(_count_weights(model), curve.finish(score))


def _train_policy(compared: ComparedTask, seed: int, share: float) -> Outcome:
    from evaluators.gradient import ppo

    experiment = compared.experiment(seed, 0)
    assert isinstance(experiment, Control)
    environment = experiment.environment()
    settings = ppo.settings_for(environment)
    steps = max(settings.slots * settings.rollout, round(share * settings.steps))
    learner = ppo.Learner(environment, settings.updated(steps=steps), seed)
    curve = Curve()

    def score() -> float:
        return float(learner.policy.play(UNSEEN_STARTS, trial=REPORT_TRIAL).reward.mean())

    while len(learner.history) < learner.updates:
        learner.update()
        done = len(learner.history)
        if done * _NUM_SCORES // learner.updates > (done - 1) * _NUM_SCORES // learner.updates:
            curve.add(int(learner.history["steps"][-1]), score)
    return Outcome(_count_weights(learner.policy.actor), curve.finish(score))


def _count_weights(model: Any) -> int:
    return sum(parameter.data.size for parameter in model.parameters())
