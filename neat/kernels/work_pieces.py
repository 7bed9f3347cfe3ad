"""Pieces of a range of genomes: the threads that share a kernel claim them one after another by an atomic counter.

A kernel's loop is `for genome in claimed(pieces)`, so that each thread calls the kernel once, however many pieces it
takes: a call from Python costs up to 30 µs for a kernel of fifty arrays, and no other thread runs Python meanwhile.
"""

from __future__ import annotations

import platform

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

from neat.kernels.jit import function, kernel

# The elements of an array of pieces.
_NEXT, _DONE, _COUNT, _SIZE = range(4)
_LINGER = 100  # polls, some 3 µs

IS_COMPILED = not getattr(config, "DISABLE_JIT", False)


def pieces_of(count: int, size: int) -> np.ndarray:
    """The genomes 0 … count in pieces of `size`, none of them claimed: int64 (4,)."""
    return np.array([0, 0, count, size])


def all_done(pieces: np.ndarray) -> bool:
    """Whether all genomes are done."""
    return bool(pieces[_DONE] >= pieces[_COUNT])


def withdraw(pieces: np.ndarray) -> None:
    """Leave nothing to claim."""
    pieces[_NEXT] = pieces[_COUNT]


@intrinsic
def _fetch_add(typing_context, array, index, value):
    """Add to an element of an int64 array atomically; its value before."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.atomic_rmw("add", builder.gep(data, [arguments[1]]), arguments[2], "seq_cst")

    return types.int64(array, types.int64, types.int64), generate


@intrinsic
def _load(typing_context, array, index):
    """An element of an int64 array, with all that other threads wrote before they added to it."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load_atomic(builder.gep(data, [arguments[1]]), "acquire", 8)

    return types.int64(array, types.int64), generate


@intrinsic
def _pause(typing_context):
    """Leave the core to its other hardware thread for some cycles, where the processor has an instruction for it."""

    def generate(context, builder, signature, arguments):
        if platform.machine() in ("x86_64", "AMD64"):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.none(), generate


def _plain_fetch_add(array: np.ndarray, index: int, value: int) -> int:
    before = int(array[index])
    array[index] += value
    return before


if not IS_COMPILED:
    _fetch_add = _plain_fetch_add


@function(_nrt=False)
def claimed(pieces):
    """Claim pieces until none is left, and yield their genomes."""
    count, size = pieces[_COUNT], pieces[_SIZE]
    while True:
        begin = _fetch_add(pieces, _NEXT, size)
        if begin >= count:
            return
        end = min(begin + size, count)
        for genome in range(begin, end):  # noqa: UP028  numba cannot compile `yield from`
            yield genome
        _fetch_add(pieces, _DONE, end - begin)


@kernel(allocates=False)
def await_done(pieces, polls):
    """Look so many times whether all genomes are done.

    The thread that has just done the last of them runs a few lines of Python now, for which it needs the global lock.
    If this one asked for the lock at the same time it would be put to sleep, so it lingers.
    """
    for _ in range(polls):
        if _load(pieces, _DONE) >= pieces[_COUNT]:
            break
        _pause()
    for _ in range(_LINGER):
        _pause()
