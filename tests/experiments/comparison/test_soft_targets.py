import numpy as np
import pytest

from experiments.comparison import soft_targets
from experiments.comparison.soft_targets import RATE, TARGETS, excess, predict_floor, train

ENTROPY = 1.0266190060768716


@pytest.fixture(scope="module")
def single():
    return train(np.float32, np.float32)


@pytest.fixture(scope="module")
def double():
    return train(np.float64, np.float64)


def test_the_excess_is_the_loss_above_the_entropy():
    logits = np.log([0.39511779, 0.44509024, 0.15979198])
    assert excess(logits) == pytest.approx(1.026805556765045 - ENTROPY, abs=1e-14)
    assert excess(logits + 7) == pytest.approx(excess(logits), rel=1e-9)
    assert 0 <= excess(np.log(TARGETS)) < 1e-31
    # For a small error, the excess is half its square over the probability.
    assert excess(np.log(TARGETS + np.array([1e-12, -1e-12, 0]))) == pytest.approx(
        (1 / TARGETS[0] + 1 / TARGETS[1]) * 1e-24 / 2, rel=1e-3
    )


def test_both_begin_alike(single, double):
    np.testing.assert_allclose(single.logits[:200], double.logits[:200], atol=1e-6)
    assert single.loss[0] == pytest.approx(np.log(3))


def test_float32_comes_to_rest_where_float64_goes_on(single, double):
    assert len(single.loss) < 0.6 * len(double.loss) < 0.6 * soft_targets.STEPS
    assert 1e-14 < single.floor < 1e-12
    assert double.floor < 1e-29


@pytest.mark.parametrize("rate", [0.01, 0.03, RATE])
def test_the_floor_is_that_of_half_a_unit_in_the_last_place(rate):
    floor = train(np.float32, np.float32, rate).floor
    assert floor == pytest.approx(predict_floor(np.float32, rate), rel=0.3)
    assert predict_floor(np.float32, rate) == pytest.approx(1.82e-15 / rate**2, rel=0.01)
    # float64's unit in the last place is smaller by 2^29.
    assert predict_floor(np.float64, rate) == pytest.approx(predict_floor(np.float32, rate) / 2**58)


def test_at_rest_there_is_a_gradient_that_changes_nothing(single):
    logits = single.logits[-1].astype(np.float64)
    gradient = np.exp(logits) / np.exp(logits).sum() - TARGETS
    assert (abs(gradient) > 4e-8).all()
    half = np.spacing(abs(single.logits[-1])) / 2
    assert (RATE * abs(gradient) < 1.5 * half).all()  # g itself is rounded too


def test_the_weights_dtype_decides(single):
    """With float64 weights and float32 gradients, only the rounding of the gradients limits training."""
    mixed = train(np.float64, np.float32)
    assert mixed.floor < single.floor / 20
    assert train(np.float32, np.float64).floor == pytest.approx(single.floor, rel=0.3)


def test_the_loss_shows_nothing_long_before(single):
    resolution = float(np.spacing(np.float32(ENTROPY)))
    assert resolution == pytest.approx(1.19e-7, rel=0.01)
    assert excess(single.logits[single.last_gain]) < resolution
    assert single.last_gain < 0.7 * len(single.loss)
    assert single.loss.min() == pytest.approx(ENTROPY, abs=1.5 * resolution)
    assert excess(single.logits[single.last_gain]) > 1000 * single.floor


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(soft_targets, "RATES", (0.2, 0.5))
    monkeypatch.chdir(tmp_path)
    soft_targets.main([])
    soft_targets.main(["elsewhere"])
    picture = tmp_path / "runs/soft-targets/soft_targets.svg"
    assert picture.read_bytes() == (tmp_path / "elsewhere/soft_targets.svg").read_bytes()
    out = capsys.readouterr().out
    assert "float64: stops after" in out and "elsewhere/soft_targets.svg: the picture" in out
