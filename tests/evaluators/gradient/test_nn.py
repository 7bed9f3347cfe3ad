import copy
import tracemalloc

import numpy as np
import pytest

from evaluators import gradient
from evaluators.gradient import Tensor, check_gradients, losses, nn, no_grad, optim
from evaluators.gradient.nn import initialisation
from tests.support.refusals import refuses


def mlp():
    return nn.Sequential(
        nn.Dense(4, 8), nn.Activation("tanh"), nn.BatchNorm(8), nn.Dropout(0.4), nn.Dense(8, 3)
    )


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


def test_statistics_of_a_frozen_layer_stay():
    body, head = nn.BatchNorm(3), nn.BatchNorm(3)
    model = nn.Sequential(body, head)
    x = np.random.default_rng(0).normal(2.0, 3.0, (20, 3))
    model(x)
    body.freeze()
    before = model.state()
    output = body.train()(x).data
    np.testing.assert_array_equal(output, body.eval()(x).data)  # of the running statistics
    model.train()(x[:1].repeat(2, 0) * [[1], [2]])
    model.population_statistics([x])
    after = model.state()
    for name in ("running_mean", "running_variance"):
        np.testing.assert_array_equal(before[f"layers.0.{name}"], after[f"layers.0.{name}"])
        assert (before[f"layers.1.{name}"] != after[f"layers.1.{name}"]).all()
    body.train()(x[:1])  # a single value would be refused in training
    body.freeze(False)
    body(x)
    assert (body.running_mean != after["layers.0.running_mean"]).all()


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


# --- batch normalisation compared with plain numpy


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 2, 5)], ids=str)
def test_batch_norm_in_training_and_evaluation(shape, tensor, device, host):
    layer = nn.BatchNorm(3, decay=0.8, epsilon=1e-3).to(device, np.float64)
    layer.scale.data, layer.shift.data = tensor([0.5, 1.0, 2.0]).data, tensor([1.0, 0.0, -1.0]).data
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(4):
        x = tensor(shape)
        y = host(layer(x))
        for c in range(3):
            values = host(x)[:, c].ravel()
            mu = sum(values) / len(values)
            squares = sum((v - mu) ** 2 for v in values)
            expected = (values - mu) / np.sqrt(squares / len(values) + 1e-3)
            expected = host(layer.scale)[c] * expected + host(layer.shift)[c]
            np.testing.assert_allclose(y[:, c].ravel(), expected, rtol=1e-10)
            mean[c] = 0.8 * mean[c] + 0.2 * mu
            variance[c] = 0.8 * variance[c] + 0.2 * squares / (len(values) - 1)
        np.testing.assert_allclose(host(layer.running_mean), mean, rtol=1e-12)
        np.testing.assert_allclose(host(layer.running_variance), variance, rtol=1e-12)
    layer.eval()
    x = tensor(shape)
    for c in range(3):
        expected = (host(x)[:, c] - mean[c]) / np.sqrt(variance[c] + 1e-3)
        expected = host(layer.scale)[c] * expected + host(layer.shift)[c]
        np.testing.assert_allclose(host(layer(x))[:, c], expected, rtol=1e-10)
    np.testing.assert_allclose(host(layer.running_mean), mean, rtol=1e-12)


def test_population_statistics(tensor, device, host):
    batches = [tensor((8, 3)) for _ in range(5)]
    layer = nn.BatchNorm(3).to(device, np.float64)
    layer(tensor((4, 3)))  # its statistics are replaced below
    assert layer.eval().population_statistics(batches) is layer
    assert not layer.training
    arrays = [host(batch) for batch in batches]
    np.testing.assert_allclose(host(layer.running_mean), np.mean([a.mean(0) for a in arrays], 0), rtol=1e-13)
    expected = np.mean([a.var(0) * 8 / 7 for a in arrays], 0)
    np.testing.assert_allclose(host(layer.running_variance), expected, rtol=1e-13)
    again = nn.BatchNorm(3).to(device, np.float64).population_statistics(iter(batches))
    np.testing.assert_array_equal(host(again.running_variance), host(layer.running_variance))


def test_population_statistics_of_a_model():
    generator = np.random.default_rng(0)
    model = mlp().to(dtype=np.float64)
    data = generator.normal(size=(6, 10, 4))
    model.population_statistics(data)
    assert all(module.training for _, module in model.modules())
    norm, dropout = model.layers[2], model.layers[3]
    assert dropout.calls == 0  # dropout is off
    hidden = [np.tanh(batch @ model.layers[0].weight.data + model.layers[0].bias.data) for batch in data]
    np.testing.assert_allclose(norm.running_mean, np.mean([h.mean(0) for h in hidden], 0), rtol=1e-12)
    np.testing.assert_allclose(
        norm.running_variance, np.mean([h.var(0) * 10 / 9 for h in hidden], 0), rtol=1e-12
    )
    with refuses("data: expected at least one batch, got none"):
        model.population_statistics([])


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


def test_summary():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding="same"),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dense(4 * 4 * 4, 10),
    )
    table = nn.summary(model, (1, 8, 8))
    assert [(row.path, row.kind) for row in table.rows] == [
        ("layers.0", "Conv2d"),
        ("layers.1", "MaxPool2d"),
        ("layers.2", "Flatten"),
        ("layers.3", "Dense"),
    ]
    assert table.rows[0].output == (4, 8, 8)
    assert [row.parameters for row in table.rows] == [40, 0, 0, 650]
    assert [row.multiplications for row in table.rows] == [36 * 64, 0, 0, 640]
    # A layer needs its parameters twice, with their gradients, and keeps its inputs and outputs once between them.
    images, filtered, pooled = 32 * 64, 32 * 4 * 64, 32 * 4 * 16
    assert table.rows[0].bytes == 4 * (2 * 40 + images + filtered)
    assert table.rows[1].bytes == 4 * (pooled + pooled)  # and the positions of the largest, int32
    assert table.rows[2].bytes == 0  # a view
    assert table.rows[3].bytes == 4 * (2 * 650 + 32 * 10)
    assert table.total.bytes == sum(row.bytes for row in table.rows)
    assert table.total.parameters == 690
    assert table.total.multiplications == 36 * 64 + 640
    assert str(table).splitlines()[0].split() == [
        "layer",
        "kind",
        "output",
        "parameters",
        "multiplications",
        "bytes",
    ]
    assert model.training
    with refuses("conv2d: input of shape (32, 2, 8, 8) does not fit weight of shape (4, 1, 3, 3)"):
        nn.summary(model, (2, 8, 8))
    with refuses("batch: expected an integer from 1 to"):
        nn.summary(model, (1, 8, 8), batch=0)


def test_a_summary_counts_parameters_that_belong_to_no_row():
    class Scaled(nn.Module):
        def __init__(self):
            self.layer, self.unused = nn.Dense(3, 3), nn.Dense(3, 2)
            self.scale = nn.Parameter((3,), initialisation.filled(1.0))

        def forward(self, x):
            return self.layer(x) * self.scale

    model = Scaled()
    table = nn.summary(model, (3,))
    assert [row.parameters for row in table.rows] == [12]
    assert table.total.parameters == 12 + 8 + 3
    frozen = nn.summary(model.freeze(), (3,))
    assert frozen.total.parameters == 12 + 8 + 3
    assert table.total.bytes >= table.rows[0].bytes + 2 * 4 * (8 + 3)


@pytest.mark.parametrize("batch", [8, 64])
def test_summary_counts_what_a_forward_pass_keeps(batch):
    """Compare with the memory that Python's allocator sees."""
    model = nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.BatchNorm(8), nn.Activation("elu"), nn.AveragePool2d(2), nn.Dropout(0.3)),
        *(nn.Conv2d(8, 4, 3, padding="same"), nn.MaxPool2d(2), nn.Flatten(), nn.Dense(4 * 8 * 8, 40)),
    ).initialise(0)
    images = np.ones((batch, 3, 34, 34), np.float32)
    parameters = sum(p.data.nbytes for p in model.parameters())
    model(images)  # compiles
    tracemalloc.start()
    try:
        output = model(Tensor(images))
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    before = model.state()
    found = nn.summary(model, (3, 34, 34), batch)
    assert found.total.bytes - 2 * parameters == pytest.approx(kept, rel=0.03)
    for name, array in model.state().items():
        np.testing.assert_array_equal(array, before[name])
    assert model.training and output.requires_grad


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
        "conv2d: stride 2 does not divide 4 - 3 + 0, as exact=True asks",
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


@pytest.mark.parametrize("old", [0.0, 1e6, np.inf])
def test_population_statistics_replace_the_old_ones(old):
    draw = np.random.default_rng(4)
    batches = [draw.normal(10, 0.01, (32, 3)).astype(np.float32) for _ in range(5)]
    layer = nn.BatchNorm(3)
    layer.running_mean[:], layer.running_variance[:] = old, old
    layer.population_statistics(batches)
    exact = [batch.astype(np.float64) for batch in batches]
    np.testing.assert_allclose(
        layer.running_mean, np.mean([b.mean(axis=0) for b in exact], axis=0), rtol=1e-6
    )
    variance = np.mean([b.var(axis=0, ddof=1) for b in exact], axis=0)
    np.testing.assert_allclose(layer.running_variance, variance, rtol=1e-3)


@pytest.mark.parametrize("shape", [(3,), (3, 2, 2)], ids=["features", "images"])
def test_population_statistics_of_unequal_batches(shape, tensor, device, host):
    """The mean is that of all values; the variance is pooled, by the degrees of freedom of each batch."""
    batches = [tensor((count, *shape)) for count in (2, 9, 30, 5)]
    layer = nn.BatchNorm(3).to(device, np.float64).population_statistics(batches)
    values = [np.moveaxis(host(batch), 1, 0).reshape(3, -1) for batch in batches]
    np.testing.assert_allclose(host(layer.running_mean), np.concatenate(values, 1).mean(1), rtol=1e-12)
    squares = sum(((v - v.mean(1, keepdims=True)) ** 2).sum(1) for v in values)
    pooled = squares / sum(v.shape[1] - 1 for v in values)
    np.testing.assert_allclose(host(layer.running_variance), pooled, rtol=1e-12)


def test_failed_population_statistics_change_nothing():
    layer = nn.BatchNorm(3)
    before = layer.state()
    draw = np.random.default_rng(5)
    with refuses("BatchNorm: expected more than one value per channel in training, got shape (1, 3)"):
        layer.population_statistics([draw.normal(size=(8, 3)), draw.normal(size=(1, 3))])
    for name, array in before.items():
        np.testing.assert_array_equal(layer.state()[name], array)


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
