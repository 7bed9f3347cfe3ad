"""How numba-cuda compiles kernels: with the CPU's arithmetic, and with pointers that stay pointers."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numba.core.cgutils
from numba.cuda import cgutils, dispatcher
from numba.cuda.cudadrv import nvvm
from numba.cuda.ufuncs import ufunc_db

from evaluators.ufuncs import missing

_ARITHMETIC = re.compile(r"(%\S+) = f(add|sub|mul) (float|double) (\S+), (\S+)")
_DEFINED = re.compile(r"^define .*?@\"?([^\"(]+)\"?\(", re.MULTILINE)
_MINUS_ZERO = "0x8000000000000000"
_LETTER = {"float": "f", "double": "d"}

_fused: set[str] = set()  # names of functions in which a product and a sum may be rounded once


@contextlib.contextmanager
def as_on_the_cpu() -> Iterator[None]:
    """While this holds, kernels are compiled so.

    NVIDIA's compiler rounds a product and a sum once wherever it can. Here it does so in the functions that
    `neat.jit` fuses on the CPU too, and nowhere else, so that physics has the same bits on both. To numba-cuda, what is
    fused is "fastmath", for which it would take approximate divisions, sines and exponentials; it is not told.

    numba-cuda computes an element's address in a strided array as an integer, after which the compiler no longer sees
    that it is in shared memory; numba's own code for it, which is used instead, does not.

    NumPy's functions of numbers that numba-cuda does not know are there too (see `evaluators.ufuncs`).
    """
    compile_cuda, compile_ir = dispatcher.compile_cuda, nvvm.compile_ir

    def noting_fused(*arguments: Any, **options: Any) -> Any:
        fused = options.pop("fastmath", False)
        result = compile_cuda(*arguments, **options)
        if fused:
            _fused.add(result.fndesc.mangled_name)
        return result

    def rounding(modules: Any, **options: Any) -> Any:
        texts = [modules] if isinstance(modules, str) else modules
        return compile_ir([text if _is_fused(text) else _rounded(text) for text in texts], **options)

    with (
        mock.patch.object(dispatcher, "compile_cuda", noting_fused),
        mock.patch.object(nvvm, "compile_ir", rounding),
        mock.patch.object(cgutils, "pointer_add", numba.core.cgutils.pointer_add),
        mock.patch.dict(ufunc_db(), missing()),
    ):
        yield


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
