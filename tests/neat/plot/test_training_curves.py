"""Figures of training by gradients."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from evaluators import gradient
from evaluators.gradient import losses, metrics, nn, optim, ppo, reporting
from neat import plot


def epochs(training, validation=None, score=None, training_score=None):
    """Return a history of `fit`."""
    rows = np.zeros(len(training), reporting.EPOCH)
    rows["epoch"] = np.arange(len(training))
    rows["training_loss"] = training
    rows["validation_loss"] = np.nan if validation is None else validation
    rows["validation_score"] = np.nan if score is None else score
    rows["training_score"] = np.nan if training_score is None else training_score
    return rows


def lines(axes):
    return {line.get_label(): [values.tolist() for values in line.get_data()] for line in axes.lines}


def test_losses_and_their_best_epoch():
    figure = plot.training(epochs([3.0, 2.0, 1.0], [4.0, 2.5, 3.0]))
    (axes,) = figure.axes
    assert lines(axes) == {
        "training": [[0, 1, 2], [3, 2, 1]],
        "validation": [[0, 1, 2], [4, 2.5, 3]],
        "lowest validation loss, epoch 1": [[1], [2.5]],
    }
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(lines(axes))
    assert axes.get_yscale() == "linear"
    assert plot.training(epochs([100.0, 2.0])).axes[0].get_yscale() == "log"


def test_a_score_has_a_panel_of_its_own():
    figure = Figure(figsize=(8, 4))
    left, right = figure.subplots(1, 2)
    plot.training(epochs([3.0, 2.0], [4.0, 3.0], [0.5, 0.75], [0.6, 0.9]), ax=left)
    upper, lower = left.child_axes
    assert lines(upper)["training"] == [[0, 1], [3, 2]]
    assert lines(lower) == {
        "training_score": [[0, 1], [0.6, 0.9]],
        "validation_score": [[0, 1], [0.5, 0.75]],
    }
    assert [line.get_color() for line in lower.lines] == [line.get_color() for line in upper.lines[:2]]
    assert lower.get_ylabel() == "score" and lower.get_xlabel() == "epoch"
    assert upper.get_legend() is not None and not right.child_axes


def test_training_without_validation():
    assert list(lines(plot.training(epochs([1.0, 2.0])).axes[0])) == ["training"]
    assert list(lines(plot.training(epochs([1.0])).axes[0])) == ["training"]
    _, lower = plot.training(epochs([1.0], training_score=[0.5])).axes[0].child_axes
    assert lines(lower)["training_score"] == [[0], [0.5]] and lower.lines[0].get_marker() == "o"


def test_what_fit_and_ppo_return_can_be_drawn(tmp_path):
    model = nn.Sequential(nn.Dense(2, 2))
    data = np.eye(2), np.array([0, 1])
    fitted = gradient.fit(
        model,
        data,
        losses.softmax_cross_entropy,
        optim.SGD(model.parameters(), 0.1),
        epochs=3,
        validation=data,
        score=metrics.accuracy,
    )
    plot.training(fitted.history, tmp_path / "training.svg")
    plot.ppo(np.zeros(1, ppo.UPDATE), tmp_path / "ppo.svg")
    with pytest.raises(ValueError, match=r"^history: .*; pass its \.history, of a Fitted$"):
        plot.training(fitted)


def test_losses_by_learning_rate(tmp_path):
    found = gradient.Sweep(np.array([1.0, 0.01, 0.1, 10.0]), np.array([3.0, 2.0, 0.5, np.nan]))
    figure = plot.rates(found)
    (axes,) = figure.axes
    assert lines(axes) == {
        "loss": [[0.01, 0.1, 1.0, 10.0], [2.0, 0.5, 3.0, pytest.approx(np.nan, nan_ok=True)]],
        "lowest, at a rate of 0.1": [[0.1], [0.5]],
        "diverged": [[10.0], [1.0]],
    }
    assert axes.get_xscale() == "log" and axes.get_yscale() == "linear"
    assert axes.get_xlabel() == "learning rate"
    plot.rates(found, tmp_path / "rates.svg")
    for wrong in (3, (np.ones(2), np.ones(3)), (np.ones(2), np.full(2, np.nan))):
        with pytest.raises(ValueError, match=r"^sweep: expected rates and losses"):
            plot.rates(wrong)


def test_a_loss_on_the_way_to_overflow_does_not_hide_the_others():
    found = gradient.Sweep(np.array([0.01, 0.1, 1.0, 10.0, 30.0]), np.array([1.1, 0.9, 0.4, 1.2, 1e32]))
    (axes,) = plot.rates(found).figure.axes
    bottom, top = axes.get_ylim()
    assert axes.get_yscale() == "linear" and bottom < 0.4 and 1.2 < top < 2


def test_each_metric_of_ppo_has_a_sentence():
    history = np.zeros(4, ppo.UPDATE)
    history["steps"] = np.arange(1, 5) * 100
    measured = ppo.UPDATE.names[3:]
    for k, name in enumerate(measured):
        history[name] = np.arange(4) / 10 + k
    history["reward"][0] = np.nan  # no episode ended in the first update
    figure = plot.ppo(history)
    panels = figure.axes[0].child_axes
    drawn = [panel.lines[0].get_data() for panel in panels]
    assert len(panels) == len(measured)
    for name in measured:
        shown = np.isfinite(history[name])
        expected = history["steps"][shown].tolist(), history[name][shown].tolist()
        assert expected in [(x.tolist(), y.tolist()) for x, y in drawn], name
    for panel in panels:
        assert panel.get_xlabel().startswith("environment steps\nIt ") and panel.get_title("left")


def test_many_updates_of_ppo_are_drawn_as_means():
    history = np.zeros(600, ppo.UPDATE)
    history["steps"] = np.arange(600) * 100
    history["entropy"] = np.random.default_rng(0).random(600)
    panel = next(each for each in plot.ppo(history).axes[0].child_axes if each.get_title("left") == "entropy")
    single, mean = panel.lines
    assert single.get_ydata().tolist() == history["entropy"].tolist()
    assert mean.get_xdata().tolist() == history["steps"][3:].tolist()
    np.testing.assert_allclose(mean.get_ydata()[::4], history["entropy"].reshape(-1, 4).mean(axis=1))
    assert panel.get_xlabel().startswith("environment steps; the line is the mean of 4 updates\nIt ")


@pytest.mark.parametrize("updates", [4, 10_000])
def test_the_texts_of_ppo_do_not_overlap(updates):
    history = np.zeros(updates, ppo.UPDATE)
    history["steps"] = np.linspace(1_000_000, 4_000_000, updates)
    history["value_loss"][:4] = [12345.6, 3.0, 2.0, 1.0]
    figure = plot.ppo(history)
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes[0].child_axes]
    for k, box in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 + 1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1
        assert not [other for other in boxes[k + 1 :] if box.overlaps(other)]


@pytest.mark.parametrize("draw", [plot.training, plot.ppo])
@pytest.mark.parametrize(
    ("history", "message"),
    [
        (np.zeros(3), r"^history: must be an array with the fields .*, got an array of shape \(3,\)$"),
        (None, r"^history: must be an array with the fields .*, got None$"),
        ([1.0], r"^history: must be an array with the fields .*, got \[1.0\]$"),
        (np.zeros(3, [("epoch", float)]), r"^history: must be an array with the fields .*, got an array of"),
    ],
)
def test_histories_that_are_refused(draw, history, message):
    with pytest.raises(ValueError, match=message):
        draw(history)


def test_empty_histories_are_refused():
    for draw, dtype in ((plot.training, reporting.EPOCH), (plot.ppo, ppo.UPDATE)):
        with pytest.raises(ValueError, match=r"^history: expected at least one row, got none$"):
            draw(np.zeros(0, dtype))
