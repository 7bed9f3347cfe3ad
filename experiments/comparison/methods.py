"""The tasks of `compare`, and the methods that it compares on each of them."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from experiments.cli.flags import Options
from experiments.cli.settings import build_config
from experiments.comparison import baselines, evolving, training
from experiments.comparison.baselines import Baseline
from experiments.comparison.meter import BudgetSpent, Meter
from experiments.tasks.acrobot import Acrobot
from experiments.tasks.cartpole import Cartpole
from experiments.tasks.classification import Classification
from experiments.tasks.control import UNSEEN_STARTS, Control
from experiments.tasks.experiment import suggestion
from experiments.tasks.mountain_car_continuous import MountainCarContinuous
from experiments.tasks.parity import Parity
from experiments.tasks.pendulum import Pendulum
from experiments.tasks.prediction import Learnable
from experiments.tasks.regression import Regression
from neat.config.config import Config, merge

LEARN_STEPS = 30

Settings = Mapping[str, float]
"""What is tuned of a method, by name."""


class ComparedTask(NamedTuple):
    """A task, the work that each method may spend on it, and the networks that are compared with evolution."""

    experiment: Callable[[int], Learnable | Control]
    """Makes the task from a seed, which divides its data."""
    budget: float
    """Seconds of one core."""
    baselines: dict[str, Baseline]
    """Networks for a data set; empty for an environment, where PPO is compared."""


TASKS = {
    "xor": ComparedTask(lambda seed: Parity(bits=2), 0.1, {"MLP": baselines.XOR_MLP}),
    "parity": ComparedTask(lambda seed: Parity(bits=4), 0.5, {"MLP": baselines.PARITY_MLP}),
    "spirals": ComparedTask(
        lambda seed: Classification(split_seed=seed), 0.5, {"MLP": baselines.SPIRALS_MLP}
    ),
    "iris": ComparedTask(
        lambda seed: Classification(data="iris", split_seed=seed), 0.3, {"MLP": baselines.IRIS_MLP}
    ),
    "digits": ComparedTask(
        lambda seed: Classification(data="digits", split_seed=seed),
        3.0,
        {"MLP": baselines.DIGITS_MLP, "CNN": baselines.DIGITS_CNN},
    ),
    "regression": ComparedTask(
        lambda seed: Regression(split_seed=seed), 0.5, {"MLP": baselines.REGRESSION_MLP}
    ),
    "cartpole": ComparedTask(lambda seed: Cartpole(), 3.0, {}),
    "acrobot": ComparedTask(lambda seed: Acrobot(), 8.0, {}),
    "mountain-car-continuous": ComparedTask(lambda seed: MountainCarContinuous(), 2.0, {}),
    "pendulum": ComparedTask(lambda seed: Pendulum(), 12.0, {}),
}


class Method(NamedTuple):
    """A method for a task."""

    choices: dict[str, tuple[float, ...]]
    """The values that tuning tries in all combinations, by setting. The first of each is the usual one."""
    units: tuple[str, ...]
    """The units of its work."""
    work: Callable[[Settings, int, Meter], None]
    """Does the work of a run with a seed, and may raise BudgetSpent."""

    def run(self, settings: Settings, seed: int, meter: Meter) -> None:
        """Do a run until it has solved the task or the meter's budget is spent."""
        with contextlib.suppress(BudgetSpent):
            self.work(settings, seed, meter)

    @property
    def combinations(self) -> Iterator[dict[str, float]]:
        """All settings that tuning tries."""
        for values in itertools.product(*self.choices.values()):
            yield dict(zip(self.choices, values, strict=True))


def make_methods(task: str) -> dict[str, Method]:
    """Return the methods for a task, by name. Raises ImportError if its data is not installed."""
    compared = TASKS[task]
    experiment = compared.experiment(0)
    usual = build_config(experiment, experiment.evaluator("cpu"), Options(), {})
    return _on_episodes(compared, usual) if isinstance(experiment, Control) else _on_data(compared, usual)


def _on_data(compared: ComparedTask, usual: Config) -> dict[str, Method]:
    size, node_rate = usual.population_size, usual.mutation.add_node_rate

    def learn(settings: Settings, seed: int, meter: Meter) -> None:
        task = _task(compared, settings, seed)
        learner = dataclasses.replace(task, learn_best=1.0)
        unlearned = dataclasses.replace(task, learn_steps=0)
        evolving.learn_only(unlearned, learner, _config(compared, settings, seed), meter)

    def train(baseline: Baseline, settings: Settings, seed: int, meter: Meter) -> None:
        tuned: dict[str, Any] = {**settings}
        training.train_network(_task(compared, {}, seed), dataclasses.replace(baseline, **tuned), seed, meter)

    evolve, search = functools.partial(_evolve, compared), functools.partial(_search, compared)
    learning = {"learn_steps": (LEARN_STEPS, 10), "learn_best": (0.1, 0.3)}
    return {
        "NEAT": Method(_structure(size, node_rate), _EVOLUTION, evolve),
        "NEAT, learning": Method({"population_size": (size, size // 3), **learning}, _EVOLUTION, evolve),
        "generation 0 learns": Method({"population_size": (size, size // 3), **learning}, ("round",), learn),
        "random search": Method(_RANDOM, _EVOLUTION, search),
        **{
            name: Method(_training(baseline), ("epoch",), functools.partial(train, baseline))
            for name, baseline in compared.baselines.items()
        },
    }


def _on_episodes(compared: ComparedTask, usual: Config) -> dict[str, Method]:
    from evaluators.gradient import ppo

    size, node_rate = usual.population_size, usual.mutation.add_node_rate
    policy = ppo.settings_for(_control(compared, 0).environment())

    def train(settings: Settings, seed: int, meter: Meter) -> None:
        changes = {"learning_rate": settings["learning_rate"], "hidden": (settings["width"],) * 2}
        training.train_policy(_control(compared, seed), changes, seed, meter)

    rates = _multiples(policy.learning_rate, 1, 0.3, 3, 0.1)
    units = (*_EVOLUTION, "environment step")
    return {
        "NEAT": Method(_structure(size, node_rate), units, functools.partial(_evolve, compared)),
        "random search": Method(_RANDOM, units, functools.partial(_search, compared)),
        "PPO": Method({"learning_rate": rates, "width": (policy.hidden[0], 16)}, ("update",), train),
    }


_EVOLUTION = ("generation", "gene")
_LEARNING = ("learn_steps", "learn_best")


def _structure(size: int, node_rate: float) -> dict[str, tuple[float, ...]]:
    return {
        "population_size": (size, size // 3, size * 2, size * 4),
        "add_node_rate": _multiples(node_rate, 1, 3),
    }


_RANDOM: dict[str, tuple[float, ...]] = {"spread": (1.0, 0.5, 2.0, 4.0), "restart": (100, 30)}


def _training(baseline: Baseline) -> dict[str, tuple[float, ...]]:
    rates = _multiples(baseline.learning_rate, 1, 0.3, 3, 0.1)
    return {"learning_rate": rates, "width": (baseline.width, baseline.width // 4)}


def _multiples(value: float, *factors: float) -> tuple[float, ...]:
    return tuple(float(f"{value * factor:.3g}") for factor in factors)


def _control(compared: ComparedTask, seed: int) -> Control:
    task = compared.experiment(seed)
    assert isinstance(task, Control)
    return task


def _task(compared: ComparedTask, settings: Settings, seed: int) -> Any:
    """Return the task of a seed, with what was tuned of its learning."""
    fields: dict[str, Any] = {name: settings[name] for name in _LEARNING if name in settings}
    return dataclasses.replace(compared.experiment(seed), **fields)


def _make_scorer(compared: ComparedTask, settings: Settings, seed: int) -> evolving.GenerationScorer:
    task = _task(compared, settings, seed)
    return evolving.EpisodeScorer(task) if isinstance(task, Control) else evolving.DataScorer(task)


def _evolve(compared: ComparedTask, settings: Settings, seed: int, meter: Meter) -> None:
    evolving.evolve(_make_scorer(compared, settings, seed), _config(compared, settings, seed), meter)


def _search(compared: ComparedTask, settings: Settings, seed: int, meter: Meter) -> None:
    scorer = _make_scorer(compared, settings, seed)
    config = _config(compared, settings, seed, evolving.random_settings(settings["spread"]))
    evolving.search(scorer, config, int(settings["restart"]), meter)


def _config(compared: ComparedTask, settings: Settings, seed: int, more: Any = None) -> Config:
    """Return the config of a run: the experiment's, with what was tuned."""
    task = compared.experiment(seed)
    changes: dict[str, Any] = {"seed": seed}
    if "population_size" in settings:
        changes["population_size"] = settings["population_size"]
    if "add_node_rate" in settings:
        changes["mutation"] = {"add_node_rate": settings["add_node_rate"]}
    return build_config(task, task.evaluator("cpu"), Options(), merge(changes, more or {}))


def check_task(task: str) -> None:
    """Raise ValueError unless this is a task of `compare`."""
    if task not in TASKS:
        known = ", ".join(TASKS)
        raise ValueError(f"task: must be one of {known}, got {task!r}{suggestion(task, TASKS)}")


def check_run_length(seeds: int, share: float) -> None:
    """Raise ValueError unless this is a number of runs, and a share of their usual length."""
    if not 1 <= seeds < 2**31:
        raise ValueError(f"seeds: must be from 1 to {2**31 - 1}, got {seeds}")
    if not 0 < share <= 1000:
        raise ValueError(f"share: must be above 0 and at most 1000, got {share}")


def score_name(task: str) -> str:
    """Return the name of a task's score."""
    experiment = TASKS[task].experiment(0)
    if isinstance(experiment, Control):
        return f"reward over {UNSEEN_STARTS} fresh starts"
    return experiment.score_name


def target_score(task: str) -> float | None:
    """Return the score at which a task counts as solved; None if there is no criterion."""
    experiment = TASKS[task].experiment(0)
    if isinstance(experiment, Control):
        return experiment.target
    return 1.0 if experiment.has_criterion else None
