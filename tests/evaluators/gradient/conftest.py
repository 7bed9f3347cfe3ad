"""Fixtures: every test that takes `device` runs on numpy, and on cupy if there is a GPU."""

import numpy as np
import pytest

from evaluators.devices import resolve_device
from evaluators.gradient import Tensor
from evaluators.gradient.tensor.device_arrays import to_host


def has_gpu():
    try:
        return bool(resolve_device("cuda"))
    except ValueError:
        return False


@pytest.fixture(
    params=[
        "cpu",
        pytest.param(
            "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not has_gpu(), reason="needs a GPU")]
        ),
    ]
)
def device(request):
    return request.param


@pytest.fixture
def tensor(device):
    """Return a function that makes float64 tensors on the device, from an array, or of normal numbers in a shape."""
    generator = np.random.default_rng(0)

    def make(value, requires_grad=True):
        data = generator.normal(size=value) if isinstance(value, tuple) else value
        return Tensor(data, requires_grad, np.float64, device)

    return make


@pytest.fixture
def host():
    """Return an array or a tensor as a numpy array."""
    return lambda value: to_host(value.data if isinstance(value, Tensor) else value)
