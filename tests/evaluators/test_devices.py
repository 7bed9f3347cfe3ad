import ctypes
import importlib.util
import logging
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import evaluators
import neat
from evaluators import devices
from evaluators.environments import CartPole
from tests.support.evolving import make_config


class Cupy:
    """What resolve_device asks of cupy, of a machine with these GPUs."""

    class CUDARuntimeError(RuntimeError):
        pass

    def __init__(self, capabilities=((9, 0),), error=None):
        def count():
            if error:
                raise self.CUDARuntimeError(error)
            return len(capabilities)

        def properties(index):
            major, minor = capabilities[index]
            return {"major": major, "minor": minor, "name": b"NVIDIA H200"}

        runtime = SimpleNamespace(
            getDeviceCount=count, getDeviceProperties=properties, CUDARuntimeError=self.CUDARuntimeError
        )
        self.cuda = SimpleNamespace(runtime=runtime)


@pytest.fixture
def machine(monkeypatch):
    """Makes the machine seem to have a driver, the packages and some GPUs."""

    def make(driver=True, missing=(), **cupy):
        def load(name):
            if not driver:
                raise OSError(name)

        find = importlib.util.find_spec
        monkeypatch.setattr(ctypes, "CDLL", load)
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name in missing else find("numpy")
        )
        monkeypatch.setitem(sys.modules, "cupy", Cupy(**cupy))
        devices._gpu_unsupported_reason.cache_clear()
        devices._log_once.cache_clear()

    yield make
    monkeypatch.undo()
    devices._gpu_unsupported_reason.cache_clear()
    devices._log_once.cache_clear()


@pytest.mark.parametrize("device", ["tpu", None, 0, "cuda:", "cuda:x", "cuda:-1", "CUDA", "cuda:0,1"])
def test_unknown_devices_are_refused(device):
    with pytest.raises(ValueError) as error:
        devices.resolve_device(device)
    assert str(error.value) == (
        f"device: expected 'auto', 'cpu', 'cuda', 'cuda:1' or 'cuda:*', got {device!r}"
    )


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        ({"driver": False}, "no NVIDIA driver was found"),
        ({"missing": ("cupy",)}, "cupy must be installed: pip install 'batchneat[cuda]'"),
        (
            {"missing": ("cupy", "numba_cuda")},
            "cupy and numba_cuda must be installed: pip install 'batchneat[cuda]'",
        ),
        ({"capabilities": ()}, "the NVIDIA driver reports no GPU"),
        ({"error": "insufficient driver"}, "the NVIDIA driver reports no GPU (insufficient driver)"),
        (
            {"capabilities": ((6, 1),)},
            "cuda:0 has compute capability 6.1, and 7.5 or later is required",
        ),
    ],
)
def test_without_a_gpu_auto_is_the_cpu_and_says_why(there, reason, machine, caplog):
    machine(**there)
    with caplog.at_level(logging.INFO, "evaluators"):
        assert devices.resolve_device("cpu") == ("cpu",)
        assert not caplog.messages
        assert devices.resolve_device("auto") == ("cpu",)
        assert devices.resolve_device("auto") == ("cpu",)
    assert caplog.messages == [f"device: the CPU ({reason})"]
    for device in ("cuda", "cuda:0", "cuda:*"):
        with pytest.raises(ValueError) as error:
            devices.resolve_device(device)
        assert str(error.value) == f"device: {reason}, got {device!r}; use 'cpu'"
        for refuses in (
            lambda device=device: evaluators.Supervised([[0.0], [1.0]], [0, 1], device=device),
            lambda device=device: evaluators.Rollout(CartPole(), device=device),
        ):
            with pytest.raises(ValueError, match=r"^device: "):
                refuses()


def test_gpus_have_numbers_and_names(machine, caplog):
    machine(capabilities=((9, 0), (12, 0)))
    with caplog.at_level(logging.INFO, "evaluators"):
        assert devices.resolve_device("auto") == ("cuda:0",)
        assert devices.resolve_device("cuda") == ("cuda:0",)
        assert devices.resolve_device("cuda:1") == ("cuda:1",)
        assert devices.resolve_device("cuda:*") == ("cuda:0", "cuda:1")
    assert caplog.messages == [
        "device: cuda:0 (NVIDIA H200)",
        "device: cuda:1 (NVIDIA H200)",
        "device: cuda:0 (NVIDIA H200), cuda:1 (NVIDIA H200)",
    ]
    with pytest.raises(
        ValueError, match=r"^device: expected cuda:0 to cuda:1, which this machine has, got 'cuda:2'$"
    ):
        devices.resolve_device("cuda:2")


def test_a_gpu_that_is_opened_changes_no_memory_of_populations(monkeypatch):
    pinned = []

    def empty_pinned(shape, dtype):
        pinned.append(shape)
        return np.empty(shape, dtype)

    cupy = Cupy()
    device = SimpleNamespace(attributes={"MaxSharedMemoryPerBlockOptin": 1, "MultiProcessorCount": 1})
    cupy.cuda.Device = lambda index: device
    cupy.cuda.memory = SimpleNamespace(OutOfMemoryError=MemoryError)
    cupy.cuda.driver = SimpleNamespace(CUDADriverError=RuntimeError)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "cupyx", SimpleNamespace(empty_pinned=empty_pinned))
    arrays = devices._Cupy("cuda:0")
    population = neat.Population(make_config(population_size=30))
    population.run(lambda genomes: np.diff(genomes.arrays.connection_offset).astype(float), generations=3)
    assert not pinned
    assert arrays.empty_host(10).nbytes == 10 and pinned == [(10,)]


def test_an_array_of_a_gpu_is_not_copied_to_the_host_in_silence():
    class Remote:
        def __array__(self, *arguments, **options):
            raise TypeError("implicit conversion is not allowed")

    with pytest.raises(ValueError, match=r"^inputs: expected an array in the host's memory, got Remote$"):
        evaluators.Supervised(Remote(), [0, 1])
