"""How numba-cuda compiles kernels: with the CPU's arithmetic, and with pointers that stay pointers."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numba.core.cgutils
import numpy as np
from numba.core.errors import TypingError
from numba.cuda import cgutils, dispatcher
from numba.cuda.cudadrv import nvvm
from numba.cuda.typing.context import BaseContext
from numba.cuda.ufuncs import ufunc_db

from evaluators.gpu.ufuncs import missing
from neat.kernels.disk_cache import tolerant

# numba-cuda 0.30 gives GPU code to `np.row_stack`, which NumPy 2.5 no longer has, and fails where it has none.
if not hasattr(np, "row_stack"):
    with mock.patch.object(np, "row_stack", lambda arrays: np.vstack(arrays), create=True):
        import numba.cuda.np.arrayobj

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

KernelCache = tolerant(dispatcher.CUDACache)
_fused: set[str] = set()  # names of functions in which a product and a sum may be rounded once


@contextlib.contextmanager
def as_on_the_cpu() -> Iterator[None]:
    """While this holds, kernels are compiled so.

    NVIDIA's compiler rounds a product and a sum once wherever it can. Here it does so in the functions that
    `neat.kernels.jit` fuses on the CPU too, and nowhere else, so that physics has the same bits on both. To numba-cuda,
    what is fused is "fastmath", for which it would take approximate divisions, sines and exponentials; it is not told.

    numba-cuda computes an element's address in a strided array as an integer, after which the compiler no longer sees
    that it is in shared memory; numba's own code for it, which is used instead, does not.

    NumPy's functions of numbers that numba-cuda does not know are there too (see `evaluators.gpu.ufuncs`). Its random
    numbers are refused: numba-cuda takes numba's for the CPU, which can end in a recursion that it does not get over.

    Builds that cannot be read or saved stop nothing (see `neat.kernels.disk_cache`).
    """
    compile_cuda, compile_ir = dispatcher.compile_cuda, nvvm.compile_ir
    resolve_value_type = BaseContext.resolve_value_type

    def noting_fused(*arguments: Any, **options: Any) -> Any:
        fused = options.pop("fastmath", False)
        result = compile_cuda(*arguments, **options)
        if fused:
            _fused.add(result.fndesc.mangled_name)
        return result

    def rounding(modules: Any, **options: Any) -> Any:
        texts = [modules] if isinstance(modules, str) else modules
        texts = [_with_library(text) for text in texts]
        return compile_ir([text if _is_fused(text) else _rounded(text) for text in texts], **options)

    def refusing_random(context: Any, value: Any) -> Any:
        if isinstance(getattr(value, "__self__", None), np.random.RandomState):
            raise TypingError(
                "NumPy's random numbers are not the run's; an environment draws its own by `uniform`"
            )
        return resolve_value_type(context, value)

    with (
        mock.patch.object(dispatcher, "CUDACache", KernelCache),
        mock.patch.object(dispatcher, "compile_cuda", noting_fused),
        mock.patch.object(nvvm, "compile_ir", rounding),
        mock.patch.object(cgutils, "pointer_add", numba.core.cgutils.pointer_add),
        mock.patch.dict(ufunc_db(), missing()),
        mock.patch.object(BaseContext, "resolve_value_type", refusing_random),
    ):
        yield


def _with_library(module: str) -> str:
    """The same LLVM code, but with NVIDIA's library for remainders and for rounding to the nearest integer.

    Of a remainder, the compiler makes a division, a product and a difference, which is wrong for infinity and where
    the division is rounded. It refuses LLVM's own rounding.
    """
    text = _RINT.sub(lambda match: f"@{_RINTS[match[1]]}", module)

    def called(match: re.Match[str]) -> str:
        kind, left, right = match.groups()
        return f"= call {kind} @{_FMODS[kind]}({kind} {left}, {kind} {right})"

    text = _REMAINDER.sub(called, text)
    for kind, name in _FMODS.items():
        if f"@{name}(" in text:
            text += f"\ndeclare {kind} @{name}({kind}, {kind})\n"
    declared: set[str] = set()

    def once(match: re.Match[str]) -> str:
        known = match[1] in declared
        declared.add(match[1])
        return "" if known else match[0]

    return _DECLARED.sub(once, text)


def _is_fused(module: str) -> bool:
    return any(name in _fused for name in _DEFINED.findall(module))


def _rounded(module: str) -> str:
    """The same LLVM code with sums, differences and products that are rounded where they stand."""
    kinds: set[tuple[str, str]] = set()

    def replaced(match: re.Match[str]) -> str:
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

    text = _ARITHMETIC.sub(replaced, module)
    declared = [
        f"declare {kind} @llvm.nvvm.{operation}.rn.{_LETTER[kind]}({kind}, {kind})"
        for operation, kind in sorted(kinds)
    ]
    return "\n".join([text, *declared, ""])
