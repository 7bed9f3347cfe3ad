"""Friedman's first function (1991) with noise: learning within evolution beside two methods of scikit-learn.

500 samples of 10 inputs, of which 5 matter, with noise of deviation 1, in five folds. Inputs and targets are
standardised by the training samples. Evolution gets 1.5 s of one core; 15 % of its samples choose among the champions
of generations.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import evaluators
from benchmarks.support.report import Table, one_thread
from evaluators.gradient import optim
from experiments.comparison.evolving import count_parameters
from experiments.runs.statistics import bootstrap
from neat import Config, Genome, Population
from neat.config.data_settings import settings_for_data

SECONDS, SAMPLES, FOLDS, SEEDS = 1.5, 500, 5, range(10)
VALIDATION = 0.15


class Fit(NamedTuple):
    """A fitted model on one fold."""

    r2: float
    parameters: int
    seconds: float


def run(quick: bool) -> dict[str, Any]:
    from sklearn.datasets import make_friedman1
    from sklearn.model_selection import KFold

    found: dict[str, list[Fit]] = {name: [] for name in METHODS}
    with one_thread():
        for seed in SEEDS[:1] if quick else SEEDS:
            inputs, targets = make_friedman1(SAMPLES, noise=1.0, random_state=seed)
            for train, test in KFold(FOLDS, shuffle=True, random_state=seed).split(inputs):
                mean, deviation = inputs[train].mean(axis=0), inputs[train].std(axis=0)
                standardised = (inputs - mean) / deviation
                t = (targets - targets[train].mean()) / targets[train].std()
                for name, fit in METHODS.items():
                    begin = time.process_time()
                    predict, parameters = fit(standardised[train], t[train], seed)
                    seconds = time.process_time() - begin
                    error = predict(standardised[test]) - t[test]
                    found[name].append(Fit(1 - (error**2).mean() / t[test].var(), parameters, seconds))
    return dict(found)


Fitted = tuple[Callable[[np.ndarray], np.ndarray], int]


def evolve(inputs: np.ndarray, targets: np.ndarray, seed: int) -> Fitted:
    """Evolve with learning until the time is spent, and return the champion of the validation samples."""
    begin = time.process_time()
    order = np.random.default_rng(seed).permutation(len(inputs))
    held, train = np.split(order, [round(VALIDATION * len(inputs))])
    evaluator = evaluators.Supervised(
        inputs[train],
        targets[train],
        device="cpu",
        learn_steps=30,
        optimiser=lambda parameters: optim.Adam(parameters, 0.03),
    )
    settings = settings_for_data(inputs.shape[1])
    config = Config.for_task(evaluator, population_size=150, seed=seed, **settings)
    population, best, champion = Population(config), -np.inf, None
    while time.process_time() - begin < SECONDS:
        fitness = evaluator(population.ask())
        assert evaluator.learned is not None
        candidate = evaluator.learned[int(np.argmax(fitness))]
        score = -((_outputs(candidate, inputs[held]) - targets[held]) ** 2).mean()
        if score > best:
            best, champion = score, candidate
        population.tell(fitness, evaluator.learned)
    assert champion is not None
    chosen: Genome = champion
    return lambda rows: _outputs(chosen, rows), count_parameters(chosen)


def _outputs(genome: Genome, inputs: np.ndarray) -> np.ndarray:
    return evaluators.compile(genome, "cpu").activate(inputs.astype(np.float32))[0, :, 0]


def fit_mlp(inputs: np.ndarray, targets: np.ndarray, seed: int) -> Fitted:
    from sklearn.neural_network import MLPRegressor

    model = MLPRegressor(max_iter=1000, random_state=seed).fit(inputs, targets)
    return model.predict, sum(map(np.size, (*model.coefs_, *model.intercepts_)))


def fit_boosting(inputs: np.ndarray, targets: np.ndarray, seed: int) -> Fitted:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(random_state=seed).fit(inputs, targets)
    return model.predict, sum(len(tree.nodes) for trees in model._predictors for tree in trees)


METHODS: dict[str, Callable[[np.ndarray, np.ndarray, int], Fitted]] = {
    "NEAT, the best tenth learns": evolve,
    "MLP of scikit-learn": fit_mlp,
    "boosting of scikit-learn": fit_boosting,
}


def tables(result: dict[str, Any]) -> list[Table]:
    rows = []
    for name, found in result.items():
        scores, parameters, seconds = (np.array(column) for column in zip(*found, strict=True))
        low, high = bootstrap(scores.tolist())
        rows.append(
            [
                name,
                f"{scores.mean():.3f} ({low:.3f} – {high:.3f})",
                f"{np.median(parameters):.0f}",
                f"{np.median(seconds):.2f} s",
            ]
        )
    return [
        Table(
            f"Friedman's first function, {SAMPLES} samples, noise 1: R² on the test folds",
            ["method", "R², mean (95 %)", "parameters", "a fit"],
            rows,
            ["Medians of parameters (of boosting: nodes of trees) and of processor time."],
        )
    ]
