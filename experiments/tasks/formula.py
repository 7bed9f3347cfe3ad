"""Formulas from the command line, evaluated without executing them as Python code."""

from __future__ import annotations

import ast
from collections.abc import Callable

import numpy as np

_FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    name: getattr(np, name)
    for name in (
        "sin",
        "cos",
        "tan",
        "tanh",
        "exp",
        "log",
        "sqrt",
        "abs",
        "sign",
        "floor",
        "minimum",
        "maximum",
    )
}
_GREATEST = 1e300
_CONSTANTS = {"pi": np.pi, "e": np.e}
_OPERATORS: dict[type[ast.AST], Callable[..., np.ndarray]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
    ast.Mod: np.mod,
    ast.USub: np.negative,
    ast.UAdd: np.positive,
}


class Formula:
    """A formula of named variables, for example "sin(x) * y ** 2".

    Args:
        text: Numbers, names, + - * / ** %, and the functions and constants listed in errors.

    Attributes:
        variables: Names of the variables, sorted.

    Raises:
        ValueError: The text is not a formula, or has no variable.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._body = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else str(error)
            raise ValueError(f"formula: {reason}, got {text!r}") from None
        names: set[str] = set()
        self._check(self._body, names)
        self.variables = sorted(names)
        if not names:
            raise ValueError(f"formula: must have a variable, got {text!r}")

    def __call__(self, values: dict[str, np.ndarray]) -> np.ndarray:
        """Return the formula's values, float64, for arrays of its variables."""
        with np.errstate(all="ignore"):
            result = _evaluate(self._body, values)
        return np.broadcast_to(result, next(iter(values.values())).shape)

    def _check(self, node: ast.AST, names: set[str]) -> None:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                if not abs(number) < _GREATEST:
                    raise ValueError(f"formula: numbers must be below {_GREATEST}, got {self.text!r}")
            case ast.Name(id=name):
                if name in _FUNCTIONS:
                    raise ValueError(f"formula: {name} needs an argument, got {self.text!r}")
                names.update({name} - _CONSTANTS.keys())
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
                self._check(operand, names)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                self._check(left, names)
                self._check(right, names)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                expected = 2 if name in ("minimum", "maximum") else 1
                if len(args) != expected:
                    raise ValueError(f"formula: {name} takes {expected} argument(s), got {len(args)}")
                for argument in args:
                    self._check(argument, names)
            case _:
                raise ValueError(
                    f"formula: {ast.unparse(node)!r} is not allowed; allowed are numbers, variables, "
                    f"+ - * / ** %, {', '.join([*_CONSTANTS, *_FUNCTIONS])}"
                )


def _evaluate(node: ast.AST, values: dict[str, np.ndarray]) -> np.ndarray | np.float64:
    match node:
        case ast.Constant(value=int() | float() as number):
            return np.float64(number)
        case ast.Name(id=name):
            return values[name] if name in values else np.float64(_CONSTANTS[name])
        case ast.UnaryOp(op=op, operand=operand):
            return _OPERATORS[type(op)](_evaluate(operand, values))
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_evaluate(left, values), _evaluate(right, values))
        case ast.Call(func=ast.Name(id=name), args=args):
            return _FUNCTIONS[name](*(_evaluate(argument, values) for argument in args))
    raise AssertionError(node)
