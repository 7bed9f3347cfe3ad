"""Divide a range of genomes into pieces, which the threads that run a kernel claim by an atomic counter.

A kernel loops `for genome in claimed(pieces)`. So each thread calls it once, whatever number of pieces it claims. A
call from Python takes up to 30 µs for a kernel with fifty arrays, and no other thread runs Python during that time.
"""

from __future__ import annotations

import platform

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

from neat.kernels.jit import function, inner_function, kernel

# The elements of an array of pieces.
_NEXT, _DONE, _COUNT, _SIZE = range(4)
_LINGER = 100  # pauses, some 3 µs

IS_COMPILED = not getattr(config, "DISABLE_JIT", False)


def pieces_of(count: int, size: int) -> np.ndarray:
    """Return the genomes from 0 to `count` - 1 in pieces of `size`, none of them claimed, as int64 (4,)."""
    return np.array([0, 0, count, size])


def all_done(pieces: np.ndarray) -> bool:
    """Return whether all genomes are done."""
    return bool(pieces[_DONE] >= pieces[_COUNT])


def withdraw(pieces: np.ndarray) -> None:
    """Withdraw the pieces that no thread has claimed."""
    pieces[_NEXT] = pieces[_COUNT]


@intrinsic
def _fetch_add(typing_context, array, index, value):
    """Add to an element of an int64 array atomically, and return its value before."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.atomic_rmw("add", builder.gep(data, [arguments[1]]), arguments[2], "seq_cst")

    return types.int64(array, types.int64, types.int64), generate


@intrinsic
def _load(typing_context, array, index):
    """Return an element of an int64 array; what other threads wrote before they added to it is visible then."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load_atomic(builder.gep(data, [arguments[1]]), "acquire", 8)

    return types.int64(array, types.int64), generate


@intrinsic
def _pause(typing_context):
    """Leave the core to its other hardware thread for some cycles, if the processor has an instruction for that."""

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


@inner_function
def claim(pieces, done):
    """Mark the genomes of the last piece as done, and claim the next piece.

    Args:
        pieces: See `pieces_of`.
        done: The number of genomes of the last piece, 0 at first.

    Returns:
        (begin, end): the piece has the genomes `begin` to `end`; none if they are equal.
    """
    if done > 0:
        _fetch_add(pieces, _DONE, done)
    begin = min(_fetch_add(pieces, _NEXT, pieces[_SIZE]), pieces[_COUNT])
    return begin, min(begin + pieces[_SIZE], pieces[_COUNT])


@function(_nrt=False)
def claimed(pieces):
    """Claim pieces until none is left, and yield their genomes.

    This takes some 80 ns for each genome. Use `claim` where a genome takes less than some microseconds.
    """
    begin, end = claim(pieces, 0)
    while begin < end:
        for genome in range(begin, end):  # noqa: UP028  numba cannot compile `yield from`
            yield genome
        begin, end = claim(pieces, end - begin)


@kernel(allocates=False)
def await_done(pieces, polls):
    """Wait until all genomes are done, for at most `polls` polls, and then a little longer.

    The thread that does the last genome runs a few lines of Python afterwards, for which it needs the global lock. If
    the caller requested the lock at the same time, the system would put it to sleep.
    """
    for _ in range(polls):
        if _load(pieces, _DONE) >= pieces[_COUNT]:
            break
        _pause()
    for _ in range(_LINGER):
        _pause()
