"""Layers and models of layers: modes, shared and frozen parameters, their state, and what they refuse."""

import copy

import numpy as np
import pytest

from evaluators import gradient
from evaluators.gradient import Tensor, check_gradients, losses, nn, no_grad, optim
from evaluators.gradient.nn import initialisation
from tests.support.layers import mlp
from tests.support.refusals import refuses

LAYERS = {
    "Dense": (lambda: nn.Dense(4, 3), (5, 4)),
    "Dense without bias": (lambda: nn.Dense(4, 3, bias=False), (5, 4)),
    "Conv2d": (lambda: nn.Conv2d(2, 3, (3, 2), stride=(1, 2), padding="same"), (2, 2, 4, 5)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), (2, 3, 4, 6)),
    "AveragePool2d": (lambda: nn.AveragePool2d(3, 2, "same"), (2, 3, 4, 6)),
    "Flatten": (nn.Flatten, (2, 3, 2)),
    "BatchNorm": (lambda: nn.BatchNorm(3), (5, 3)),
    "BatchNorm of images": (lambda: nn.BatchNorm(3), (2, 3, 2, 2)),
    "BatchNorm in evaluation": (lambda: nn.BatchNorm(3).eval(), (5, 3)),
    "Activation": (lambda: nn.Activation("sigmoid"), (5, 3)),
    "Sequential": (lambda: nn.Sequential(nn.Dense(4, 3), nn.Activation("tanh"), nn.BatchNorm(3)), (5, 4)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_layers(name, tensor, device):
    make, shape = LAYERS[name]
    layer = make().to(device, np.float64)
    for parameter in layer.parameters():
        parameter.data = parameter.data + 0.3  # avoids biases of 0 and scales of 1
    check_gradients(layer, [tensor(shape)], layer.parameters())


# --- modes, sharing, freezing


def test_one_call_sets_the_mode_of_all_modules():
    model = nn.Sequential(nn.Dense(2, 2), nn.Sequential(nn.Dropout(0.5), nn.BatchNorm(2)))
    assert all(module.training for _, module in model.modules())
    assert model.eval() is model
    assert not any(module.training for _, module in model.modules())
    model.train()
    assert all(module.training for _, module in model.modules())


def test_dropout(device, host):
    layer = nn.Dropout(0.25).initialise(0).to(device)
    x = Tensor(np.ones((200, 50)), True, device=device)
    first, second = layer(x), layer(x)
    assert set(np.unique(host(first)).tolist()) == {0.0, np.float32(4 / 3).item()}
    assert host(first).mean() == pytest.approx(1, abs=0.02)
    assert (host(first) != host(second)).any()
    first.sum().backward()
    np.testing.assert_array_equal(host(x.grad), host(first))
    assert layer.eval()(x) is x
    again = nn.Dropout(0.25).initialise(0)
    np.testing.assert_array_equal(host(again(x)), host(first))
    assert (host(nn.Dropout(0.25).initialise(1)(x)) != host(first)).any()


def test_a_shared_module_shares_parameters_and_statistics():
    shared = nn.BatchNorm(3)
    model = nn.Sequential(shared, nn.Activation("tanh"), shared)
    assert [name for name in model.named_parameters()] == ["layers.0.scale", "layers.0.shift"]
    before = shared.running_mean.copy()
    model(np.random.default_rng(0).normal(1, 1, (8, 3)))
    once = nn.BatchNorm(3)
    once(np.random.default_rng(0).normal(1, 1, (8, 3)))
    assert (shared.running_mean != before).all()
    assert (shared.running_mean != once.running_mean).any()  # updated by two inputs


def test_an_array_takes_the_dtype_of_the_first_parameter():
    model = nn.Sequential(nn.Activation("tanh"), nn.Sequential(nn.Dense(2, 3), nn.Dense(3, 1)))
    array = np.ones((4, 2))
    assert model(array).dtype == np.float32
    assert model.to(dtype=np.float64)(array).dtype == np.float64
    model.layers[1] = nn.Dense(2, 1)
    assert model(array).dtype == np.float32
    model.layers[1].weight = nn.Dense(2, 1).to(dtype=np.float64).weight
    model.layers[1].bias = None
    assert model(array).dtype == np.float64


def test_frozen_parameters_stay():
    model = nn.Sequential(nn.Dense(3, 3).freeze(), nn.Dense(3, 2))
    before = model.state()
    optimiser = optim.Adam(model.parameters(), 0.1)
    for frozen in (True, False):
        model.layers[0].freeze(frozen)
        optimiser.zero_grad()
        losses.mean_squared(model(np.ones((4, 3))), np.ones((4, 2))).backward()
        optimiser.step()
        moved = (model.state()["layers.0.weight"] != before["layers.0.weight"]).any()
        assert moved != frozen
    assert (model.state()["layers.1.weight"] != before["layers.1.weight"]).any()


def test_a_user_defined_module():
    class Residual(nn.Module):
        def __init__(self):
            self.inner = [nn.Dense(4, 4), nn.Dense(4, 4)]
            self.gate = nn.Parameter((4,), initialisation.filled(0.5))

        def forward(self, x):
            for layer in self.inner:
                x = x + layer(x).sum() * self.gate
            return x

    model = Residual()
    assert list(model.named_parameters()) == [
        "gate",
        "inner.0.weight",
        "inner.0.bias",
        "inner.1.weight",
        "inner.1.bias",
    ]
    model(np.ones((2, 4))).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    twin = copy.deepcopy(model)
    twin.gate.data = twin.gate.data * 0
    assert (model.gate.data == 0.5).all()


# --- state


def test_state_can_be_restored():
    model, other = mlp(), mlp().initialise(3)
    model(np.ones((5, 4)) * np.arange(5)[:, None])
    state = model.state()
    assert {"layers.0.weight", "layers.2.running_mean", "layers.3.calls"} < set(state)
    other.restore(state)
    x = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_array_equal(model(x).data, other(x).data)
    np.testing.assert_array_equal(model.eval()(x).data, other.eval()(x).data)
    with refuses("state: layers.0.bias is missing"):
        other.restore({k: v for k, v in state.items() if k != "layers.0.bias"})
    with refuses("state: extra is not part of this model"):
        other.restore({**state, "extra": np.zeros(1)})
    with refuses("state: layers.0.bias: expected shape (8,), got (9,)"):
        other.restore({**state, "layers.0.bias": np.zeros(9)})
    with refuses("state: layers.0.bias: expected finite numbers, got nan at (0,)"):
        other.restore({**state, "layers.0.bias": np.full(8, np.nan)})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("layers.2.running_variance", np.full(8, wrong)) for wrong in (-1.0, -np.inf, np.nan)),
        *(
            (f"layers.3.{name}", np.array(w))
            for name in ("seed", "stream", "calls")
            for w in (-1, 2.5, 2.0, True)
        ),
        ("layers.3.seed", np.array("a")),
        ("layers.3.stream", np.array(2**32)),
        ("layers.3.calls", np.array(2**32)),
        ("layers.0.weight", np.full((4, 8), "a")),
        ("layers.0.weight", np.zeros((4, 8), complex)),
    ],
)
def test_impossible_state_is_refused(name, value):
    model = mlp()
    before = model.state()
    with refuses(f"state: {name}: expected "):
        model.restore({**before, "layers.0.bias": np.ones(8), name: value})
    for path, array in model.state().items():
        np.testing.assert_array_equal(array, before[path])


def test_state_of_other_precision_is_accepted():
    model = mlp()
    state = {
        name: a.astype(np.float64 if a.dtype.kind == "f" else np.uint64) for name, a in model.state().items()
    }
    state["layers.3.seed"] = np.array(2**64 - 1)
    assert model.restore(state).layers[3].seed == 2**64 - 1
    model.restore(model.state())


def test_a_dtype_leaves_buffers_of_integers():
    class Counting(nn.Module):
        buffers = ("count", "mean")

        def __init__(self):
            self.count, self.mean = np.arange(3), np.ones(3, np.float32)

    model = Counting().to(dtype=np.float64)
    assert model.count.dtype == np.int64 and model.mean.dtype == np.float64
    with refuses("dtype: must be float32 or float64"):
        model.to(dtype=np.int32)


MISTAKES = [
    (lambda: nn.Dense(0, 3), "inputs: expected an integer from 1 to"),
    (lambda: nn.Dense(3, 2.5), "outputs: expected an integer from 1 to"),
    (
        lambda: nn.Dense(3, 2, initialisation="he"),
        "initialisation: must be one of glorot_uniform, glorot_normal, he_",
    ),
    (
        lambda: nn.Dense(3, 2)(np.ones((4, 5))),
        "dense: input of shape (4, 5) does not fit weight of shape (3, 2)",
    ),
    (lambda: nn.Dense(3, 2)([[1, 2, np.nan]]), "data: expected finite numbers, got nan at (0, 2)"),
    (
        lambda: nn.Dense(3, 2)(Tensor(np.ones((4, 3)), dtype=np.float64)),
        "dense: dtypes float32 and float64 do not mix",
    ),
    (lambda: nn.Dropout(1.0), "rate: expected a number of at least 0 and below 1, got 1.0"),
    (lambda: nn.BatchNorm(3, decay=1), "decay: expected a number of at least 0 and below 1, got 1"),
    (lambda: nn.BatchNorm(3, epsilon=-1), "epsilon: expected a finite number of at least 0, got -1"),
    (lambda: nn.BatchNorm(3)(np.ones((4, 2))), "BatchNorm: expected shape (samples, 3, …), got (4, 2)"),
    (
        lambda: nn.BatchNorm(3)(np.ones((1, 3))),
        "BatchNorm: expected more than one value per channel in training, got shape (1, 3)",
    ),
    (lambda: nn.BatchNorm(3)(np.ones((0, 3))), "BatchNorm: expected more than one value per channel"),
    (lambda: nn.Activation("step"), "activation 'step' has no derivative to train with"),
    (
        lambda: nn.Conv2d(1, 1, 3, padding="full"),
        "padding: must be 'same', 'valid' or an integer of at least 0, got",
    ),
    (
        lambda: nn.Conv2d(1, 1, 3, padding=-1),
        "padding: must be 'same', 'valid' or an integer of at least 0, got -1",
    ),
    (lambda: nn.Conv2d(1, 1, 3, stride=0), "stride: expected an integer from 1 to"),
    (
        lambda: nn.Conv2d(1, 1, 5)(np.ones((1, 1, 4, 4))),
        "conv2d: a window of 5 does not fit 4 with 0 of padding",
    ),
    (
        lambda: nn.Conv2d(1, 1, 3, stride=2, exact=True)(np.ones((1, 1, 4, 5))),
        "conv2d: stride 2 does not divide 4 - 3 + 0, as exact=True requires",
    ),
    (lambda: nn.MaxPool2d(2, padding=2), "padding: expected at most half the window of 2, got 2"),
    (lambda: nn.AveragePool2d(3, padding=2), "padding: expected at most half the window of 3, got 2"),
    (lambda: nn.Flatten().limit_norms(1.0), "limit_norms: expected a Dense or Conv2d layer, got none"),
    (lambda: nn.Dense(1, 1).limit_norms(0), "limit: expected a finite number above 0, got 0"),
    (lambda: nn.Sequential(), "layers: expected at least one module, got none"),
    (lambda: nn.Sequential(nn.Dense(1, 1), "relu"), "layers: expected modules, got str at 1"),
    (lambda: nn.Dense(1, 1).initialise(-1), "seed: expected an integer from 0 to 2^64 - 1, got -1"),
    (lambda: nn.Dense(1, 1).to("tpu"), "device: expected 'auto', 'cpu'"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES, ids=range(len(MISTAKES)))
def test_bad_arguments_are_refused(mistake, message):
    with refuses(message):
        mistake()


def test_evaluation_takes_a_single_sample():
    model = mlp().eval()
    with no_grad():
        assert model(np.ones((1, 4))).shape == (1, 3)
    assert gradient.nn is nn


def test_layers_in_dictionaries_and_lists_of_lists():
    class Branches(nn.Module):
        def __init__(self):
            self.named = {"a": nn.Dense(2, 3), "b": [nn.Dense(2, 4), nn.Dropout(0.5)]}
            self.weights = [nn.Parameter((2,), initialisation.filled(1.0))]

        def forward(self, x):
            return self.named["a"](x)

    model = Branches().initialise(3)
    assert list(model.named_parameters()) == [
        "weights.0",
        "named.a.weight",
        "named.a.bias",
        "named.b.0.weight",
        "named.b.0.bias",
    ]
    assert not model.eval().named["b"][1].training
    assert (model.named["a"].weight.data != Branches().initialise(4).named["a"].weight.data).all()
