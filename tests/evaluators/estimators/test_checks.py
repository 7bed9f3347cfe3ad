"""scikit-learn's own checks of estimators."""

import itertools

import pytest

sklearn = pytest.importorskip("sklearn")
from sklearn.utils.estimator_checks import estimator_checks_generator  # noqa: E402

from evaluators.estimators import NEATClassifier, NEATRegressor, polishing  # noqa: E402

# Of a network whose evolution is random, samples of weight 0 and repeated samples change the draws. scikit-learn
# exempts its own random estimators, such as RandomForestClassifier, from these checks.
EXEMPT = {
    "check_sample_weight_equivalence_on_dense_data": "random",
    "check_sample_weight_equivalence_on_sparse_data": "random",
}
SMALL = {"generations": 2, "population_size": 10, "learn_steps": 2}
LARGE = {"generations": 20, "population_size": 40, "learn_steps": 20}
# These checks ask for accuracy.
DEMANDING = {
    "check_class_weight_classifiers",
    "check_classifiers_classes",
    "check_classifiers_train",
    "check_regressors_train",
}


def cases():
    for make, size in itertools.product((NEATClassifier, NEATRegressor), (SMALL, LARGE)):
        estimator = make(**size)
        for case in estimator_checks_generator(estimator, expected_failed_checks=EXEMPT, mark="xfail"):
            checked, check = getattr(case, "values", case)
            name = getattr(check, "func", check).__name__
            if (name in DEMANDING) != (size is LARGE):
                continue
            yield pytest.param(
                checked, check, marks=getattr(case, "marks", ()), id=f"{type(checked).__name__}-{name}"
            )


@pytest.mark.parametrize(("estimator", "check"), list(cases()))
@pytest.mark.filterwarnings("ignore")  # the checks provoke warnings
def test_scikit_learns_checks(estimator, check, monkeypatch):
    if estimator.generations == SMALL["generations"]:
        monkeypatch.setattr(polishing, "_FOLDS", 2)
        monkeypatch.setattr(polishing, "_PENALTIES", (0.1, 1.0))
    check(estimator)
