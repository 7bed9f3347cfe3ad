"""Weights of samples: whole numbers count samples several times, in the fitness and in its gradients."""

import numpy as np
import pytest

import evaluators
from evaluators.gradient import optim
from evaluators.program.loss import LOSSES, WEIGHTED, Loss
from evaluators.samples import as_samples
from neat import Config, Population

RNG = np.random.default_rng(0)
SAMPLES = 70
X = RNG.normal(size=(SAMPLES, 2))
WEIGHT = RNG.integers(0, 4, SAMPLES)
TARGETS = {
    "squared_error": RNG.normal(size=(SAMPLES, 2)),
    "absolute_error": RNG.normal(size=(SAMPLES, 2)),
    "cross_entropy": np.append(RNG.integers(0, 3, SAMPLES - 1), 2),
    "accuracy": np.append(RNG.integers(0, 3, SAMPLES - 1), 2),
}


def both(fitness, **options):
    """The weighted data set, and the one that repeats its samples."""
    targets = TARGETS[fitness]
    labels = {"classes": [0, 1, 2]} if targets.ndim == 1 else {}
    weighted = evaluators.Supervised(X, targets, fitness, sample_weight=WEIGHT * 2.5, **labels, **options)
    repeated = evaluators.Supervised(
        X.repeat(WEIGHT, axis=0), targets.repeat(WEIGHT, axis=0), fitness, **labels, **options
    )
    return weighted, repeated


def genomes(evaluator, feed_forward=True):
    shape = {"output_activation": "identity", "feed_forward": feed_forward, "hidden_layers": (3,)}
    return Population(Config.for_task(evaluator, population_size=20, genome=shape)).ask()


def test_the_number_of_a_loss_says_whether_there_are_weights():
    assert set(LOSSES) == set(TARGETS)
    numbers = [
        as_samples(X, TARGETS[fitness], fitness, 1, weight).loss
        for weight in (None, WEIGHT)
        for fitness in LOSSES
    ]
    assert numbers == [*Loss, *(WEIGHTED + loss for loss in Loss)]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("feed_forward", [True, False], ids=["feed-forward", "recurrent"])
@pytest.mark.parametrize("fitness", TARGETS)
def test_the_fitness_is_that_of_repeated_samples(fitness, feed_forward):
    weighted, repeated = both(fitness)
    batch = genomes(weighted, feed_forward)
    np.testing.assert_allclose(weighted(batch), repeated(batch), rtol=1e-5)


@pytest.mark.parametrize("fitness", ["squared_error", "absolute_error", "cross_entropy"])
def test_learning_is_that_from_repeated_samples(fitness):
    options = {"learn_steps": 5, "learn_best": 1.0, "optimiser": lambda p: optim.SGD(p, 0.1)}
    weighted, repeated = both(fitness, **options)
    batch = genomes(weighted)
    np.testing.assert_allclose(weighted(batch), repeated(batch), rtol=1e-4)
    assert weighted.gain.max() > 0
    for one, other in zip(weighted.learned.arrays, repeated.learned.arrays, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_equal_weights_change_nothing_and_only_ratios_matter():
    targets = TARGETS["squared_error"]
    batch = genomes(evaluators.Supervised(X, targets))
    expected = evaluators.Supervised(X, targets)(batch)
    for weight in (3.0, 1e300, 1e-300):
        weighted = evaluators.Supervised(X, targets, sample_weight=np.full(SAMPLES, weight))
        np.testing.assert_allclose(weighted(batch), expected, rtol=1e-6)


def test_polishing_uses_the_weights():
    """The line through two of three points that count; the third is far away."""
    evaluator = evaluators.Supervised([[0.0], [1.0], [2.0]], [1.0, 3.0, 99.0], sample_weight=[1, 1, 0])
    config = Config.for_task(evaluator, population_size=2, genome={"output_activation": "identity"})
    polished = evaluator.polish(Population(config).ask()[0]).genome
    model = evaluator.model(polished)
    np.testing.assert_allclose(model.predict([[0.0], [1.0], [2.0]]), [1.0, 3.0, 5.0], rtol=1e-3)


def test_other_samples_in_the_same_units():
    targets = X @ [1.0, 2.0] + 5
    whole = evaluators.Supervised(X, targets, standardise=True)
    genome = genomes(whole)[0]
    rows = slice(10, 40)
    other = whole.with_samples(X[rows], targets[rows], WEIGHT[rows])
    unit = targets.std()
    error = (whole.model(genome).predict(X[rows]) - targets[rows]) / unit
    expected = -np.average(error**2, weights=WEIGHT[rows])
    assert other.score(genome) == pytest.approx(expected, rel=1e-5)
    assert other.model(genome).inputs == whole.model(genome).inputs
    labels = np.where(targets > 5, "high", "low")
    classes = evaluators.Supervised(X, labels, fitness="accuracy")
    assert classes.with_samples(X[:3], ["low"] * 3).model(genomes(classes)[0]).classes.tolist() == [
        "high",
        "low",
    ]
    with pytest.raises(ValueError, match=r"^targets: expected labels among \['high', 'low'\], got 'middle'$"):
        classes.with_samples(X[:1], ["middle"])
    with pytest.raises(ValueError, match=r"^inputs: expected 2 columns, got 3$"):
        whole.with_samples(np.zeros((4, 3)), np.zeros(4))
    with pytest.raises(ValueError, match=r"^targets: expected 1 outputs, got 2$"):
        whole.with_samples(np.zeros((4, 2)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"^targets: expected 4 samples, got 1$"):
        whole.with_samples(np.zeros((4, 2)), 3.0)
    for wrong in ([], np.zeros((4, 1, 1))):
        with pytest.raises(
            ValueError, match=r"^targets: expected shape \(samples, outputs\) or \(samples,\), got"
        ):
            whole.with_samples(np.zeros((4, 2)), wrong)


BAD = [
    ([1.0] * 3, {}, r"^sample_weight: expected shape \(70,\), got \(3,\)$"),
    ([-1.0] * 70, {}, r"^sample_weight: expected no negative numbers, got -1.0$"),
    ([0.0] * 70, {}, r"^sample_weight: expected a weight above 0, got zeros only$"),
    ([np.inf] * 70, {}, r"^sample_weight: expected finite float64 numbers, got inf at \(0,\)$"),
    ([1.0] * 70, {"fitness": lambda z, t: z.sum(axis=(1, 2))}, r"^sample_weight: is for a named fitness"),
]


@pytest.mark.parametrize(("weight", "options", "message"), BAD, ids=[message for *_, message in BAD])
def test_bad_weights(weight, options, message):
    with pytest.raises(ValueError, match=message):
        evaluators.Supervised(X, TARGETS["squared_error"], sample_weight=weight, **options)
