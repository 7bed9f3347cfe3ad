"""Aggregations that SymPy lacks. Import this module only where SymPy is needed."""

from __future__ import annotations

import statistics
from typing import Any

import sympy


class Median(sympy.Function):
    """The median of any number of reals; for an even number of them, the mean of the middle two."""

    is_extended_real = True

    @classmethod
    def eval(cls, *args: Any) -> Any:
        """Return the value if all arguments are numbers."""
        return statistics.median(args) if all(arg.is_Number for arg in args) else None

    def _pythoncode(self, printer: Any) -> str:
        middle = (len(self.args) - 1) // 2, len(self.args) // 2
        return f"(lambda v: (v[{middle[0]}] + v[{middle[1]}]) / 2)(sorted([{_list(self, printer)}]))"

    def _numpycode(self, printer: Any) -> str:
        return f"{printer._module_format('numpy.median')}({_stack(self, printer)}, axis=0)"

    def _latex(self, printer: Any) -> str:
        return rf"\operatorname{{median}}\left({_list(self, printer)}\right)"


class MaxAbs(sympy.Function):
    """The one of any number of reals that is farthest from 0; the first of several."""

    is_extended_real = True

    @classmethod
    def eval(cls, *args: Any) -> Any:
        """Return the value if all arguments are numbers."""
        return max(args, key=abs) if all(arg.is_Number for arg in args) else None

    def _pythoncode(self, printer: Any) -> str:
        return f"max([{_list(self, printer)}], key=abs)"

    def _numpycode(self, printer: Any) -> str:
        take, largest = map(printer._module_format, ("numpy.take_along_axis", "numpy.argmax"))
        taken = f"{take}(v, {largest}(abs(v), axis=0, keepdims=True), axis=0)[0]"
        return f"(lambda v: {taken})({_stack(self, printer)})"

    def _latex(self, printer: Any) -> str:
        return rf"\operatorname{{maxabs}}\left({_list(self, printer)}\right)"


def _list(function: sympy.Function, printer: Any) -> str:
    return ", ".join(map(printer._print, function.args))


def _stack(function: sympy.Function, printer: Any) -> str:
    """Return NumPy's code for an array of all arguments, which can be arrays and numbers."""
    stack, broadcast = map(printer._module_format, ("numpy.stack", "numpy.broadcast_arrays"))
    return f"{stack}({broadcast}({_list(function, printer)}))"
