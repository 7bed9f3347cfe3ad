"""Convolution and pooling by the CPU's kernels, compared with unfolding, and with themselves on other threads."""

import numpy as np
import pytest

from evaluators.gradient import Tensor, nn
from evaluators.gradient.tensor import convolution, operations, pooling, unfolding
from evaluators.gradient.tensor.operations.windows import place_windows

SIZE = (9, 8)


def normal(*shape, dtype=np.float64):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(dtype)


# Samples, channels and filters; fewer rows than those of a block in registers, or a remainder.
COUNTS = [(1, 1, 1), (3, 2, 5), (9, 4, 3), (17, 9, 13)]


@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (3, 4), (4, 2)], ids=str)
@pytest.mark.parametrize("window", [(3, 3), (1, 1), (2, 4)], ids=str)
@pytest.mark.parametrize("padding", ["same", "valid", 2, 6])
def test_kernels_agree_with_unfolding(window, stride, padding):
    places, margins = place_windows("", SIZE, window, stride, padding)
    for samples, channels, filters in COUNTS:
        images, bias = normal(samples, channels, *SIZE), normal(filters)
        weight, gradient = normal(filters, channels, *window), normal(samples, filters, *places)
        for name, arguments in (
            ("correlate", (images, weight, bias, stride, margins, places)),
            ("correlate", (images, weight, None, stride, margins, places)),
            ("gradient_of_images", (gradient, weight, SIZE, stride, margins)),
            ("gradient_of_weight", (gradient, images, window, stride, margins)),
        ):
            result, expected = (getattr(way, name)(*arguments) for way in (convolution, unfolding))
            np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12, err_msg=name)


def test_kernels_in_float32():
    images, weight = normal(5, 3, 12, 20, dtype=np.float32), normal(11, 3, 5, 3, dtype=np.float32)
    arguments = images, weight, None, (1, 1), ((0, 0), (0, 0)), (8, 18)
    result = convolution.correlate(*arguments)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, unfolding.correlate(*arguments), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "window, stride, padding", [((2, 2), (2, 2), 0), ((3, 2), (1, 2), 1), ((4, 3), (3, 1), "same")]
)
def test_pooling_agrees_with_unfolding(window, stride, padding):
    places, margins = place_windows("", SIZE, window, stride, padding)
    images = normal(4, 3, *SIZE).round()  # several elements of a window are equal
    images[0, 0, 3, 4], images[1, 1] = np.nan, -np.inf
    gradient = normal(4, 3, *places)
    gradients = []
    for way in (pooling, unfolding):
        largest, winner = way.take_largest(images, window, stride, margins, places)
        np.testing.assert_array_equal(
            largest, unfolding.take_largest(images, window, stride, margins, places)[0]
        )
        gradients.append(way.gradient_of_winners(gradient, winner, SIZE, window, stride, margins))
    without_nan = [0, 2, 3]
    np.testing.assert_allclose(gradients[0][without_nan, 1:], gradients[1][without_nan, 1:])


def pass_through(x, weight, bias):
    """Return the output of both operations, and all gradients."""
    tensors = [Tensor(each, True, each.dtype) for each in (x, weight, bias)]
    y = operations.max_pool2d(operations.conv2d(*tensors, (1, 1), "same"), (2, 2), (2, 2), 0)
    (y * normal(*y.shape)).sum().backward()
    return [y.data, *(each.grad for each in tensors)]


def test_results_do_not_depend_on_threads(set_threads):
    arrays = (
        normal(67, 8, 16, 16, dtype=np.float32),
        normal(20, 8, 3, 3, dtype=np.float32),
        np.zeros(20, np.float32),
    )
    set_threads(1)
    alone = pass_through(*arrays)
    set_threads(3)
    for one, other in zip(alone, pass_through(*arrays), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_second_forward_pass_before_the_first_backward():
    model = nn.Sequential(
        nn.Conv2d(2, 6, 3, padding="same"), nn.MaxPool2d(2), nn.Conv2d(6, 5, 3, padding="same")
    )
    images = normal(4, 2, 8, 8), normal(4, 2, 8, 8)[::-1]

    def gradients_of(*losses):
        for loss in losses:
            loss.backward()
        found = [parameter.grad for parameter in model.parameters()]
        for parameter in model.parameters():
            parameter.grad = None
        return found

    separate = [gradients_of((model(x) * model(x)).sum()) for x in images]
    together = gradients_of(*[(model(x) * model(x)).sum() for x in images])
    for one, other, total in zip(*separate, together, strict=True):
        np.testing.assert_allclose(one + other, total, rtol=1e-4, atol=1e-4)


def test_a_gradient_that_is_not_contiguous():
    x, weight = Tensor(normal(2, 3, 8, 8), True, np.float64), Tensor(normal(4, 3, 3, 3), True, np.float64)
    operations.conv2d(x, weight, None, (1, 1), "valid").sum().backward()  # its gradient is a broadcast number
    np.testing.assert_allclose(weight.grad[2, 1, 0, 2], x.data[:, 1, 0:6, 2:8].sum())


def test_no_samples():
    x, weight = Tensor(np.zeros((0, 3, 8, 8)), True), Tensor(normal(4, 3, 3, 3), True)
    y = operations.max_pool2d(operations.conv2d(x, weight, None, (1, 1), "same"), (2, 2), (2, 2), 0)
    assert y.shape == (0, 4, 4, 4)
    y.sum().backward()
    assert x.grad.shape == x.shape and not weight.grad.any()


def test_a_bias_and_a_weight_that_are_not_contiguous():
    x, weight, bias = normal(2, 3, 8, 8), normal(4, 3, 3, 3), normal(8)
    arguments = weight[:, :, ::-1, ::-1], bias[::2], (1, 1), ((0, 0), (0, 0)), (6, 6)
    np.testing.assert_allclose(convolution.correlate(x, *arguments), unfolding.correlate(x, *arguments))
