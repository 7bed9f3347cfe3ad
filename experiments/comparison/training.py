"""Training by gradients: networks of a baseline on a data set, and policies of PPO in an environment."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.comparison.baselines import Baseline
from experiments.comparison.meter import Meter, Network
from experiments.tasks.control import REPORT_TRIAL, UNSEEN_STARTS, Control
from experiments.tasks.prediction import Learnable

_MOST_SCORES = 50  # of a network while it trains


def train_network(task: Learnable, baseline: Baseline, seed: int, meter: Meter) -> None:
    """Train a baseline for as many epochs as the budget pays for."""
    from evaluators.gradient import Batches, fit, losses, optim, reporting
    from evaluators.gradient.optim import schedules

    inputs, targets, train, test = task.sets()
    inputs = inputs.reshape(len(inputs), *baseline.shape)
    model = baseline.model(inputs[0].size, targets.shape[1]).initialise(seed)
    epochs = meter.count_affordable({"epoch": 1})
    rate = schedules.cosine(baseline.learning_rate, epochs * -(-len(train) // baseline.batch_size))
    optimiser = optim.AdamW(model.parameters(), rate, weight_decay=baseline.weight_decay)
    loss: dict[str, Any] = {
        "squared_error": losses.mean_squared,
        "cross_entropy": losses.softmax_cross_entropy,
    }

    def score() -> float:
        return task.score(model.eval()(inputs[test]).data, targets[test])

    class Ticks(reporting.Reporter):
        def epoch(self, history: np.ndarray) -> None:
            _tick(meter, "epoch", len(history), epochs, Network(score, _count_weights(model)))

    meter.start()
    fit(
        model,
        (inputs[train], targets[train]),
        loss[task.loss],
        optimiser,
        epochs,
        Batches(baseline.batch_size, seed),
        reporters=[Ticks()],
    )


def train_policy(task: Control, changes: dict[str, Any], seed: int, meter: Meter) -> None:
    """Train a policy by PPO for as many updates as the budget pays for.

    Args:
        task: The task.
        changes: Fields of `ppo.Settings` that differ from those of `ppo.TASKS`.
        seed: The seed of all random numbers.
        meter: The meter of the run.
    """
    from evaluators.gradient import ppo

    environment = task.environment()
    settings = ppo.settings_for(environment)
    updates = meter.count_affordable({"update": 1})
    steps = updates * settings.slots * settings.rollout
    learner = ppo.Learner(environment, settings.updated(**changes, steps=steps), seed)

    def score() -> float:
        return float(learner.policy.play(UNSEEN_STARTS, trial=REPORT_TRIAL).reward.mean())

    meter.start()
    for done in range(1, updates + 1):
        learner.update()
        _tick(meter, "update", done, updates, Network(score, _count_weights(learner.policy.actor)))


def _tick(meter: Meter, unit: str, done: int, total: int, network: Network) -> None:
    """End a tick for every fiftieth part of a run, since taking a score takes long."""
    every = -(-total // _MOST_SCORES)
    if done % every == 0 or done == total:
        meter.tick({unit: (done - 1) % every + 1}, network)


def _count_weights(model: Any) -> int:
    return sum(parameter.data.size for parameter in model.parameters())
