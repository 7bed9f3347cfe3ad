"""Small data sets, with the estimators as they come, beside a linear model, an MLP and boosting of scikit-learn.

The score of classifiers is accuracy, that of regressors R². Inputs and targets are standardised for all methods. The
noise of Friedman's second and third function is a third of their deviation, 125 and 0.1 (Friedman 1991; R's mlbench).

The defaults of the estimators were chosen on other folds (`random_state` from 1000), and on generated data from other
seeds, except for the spirals. The data of iris, wine, breast cancer, digits and diabetes are the same in both.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from benchmarks.support.report import Table, one_thread, seconds
from evaluators.estimators import NEATClassifier, NEATRegressor
from experiments.comparison.evolving import count_parameters
from experiments.tasks.data import spirals

FOLDS, REPEATS = 5, 10
LONGEST = 3.0  # seconds of processor time that a fit of ours may take
LEVEL = 0.05
METHODS = ("NEAT", "linear", "MLP", "boosting")


class DataSet(NamedTuple):
    """A data set and what is asked of the estimators on it."""

    load: Callable[[], tuple[np.ndarray, np.ndarray]]
    classifies: bool


def _sklearn(name: str, **arguments: Any) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    def load() -> tuple[np.ndarray, np.ndarray]:
        from sklearn import datasets

        made: tuple[np.ndarray, np.ndarray] = getattr(datasets, name)(**arguments)
        return made

    return load


def _spirals() -> tuple[np.ndarray, np.ndarray]:
    data = spirals(turns=1.5)
    return data.features, data.target


def _sine() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.uniform(-3, 3, (300, 1))
    return x, np.sin(2 * x[:, 0]) + random.normal(0, 0.2, 300)


DATA = {
    **{
        name: DataSet(_sklearn(f"load_{name}", return_X_y=True), True)
        for name in ("iris", "wine", "breast_cancer", "digits")
    },
    "moons": DataSet(_sklearn("make_moons", n_samples=500, noise=0.25, random_state=0), True),
    "spirals": DataSet(_spirals, True),
    "diabetes": DataSet(_sklearn("load_diabetes", return_X_y=True), False),
    "friedman1": DataSet(_sklearn("make_friedman1", n_samples=500, noise=1.0, random_state=0), False),
    "friedman2": DataSet(_sklearn("make_friedman2", n_samples=500, noise=125.0, random_state=0), False),
    "friedman3": DataSet(_sklearn("make_friedman3", n_samples=500, noise=0.1, random_state=0), False),
    "sine": DataSet(_sine, False),
}


def run(quick: bool) -> dict[str, Any]:
    from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

    result: dict[str, Any] = {}
    with one_thread():
        for data in (DATA["moons"], DATA["sine"]):  # loads the kernels, so that no fit is timed with that
            _make("NEAT", data.classifies, 0).set_params(generations=2).fit(*data.load())
        for name, (load, classifies) in DATA.items():
            x, y = load()
            folds = RepeatedStratifiedKFold if classifies else RepeatedKFold
            split = folds(n_splits=FOLDS, n_repeats=1 if quick else REPEATS, random_state=0)
            fits = [
                {method: _fit(method, classifies, x, y, *fold, seed) for method in METHODS}
                for seed, fold in enumerate(split.split(x, y))
            ]
            result[name] = {
                method: {key: [each[method][key] for each in fits] for key in fits[0][method]}
                for method in METHODS
            }
    return result


def _fit(
    method: str,
    classifies: bool,
    x: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    seed: int,
) -> dict[str, float]:
    """Fit a method on a fold, and return its test score, number of parameters and processor time."""
    from sklearn.exceptions import ConvergenceWarning

    model = _make(method, classifies, seed)
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x[train], y[train])
    spent = time.process_time() - begin
    return {"score": model.score(x[test], y[test]), "parameters": _count(method, model), "seconds": spent}


def _make(method: str, classifies: bool, seed: int) -> Any:
    from sklearn import ensemble, linear_model, neural_network
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if method == "NEAT":
        return (NEATClassifier if classifies else NEATRegressor)(random_state=seed)
    if classifies:
        made: Any = {
            "linear": lambda: linear_model.LogisticRegression(max_iter=1000),
            "MLP": lambda: neural_network.MLPClassifier(max_iter=1000, random_state=seed),
            "boosting": lambda: ensemble.HistGradientBoostingClassifier(random_state=seed),
        }[method]()
        return make_pipeline(StandardScaler(), made)
    made = {
        "linear": linear_model.RidgeCV,
        "MLP": lambda: neural_network.MLPRegressor(max_iter=1000, random_state=seed),
        "boosting": lambda: ensemble.HistGradientBoostingRegressor(random_state=seed),
    }[method]()
    pipeline = make_pipeline(StandardScaler(), made)
    return TransformedTargetRegressor(pipeline, transformer=StandardScaler())


def _count(method: str, model: Any) -> int:
    """Return the number of weights and biases, or of the nodes of trees."""
    if method == "NEAT":
        return count_parameters(model.model_.genome)
    fitted = getattr(model, "regressor_", model)[-1]
    if method == "linear":
        return int(np.size(fitted.coef_) + np.size(fitted.intercept_))
    if method == "MLP":
        return sum(map(np.size, (*fitted.coefs_, *fitted.intercepts_)))
    return sum(len(tree.nodes) for trees in fitted._predictors for tree in trees)


def corrected_t_test(differences: np.ndarray) -> float:
    """Return the p value of the corrected resampled t-test of differences by fold (Nadeau and Bengio 2003)."""
    n = len(differences)
    variance = differences.var(ddof=1) * (1 / n + 1 / (FOLDS - 1))
    if variance == 0:
        return 1.0 if differences.mean() == 0 else 0.0
    return float(2 * stats.t.sf(abs(differences.mean()) / np.sqrt(variance), n - 1))


def tables(result: dict[str, Any]) -> list[Table]:
    rows, behind = [], 0
    for name, found in result.items():
        means = {method: float(np.mean(fits["score"])) for method, fits in found.items()}
        best = max(METHODS, key=means.__getitem__)
        differences = np.subtract(found[best]["score"], found["NEAT"]["score"])
        is_behind = best != "NEAT" and corrected_t_test(differences) < LEVEL
        behind += is_behind
        rows.append(
            [
                name,
                *(f"{means[method]:.3f}" for method in METHODS),
                "behind" if is_behind else "",
                *(f"{np.median(found[method]['parameters']):,.0f}" for method in METHODS),
                seconds(float(np.max(found["NEAT"]["seconds"]))),
            ]
        )
    longest = max(max(found["NEAT"]["seconds"]) for found in result.values())
    heads = [*METHODS, "NEAT is", *(f"{method}: parameters" for method in METHODS), "longest fit of NEAT"]
    notes = [
        f"Means over {FOLDS}-fold cross-validation; medians of parameters (of boosting: nodes of trees).",
        f"NEAT is significantly behind the best method on {behind} of {len(result)} data sets (corrected resampled "
        f"t-test, p < {LEVEL}).",
        f"A fit of ours took at most {seconds(longest)}; the limit is {seconds(LONGEST)}"
        + (", which it exceeds." if longest > LONGEST else "."),
    ]
    return [Table("Small data sets: accuracy or R²", ["data set", *heads], rows, notes)]
