"""Comparison of a launch's arguments with those of numba-cuda's own launch; it needs no GPU."""

import ctypes
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("numba_cuda")
if __import__("numba").config.ENABLE_CUDASIM:
    pytest.skip("the simulator launches in its own way", allow_module_level=True)

from numba import types
from numba.cuda import dispatcher
from numba.cuda.cudadrv.devicearray import DeviceNDArray
from numba.cuda.cudadrv.dummyarray import Array

from evaluators.environments import CartPole, DoublePole
from evaluators.gpu import gradient_kernels, launcher, specialisations

KERNELS = {
    "compile": specialisations.compile_kernel(True),
    "activate": specialisations.activate_kernel(True),
    "score": specialisations.score_kernel(False),
    "add": specialisations.add_kernel(),
    "combine": specialisations.combine_kernel(),
    "differentiate": gradient_kernels.differentiate_kernel(True),
    "play, float32": specialisations.play_kernel(CartPole().functions(), "argmax", True),
    "play, float64": specialisations.play_kernel(DoublePole.stanley().functions(), "scaled", True),
}
NUMBERS = {
    types.float32: np.float32(0.1),
    types.float64: 0.1,
    types.uint32: np.uint32(2**31 + 1),
    types.uint64: np.uint64(2**63 + 5),
    types.int64: -3,
    types.boolean: True,
}


class NumbaArray(DeviceNDArray):
    """A device array of numba-cuda with an address without memory."""

    def __init__(self, array):
        self._dummy = Array.from_desc(0, array.shape, array.strides, array.itemsize)
        self.shape, self.strides, self.dtype = array.shape, array.strides, array.dtype
        self.size, self.ndim, self.stream = array.size, array.ndim, 0
        self._address = array.data.ptr

    @property
    def device_ctypes_pointer(self):
        return ctypes.c_void_p(self._address)


def cupy_array(rng, kind):
    """Return a stand-in for an array of cupy, with the attributes that launches read."""
    dtype = np.dtype(bool if kind.dtype == types.boolean else str(kind.dtype))
    shape = tuple(int(n) for n in rng.integers(1, 7, kind.ndim))
    strides = np.empty(shape, dtype).strides
    if kind.layout == "A":
        shape, strides = shape[::-1], tuple(2 * n for n in strides[::-1])
    pointer = SimpleNamespace(ptr=int(rng.integers(2**40, 2**47)))
    return SimpleNamespace(
        size=int(np.prod(shape)), itemsize=dtype.itemsize, ndim=kind.ndim, data=pointer,
        shape=shape, strides=strides, dtype=dtype,
    )  # fmt: skip


def pairs(rng, kind):
    """Return a value of this type for `launcher`, and the same for numba-cuda."""
    if isinstance(kind, types.Array):
        array = cupy_array(rng, kind)
        return launcher.argument(array), NumbaArray(array)
    if isinstance(kind, types.BaseTuple):
        ours, theirs = zip(*(pairs(rng, each) for each in kind), strict=True)
        if isinstance(kind, types.BaseNamedTuple):
            return kind.instance_class(*ours), kind.instance_class(*theirs)
        return ours, theirs
    return NUMBERS[kind], NUMBERS[kind]


def numba_words(signature, arguments):
    kernel, result = SimpleNamespace(extensions=[]), []
    kernel._prepare_args = lambda *a: dispatcher._Kernel._prepare_args(kernel, *a)
    for kind, value in zip(signature.args, arguments, strict=True):
        kernel._prepare_args(kind, value, 0, [], result)
    return result


def plain(words):
    return [(type(word).__name__, getattr(word, "value", word)) for word in words]


@pytest.mark.parametrize("name", KERNELS)
def test_arguments_equal_those_of_numba_cuda(name):
    signature = KERNELS[name].signature
    ours, theirs = zip(*(pairs(np.random.default_rng(3), kind) for kind in signature.args), strict=True)
    assert plain(launcher.words(launcher.makers(signature), ours)) == plain(numba_words(signature, theirs))


@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 4), (0, 5), (1, 1)])
def test_an_array_in_a_block(shape):
    start = SimpleNamespace(ptr=4096)
    block = launcher.argument(SimpleNamespace(size=512, itemsize=1, data=start, shape=(512,), strides=(1,)))
    array = np.empty(shape, np.float32)
    there = SimpleNamespace(ptr=4096 + 128)
    whole = SimpleNamespace(size=array.size, itemsize=4, data=there, shape=shape, strides=array.strides)
    got, expected = launcher.argument_at(block, 128, shape, array.dtype), launcher.argument(whole)
    assert got[: 5 + len(shape)] == expected[: 5 + len(shape)]
    if array.size:
        assert got == expected


def test_missing_arguments_are_refused():
    signature = KERNELS["score"].signature
    ours, _ = zip(*(pairs(np.random.default_rng(3), kind) for kind in signature.args), strict=True)
    with pytest.raises(TypeError, match=r"^expected \d+ numbers as arguments, got \d+$"):
        launcher.words(launcher.makers(signature), ours[:-2])
