"""Files of models and optimisers, whole and in part."""

import numpy as np
import pytest

from evaluators.gradient import CheckpointError, load, load_part, nn, optim, read_state, save
from neat.support.archive import read_arrays, write_arrays
from tests.support.layers import OPTIMISERS, check_equal, model_of, train
from tests.support.refusals import refuses


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


@pytest.mark.parametrize("name", OPTIMISERS)
def test_training_continues_from_a_file(name, path):
    model, twin = model_of(), model_of()
    optimiser = OPTIMISERS[name](model.parameters())
    train(model, optimiser, 3)
    save(path, model, optimiser)
    # Names, and not the order, say what belongs to what.
    other = OPTIMISERS[name](reversed(twin.parameters()))
    load(path, twin, other)
    train(model, optimiser, 3)
    train(twin, other, 3)
    check_equal(model.state(), twin.state())


def test_a_file_holds_arrays_by_name(path):
    model = nn.Sequential(nn.Dense(2, 3), nn.BatchNorm(3)).initialise(0)
    save(path, model, optim.SGD(model.layers[0].parameters(), 0.1, momentum=0.9))
    arrays = read_arrays(path)
    assert set(arrays) == {
        "format",
        *(f"model.layers.0.{name}" for name in ("weight", "bias")),
        *(f"model.layers.1.{name}" for name in ("scale", "shift", "running_mean", "running_variance")),
        "optimiser",
        "optimiser.steps",
        *(f"optimiser.buffer.layers.0.{name}" for name in ("weight", "bias")),
    }
    assert arrays["optimiser.buffer.layers.0.weight"].shape == (2, 3)
    check_equal(read_state(path), model.state())
    load(path, nn.Sequential(nn.Dense(2, 3), nn.BatchNorm(3)).to(dtype=np.float64))  # without the optimiser


def wide(outputs):
    return nn.Sequential(
        nn.Dense(4, 6), nn.BatchNorm(6), nn.Activation("tanh"), nn.Dropout(0.1), nn.Dense(6, outputs)
    )


def test_a_part_of_a_state_is_loaded(path):
    old, new = wide(5).initialise(0), wide(10).initialise(1)
    old(np.random.default_rng(0).normal(size=(8, 4)))
    before = new.state()
    save(path, old)
    match = load_part(path, new)
    after = new.state()
    assert match.missing == match.unknown == ()
    assert match.other_shape == {"layers.4.weight": ((6, 5), (6, 10)), "layers.4.bias": ((5,), (10,))}
    for name, array in after.items():
        same = before if name in match.other_shape else old.state()
        np.testing.assert_array_equal(array, same[name], err_msg=name)
    assert len(match.matched) == len(after) - 2
    assert str(match).splitlines()[0].startswith("9 matched: layers.0.weight, layers.0.bias, layers.1.scale")
    assert str(match).splitlines()[1:] == [
        "2 of another shape: layers.4.weight (6, 5), here (6, 10), layers.4.bias (5,), here (10,)"
    ]


def test_a_part_of_a_state_may_have_other_names(path):
    old, new = wide(5).initialise(0), nn.Sequential(wide(5), nn.Dense(5, 2))
    save(path, old)
    with refuses(
        f"{path}: state: none of its 11 arrays has the name and the shape of one here", CheckpointError
    ):
        load_part(path, new)
    match = new.restore_part({f"layers.0.{name}": array for name, array in read_state(path).items()})
    check_equal(new.layers[0].state(), old.state())
    assert match.missing == ("layers.1.weight", "layers.1.bias")
    half = nn.Sequential(nn.Dense(4, 6), nn.Dropout(0.5))
    match = load_part(path, half)
    assert match.missing == tuple(f"layers.1.{name}" for name in ("seed", "stream", "calls"))
    assert "layers.4.bias" in match.unknown and "missing in the state: layers.1.seed" in str(match)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("format", lambda a: np.array(2), "is no file of gradient.save in format 'layers 1'"),
        ("format", None, "is no file of gradient.save in format 'layers 1'"),
        ("model.layers.0.bias", None, "state: layers.0.bias is missing"),
        ("model.layers.0.bias", lambda a: a[1:], "state: layers.0.bias: expected shape (6,), got (5,)"),
        (
            "model.layers.1.running_variance",
            lambda a: -a,
            "state: layers.1.running_variance: expected no number",
        ),
        ("optimiser", None, "has no state of an optimiser"),
        (
            "optimiser",
            lambda a: np.array("SGD"),
            "optimiser: expected the state of Adam, got the state of SGD",
        ),
        ("optimiser.mean.layers.0.bias", None, "state: mean.layers.0.bias is missing"),
        (
            "optimiser.mean.layers.0.bias",
            lambda a: a[1:],
            "state: mean.layers.0.bias: expected shape (6,), got",
        ),
        ("optimiser.mean.layers.0.bias", lambda a: a * np.nan, "state: mean: expected finite numbers"),
        ("optimiser.more", lambda a: np.zeros(1), "state: more is not part of this optimiser"),
        ("optimiser.steps", lambda a: a - 9, "state: steps: expected no number below 0"),
    ],
)
def test_a_file_that_does_not_fit_changes_nothing(name, change, message, path):
    model = wide(3).initialise(0)
    save(path, model, optim.Adam(model.parameters()))
    arrays = read_arrays(path)
    if change is None:
        del arrays[name]
    else:
        arrays[name] = change(arrays.get(name))
    write_arrays(path, arrays)
    twin = wide(3).initialise(1)
    optimiser = optim.Adam(twin.parameters(), 0.1)
    train_once(twin, optimiser)
    before = twin.state(), optimiser.state()
    with refuses(f"{path}: {message}", CheckpointError):
        load(path, twin, optimiser)
    check_equal(twin.state(), before[0])
    check_equal(optimiser.state(), before[1])


def train_once(model, optimiser):
    (model(np.random.default_rng(0).normal(size=(8, 4))) ** 2).sum().backward()
    optimiser.step()


def test_a_damaged_part_is_refused(path):
    model = wide(3)
    save(path, model)
    arrays = read_arrays(path)
    write_arrays(path, arrays | {"model.layers.0.bias": np.full(6, np.nan)})
    with refuses(f"{path}: state: layers.0.bias: expected finite numbers", CheckpointError):
        load_part(path, model)
    path.write_bytes(path.read_bytes()[:-1])
    for read in (lambda: load_part(path, model), lambda: load(path, model), lambda: read_state(path)):
        with refuses(f"{path}: is damaged", CheckpointError):
            read()


def test_an_optimiser_of_another_model_is_refused(path):
    model = wide(3)
    optimiser = optim.Adam(wide(3).parameters())
    save(path, model)
    for use in (save, load):
        with refuses("optimiser: has parameters that are not the model's"):
            use(path, model, optimiser)


def test_other_things_than_models_and_optimisers_are_refused(path):
    model = wide(3)
    optimiser = optim.Adam(model.parameters())
    save(path, model)
    for use in (save, load, load_part):
        with refuses("model: expected a Module, got a Adam"):
            use(path, optimiser)
        with refuses("model: expected a Module, got None"):
            use(path, None)
    for use in (save, load):
        with refuses("optimiser: expected one of optim's, got a Sequential"):
            use(path, model, model)
    with refuses("state: layers.0.bias: expected an array, got [1, 2]"):
        model.restore_part({"layers.0.bias": [1, 2]})
