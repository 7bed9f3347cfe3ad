"""The ways to solve a task that `compare` lays side by side; each gives a learning curve.

Work is counted in evaluations, passes of a network over the training data, where a gradient counts as three (forward,
and backward at twice the price), or in environment steps. Neither work nor time includes the fresh episodes and the
test sets by which runs are scored, nor those by which they end; compiling comes before.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from experiments.cli.flags import Options
from experiments.cli.settings import config_for
from experiments.comparison import baselines
from experiments.comparison.baselines import Baseline
from experiments.comparison.curves import Point
from experiments.tasks.acrobot import Acrobot
from experiments.tasks.cartpole import Cartpole
from experiments.tasks.classification import Classification
from experiments.tasks.control import REPORTED, UNSEEN, Control
from experiments.tasks.mountain_car_continuous import MountainCarContinuous
from experiments.tasks.parity import Parity
from experiments.tasks.pendulum import Pendulum
from experiments.tasks.prediction import Prediction, predictions
from experiments.tasks.regression import Regression

if TYPE_CHECKING:
    from neat import Genome

LEARN_STEPS = 10
_GRADIENT = 3  # evaluations
_SCORES = 50  # of a policy, while it learns


@dataclass
class Curve:
    """A run's scores, and the time that it takes without taking them."""

    points: list[Point] = field(default_factory=list)
    _begin: float = field(default_factory=time.perf_counter)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[float]:
        """Within it, no time goes by; gives the time so far."""
        begin = time.perf_counter()
        yield begin - self._begin
        self._begin += time.perf_counter() - begin

    def add(self, work: float, score: Callable[[], float]) -> None:
        """Take the score at this point."""
        with self.stopped() as seconds:
            self.points.append(Point(work, seconds, score()))

    def finish(self, score: Callable[[], float]) -> list[Point]:
        """Take the score of what the run gives in the end, and return all points."""
        self.add(self.points[-1].work, score)
        return self.points


class Outcome(NamedTuple):
    """What came of a run."""

    parameters: int
    """Weights and biases of the network that decides."""
    curve: list[Point]
    """The last is of what the run gave."""

    @property
    def end(self) -> Point:
        """The last point."""
        return self.curve[-1]


class Contest(NamedTuple):
    """A task and who takes part."""

    experiment: Callable[[int, int], Prediction | Control]
    """The task for a seed, which divides its data, and a number of learning steps."""
    baselines: dict[str, Baseline]
    """Of a data set; in an environment, PPO takes part."""


TASKS = {
    "xor": Contest(lambda seed, learn: Parity(bits=2, learn_steps=learn), {"MLP": baselines.XOR_MLP}),
    "parity": Contest(lambda seed, learn: Parity(bits=4, learn_steps=learn), {"MLP": baselines.PARITY_MLP}),
    "spirals": Contest(
        lambda seed, learn: Classification(split_seed=seed, learn_steps=learn),
        {"MLP": baselines.SPIRALS_MLP},
    ),
    "iris": Contest(
        lambda seed, learn: Classification(data="iris", split_seed=seed, learn_steps=learn),
        {"MLP": baselines.IRIS_MLP},
    ),
    "digits": Contest(
        lambda seed, learn: Classification(data="digits", split_seed=seed, learn_steps=learn),
        {"MLP": baselines.DIGITS_MLP, "CNN": baselines.DIGITS_CNN},
    ),
    "regression": Contest(
        lambda seed, learn: Regression(split_seed=seed, learn_steps=learn), {"MLP": baselines.REGRESSION_MLP}
    ),
    "cartpole": Contest(lambda seed, learn: Cartpole(), {}),
    "acrobot": Contest(lambda seed, learn: Acrobot(), {}),
    "mountain-car-continuous": Contest(lambda seed, learn: MountainCarContinuous(), {}),
    "pendulum": Contest(lambda seed, learn: Pendulum(), {}),
}


Contender = Callable[[int, float], Outcome]
"""Runs with a seed, and with a share of the usual length."""


def contenders(task: str) -> dict[str, Contender]:
    """Those of a task, by name. Raises ImportError where its data cannot be had."""
    contest = TASKS[task]
    experiment = contest.experiment(0, 0)
    if isinstance(experiment, Control):
        return {
            "NEAT": lambda seed, share: _evolve_control(contest, seed, share),
            "PPO": lambda seed, share: _train_policy(contest, seed, share),
        }
    experiment.sets()  # so that data which cannot be had are missed before anything is written

    def training(baseline: Baseline) -> Contender:
        return lambda seed, share: _train_network(contest, baseline, seed, share)

    return {
        "NEAT": lambda seed, share: _evolve(contest, seed, share, 0),
        "NEAT, learning": lambda seed, share: _evolve(contest, seed, share, LEARN_STEPS),
        **{name: training(baseline) for name, baseline in contest.baselines.items()},
    }


def score_name(task: str) -> str:
    """What a task's score is."""
    experiment = TASKS[task].experiment(0, 0)
    return (
        experiment.score_name if isinstance(experiment, Prediction) else f"reward over {UNSEEN} fresh starts"
    )


def work_name(task: str) -> str:
    """What a task's work is counted in."""
    return "evaluations" if isinstance(TASKS[task].experiment(0, 0), Prediction) else "environment steps"


def target(task: str) -> float | None:
    """The score with which a task counts as solved."""
    experiment = TASKS[task].experiment(0, 0)
    return experiment.target if isinstance(experiment, Control) else 1.0 if experiment.has_criterion else None


def _evolve(contest: Contest, seed: int, share: float, learn_steps: int) -> Outcome:
    """Evolution on a data set, to the same number of evaluations with learning and without."""
    from neat import Population

    experiment = contest.experiment(seed, learn_steps)
    assert isinstance(experiment, Prediction)
    evaluator = experiment.evaluator("cpu")
    config = config_for(experiment, evaluator, Options(), {"seed": seed})
    price = config.population_size * (1 + _GRADIENT * learn_steps)
    budget = share * experiment.generations * config.population_size
    inputs, targets, _, test = experiment.sets()
    solved = experiment.solved(evaluator)

    def score(champion: Genome) -> float:
        return experiment.score(predictions(champion, inputs[test]), targets[test])

    population, curve = Population(config), Curve()

    def note(champion: Genome) -> bool:
        curve.add(population.generation * price, lambda: score(champion))
        with curve.stopped():
            return solved is not None and solved(champion)

    champion = population.run(evaluator, generations=max(1, round(budget / price)), solved=note).champion
    return Outcome(_genes(champion), curve.finish(lambda: score(champion)))


def _evolve_control(contest: Contest, seed: int, share: float) -> Outcome:
    from neat import Population

    experiment = contest.experiment(seed, 0)
    assert isinstance(experiment, Control)
    evaluator = experiment.evaluator("cpu")
    config = config_for(experiment, evaluator, Options(), {"seed": seed})
    solved, curve = experiment.solved(evaluator), Curve()

    def score(champion: Genome) -> float:
        return float(evaluator.play(champion, UNSEEN, trial=REPORTED).reward.mean())

    def note(champion: Genome) -> bool:
        curve.add(evaluator.steps, lambda: score(champion))
        with curve.stopped():
            return solved is not None and solved(champion)

    generations = max(1, round(share * experiment.generations))
    champion = Population(config).run(evaluator, generations=generations, solved=note).champion
    return Outcome(_genes(champion), curve.finish(lambda: score(champion)))


def _genes(champion: Genome) -> int:
    return sum(connection["enabled"] for connection in champion.connections) + len(champion.nodes)


def _train_network(contest: Contest, baseline: Baseline, seed: int, share: float) -> Outcome:
    from evaluators.gradient import fit, losses, optim, reporting
    from evaluators.gradient.optim import schedules

    experiment = contest.experiment(seed, 0)
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
            curve.add(_GRADIENT * len(history), score)

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
    return Outcome(_size(model), curve.finish(score))


def _train_policy(contest: Contest, seed: int, share: float) -> Outcome:
    from evaluators.gradient import ppo

    experiment = contest.experiment(seed, 0)
    assert isinstance(experiment, Control)
    environment = experiment.environment()
    settings = ppo.settings_for(environment)
    steps = max(settings.slots * settings.rollout, round(share * settings.steps))
    learner = ppo.Learner(environment, settings.updated(steps=steps), seed)
    curve = Curve()

    def score() -> float:
        return float(learner.policy.play(UNSEEN, trial=REPORTED).reward.mean())

    while len(learner.history) < learner.updates:
        learner.update()
        done = len(learner.history)
        if done * _SCORES // learner.updates > (done - 1) * _SCORES // learner.updates:
            curve.add(int(learner.history["steps"][-1]), score)
    return Outcome(_size(learner.policy.actor), curve.finish(score))


def _size(model: Any) -> int:
    return sum(parameter.data.size for parameter in model.parameters())
