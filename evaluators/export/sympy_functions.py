"""Functions that SymPy lacks. Import this module only where SymPy is needed."""

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


class _Choice(sympy.Function):
    """A choice between its second and third argument by the first, a real.

    SymPy's Piecewise moves pieces out of conditions, which takes exponential time where choices are nested.
    `rewrite(sympy.Piecewise)` returns one.
    """

    nargs = 3
    is_extended_real = True
    relation: Any
    operator: str

    @classmethod
    def eval(cls, x: Any, first: Any, second: Any) -> Any:
        """Return the chosen argument if the first is a number."""
        return (first if cls.relation(x, 0) else second) if x.is_Number else None

    def _eval_derivative(self, symbol: Any) -> Any:
        x, first, second = self.args
        return self.func(x, first.diff(symbol), second.diff(symbol))

    def _eval_rewrite_as_Piecewise(self, x: Any, first: Any, second: Any, **_: Any) -> Any:
        return sympy.Piecewise((first, self.relation(x, 0)), (second, True))

    def _pythoncode(self, printer: Any) -> str:
        x, first, second = map(printer._print, self.args)
        return f"(({first}) if ({x}) {self.operator} 0 else ({second}))"

    def _numpycode(self, printer: Any) -> str:
        x, first, second = map(printer._print, self.args)
        return f"{printer._module_format('numpy.where')}(({x}) {self.operator} 0, {first}, {second})"

    def _latex(self, printer: Any) -> str:
        return printer._print(self.rewrite(sympy.Piecewise))


class IfPositive(_Choice):
    """The second argument where the first is above 0, and the third elsewhere."""

    relation, operator = sympy.Gt, ">"


class IfZero(_Choice):
    """The second argument where the first is 0, and the third elsewhere."""

    relation, operator = sympy.Eq, "=="


def _list(function: sympy.Function, printer: Any) -> str:
    return ", ".join(map(printer._print, function.args))


def _stack(function: sympy.Function, printer: Any) -> str:
    """Return NumPy's code for an array of all arguments, which can be arrays and numbers."""
    stack, broadcast = map(printer._module_format, ("numpy.stack", "numpy.broadcast_arrays"))
    return f"{stack}({broadcast}({_list(function, printer)}))"
