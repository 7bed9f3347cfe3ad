"""scikit-learn's own checks of estimators."""

import pytest

sklearn = pytest.importorskip("sklearn")
from sklearn.utils.estimator_checks import estimator_checks_generator  # noqa: E402

from evaluators.estimators import NEATClassifier, NEATRegressor  # noqa: E402

# Of a network whose evolution is random, samples of weight 0 and repeated samples change the draws. scikit-learn
# exempts its own random estimators, such as RandomForestClassifier, from these checks.
EXEMPT = {
    "check_sample_weight_equivalence_on_dense_data": "random",
    "check_sample_weight_equivalence_on_sparse_data": "random",
}
SIZE = {"generations": 20, "population_size": 40, "learn_steps": 20}


def cases():
    for estimator in (NEATClassifier(**SIZE), NEATRegressor(**SIZE)):
        for case in estimator_checks_generator(estimator, expected_failed_checks=EXEMPT, mark="xfail"):
            checked, check = getattr(case, "values", case)
            name = getattr(check, "func", check).__name__
            yield pytest.param(
                checked, check, marks=getattr(case, "marks", ()), id=f"{type(checked).__name__}-{name}"
            )


@pytest.mark.parametrize(("estimator", "check"), list(cases()))
@pytest.mark.filterwarnings("ignore")  # the checks provoke warnings
def test_scikit_learns_checks(estimator, check):
    check(estimator)
