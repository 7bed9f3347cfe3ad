"""All changes that batchneat makes to numba-cuda, with their reasons. Remove each one when upstream has it.

1. NVIDIA's compiler rounds a product and a sum once wherever it can. Here it does so only in the functions that
   `neat.kernels.jit` fuses on the CPU too, so that physics has the same bits on both devices. These functions have the
   option "fastmath", which is hidden from numba-cuda: it would use approximate divisions, sines and exponentials.
2. LLVM's remainder and its rounding to an integer become calls of NVIDIA's library. NVIDIA's compiler computes wrong
   remainders of infinity, and rejects the rounding.
3. numba-cuda computes an element's address in a strided array as an integer, so that the compiler no longer knows that
   the element is in shared memory. numba's own function keeps pointers, and replaces numba-cuda's.
4. numba-cuda does not support some of NumPy's scalar functions, such as `np.sqrt`, nor arithmetic with whole arrays,
   such as `state *= 2`. It has nearly all implementations, under the same names as numba. It lacks the table that
   assigns them to NumPy's functions; numba's table for the CPU takes its place.
5. NumPy's random numbers raise an error. numba-cuda would use numba's for the CPU, which can recurse without end.
6. Builds that cannot be read or saved raise no error (see `neat.kernels.disk_cache`).
7. numba-cuda cannot be imported with NumPy 2.5 or later, which has no `np.row_stack`. The import gets a substitute.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import math
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numba.core.cgutils
import numpy as np
from numba import types
from numba.core.errors import TypingError
from numba.cuda import cgutils, dispatcher, libdevice
from numba.cuda.cpython import numbers
from numba.cuda.cudadrv import nvvm
from numba.cuda.np import npyfuncs
from numba.cuda.typing.context import BaseContext
from numba.cuda.ufuncs import ufunc_db
from numba.np.ufunc_db import get_ufunc_info

from neat.kernels.disk_cache import make_tolerant

WRITTEN_FOR = "0.30"  # the version of numba-cuda
VERSION = importlib.metadata.version("numba-cuda")


@contextlib.contextmanager
def _replaced(owner: Any, name: str, change: Callable[[Any], Any]) -> Iterator[None]:
    """Replace an attribute of numba-cuda's module or class `owner` by `change(attribute)` within the context.

    Raises:
        RuntimeError: There is no such attribute.
    """
    if name not in vars(owner):
        raise RuntimeError(
            f"numba-cuda {VERSION} has no {owner.__name__}.{name}, which batchneat changes; "
            f"install numba-cuda {WRITTEN_FOR}, or use device='cpu'"
        )
    before = vars(owner)[name]
    setattr(owner, name, change(before))
    try:
        yield
    finally:
        setattr(owner, name, before)


def warn_of_version(version: str) -> None:
    """Warn if these changes were written for another version of numba-cuda than `version`."""
    if version != WRITTEN_FOR and not version.startswith(f"{WRITTEN_FOR}."):
        warnings.warn(
            f"batchneat was tested with numba-cuda {WRITTEN_FOR}, got {version}: results of a GPU may differ from the "
            f"CPU's; if they do, install numba-cuda {WRITTEN_FOR}",
            RuntimeWarning,
            stacklevel=2,
        )


warn_of_version(VERSION)
if not hasattr(np, "row_stack"):
    setattr(np, "row_stack", lambda arrays: np.vstack(arrays))  # noqa: B010
    try:
        importlib.import_module("numba.cuda.np.arrayobj")
    finally:
        delattr(np, "row_stack")

_OPERAND = r'(%"[^"]*"|[^\s,]+)'
_ARITHMETIC = re.compile(rf"(%\S+) = f(add|sub|mul) (float|double) {_OPERAND}, {_OPERAND}")
_DEFINED = re.compile(r"^define .*?@\"?([^\"(]+)\"?\(", re.MULTILINE)
_DECLARED = re.compile(r'^declare .*?@"?([^"(]+)"?\(.*\n', re.MULTILINE)
_REMAINDER = re.compile(rf"= frem (?:\w+ )*(float|double) {_OPERAND}, {_OPERAND}")
_RINT = re.compile(r'@"?llvm\.rint\.f(32|64)"?')
_RINTS = {"32": "__nv_rintf", "64": "__nv_rint"}
_FMODS = {"float": "__nv_fmodf", "double": "__nv_fmod"}
_MINUS_ZERO = "0x8000000000000000"
_LETTER = {"float": "f", "double": "d"}

KernelCache = make_tolerant(dispatcher.CUDACache)
_fused: set[str] = set()  # mangled names of functions in which a product and a sum may be rounded once


@contextlib.contextmanager
def patched() -> Iterator[None]:
    """Let numba-cuda compile with all these changes within the context, which one thread at a time may enter.

    Raises:
        RuntimeError: This version of numba-cuda lacks an attribute that is changed.
    """
    with contextlib.ExitStack() as stack:
        for owner, name, change in (
            (dispatcher, "compile_cuda", _compile_noting_fused),
            (nvvm, "compile_ir", _compile_rewritten),
            (cgutils, "pointer_add", lambda _: numba.core.cgutils.pointer_add),
            (BaseContext, "resolve_value_type", _refuse_random),
            (dispatcher, "CUDACache", lambda _: KernelCache),
        ):
            stack.enter_context(_replaced(owner, name, change))
        table = ufunc_db()
        stack.callback(table.update, dict(table))
        stack.callback(table.clear)  # the stack calls this before `update`
        table.update(missing_ufuncs())
        yield


# ---------------------------------------------------------------- 1 and 2: rounding, remainders


def _compile_noting_fused(compile_cuda: Any) -> Any:
    def compile_noting(*arguments: Any, **options: Any) -> Any:
        fused = options.pop("fastmath", False)
        result = compile_cuda(*arguments, **options)
        if fused:
            _fused.add(result.fndesc.mangled_name)
        return result

    return compile_noting


def _compile_rewritten(compile_ir: Any) -> Any:
    def compile_rewritten(modules: Any, **options: Any) -> Any:
        texts = [call_library(text) for text in ([modules] if isinstance(modules, str) else modules)]
        return compile_ir([text if _is_fused(text) else _round_each(text) for text in texts], **options)

    return compile_rewritten


def call_library(module: str) -> str:
    """Return LLVM code that calls NVIDIA's library for remainders and for rounding to the nearest integer."""
    text = _RINT.sub(lambda match: f"@{_RINTS[match[1]]}", module)

    def call(match: re.Match[str]) -> str:
        kind, left, right = match.groups()
        return f"= call {kind} @{_FMODS[kind]}({kind} {left}, {kind} {right})"

    text = _REMAINDER.sub(call, text)
    for kind, name in _FMODS.items():
        if f"@{name}(" in text:
            text += f"\ndeclare {kind} @{name}({kind}, {kind})\n"
    declared: set[str] = set()

    def declare_once(match: re.Match[str]) -> str:
        known = match[1] in declared
        declared.add(match[1])
        return "" if known else match[0]

    return _DECLARED.sub(declare_once, text)


def _is_fused(module: str) -> bool:
    return any(name in _fused for name in _DEFINED.findall(module))


def _round_each(module: str) -> str:
    """Return LLVM code in which every sum, difference and product is rounded by itself."""
    kinds: set[tuple[str, str]] = set()

    def replace(match: re.Match[str]) -> str:
        result, operation, kind, left, right = match.groups()
        if left == _MINUS_ZERO:
            return match[0]  # a negation
        before = ""
        if operation == "sub":  # a - b is a + (-b)
            negated = '%"' + result.strip('%"') + '.minus"'
            before, operation, right = f"{negated} = fsub {kind} {_MINUS_ZERO}, {right}\n  ", "add", negated
        kinds.add((operation, kind))
        name = f"llvm.nvvm.{operation}.rn.{_LETTER[kind]}"
        return f"{before}{result} = call {kind} @{name}({kind} {left}, {kind} {right})"

    text = _ARITHMETIC.sub(replace, module)
    declared = [
        f"declare {kind} @llvm.nvvm.{operation}.rn.{_LETTER[kind]}({kind}, {kind})"
        for operation, kind in sorted(kinds)
    ]
    return "\n".join([text, *declared, ""])


# ---------------------------------------------------------------- 4: NumPy's functions

# NumPy's letters for the types of numbers in user-defined functions.
_LETTERS = set("?bBhHiIlLqQfd->")

# NumPy's functions for which numba-cuda has implementations.
NUMBA_CUDA_IMPLEMENTED = (
    np.absolute,
    np.add,
    np.ceil,
    np.copysign,
    np.float_power,
    np.floor,
    np.floor_divide,
    np.fmod,
    np.isfinite,
    np.isinf,
    np.multiply,
    np.negative,
    np.positive,
    np.power,
    np.reciprocal,
    np.remainder,
    np.sign,
    np.signbit,
    np.square,
    np.subtract,
    np.trunc,
)

# Replacements for numba's implementations that need C's library, which a GPU lacks. They are in Python, or a pair from
# NVIDIA's library, for float64 and for float32.
OWN_IMPLEMENTATIONS: dict[Any, Callable[..., Any] | tuple[Callable[..., Any], Callable[..., Any]]] = {
    np.cbrt: (libdevice.cbrt, libdevice.cbrtf),
    np.exp: lambda x: math.exp(x),
    np.expm1: lambda x: math.expm1(x),
    np.fabs: lambda x: math.fabs(x),
    np.log1p: lambda x: math.log1p(x),
    np.rint: (libdevice.rint, libdevice.rintf),
    np.sqrt: lambda x: math.sqrt(x),
}


@functools.cache
def missing_ufuncs() -> dict[Any, dict[str, Any]]:
    """Return additions to numba-cuda's table: functions that make LLVM code, by ufunc and types in NumPy's letters."""
    ufuncs = (*NUMBA_CUDA_IMPLEMENTED, *OWN_IMPLEMENTATIONS)
    return {ufunc: _implementations(ufunc) for ufunc in ufuncs if ufunc not in ufunc_db()}


def _implementations(ufunc: Any) -> dict[str, Any]:
    own = OWN_IMPLEMENTATIONS.get(ufunc)
    names = {loop: each.__name__ for loop, each in get_ufunc_info(ufunc).items() if set(loop) <= _LETTERS}
    found = {loop: _wrap(own) if own else _find_implementation(name) for loop, name in names.items()}
    # numba and numba-cuda may be of different versions.
    return {loop: each for loop, each in found.items() if each is not None}


def _find_implementation(name: str) -> Any:
    if name == "identity_impl":
        return _wrap(lambda x: x)
    return getattr(npyfuncs, name, None) or getattr(numbers, name, None)


def _wrap(function: Any) -> Callable[..., Any]:
    """Return a function that makes LLVM code for calls of a function, or of one of a pair for float64 and float32."""

    def implement(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        chosen = function
        if isinstance(function, tuple):
            each = function[signature.args[0] == types.float32]
            chosen = lambda x: each(x)  # noqa: E731
        return context.compile_internal(builder, chosen, signature, arguments)

    return implement


# ---------------------------------------------------------------- 5: random numbers


def _refuse_random(resolve_value_type: Any) -> Any:
    def resolve(context: Any, value: Any) -> Any:
        if isinstance(getattr(value, "__self__", None), np.random.RandomState):
            raise TypingError(
                "NumPy's random numbers do not follow the run's seed; an environment must draw its own with `uniform`"
            )
        return resolve_value_type(context, value)

    return resolve
