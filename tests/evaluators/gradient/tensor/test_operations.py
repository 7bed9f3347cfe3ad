import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.gradient import Tensor, check_gradients
from evaluators.gradient.tensor import operations
from evaluators.gradient.tensor.operations.windows import place_windows
from neat.activations import ACTIVATIONS
from tests.support.reference import ACTIVATIONS as REFERENCE

POSITIVE = {"log", "sqrt"}
ONE = {
    "negative": operations.negative,
    "exp": operations.exp,
    "log": operations.log,
    "sqrt": operations.sqrt,
    "absolute": operations.absolute,
    "square": lambda x: x**2,
    "cube root of its square": lambda x: operations.power(x * x, 1 / 3),
    "to the power 0": lambda x: x**0,
    "clip": lambda x: operations.clip(x, -0.5, 0.7),
    "sum": operations.sum,
    "sum of rows": lambda x: x.sum(1),
    "sum over two axes": lambda x: x.sum((0, -1), keepdims=True),
    "mean": lambda x: x.mean(),
    "mean of columns": lambda x: x.mean(-2),
    "max": operations.max,
    "max of rows": lambda x: operations.max(x, -1, keepdims=True),
    "min of columns": lambda x: operations.min(x, 0),
    "softmax": operations.softmax,
    "softmax of columns": lambda x: operations.softmax(x, 0),
    "log_softmax": operations.log_softmax,
    "log_softmax of columns": lambda x: operations.log_softmax(x, 0),
    "reshape": lambda x: x.reshape(2, -1),
    "transpose": lambda x: x.transpose(),
    "transpose of three": lambda x: x.reshape(2, 2, 3).transpose(2, 0, 1),
    "broadcast_to": lambda x: operations.broadcast_to(x, (2, 4, 3)),
    "an element": lambda x: x[1, -1],
    "a row": lambda x: x[2],
    "a slice": lambda x: x[::2, ..., 1:],
    "a new axis": lambda x: x[:, None, 0],
    "pick": lambda x: operations.pick(x, [0, 2, 1, 1]),
    "rows, one of them twice": lambda x: x[[2, 0, 2]],
    "elements, one of them twice": lambda x: x[[1, 3, 1], [-1, 0, 2]],
    "an array of indices": lambda x: x[:, np.array([[0, 0], [2, 1]])],
    "a mask": lambda x: x[x.data > 0],
    "a mask and a slice": lambda x: x[np.array([True, False, True, True]), 1:],
    "gather": lambda x: operations.gather(x, [[0, 0, 2], [1, 1, 1]], 0),
    "gather of rows": lambda x: operations.gather(x, [[2, 0], [1, 1], [0, 0], [2, 2]]),
    "2 to the power of it": lambda x: 2.0**x,
    "its rows": lambda x: sum(k * row for k, row in enumerate(x)),
    "itself": lambda x: x @ x.transpose() + x.sum(),
}
TWO = {
    "add": operations.add,
    "subtract": operations.subtract,
    "multiply": operations.multiply,
    "divide": lambda a, b: a / (b + 5),
    "maximum": operations.maximum,
    "minimum": operations.minimum,
    "power": lambda a, b: operations.absolute(a) ** b,
    "concatenate": lambda a, b: operations.concatenate([a, b * 2, a], -1),
}


@pytest.mark.parametrize("name", ONE)
def test_unary_operations(name, tensor):
    x = tensor((4, 3))
    if name in POSITIVE:
        x = tensor(abs(x.data) + 0.5)
    check_gradients(ONE[name], [x])


@pytest.mark.parametrize("name", TWO)
def test_binary_operations(name, tensor):
    check_gradients(TWO[name], [tensor((4, 3)), tensor((4, 3))])


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "maximum", "minimum", "power"])
@pytest.mark.parametrize(
    "shapes", [((4, 3), (3,)), ((4, 1), (1, 3)), ((), (2, 3)), ((2, 1, 3), (4, 1))], ids=str
)
def test_broadcasting(name, shapes, tensor):
    check_gradients(TWO[name], [tensor(shape) for shape in shapes])


def test_where(tensor):
    a, b = tensor((4, 3)), tensor((3,))
    condition = a.data > 0
    check_gradients(lambda a, b: operations.where(condition, a, b), [a, b])


@pytest.mark.parametrize(
    "shapes",
    [
        ((4, 3), (3, 5)),
        ((2, 4, 3), (3, 5)),
        ((2, 1, 4, 3), (5, 3, 2)),
        ((3,), (3,)),
        ((3,), (3, 5)),
        ((4, 3), (3,)),
        ((3,), (2, 3, 5)),
        ((2, 4, 3), (3,)),
    ],
    ids=str,
)
def test_matmul(shapes, tensor, host):
    a, b = tensor(shapes[0]), tensor(shapes[1])
    check_gradients(operations.matmul, [a, b])
    np.testing.assert_allclose(host(a @ b), host(a) @ host(b), rtol=1e-12)


def test_powers_of_zero_have_the_gradients_of_their_limits(tensor, host):
    x, n = tensor([0.0, 0.0, 0.0]), tensor([0.0, 1.0, 2.0])
    y = x**n
    np.testing.assert_array_equal(host(y), [1, 0, 0])
    y.sum().backward()
    np.testing.assert_array_equal(host(x.grad), [0, 1, 0])
    np.testing.assert_array_equal(host(n.grad), [0, 0, 0])


def test_an_index_is_copied(tensor, host):
    x, index = tensor((3,)), np.array([0, 0])
    y = x[index]
    index[:] = 2
    y.sum().backward()
    np.testing.assert_array_equal(host(x.grad), [2, 0, 0])


def test_dense(tensor, host):
    x, weight, bias = tensor((5, 3)), tensor((3, 2)), tensor((2,))
    check_gradients(operations.dense, [x, weight, bias])
    check_gradients(operations.dense, [x, weight])
    np.testing.assert_allclose(host(operations.dense(x, weight, bias)), host(x) @ host(weight) + host(bias))


def test_ties_share_the_gradient(tensor, host):
    x = tensor([1.0, 3.0, 3.0])
    operations.max(x).backward()
    np.testing.assert_array_equal(host(x.grad), [0, 0.5, 0.5])
    a, b = tensor([1.0, 2.0]), tensor([1.0, 3.0])
    operations.maximum(a, b).sum().backward()
    np.testing.assert_array_equal(host(a.grad), [0.5, 0])
    np.testing.assert_array_equal(host(b.grad), [0.5, 1])


def test_softmax_does_not_overflow(tensor, host):
    x = tensor([[1000.0, 0.0], [-1000.0, -1000.0]])
    np.testing.assert_allclose(host(operations.softmax(x)), [[1, 0], [0.5, 0.5]])
    np.testing.assert_allclose(host(operations.log_softmax(x)), [[0, -1000], [-np.log(2)] * 2])


# --- activations


@pytest.mark.parametrize("name", operations.DIFFERENTIABLE)
def test_activations_are_what_their_names_say(name, tensor, host):
    x = np.concatenate([np.linspace(-5, 5, 41) + 0.013, [-20.0, 20.0]])
    expected = [REFERENCE[name](value) for value in x.tolist()]
    np.testing.assert_allclose(host(operations.activate(name, tensor(x))), expected, rtol=1e-9, atol=1e-15)
    # Inputs are away from kinks (0, ±1, ±3.4), and small enough for finite differences.
    x = np.array([-4.1, -2.7, -0.83, -0.31, 0.27, 0.77, 1.6, 3.9])
    check_gradients(
        lambda t: operations.activate(name, t), [tensor(x)], tolerance=1e-5 if name == "exp" else 1e-7
    )


@pytest.mark.parametrize("name", operations.DIFFERENTIABLE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_of_large_numbers(name, dtype, device, host):
    x = Tensor([-1e4, -89.0, 0.0, 89.0, 1e4], True, dtype, device)
    with np.errstate(all="raise", under="ignore"):
        y = operations.activate(name, x)
        y.sum().backward()
    assert y.dtype == x.grad.dtype == dtype
    assert np.isfinite(host(y)).all()
    assert np.isfinite(host(x.grad)).all()


def test_activations_without_a_useful_derivative_are_refused():
    with pytest.raises(
        ValueError, match=r"^activation 'step' has no derivative to train with; those that have: sig"
    ):
        operations.activate("step", Tensor([1.0]))
    with pytest.raises(ValueError, match=r"^activation 'swish' is not known"):
        operations.activate("swish", Tensor([1.0]))
    built_in = {entry.name for entry in ACTIVATIONS[:26]}
    assert built_in - set(operations.DIFFERENTIABLE) == {"step"}


# --- windows, compared with plain loops


def loop_windows(images, window, stride, margins, value):
    padded = np.pad(images, ((0, 0), (0, 0), *margins), constant_values=value)
    rows = range(0, padded.shape[2] - window[0] + 1, stride[0])
    columns = range(0, padded.shape[3] - window[1] + 1, stride[1])
    for (a, row), (b, column) in product(enumerate(rows), enumerate(columns)):
        yield (
            a,
            b,
            padded[:, :, row : row + window[0], column : column + window[1]],
            (len(rows), len(columns)),
        )


WINDOWS = [
    dict(size=(5, 6), window=(3, 3), stride=(1, 1), padding="valid"),
    dict(size=(5, 6), window=(3, 2), stride=(2, 1), padding="same"),
    dict(size=(7, 5), window=(2, 3), stride=(2, 3), padding=1),
    dict(size=(4, 4), window=(4, 4), stride=(3, 2), padding="same"),
    dict(size=(6, 3), window=(1, 1), stride=(2, 2), padding="valid"),
]


@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_conv2d(case, tensor, host):
    x, weight, bias = tensor((2, 3, *case["size"])), tensor((4, 3, *case["window"])), tensor((4,))
    _, margins = place_windows("", case["size"], case["window"], case["stride"], case["padding"])
    result = host(operations.conv2d(x, weight, bias, case["stride"], case["padding"]))
    for a, b, part, places in loop_windows(host(x), case["window"], case["stride"], margins, 0.0):
        assert result.shape == (2, 4, *places)
        for sample, out in product(range(2), range(4)):
            expected = (part[sample] * host(weight)[out]).sum() + host(bias)[out]
            assert abs(result[sample, out, a, b] - expected) < 1e-12
    arguments = case["stride"], case["padding"]
    check_gradients(lambda *tensors: operations.conv2d(*tensors, *arguments), [x, weight, bias])
    check_gradients(lambda x, weight: operations.conv2d(x, weight, None, *arguments), [x, weight])


@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_max_pool2d(case, tensor, host):
    x = tensor((2, 3, *case["size"]))
    _, margins = place_windows("", case["size"], case["window"], case["stride"], case["padding"])
    arguments = case["window"], case["stride"], case["padding"]
    result = host(operations.max_pool2d(x, *arguments))
    for a, b, part, places in loop_windows(host(x), case["window"], case["stride"], margins, -np.inf):
        assert result.shape == (2, 3, *places)
        np.testing.assert_array_equal(result[:, :, a, b], part.max(axis=(2, 3)))
    check_gradients(lambda x: operations.max_pool2d(x, *arguments), [x])


@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_average_pool2d(case, tensor, host):
    x = tensor((2, 3, *case["size"]))
    _, margins = place_windows("", case["size"], case["window"], case["stride"], case["padding"])
    arguments = case["window"], case["stride"], case["padding"]
    result = host(operations.average_pool2d(x, *arguments))
    for a, b, part, places in loop_windows(host(x), case["window"], case["stride"], margins, np.nan):
        assert result.shape == (2, 3, *places)
        np.testing.assert_allclose(result[:, :, a, b], np.nanmean(part, axis=(2, 3)), rtol=1e-13)
    check_gradients(lambda x: operations.average_pool2d(x, *arguments), [x])


def test_the_first_of_equal_elements_has_the_gradient(tensor, host):
    x = tensor(np.ones((1, 1, 2, 2)))
    operations.max_pool2d(x, (2, 2), (2, 2), "valid").sum().backward()
    np.testing.assert_array_equal(host(x.grad)[0, 0], [[1, 0], [0, 0]])


@given(
    st.integers(1, 40),
    st.integers(1, 9),
    st.integers(1, 5),
    st.integers(0, 4) | st.sampled_from(["same", "valid"]),
)
def test_output_sizes(length, extent, stride, padding):
    total = 2 * padding if isinstance(padding, int) else 0
    arguments = "conv2d", (length, length), (extent, extent), (stride, stride), padding
    if padding != "same" and length + total < extent:
        with pytest.raises(ValueError, match=f"^conv2d: a window of {extent} does not fit {length}"):
            place_windows(*arguments)
        return
    (places, _), ((before, after), _) = place_windows(*arguments)
    assert places == (length - extent + before + after) // stride + 1
    if padding == "same":
        assert places == -(-length // stride)
        assert 0 <= after - before <= 1
    else:
        assert (before, after) == (total // 2, total // 2)
    # `exact` refuses exactly the sizes at which the last window does not end at the edge.
    covered = (places - 1) * stride + extent == length + before + after
    if covered:
        assert place_windows(*arguments, exact=True)[0][0] == places
    else:
        with pytest.raises(ValueError, match=r"^conv2d: stride .* does not divide"):
            place_windows(*arguments, exact=True)


# --- mistakes


def X(*shape):
    return Tensor(np.zeros(shape), True)


MISTAKES = [
    (lambda: X(2, 3) + X(4), "add: shapes (2, 3) and (4,) do not broadcast"),
    (lambda: X(2) - X(3), "subtract: shapes (2,) and (3,) do not broadcast"),
    (lambda: X(2) * np.ones(3), "multiply: shapes (2,) and (3,) do not broadcast"),
    (lambda: X(2) / X(3), "divide: shapes (2,) and (3,) do not broadcast"),
    (lambda: X(2) + Tensor([1.0], dtype=np.float64), "add: dtypes float32 and float64 do not mix"),
    (lambda: X(2) + "a", "add: expected an array of numbers, got dtype <U1"),
    (lambda: X(2) * [1, np.nan], "multiply: expected finite numbers, got nan at (1,)"),
    (lambda: X(2) ** X(3), "power: shapes (2,) and (3,) do not broadcast"),
    (lambda: operations.maximum(X(2), X(3)), "maximum: shapes (2,) and (3,) do not broadcast"),
    (lambda: operations.where([True], X(2), X(3)), "where: shapes (1,), (2,) and (3,) do not broadcast"),
    (lambda: operations.where([1, 0], X(2), X(2)), "where: expected a boolean condition, got dtype int64"),
    (lambda: operations.clip(X(2), 1, 0), "clip: expected low <= high, got 1 and 0"),
    (lambda: X(2, 3).sum(2), "sum: axis 2 does not fit shape (2, 3)"),
    (lambda: X(2, 3).sum((0, -2)), "sum: axis (0, -2) does not fit shape (2, 3)"),
    (lambda: X(0, 3).mean(0), "mean: expected at least one element, got shape (0, 3) over axis 0"),
    (lambda: operations.max(X(0, 3)), "max: expected at least one element, got shape (0, 3)"),
    (lambda: operations.softmax(X(3), 1), "softmax: axis 1 does not fit shape (3,)"),
    (lambda: X(2, 3).reshape(4, 2), "reshape: shape (2, 3) does not fit (4, 2)"),
    (lambda: X(2, 3).transpose(0, 0), "transpose: axes (0, 0) do not fit shape (2, 3)"),
    (lambda: operations.broadcast_to(X(2), (3,)), "broadcast_to: shape (2,) does not fit (3,)"),
    (lambda: X(2)[2], "index: 2 does not fit shape (2,)"),
    (lambda: X(2)[[0, 2]], "index: an array of shape (2,) does not fit shape (2,)"),
    (lambda: X(2)[[0.0]], "index: expected integers or booleans, got dtype float64"),
    (lambda: X(2)["a"], "index: expected integers, slices, and arrays of integers or booleans, got str"),
    (lambda: X(2)[[True]], "index: an array of shape (1,) does not fit shape (2,)"),
    (lambda: operations.gather(X(2, 3), [[3], [0]]), "gather: expected integers from 0 to 2, got 3"),
    (lambda: operations.gather(X(2, 3), [[0]]), "gather: expected shape (2, 1), got (1, 1)"),
    (lambda: operations.gather(X(2, 3), [[0]], 2), "gather: axis 2 does not fit shape (2, 3)"),
    (lambda: operations.gather(X(2, 3), [[0]], None), "gather: expected one axis, got None"),
    (lambda: operations.gather(X(2, 3), [[0]], (0, 1)), "gather: expected one axis, got (0, 1)"),
    (lambda: X(2, 3).sum(1.5), "sum: axis 1.5 does not fit shape (2, 3)"),
    (lambda: operations.pick(X(2, 3), [0, 3]), "pick: expected integers from 0 to 2, got 3"),
    (lambda: operations.pick(X(2, 3), [0, -1]), "pick: expected integers from 0 to 2, got -1"),
    (lambda: operations.pick(X(2, 3), [0.0, 1.0]), "pick: expected integers, got dtype float64"),
    (lambda: operations.pick(X(2, 3), [0]), "pick: expected shape (2,), got (1,)"),
    (
        lambda: operations.concatenate([X(2), X(2, 2)]),
        "concatenate: shapes (2,), (2, 2) do not fit along axis 0",
    ),
    (lambda: operations.concatenate([]), "concatenate: expected at least one tensor, got none"),
    (lambda: X(2, 3) @ X(2, 3), "matmul: shapes (2, 3) and (2, 3) do not fit"),
    (lambda: X(2, 3) @ X(2), "matmul: shapes (2, 3) and (2,) do not fit"),
    (lambda: X(2) @ X(), "matmul: shapes (2,) and () do not fit"),
    (
        lambda: operations.dense(X(2, 3), X(4, 3)),
        "dense: input of shape (2, 3) does not fit weight of shape (4, 3)",
    ),
    (
        lambda: operations.conv2d(X(1, 2, 4, 4), X(1, 3, 2, 2), None, (1, 1), 0),
        "conv2d: input of shape (1, 2, 4, 4) does not fit weight of shape (1, 3, 2, 2)",
    ),
    (
        lambda: operations.max_pool2d(X(4, 4), (2, 2), (2, 2), 0),
        "max_pool2d: expected shape (samples, channels, height, width), got shape (4, 4)",
    ),
    (
        lambda: operations.average_pool2d(X(4, 4), (2, 2), (2, 2), 0),
        "average_pool2d: expected shape (samples, channels, height, width), got shape (4, 4)",
    ),
    (
        lambda: operations.max_pool2d(X(1, 1, 4, 4), (4, 2), (2, 2), 2),
        "max_pool2d: expected padding from 0 to half the window of 2, got 2",
    ),
    (
        lambda: operations.average_pool2d(X(1, 1, 4, 4), (2, 2), (2, 2), -1),
        "average_pool2d: expected padding from 0 to half the window of 2, got -1",
    ),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES, ids=[m for _, m in MISTAKES])
def test_mistakes_raise_errors_that_name_the_operation(mistake, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        mistake()
