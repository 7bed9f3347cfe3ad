"""Export to SymPy's expressions and to LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from evaluators.export.graph import Graph, GraphNode
from evaluators.export.interface import Interface, build
from evaluators.export.target import Target
from evaluators.models.model import Model
from neat.genome.genome import Genome
from neat.support.messages import quote

if TYPE_CHECKING:
    import sympy


class Expressions(NamedTuple):
    """A network as SymPy's expressions, which are in float64 where they are evaluated."""

    inputs: list[sympy.Symbol]
    """The inputs: x0, x1, … or the names of the interface."""
    outputs: list[sympy.Expr]
    """An expression for each output."""
    state: list[sympy.Symbol]
    """For recurrent networks, the nodes' values in the step before, which are 0 at first; otherwise empty."""
    next_state: list[sympy.Expr]
    """For recurrent networks, an expression for the value of each node; otherwise empty."""


def to_sympy(source: Genome | Model, interface: Interface | None = None) -> Expressions:
    """Return a network as SymPy's expressions, of the inputs and, for a recurrent network, of its state.

    The expression of a node is repeated wherever the node is read. It is thus long for a network with many paths, as
    `to_latex` is not, which has an equation for each node. Call `sympy.lambdify` with `cse=True` to compute with it.

    Args:
        source: The genome, or a model, whose names and scales are exported too.
        interface: Names of the symbols, and scales.

    Raises:
        ValueError: The genome has a user-defined function, or `interface` does not fit it.
        ImportError: SymPy is not installed.
    """
    sympy = _import_sympy("to_sympy")
    graph, interface = build(source, interface)
    names = interface.input_names or [f"x{k}" for k in range(graph.num_inputs)]
    inputs = [sympy.Symbol(name, real=True) for name in names]
    state = [] if graph.feed_forward else [sympy.Symbol(f"node_{n.id}", real=True) for n in graph.nodes]
    for symbol in set(inputs) & set(state):
        raise ValueError(f"input_names: {quote(symbol.name)} is the symbol of a node; choose another name")
    outputs, nodes = _SymPy().run(graph, interface, inputs, state)
    return Expressions(inputs, outputs, state, nodes if state else [])


def to_latex(source: Genome | Model, interface: Interface | None = None) -> str:
    """Return a network as LaTeX for math mode: an equation for each node, and one for each activation in use.

    Inputs are x₀, x₁, …, outputs y₀, y₁, …, and the other nodes h with their id. Names of the interface replace those
    of inputs and outputs. In recurrent networks, values have the time t as a second index. It needs amsmath.

    Args:
        source: The genome, or a model, whose names and scales are exported too.
        interface: Names and scales.

    Raises:
        ValueError: The genome has a user-defined function, or `interface` does not fit it.
        ImportError: SymPy is not installed.
    """
    _import_sympy("to_latex")
    graph, interface = build(source, interface)
    target = _Latex(graph, interface)
    inputs = [target.symbol(name) for name in _names("x", graph.num_inputs, interface.input_names)]
    state = [] if graph.feed_forward else [target.symbol(target.name(node), -1) for node in graph.nodes]
    outputs, _ = target.run(graph, interface, inputs, state)
    if target.has_output_equations:
        names = _names("y", len(outputs), interface.output_names)
        target.equations += [(target.symbol(name), value) for name, value in zip(names, outputs, strict=True)]
    return target.text()


def _import_sympy(caller: str) -> Any:
    try:
        import sympy
    except ImportError:
        raise ImportError(f"{caller} needs sympy: pip install 'batchneat[sympy]'") from None
    return sympy


class _SymPy(Target):
    """Computes with expressions, which SymPy may not simplify where that takes long."""

    def __init__(self) -> None:
        import sympy
        from sympy.codegen.cfunctions import expm1, log1p

        from evaluators.export.sympy_functions import IfPositive, IfZero, MaxAbs, Median

        self._sympy: Any = sympy
        self.vocabulary: dict[str, Any] = {
            **{name: getattr(sympy, name) for name in ("exp", "log", "sin", "cos", "tanh")},
            "expm1": expm1,
            "log1p": log1p,
            "number": _exact,
            "maximum": lambda x, low: sympy.Max(x, low, evaluate=False),
            "clip": lambda x, limit: sympy.Max(sympy.Min(x, limit, evaluate=False), -limit, evaluate=False),
            "if_positive": IfPositive,
            "step": lambda x: IfPositive(x, 1, 0),
            "reciprocal": lambda x: IfZero(x, 0, 1 / x),
        }
        self.reductions = {
            "sum": lambda values: sympy.Add(*values),
            "product": lambda values: sympy.Mul(*values),
            "mean": lambda values: sympy.Add(*values) / len(values),
            "max": lambda values: sympy.Max(*values, evaluate=False),
            "min": lambda values: sympy.Min(*values, evaluate=False),
            "median": lambda values: Median(*values),
            "maxabs": lambda values: MaxAbs(*values),
        }

    def constant(self, number: float) -> Any:
        return self._sympy.sympify(_exact(number))

    def activate(self, node: GraphNode, x: Any) -> Any:
        value = super().activate(node, x)
        return value.doit() if x.is_Number else value

    def weigh(self, position: int, node: GraphNode, values: list[Any]) -> list[Any]:
        return [_exact(weight) * value for weight, value in zip(node.weights, values, strict=True)]

    def numbers(self, position: int, node: GraphNode) -> Any:
        return type(node.numbers)(*map(_exact, node.numbers))


class _Latex(_SymPy):
    """Writes an equation for each node, which stands for itself in the equations of other nodes."""

    def __init__(self, graph: Graph, interface: Interface) -> None:
        super().__init__()
        # People read equations, so that they do not have to be accurate in floating point.
        self.vocabulary |= {
            "expm1": lambda x: self._sympy.exp(x) - 1,
            "softplus": lambda x: self._sympy.log(1 + self._sympy.exp(x)),
        }
        self.equations: list[tuple[Any, Any]] = []
        self.has_output_equations = not (interface.output_shift is None and interface.output_scale is None)
        self._definitions: dict[str, Any] = {}
        self._is_timed = not graph.feed_forward
        self._output_name: dict[int, str] = {}
        if not self.has_output_equations:
            names = _names("y", len(graph.outputs), interface.output_names)
            nodes = [graph.nodes[position].id for position in graph.outputs]
            self._output_name = dict(zip(nodes, names, strict=True))

    def name(self, node: GraphNode) -> str:
        """Return the name of a node."""
        return self._output_name.get(node.id, f"h_{{{node.id}}}")

    def symbol(self, name: str, delay: int = 0) -> Any:
        """Return the symbol of a value at time t + delay."""
        if self._is_timed:
            time = f"t{delay}" if delay else "t"
            name = f"{name[:-1]},{time}}}" if name[1:2] == "_" else f"{name}_{{{time}}}"
        return self._sympy.Symbol(name, real=True)

    def activate(self, node: GraphNode, x: Any) -> Any:
        """Return the activation as a named function, which the text defines once."""
        name = _roman(node.activation.name)
        if node.activation.name == "identity":
            return x
        if name not in self._definitions:
            self._definitions[name] = super().activate(node, self._sympy.Symbol("x", real=True))
        return self._sympy.Function(name)(x)

    def keep(self, node: GraphNode, value: Any) -> Any:
        """Add a node's equation."""
        symbol = self.symbol(self.name(node))
        self.equations.append((symbol, value))
        return symbol

    def text(self) -> str:
        """Return all equations."""
        latex = self._sympy.latex
        lines = [f"{latex(left)} &= {latex(right)}" for left, right in self.equations]
        lines += [f"{name}(x) &= {latex(value)}" for name, value in self._definitions.items()]
        joined = " \\\\\n".join(lines)
        return f"\\begin{{aligned}}\n{joined}\n\\end{{aligned}}\n"


def _exact(number: float) -> int | float:
    """Return a whole number as an int, since SymPy keeps factors and terms such as 1.0 and 0.0."""
    return int(number) if number.is_integer() else number


def _names(letter: str, count: int, given: Sequence[str] | None) -> list[str]:
    """Return LaTeX for the names of inputs or outputs."""
    return [_roman(name) for name in given] if given else [f"{letter}_{{{k}}}" for k in range(count)]


_ESCAPES = {
    **{character: f"\\{character}" for character in "#$%&_{}"},
    **{" ": "\\ ", "\\": "\\backslash ", "^": "\\hat{}", "~": "\\tilde{}"},
}


def _roman(name: str) -> str:
    return f"\\mathrm{{{''.join(_ESCAPES.get(character, character) for character in name)}}}"
