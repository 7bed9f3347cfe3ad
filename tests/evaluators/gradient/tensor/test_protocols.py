"""Python's and numpy's protocols on tensors: iteration, truth, comparison, conversion, numpy as left operand."""

import copy
import operator

import numpy as np
import pytest

from evaluators.gradient import Standardise, Tensor, losses, nn, no_grad, optim
from evaluators.gradient.tensor import operations
from tests.support.refusals import refuses

ROWS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
LOST = "numpy would lose the gradients of this tensor; use its data or detach()"


def test_iterating_goes_through_the_rows(tensor, host):
    x = tensor(ROWS)
    assert len(x) == 3
    for row, expected in zip(x, ROWS, strict=True):
        np.testing.assert_array_equal(host(row), expected)
    first, _, last = x
    (first * last + first[1]).sum().backward()
    np.testing.assert_array_equal(host(x.grad), [[5.0, 8.0], [0.0, 0.0], [1.0, 2.0]])
    a, b = tensor([2.0, 3.0])
    assert (a.item(), b.item()) == (2.0, 3.0)
    assert [row.shape for row in reversed(x)] == [(2,)] * 3
    assert list(tensor(np.zeros((0, 2)))) == []
    assert sum(tensor([1.0, 2.0, 4.0])).item() == 7.0


@pytest.mark.parametrize("use", [len, list, iter, lambda x: [*x]])
def test_a_number_has_no_rows(use, tensor):
    with pytest.raises(TypeError, match=r"^len: a tensor of shape \(\) has no length$"):
        use(tensor(1.0))


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_element_is_a_number(shape, tensor):
    for value in (0.0, -0.0, 2.5, -3.0):
        x = tensor(np.full(shape, value))
        assert bool(x) == bool(value)
        assert float(x) == value and type(float(x)) is float
        assert int(x) == int(value) and type(int(x)) is int


@pytest.mark.parametrize("shape", [(2,), (1, 3), (0,)], ids=str)
@pytest.mark.parametrize("use", [bool, float, int])
def test_several_elements_are_not_a_number(use, shape, tensor):
    with refuses(f"{use.__name__}: expected one element, got shape {shape}"):
        use(tensor(np.ones(shape)))


@pytest.mark.parametrize("name", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_comparisons_match_numpys(name, tensor, host):
    compare = getattr(operator, name)
    x, array = tensor(ROWS), np.array([[1.0, 0.0], [4.0, 4.0], [5.0, 7.0]])
    y = tensor(array)
    expected = compare(np.array(ROWS), array)
    for result in (compare(x, y), compare(x, y.data), compare(x.data, y)):
        assert result.dtype == bool
        np.testing.assert_array_equal(host(result), expected)
    for number in (3, 3.0, np.float32(3), np.float64(3)):
        np.testing.assert_array_equal(host(compare(x, number)), compare(np.array(ROWS), 3))
        np.testing.assert_array_equal(host(compare(number, x)), compare(3, np.array(ROWS)))


def test_a_comparison_is_a_condition(tensor, host):
    x = tensor([-1.0, 2.0])
    operations.where(x > 0, x * x, -x).sum().backward()
    np.testing.assert_array_equal(host(x.grad), [-1.0, 4.0])
    with refuses("where: expected a boolean condition, got dtype float64"):
        operations.where(x.detach(), x, x)
    with refuses(f"where: condition: {LOST}"):
        operations.where(x, x, x)


def test_membership_compares_values_and_keys_compare_identity(tensor):
    x = tensor(ROWS)
    assert 4.0 in x and 7.0 not in x and np.nan not in x and "a" not in x
    assert x.detach()[0].detach() in x
    twin = tensor(ROWS)
    assert {x: 1, twin: 2}[twin] == 2 and hash(x) != hash(x.detach())
    assert not (x == None).any()  # noqa: E711


def test_lists_of_parameters_are_searched_by_identity(host, device):
    model = nn.Sequential(nn.Dense(2, 3), nn.BatchNorm(3), nn.Dense(3, 3, bias=False)).to(device)
    parameters = model.parameters()
    optimiser = optim.SGD(parameters, 0.1)
    mixed = [Tensor(np.ones((2, 3)), device=device), *parameters]
    for k, parameter in enumerate(parameters):
        twin = copy.copy(parameter)  # with the same memory
        for found in (parameters, optimiser.parameters):
            assert parameter in found and found.index(parameter) == k and found.count(parameter) == 1
            assert twin not in found
        assert mixed.index(parameter) == k + 1 and twin not in mixed and mixed[0] not in parameters
        assert (parameter == parameter) is True and (parameter != parameter) is False
        assert (parameter == twin) is False and (twin != parameter) is True
        assert {parameter: k}[parameter] == k
    kept = list(parameters)
    kept.remove(parameters[3])
    assert [id(p) for p in kept] == [id(p) for p in parameters if p is not parameters[3]]
    scale = parameters[2]
    for ones in (1, np.ones(3), scale.data):
        assert host(scale == ones).tolist() == [True] * 3 and host(scale != ones).tolist() == [False] * 3
    assert 1.0 in scale and 2.0 not in scale and scale.detach() in scale


def test_numpy_on_the_left(tensor, host):
    x = tensor([2.0, 4.0])
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    for number in (np.float32(8), np.float64(8), np.int64(8), np.array(8.0), np.array([8.0, 8.0])):
        for result, expected in (
            (number * x, [16, 32]),
            (number + x, [10, 12]),
            (number - x, [6, 4]),
            (number / x, [4, 2]),
            (number**x, [64, 4096]),
        ):
            assert isinstance(result, Tensor) and result.requires_grad and result.dtype == np.float64
            np.testing.assert_array_equal(host(result), expected)
    np.testing.assert_array_equal(host(matrix @ tensor(matrix)), matrix @ matrix)
    (np.float32(3) * x).sum().backward()
    np.testing.assert_array_equal(host(x.grad), [3.0, 3.0])
    for wrong in (lambda: np.exp(x), lambda: np.add(matrix, x)):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(TypeError):
        matrix += x


def test_tensors_become_arrays(tensor, host):
    x = tensor(ROWS, requires_grad=False)
    for array in (np.asarray(x), np.array(x), np.asarray(x, np.float64), np.stack([x, x])[0]):
        assert type(array) is np.ndarray and array.dtype == np.float64
        np.testing.assert_array_equal(array, ROWS)
    assert np.asarray(x, np.int32).dtype == np.int32
    assert np.asarray([*x]).tolist() == ROWS
    assert np.allclose(x, ROWS)
    np.testing.assert_array_equal(host(Tensor([x[0], x[1]])), ROWS[:2])
    with no_grad():
        assert np.asarray(tensor(ROWS) * 2).tolist() == (2 * np.array(ROWS)).tolist()


def test_numpy_functions_refuse_tensors_with_gradients(tensor):
    """`numpy.stack` of two results would be a constant, and training would silently ignore them; PyTorch raises too."""
    x = tensor([1.0, 2.0])
    for wrong in (np.asarray, np.array, lambda x: np.stack([x, 2 * x]), lambda x: np.asarray([*x])):
        with pytest.raises(TypeError, match="^" + LOST.replace("(", r"\(").replace(")", r"\)")):
            wrong(x)
    z = tensor([[1.0], [2.0]])
    for message, wrong in (
        ("data", lambda: Tensor([x[0], x[1]])),
        ("mean_squared: sample_weights", lambda: losses.mean_squared(z, [[1.0], [2.0]], x)),
        ("mean_squared: targets", lambda: losses.mean_squared(x, [x[0], x[1]])),
        ("pick", lambda: operations.pick(z, x)),
    ):
        with refuses(f"{message}: {LOST}"):
            wrong()
    with refuses("training: expected"):
        Standardise(z)


def test_a_tensor_is_not_a_list_of_parameters(tensor, host):
    x = tensor([3.0, 4.0])
    with refuses("parameters: expected a list of tensors, got a Tensor"):
        optim.SGD(x, 0.1)
    with refuses("parameters: expected tensors that you created, got the result of an operation"):
        optim.SGD([*x], 0.1)
    (x * x / 2).sum().backward()
    assert optim.clip_by_norm(x, 1.0) == 5.0
    np.testing.assert_allclose(host(x.grad), [0.6, 0.8])
