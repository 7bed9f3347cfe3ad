"""Tests that need a GPU: all cases, compared with the CPU, and arrays of cupy."""

import numpy as np
import pytest

import evaluators
from evaluators import devices
from tests.gpu.device_cases import CASES, check_alike, check_same_champion, genomes, numbers

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        devices.SIMULATED or devices._gpu_unsupported_reason() is not None,
        reason=devices._gpu_unsupported_reason() or "simulated",
    ),
]


@pytest.fixture(scope="module")
def cupy():
    return devices.arrays_of("cuda:0").xp


@pytest.mark.parametrize("name", CASES)
def test_a_kernel_computes_what_the_cpu_does(name):
    check_alike(name)


@pytest.mark.parametrize("task", ["XOR", "CartPole"])
def test_whole_runs_have_the_same_champion(task):
    check_same_champion(task)


def test_cupy_arrays_go_in_and_come_out(cupy):
    networks = evaluators.compile(genomes(9, (3, 2)), "cuda")
    x = numbers(9, 6, 3)
    expected = evaluators.compile(genomes(9, (3, 2)), "cpu").activate(x)
    given = cupy.asarray(x)
    strange = cupy.asarray(np.asfortranarray(np.repeat(x, 2, axis=1)))[:, ::2]
    for each in (given, strange, x):
        outputs = networks.activate(each)
        assert isinstance(outputs, cupy.ndarray)
        np.testing.assert_allclose(outputs.get(), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"^x: expected finite float32 numbers, got nan at \(0, 1, 2\)$"):
        given[0, 1, 2] = cupy.nan
        networks.activate(given)
    with pytest.raises(ValueError, match=r"^x: expected an array in the host's memory"):
        evaluators.compile(genomes(9, (3, 2)), "cpu").activate(given)


def test_a_user_defined_function_gets_cupy_arrays(cupy):
    seen = []

    def fitness(outputs, targets):
        seen.append((type(outputs), type(targets)))
        return -cupy.square(outputs - targets).sum(axis=(1, 2))

    own = evaluators.Supervised(numbers(9, 3), numbers(9, 2), fitness=fitness, device="cuda")
    named = evaluators.Supervised(numbers(9, 3), numbers(9, 2), device="cpu")
    batch = genomes(30, (3, 2))
    np.testing.assert_allclose(own(batch), named(batch) * 18, rtol=1e-4)
    assert seen == [(cupy.ndarray, cupy.ndarray)]


def test_memory_that_runs_out_makes_smaller_parts(cupy):
    evaluator = evaluators.Supervised(numbers(6, 3), numbers(6, 2), device="cuda")
    batch = genomes(3_000, (3, 2))
    expected = evaluator(batch)
    pool = cupy.get_default_memory_pool()
    again = evaluators.Supervised(numbers(6, 3), numbers(6, 2), device="cuda")
    pool.free_all_blocks()
    try:
        pool.set_limit(size=pool.used_bytes() + 2**20)
        np.testing.assert_array_equal(again(batch), expected)
    finally:
        pool.set_limit(size=0)


def test_networks_on_their_own_stream(cupy):
    networks = evaluators.compile(genomes(9, (3, 2)), "cuda")
    x = cupy.asarray(numbers(6, 3))
    expected = networks.activate(x).get()
    with cupy.cuda.Stream(non_blocking=True) as stream:
        outputs = networks.activate(x)
        stream.synchronize()
    np.testing.assert_array_equal(outputs.get(), expected)
