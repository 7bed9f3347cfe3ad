"""The estimators in scikit-learn's tools, and what they find."""

import pickle

import numpy as np
import pytest

import evaluators
import neat

sklearn = pytest.importorskip("sklearn")
import joblib  # noqa: E402
from joblib.externals import loky  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_iris, make_friedman1  # noqa: E402
from sklearn.linear_model import RidgeCV  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import PolynomialFeatures  # noqa: E402

from evaluators.estimators import NEATClassifier, NEATRegressor, base  # noqa: E402
from neat.kernels.parallel import Workers  # noqa: E402

IRIS = load_iris(return_X_y=True)
SMALL = {"generations": 12, "population_size": 40, "random_state": 0}
X, Y = make_friedman1(200, noise=0.5, random_state=0)


def test_classes_and_probabilities():
    inputs, codes = IRIS
    labels = np.array(["setosa", "versicolor", "virginica"])[codes]
    classifier = NEATClassifier(**SMALL).fit(inputs, labels)
    assert classifier.score(inputs, labels) > 0.93
    assert roc_auc_score(labels, classifier.predict_proba(inputs), multi_class="ovr") > 0.97
    assert classifier.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    np.testing.assert_array_equal(classifier.model_.predict(inputs), classifier.predict(inputs))
    assert len(classifier.history_.generations) == classifier.n_iter_ == len(classifier.validation_scores_)
    assert isinstance(classifier.config_, neat.Config)


def test_a_regression_of_several_targets_in_their_units():
    targets = np.stack([Y, 1000 - 50 * Y], axis=1)
    regressor = NEATRegressor(**{**SMALL, "generations": 40, "population_size": 80}).fit(X, targets)
    predicted = regressor.predict(X)
    assert predicted.shape == (200, 2)
    assert regressor.score(X, targets) > 0.8
    single = NEATRegressor(**SMALL).fit(X, Y)
    assert single.predict(X).shape == (200,)


def test_the_tools_of_scikit_learn():
    pipeline = make_pipeline(PolynomialFeatures(2, include_bias=False), NEATRegressor(**SMALL))
    assert cross_val_score(pipeline, X, Y, cv=2).mean() > 0.3
    search = GridSearchCV(NEATClassifier(**SMALL), {"learn_steps": [0, 10]}, cv=2, n_jobs=2).fit(*IRIS)
    loky.get_reusable_executor().shutdown(wait=True)
    alone = GridSearchCV(NEATClassifier(**SMALL), {"learn_steps": [0, 10]}, cv=2).fit(*IRIS)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])


def test_copies_and_repetitions_are_the_same(tmp_path):
    regressor = NEATRegressor(**SMALL).fit(X, Y)
    expected = regressor.predict(X)
    joblib.dump(regressor, tmp_path / "regressor.joblib")
    for other in (
        pickle.loads(pickle.dumps(regressor)),
        joblib.load(tmp_path / "regressor.joblib"),
        clone(regressor).fit(X, Y),
        clone(regressor).set_params(n_jobs=2).fit(X, Y),
    ):
        np.testing.assert_array_equal(other.predict(X), expected)
    regressor.model_.save(tmp_path / "model.json")
    np.testing.assert_array_equal(evaluators.load(tmp_path / "model.json").predict(X), expected)


def test_threads_in_an_outer_loop(monkeypatch):
    used = []

    def record(threads):
        used.append(threads)
        return Workers(threads)

    monkeypatch.setattr(base, "Workers", record)
    quick = {**SMALL, "generations": 1}
    NEATRegressor(**quick).fit(X, Y)
    NEATRegressor(**quick, n_jobs=2).fit(X, Y)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        NEATRegressor(**quick).fit(X, Y)
        joblib.Parallel()(joblib.delayed(NEATRegressor(**quick, n_jobs=k).fit)(X, Y) for k in (1, 2))
    assert used[:3] == [1, 2, 2] and sorted(used[3:]) == [1, 2]


def test_weights_of_samples_and_classes_move_the_boundary():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 1))
    labels = (points[:, 0] + rng.normal(size=200) > 0).astype(int)
    share = {}
    for name, options, weight in (
        ("plain", {}, None),
        ("class", {"class_weight": {0: 1, 1: 20}}, None),
        ("sample", {}, np.where(labels == 1, 20.0, 1.0)),
    ):
        fitted = NEATClassifier(**SMALL, **options).fit(points, labels, sample_weight=weight)
        share[name] = fitted.predict(points).mean()
    assert share["plain"] < 0.65 < 0.8 < share["class"]
    assert share["class"] == share["sample"]


def test_the_end_of_a_fit(caplog, capsys):
    regressor = NEATRegressor(**{**SMALL, "generations": 60, "patience": 3}, verbose=1).fit(X, Y)
    assert regressor.n_iter_ < 60
    scores = regressor.validation_scores_
    assert len(scores) - 1 - scores.argmax() == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("generation  1/60  best -") and "  best in validation -" in lines[0]
    assert lines[1].startswith("generation  6/60  ") and "  champion " in lines[1]
    assert lines[-1].startswith(f"generation {regressor.n_iter_:2}/60  ")
    caplog.clear()
    timed = NEATRegressor(**SMALL, max_seconds=1e-6).fit(X, Y)
    assert timed.n_iter_ == 1
    assert "max_seconds ended the fit after 1 generations; a repetition can end after another" in caplog.text
    without = NEATRegressor(**SMALL, validation_fraction=None).fit(X, Y)
    assert without.validation_scores_ is None and without.n_iter_ == 12


def test_the_work_that_ends_a_fit_repeats():
    fits = [NEATRegressor(**SMALL, max_work=2e7, n_jobs=threads).fit(X, Y) for threads in (1, 2)]
    assert fits[0].n_iter_ == fits[1].n_iter_ < 12
    settings = {**SMALL, "population_size": 80, "config": {"population_size": 40}}
    assert NEATRegressor(**settings, max_work=2e7).fit(X, Y).n_iter_ == fits[0].n_iter_
    assert NEATRegressor(**SMALL, max_work=8e7).fit(X, Y).n_iter_ > fits[0].n_iter_
    few = NEATRegressor(**SMALL, max_work=2e7, learn_batch=20).fit(X, Y)
    assert few.n_iter_ > fits[0].n_iter_


def test_a_linear_task_gets_a_linear_model_as_good_as_ridge_regression():
    random = np.random.default_rng(0)
    inputs = random.normal(size=(120, 8))
    targets = inputs[:, 0] - inputs[:, 1] + random.normal(0, 2, 120)
    fresh = random.normal(size=(2000, 8))
    truth = fresh[:, 0] - fresh[:, 1]
    error = {}
    for polish in (True, False):
        fitted = NEATRegressor(generations=60, random_state=0, polish=polish).fit(inputs, targets)
        error[polish] = np.mean((fitted.predict(fresh) - truth) ** 2)
        if polish:
            assert not fitted.model_.genome.hidden_ids
    ridge = RidgeCV().fit(inputs, targets).predict(fresh)
    assert error[True] < error[False]
    assert error[True] < 1.2 * np.mean((ridge - truth) ** 2)


def test_a_warm_start_goes_on():
    whole = NEATRegressor(**{**SMALL, "generations": 8}, validation_fraction=None).fit(X, Y)
    half = NEATRegressor(**{**SMALL, "generations": 4}, validation_fraction=None, warm_start=True)
    half.fit(X, Y)
    half = pickle.loads(pickle.dumps(half))
    half.fit(X, Y)
    assert half.n_iter_ == 8
    np.testing.assert_array_equal(half.predict(X), whole.predict(X))
    with pytest.raises(
        ValueError, match=r"^warm_start: the earlier fit has 10 inputs of networks, this one 9$"
    ):
        half.fit(X[:, :9], Y)
    half.random_state = 5  # plays no role in a population that goes on
    half.fit(X, Y)
    for name, value in (("population_size", 50), ("config", {"genome": {"activation": "sin"}})):
        changed = pickle.loads(pickle.dumps(half)).set_params(**{name: value})
        wrong = "genome" if name == "config" else name
        with pytest.raises(
            ValueError,
            match=rf"^warm_start: {wrong}: must equal the earlier fit's, because warm_start continues it$",
        ):
            changed.fit(X, Y)


def test_settings_of_the_run():
    regressor = NEATRegressor(**SMALL, config={"genome": {"activation": "sin"}}).fit(X, Y)
    genome = regressor.config_.genome
    assert (genome.activation, genome.output_activation) == ("sin", "identity")
    assert genome.weight.spread == pytest.approx(10**-0.5)


BAD = [
    ({"generations": 0}, r"^generations: expected an integer from 1 to \d+, got 0$"),
    ({"population_size": 1}, r"^population_size: expected an integer from 2 to \d+, got 1$"),
    ({"learn_steps": -1}, r"^learn_steps: expected an integer from 0 to \d+, got -1$"),
    ({"learn_batch": 0}, r"^learn_batch: expected an integer from 1 to \d+, got 0$"),
    ({"max_work": 0}, r"^max_work: expected a number above 0, got 0$"),
    ({"learning_rate": 0}, r"^learning_rate: expected a number above 0, got 0$"),
    ({"validation_fraction": 1.0}, r"^validation_fraction: expected a number above 0 and below 1, got 1.0$"),
    ({"max_seconds": -3}, r"^max_seconds: expected seconds above 0 and at most 1e6, got -3$"),
    ({"config": [1]}, r"^config: expected a dictionary of settings, got \[1\]$"),
    (
        {"config": {"genome": {"activaton": "sin"}}},
        r"^genome.activaton: there is no such field; did you mean",
    ),
    (
        {"config": {"genome": {"num_inputs": 3}}},
        r"^config: genome.num_inputs: must be 10, as the data need, got 3$",
    ),
    (
        {"config": {"genome": {"output_activation": "sigmoid"}}},
        r"^genome.output_activation: cannot be 'sigmoid', which returns numbers from 0 to 1, but targets go from ",
    ),
    ({"device": "tpu"}, r"^device: "),
    ({"polish": "no"}, r"^polish: must be true or false, got 'no'$"),
    ({"warm_start": 1}, r"^warm_start: must be true or false, got 1$"),
    ({"verbose": -1}, r"^verbose: expected an integer from 0 to \d+, got -1$"),
    *(
        ({"n_jobs": n}, rf"^n_jobs: expected None or an integer other than 0, got {n!r}$")
        for n in (0, 1.5, "all")
    ),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_parameters(options, message):
    with pytest.raises(ValueError, match=message):
        NEATRegressor(**{**SMALL, **options}).fit(X, Y)


BAD_CLASSES = [
    ({}, np.ones(200), r"^y: expected at least two classes, got one class, 1.0$"),
    ({}, np.array(["a", 1] * 100, object), r"^y: expected labels of one type, got \['a', 1, "),
    ({"class_weight": {0: 1, 1: -2}}, [0, 1] * 100, r"^class_weight: expected no negative numbers, got -2$"),
    (
        {"config": {"genome": {"output_activation": "tanh"}}},
        [0, 1] * 100,
        r"^genome.output_activation: cannot be 'tanh', which returns numbers from -1 to 1, but logits can be",
    ),
]


@pytest.mark.parametrize(("options", "labels", "message"), BAD_CLASSES)
def test_bad_classes(options, labels, message):
    with pytest.raises(ValueError, match=message):
        NEATClassifier(**SMALL, **options).fit(X, labels)
