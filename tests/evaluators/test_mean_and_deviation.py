"""Deviations that are only rounding errors count as 0, and nothing is divided by them."""

import math
from fractions import Fraction

import numpy as np
import pytest

from evaluators.environments import Box
from evaluators.episodes.observations import Normaliser, make_observation_scaling
from evaluators.gradient import Standardise, Tensor, nn
from evaluators.gradient.ppo.objective import estimate_advantages, explained_variance, normalise
from evaluators.mean_and_deviation import exceeds_rounding, moments
from experiments.runs import statistics
from experiments.tasks import data
from experiments.tasks.experiment import find_experiment

VALUES = (1e-30, 1e-3, 0.1, -0.3, 1 / 3, 7.0, 123.456, 1e6 + 0.1, -1e15 / 3, 1e22, 1e30)
SIZES = (1, 2, 3, 10, 37, 1000, 10**5)
CONSTANTS = [(value, size) for value in VALUES for size in SIZES]


def exact_moments(values):
    """Compute mean and standard deviation exactly with fractions, and round the result."""
    exact = [Fraction(value) for value in values.tolist()]
    mean = sum(exact) / len(exact)
    unit = max(map(abs, exact))
    variance = sum(((value - mean) / unit) ** 2 for value in exact) / len(exact)
    return float(mean), math.sqrt(variance) * float(unit)


@pytest.mark.parametrize("value", VALUES)
def test_constant_columns_are_detected_at_every_size(value):
    for size in SIZES:
        values = np.column_stack([np.full(size, value), np.full(size, -value), np.zeros(size)])
        mean, deviation = moments(values)
        assert (mean == values[0]).all() and (deviation == 0).all()
        assert moments(values[:, 0]) == (value, 0)


@pytest.mark.parametrize("size", [2, 3, 100, 3000])
@pytest.mark.parametrize("value", [1.0, 0.1, -1e15 / 3, 1e-30, 1e30, 1e-300, 1e300])
@pytest.mark.parametrize("ulps", [1, 3, 1000, 10**8])
def test_columns_that_vary_a_little_around_a_large_mean(value, size, ulps):
    """They vary by the least difference that float64 can represent."""
    values = np.full(size, value)
    values[1::3] += ulps * np.spacing(value)
    mean, deviation = moments(values)
    expected = exact_moments(values)
    assert mean == pytest.approx(expected[0], rel=1e-15) and deviation == pytest.approx(expected[1], rel=1e-6)
    treated = Standardise(values[:, np.newaxis])(values[:, np.newaxis])
    assert len(np.unique(treated)) == 2


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e30, 1e300, 1.7e308])
def test_no_sum_or_square_overflows(scale):
    values = np.random.default_rng(0).uniform(-1, 1, (500, 3)) * scale
    mean, deviation = moments(values)
    for column in range(3):
        expected = exact_moments(values[:, column])
        assert mean[column] == pytest.approx(expected[0], rel=1e-12)
        assert deviation[column] == pytest.approx(expected[1], rel=1e-12)
    treated = Standardise(values)(values)
    np.testing.assert_allclose(treated.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(treated.std(axis=0), 1, rtol=1e-12)


def test_moments_of_ordinary_columns_match_numpys():
    values = np.random.default_rng(0).normal(3, 2, (1000, 4))
    mean, deviation = moments(values, ddof=1)
    assert (mean == values.mean(axis=0)).all() and (deviation == values.std(axis=0, ddof=1)).all()


def test_deviations_from_rounding_are_detected():
    assert exceeds_rounding(1e-5, 1.0) and exceeds_rounding(1e-9, 1e-4) and exceeds_rounding(1e-300, 0.0)
    assert not exceeds_rounding(1e-7, -1.0) and not exceeds_rounding(0.0, 0.0)
    assert not exceeds_rounding(math.nan, 1.0) and not exceeds_rounding(1.0, math.nan)


@pytest.mark.parametrize("mean", [0.1, -1e9, 1e300, 1e-300])
def test_a_column_that_varies_by_rounding_alone_is_constant(mean):
    """A column that varies by some thousand units in the last place is not constant."""
    standardise = Standardise([[mean], [mean], [np.nextafter(mean, np.inf)]])
    assert standardise.deviation == 1.0
    np.testing.assert_allclose(standardise([[2 * mean]]), [[mean]], rtol=1e-12)
    step = 4000 * np.spacing(abs(mean))
    np.testing.assert_allclose(
        Standardise([[mean - step], [mean + step]])([[mean - step], [mean + step]]),
        [[-1.0], [1.0]],
        rtol=1e-3,
    )


@pytest.mark.parametrize(("value", "size"), CONSTANTS)
def test_a_constant_column_is_0_and_keeps_its_unit_in_held_out_rows(value, size):
    values = np.full((size + 1, 2), value)
    values[-1, 1] += 3.0
    treated = data.standardise(values, np.arange(size), ["a", "b"])
    assert treated.dtype == np.float32 and (treated[:, 0] == 0).all() and (treated[:-1, 1] == 0).all()
    assert treated[-1, 1] == np.float32(values[-1, 1] - value)


def test_a_held_out_value_beyond_float32_is_refused():
    values = np.array([[0.0, 1.0], [1e-30, 1.0], [5e20, 1.0]])
    message = (
        r"^data: column 'a': must be a finite float32 once it is standardised, got 5e\+20 in sample 3, "
        r"which is 1e\+51 standard deviations from the mean of the training part$"
    )
    with pytest.raises(ValueError, match=message):
        data.standardise(values, np.arange(2), ["a", "b"])
    with pytest.raises(ValueError, match=r"^inputs, scaled: expected finite float64 numbers, got inf at"):
        Standardise([[1.0, 1e-200], [2.0, 0.0]])([[1.0, 1e200]])


@pytest.mark.parametrize(("value", "size"), [pair for pair in CONSTANTS if pair[1] < 10**5])
def test_r2_of_constant_targets_is_undefined(value, size):
    regression = find_experiment("regression")()
    targets = np.full((size, 1), value, np.float32)
    assert math.isnan(regression.score(targets + 1, targets))
    if size > 1:
        targets[0] *= np.float32(1 + 2e-7)  # about the next float32
        assert regression.score(targets, targets) == 1


def test_rmse_of_a_constant_target_has_the_targets_unit(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "".join(f"{k},0.1\n" for k in range(30)))
    regression = find_experiment("regression")(data=str(path), target="b")
    assert (regression.sets().targets == 0).all()
    assert regression._target_deviation == 1.0


@pytest.mark.parametrize("value", VALUES)
def test_explained_variance_of_constant_returns_is_undefined(value):
    for shape in ((1, 1), (3, 5), (8, 128)):
        values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        for dtype in (np.float32, np.float64):
            assert math.isnan(explained_variance(values, np.full(shape, value, dtype)))


def test_explained_variance_of_returns_that_are_rounding():
    """Without rewards and with λ = 1, the return of an episode that ends is 0, except for rounding of the sums."""
    generator = np.random.default_rng(1)
    values = generator.normal(size=(8, 101)).astype(np.float32)
    ended = np.zeros((8, 100), bool)
    ended[:, 19::20] = True
    following = np.where(ended, 0.0, values[:, 1:].astype(np.float64))
    returns = (
        estimate_advantages(np.zeros((8, 100)), values[:, :-1], following, ended, 0.99, 1.0) + values[:, :-1]
    )
    assert 0 < returns.std() < 1e-14
    assert math.isnan(explained_variance(values[:, :-1], returns))


def test_explained_variance_of_returns_that_vary_a_little():
    returns = 1e6 + 1e-3 * np.random.default_rng(0).normal(size=(4, 50))
    assert explained_variance(returns, returns) == 1
    assert explained_variance(np.full((4, 50), 1e6), returns) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("value", VALUES)
def test_advantages_that_do_not_vary_become_0(value):
    for size in (2, 3, 64, 1000, 10**5):
        with np.errstate(over="ignore"):
            assert (normalise(np.full(size, value, np.float32)) == 0).all()


def test_advantages_that_vary():
    advantages = np.random.default_rng(0).normal(5, 1e-3, 64).astype(np.float32)
    expected = (advantages - advantages.mean()) / (advantages.std(ddof=1) + 1e-8)
    assert (normalise(advantages) == expected).all() and normalise(advantages).dtype == np.float32


@pytest.mark.parametrize("value", [0.1, 1e4, -3e7 / 7, 1e12])
@pytest.mark.parametrize("shape", [(7, 3), (10_000, 3), (33, 3, 5, 5)])
def test_batch_normalisation_of_a_constant_channel_is_its_shift(value, shape):
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    x[:, 1] = value
    layer = nn.BatchNorm(3)
    inputs = Tensor(x, requires_grad=True)
    y = layer(inputs)
    assert (y.data[:, 1] == 0).all()
    (y * y).sum().backward()
    assert (inputs.grad[:, 1] == 0).all() and (inputs.grad[:, 0] != 0).any()
    assert layer.running_variance[1] == np.float32(0.9)
    centred = x[:, 0] - x[:, 0].mean(dtype=np.float64)
    np.testing.assert_allclose(
        y.data[:, 0], centred / np.sqrt((centred**2).mean() + 1e-5), rtol=1e-3, atol=1e-3
    )


def test_the_normaliser_of_observations_that_do_not_vary():
    """Add the values as the kernels do: as deviations from a float32 mean, in parts."""
    for value in np.float32([0.1, -1e6 / 3, 1e-30, 1e20]):
        normaliser = Normaliser(1)
        for count in (1, 7, 5000):
            deviation = np.full(count, np.float64(value) - np.float64(np.float32(normaliser.mean[0])))
            normaliser.add(np.array([[deviation.sum()], [(deviation * deviation).sum()]]), count)
            assert normaliser.deviation[0] == 1


def test_factors_of_observations_stay_finite():
    class Tiny:
        observations = Box((-1e-45,), (1e-45,))

    normaliser = Normaliser(1)
    normaliser.add(np.array([[0.0], [2e-90]]), 2)
    for senses in (make_observation_scaling(Tiny, "scaled"), normaliser.senses()):
        assert np.isfinite(senses.factor).all()


def test_the_summary_of_equal_values():
    for value in (*VALUES, 1e300):
        for size in (2, 10, 37):
            result = statistics.summary([value] * size)
            assert (result.mean, result.low, result.high, result.sd) == (value, value, value, 0)
    assert statistics.summary([1e300, -1e300]).sd == pytest.approx(math.sqrt(2) * 1e300)


@pytest.mark.parametrize("value", [0.1, 123.456, -7.7])
def test_what_does_not_vary_is_not_scaled_up(value):
    normaliser = Normaliser(1)
    for count in (300, 17, 4000):
        deviation = np.full(count, value) - np.float64(np.float32(normaliser.mean[0]))
        normaliser.add(np.array([[deviation.sum()], [(deviation**2).sum()]]), count)
    assert normaliser.deviation[0] == 1
    assert normaliser.mean[0] == pytest.approx(value)
