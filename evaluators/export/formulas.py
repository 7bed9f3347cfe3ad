"""Evaluate the formulas of `neat.node_functions` with values of any type: text, symbols, tensors."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from types import CodeType
from typing import Any, NamedTuple


class Vocabulary(NamedTuple):
    """The functions of which formulas are made, for one type of values.

    Values also have the operators +, -, *, / and unary -, and ** with a small integer. Arguments can be numbers.
    """

    exp: Callable[[Any], Any]
    expm1: Callable[[Any], Any]
    log: Callable[[Any], Any]
    log1p: Callable[[Any], Any]  # of numbers from 0 to 1
    sin: Callable[[Any], Any]
    cos: Callable[[Any], Any]
    tanh: Callable[[Any], Any]
    abs: Callable[[Any], Any]
    max: Callable[[Any, Any], Any]
    min: Callable[[Any, Any], Any]
    greater: Callable[[Any, Any], Any]
    equal: Callable[[Any, Any], Any]
    select: Callable[..., Any]
    """select(test, first, second, x) is first(x) where the test holds, and second(x) elsewhere."""


def select_with(choose: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    """Return a `select` that computes both branches and calls `choose(test, first, second)`."""
    return lambda test, first, second, x: choose(test, first(x), second(x))


def evaluate(formula: str, vocabulary: Vocabulary, x: Any) -> Any:
    """Return the value of an activation's formula (see `neat.node_functions.Activation`)."""
    return eval(_compiled(formula), {"__builtins__": {}, **vocabulary._asdict()}, {"x": x})


@functools.cache
def _compiled(formula: str) -> CodeType:
    tree = _Calls().visit(ast.parse(formula, mode="eval"))
    return compile(ast.fix_missing_locations(tree), "<formula>", "eval")


class _Calls(ast.NodeTransformer):
    """Replaces what Python does not let values overload, conditions and comparisons, by calls of the vocabulary."""

    def visit_IfExp(self, node: ast.IfExp) -> ast.Call:
        self.generic_visit(node)
        x = ast.arguments([], [ast.arg("x")], None, [], [], None, [])
        branches = [ast.Lambda(x, branch) for branch in (node.body, node.orelse)]
        return _call("select", node.test, *branches, ast.Name("x", ast.Load()))

    def visit_Compare(self, node: ast.Compare) -> ast.Call:
        self.generic_visit(node)
        (operator,), (right,) = node.ops, node.comparators
        return _call({ast.Gt: "greater", ast.Eq: "equal"}[type(operator)], node.left, right)


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])
