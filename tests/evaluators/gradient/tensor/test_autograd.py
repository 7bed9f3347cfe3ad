import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from evaluators.gradient import Tensor, check_gradients, no_grad, optim
from evaluators.gradient.tensor import operations
from evaluators.gradient.tensor.tape import undo_broadcast
from tests.support.refusals import refuses


def test_gradients_of_a_result(tensor, host):
    a, b = tensor([1.0, 2.0]), tensor([3.0, 5.0])
    loss = (a * b + a / b - 2 * a).sum()
    loss.backward()
    np.testing.assert_allclose(host(a.grad), [3 + 1 / 3 - 2, 5 + 1 / 5 - 2], rtol=1e-14)
    np.testing.assert_allclose(host(b.grad), [1 - 1 / 9, 2 - 2 / 25], rtol=1e-14)
    assert loss.grad is None
    assert loss.device == a.device


def test_gradients_add_up_until_they_are_reset(tensor, host):
    a = tensor([2.0])
    for times in (1, 2):
        (a * a).sum().backward()
        np.testing.assert_array_equal(host(a.grad), [4.0 * times])


def test_gradients_of_two_tensors_share_no_memory(tensor, host):
    a, b = tensor((3,)), tensor((3,))
    (a + b).sum().backward()
    a.grad *= 0
    np.testing.assert_array_equal(host(b.grad), np.ones(3))


def test_a_tensor_used_in_several_places(tensor, host):
    x = tensor([3.0])
    y = x * x
    (y * y + y * x + x).sum().backward()
    np.testing.assert_allclose(host(x.grad), [4 * 27 + 3 * 9 + 1])


def test_a_number_that_requires_gradients(tensor, host):
    x = tensor(3.0)
    (x * x).backward()
    assert host(x.grad).shape == ()
    assert host(x.grad) == 6
    alone = tensor(2.0)
    alone.backward()
    assert host(alone.grad) == 1


def test_a_chain_of_100_000_operations(tensor, host):
    x = y = tensor([1.0])
    begin = time.perf_counter()
    for _ in range(100_000):
        y = y + 0.5
    y.sum().backward()
    np.testing.assert_array_equal(host(x.grad), [1.0])
    for _ in range(100_000):
        y = y * 1.0
    del y  # must not overflow the stack either
    assert time.perf_counter() - begin < 60


def test_a_graph_with_exponentially_many_paths(tensor, host):
    x = y = tensor([1.0])
    for _ in range(60):  # 2^60 paths
        y = y + y
    y.sum().backward()
    np.testing.assert_array_equal(host(x.grad), [2.0**60])


def test_no_grad_leaves_no_tape_and_ends(tensor):
    x = tensor([1.0])
    with no_grad():
        assert not (x * x).requires_grad
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0  # noqa: B018
    assert (x * x).requires_grad

    @no_grad()
    def square():
        return x * x

    assert not square().requires_grad
    assert not (x.detach() * 2).requires_grad


def test_tensors_are_float32_by_default(device):
    x = Tensor([1, 2], requires_grad=True, device=device)
    assert x.dtype == np.float32
    y = 2.5 * x / 3 + np.ones(2) - x**2 + operations.exp(x).mean()
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float32
    assert Tensor(np.zeros(3), dtype="float64").dtype == np.float64


def test_data_are_copied():
    array = np.zeros(2, np.float32)
    tensor = Tensor(array)
    array[0] = 1
    assert tensor.data[0] == 0
    tensor.data = array
    array[0] = 2
    assert tensor.data[0] == 1


def test_numbers_and_arrays_on_either_side(tensor, host):
    x = tensor([2.0, 4.0])
    array = x.data * 0 + 8
    for result, expected in (
        (1 - x, [-1, -3]),
        (8 / x, [4, 2]),
        (array - x, [6, 4]),
        (array / x, [4, 2]),
        (x + array, [10, 12]),
        (-x, [-2, -4]),
    ):
        np.testing.assert_array_equal(host(result), expected)
        assert result.requires_grad


@settings(max_examples=60, deadline=None)
@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3))
def test_broadcasting_is_undone(shapes):
    (a, b), whole = shapes.input_shapes, shapes.result_shape
    generator = np.random.default_rng(0)
    gradient = generator.normal(size=whole)
    for shape in (a, b):
        undone = undo_broadcast(gradient, shape)
        assert undone.shape == shape
        # `undo_broadcast` is the transpose B' of broadcasting: <B x, g> = <x, B' g>.
        x = generator.normal(size=shape)
        np.testing.assert_allclose(
            (np.broadcast_to(x, whole) * gradient).sum(), (x * undone).sum(), atol=1e-10
        )
    first = Tensor(generator.normal(size=a), True, np.float64)
    second = Tensor(generator.normal(size=b) + 3, True, np.float64)
    for operation in (operations.add, operations.subtract, operations.multiply, operations.divide):
        check_gradients(operation, [first, second])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.booleans()), min_size=1, max_size=12))
def test_any_graph_is_differentiated(links):
    """Compare graphs of sums and products with forward-mode derivatives."""
    x = Tensor(0.9, True, np.float64)
    values, slopes = [x], [1.0]
    for first, second, add in links:
        a, b = first % len(values), second % len(values)
        va, vb = values[a], values[b]
        values.append(0.3 * (va + vb) if add else 0.3 * (va * vb))
        product = slopes[a] * vb.item() + va.item() * slopes[b]
        slopes.append(0.3 * (slopes[a] + slopes[b] if add else product))
    values[-1].backward()
    np.testing.assert_allclose(x.grad, slopes[-1], rtol=1e-12)


def test_check_gradients_finds_a_wrong_one():
    x = Tensor([0.5, 1.0], True, np.float64)
    assert 0 <= check_gradients(lambda t: t * t, [x]) < 1e-8

    def wrong(t):
        return t * t.detach()  # has half of the gradient

    with refuses("check_gradients: tensor 0 at (0,): backward gives 0.5"):
        check_gradients(wrong, [x])
    with refuses("check_gradients: tensor 0: expected float64, got float32"):
        check_gradients(wrong, [Tensor([1.0], True)])
    with refuses("check_gradients: expected a tensor that requires gradients"):
        check_gradients(wrong, [Tensor([1.0])])


def test_losses_that_cannot_be_differentiated(tensor):
    x = tensor((2, 3))
    with refuses("backward: expected a loss that is one number, got shape (2, 3)"):
        (x * x).backward()
    with refuses("backward: nothing that this loss was computed from requires gradients"):
        tensor((1,), requires_grad=False).backward()


def test_a_graph_is_used_once(tensor):
    x = tensor((3,))
    y = x * x
    loss = y.sum()
    loss.backward()
    before = x.grad.copy()
    with refuses("backward: this graph (sum) has been used already"):
        loss.backward()
    with refuses("backward: this graph (multiply) has been used already"):
        (y + x).sum().backward()
    assert (x.grad == before).all()


def test_a_graph_of_old_values_is_refused(tensor):
    x = tensor((3,))
    first, second = (x * x).sum(), (x * x).sum()
    first.backward()
    before = x.grad.copy()
    optim.SGD([x], 0.1).step()
    with refuses("backward: a tensor of shape (3,) has been changed since multiply used it"):
        second.backward()
    assert (x.grad == before).all()
    third = (x * x).sum()
    x.data = x.data * 2
    with refuses("backward: a tensor of shape (3,) has been changed since multiply used it"):
        third.backward()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([1.0, np.nan], "data: expected finite numbers, got nan at (1,)"),
        ([[np.inf]], "data: expected finite numbers, got inf at (0, 0)"),
        (np.nan, "data: expected finite numbers, got nan at ()"),
        (["a"], "data: expected an array of numbers, got dtype <U1"),
        ([[1], [1, 2]], "data: expected an array of numbers, got rows of different lengths"),
        ([1j], "data: expected an array of numbers, got dtype complex128"),
        (Tensor([1.0]), "data: expected an array of numbers, got a Tensor"),
    ],
)
def test_data_that_are_not_numbers_are_refused(data, message):
    with refuses(message):
        Tensor(data)


@pytest.mark.parametrize("dtype", [np.int64, "float16", None, "no"])
def test_other_dtypes_are_refused(dtype):
    with refuses(f"dtype: must be float32 or float64, got {dtype!r}"):
        Tensor([1.0], dtype=dtype)


def test_other_mistakes_are_refused(tensor):
    x = tensor((2,))
    with refuses("data: expected shape (2,), got (3,)"):
        x.data = x.data[[0, 0, 1]]
    with refuses("item: expected one element, got shape (2,)"):
        x.item()
    with pytest.raises(ValueError, match=r"^device: "):
        Tensor([1.0], device="tpu")
    assert repr(Tensor([1.0], True)) == "Tensor([1.], dtype=float32, requires_grad=True)"
