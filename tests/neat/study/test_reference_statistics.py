"""Statistics of studies against lifelines and statsmodels, in an environment of their own."""

import json
import subprocess
import sys
import venv

import numpy as np
import pytest

import neat
from evaluators import Supervised
from neat.study import statistics
from neat.study.statistics import Outcomes

PACKAGES = "lifelines", "statsmodels"
REFERENCE = """
import json, sys
import numpy as np
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test
from lifelines.utils import median_survival_times
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.nonparametric import rank_compare_2indep
from statsmodels.stats.proportion import proportion_confint

results = []
for pair in json.load(sys.stdin):
    (a, solved_a), (b, solved_b) = [map(np.array, arm) for arm in pair]
    fitter = KaplanMeierFitter().fit(a, solved_a)
    ranks = rank_compare_2indep(a, b)
    interval = fitter.confidence_interval_survival_function_
    results.append({
        "evaluations": fitter.survival_function_.index.tolist(),
        "share": fitter.survival_function_["KM_estimate"].tolist(),
        "low": interval.iloc[:, 0].tolist(),
        "high": interval.iloc[:, 1].tolist(),
        "median": [fitter.median_survival_time_, *np.ravel(median_survival_times(interval)).tolist()],
        "restricted_mean": float(np.minimum(a, a.max()).mean()),
        "logrank": float(logrank_test(a, b, solved_a, solved_b).p_value),
        "brunner_munzel": float(ranks.pvalue),
        "cliffs_delta": float(2 * ranks.prob1 - 1),
        "wilson": [float(end) for end in proportion_confint(solved_a.sum(), len(a), method="wilson")],
    })
p_values = [each["brunner_munzel"] for each in results]
print(json.dumps({"pairs": results, "holm": multipletests(p_values, method="holm")[1].tolist()}))
"""


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """A function that gives pairs of outcomes to the other libraries."""
    folder = tmp_path_factory.mktemp("reference")
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    installed = subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], capture_output=True)
    if installed.returncode:
        pytest.skip(f"{' and '.join(PACKAGES)} cannot be installed")

    def compute(pairs):
        given = json.dumps(
            [[[each.evaluations.tolist(), each.solved.tolist()] for each in pair] for pair in pairs]
        )
        done = subprocess.run(
            [python, "-c", REFERENCE], input=given, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    return compute


def simulated_pairs():
    random = np.random.default_rng(0)
    for runs, effect, limit in ((61, 1.0, 500), (120, 1.2, 700), (300, 1.1, 2000)):
        times = [np.ceil(400 * factor * np.exp(random.normal(0, 0.6, runs))) for factor in (1, effect)]
        yield tuple(Outcomes.of(each, each <= limit, limit) for each in times)


def real_pair():
    """Runs of XOR by two schemes, of which some fail."""
    evaluator = Supervised([[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]])

    def runs(scheme):
        for seed in range(51):
            config = neat.Config.for_task(evaluator, population_size=50, innovation=scheme, seed=seed)
            result = neat.Population(config).run(evaluator, generations=40, fitness_target=-0.02)
            yield result.evaluations, result.solved

    return tuple(Outcomes.of(*zip(*runs(scheme), strict=True), 2000) for scheme in ("global", "pairing"))


@pytest.mark.long
def test_other_libraries_agree(reference):
    pairs = [*simulated_pairs(), real_pair()]
    assert 0 < pairs[-1][0].solved.sum() < 51
    expected = reference(pairs)
    for pair, other in zip(pairs, expected["pairs"], strict=True):
        curve = statistics.survival(pair[0])
        known = ~np.isnan(curve.low)
        places = np.searchsorted(other["evaluations"], curve.evaluations)  # theirs begin at 0
        assert np.allclose(curve.share, np.take(other["share"], places))
        for ours, theirs in ((curve.low, other["low"]), (curve.high, other["high"])):
            assert np.allclose(ours[known], np.take(theirs, places)[known], atol=1e-6)
        assert statistics.median(pair[0]) == pytest.approx(other["median"])
        assert statistics.logrank(*pair) == pytest.approx(other["logrank"])
        values = [each.evaluations for each in pair]
        assert statistics.brunner_munzel(*values) == pytest.approx(other["brunner_munzel"])
        assert statistics.cliffs_delta(*values) == pytest.approx(other["cliffs_delta"])
        solved = pair[0].solved
        assert statistics.wilson(int(solved.sum()), len(solved))[1:] == pytest.approx(
            other["wilson"], abs=1e-9
        )
        assert statistics.restricted_mean(pair[0]).estimate == pytest.approx(other["restricted_mean"])
    assert statistics.holm([other["brunner_munzel"] for other in expected["pairs"]]) == pytest.approx(
        expected["holm"]
    )
