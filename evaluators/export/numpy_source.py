"""Export to a Python function that needs only NumPy."""

from __future__ import annotations

import keyword

from evaluators.export.code import ARITHMETIC, Code, calls, check_name, lines_of
from evaluators.export.graph import Graph, GraphNode
from evaluators.export.interface import Interface, build
from evaluators.export.target import Target
from evaluators.models.model import Model
from neat.genome.genome import Genome
from neat.kernels.elementwise import ELEMENTARY

_template = calls("")
_RESERVED = frozenset([*keyword.kwlist, "np"])


def to_numpy(source: Genome | Model, interface: Interface | None = None, name: str = "activate") -> str:
    """Return a network as Python source: one function, which needs only NumPy.

    The function of a feed-forward network is `activate(inputs)`. It takes an array of shape (…, inputs) and returns a
    float32 array of shape (…, outputs). That of a recurrent network is `activate(inputs, state=None)`, which returns
    the outputs and the next state, float32 (…, nodes); None is the state before the first step. Numbers are written so
    that they are restored exactly.

    Args:
        source: The genome, or a model, whose names and scales are exported too.
        interface: Names, which the docstring states, and scales.
        name: The name of the function.

    Raises:
        ValueError: The genome has a user-defined function, `interface` does not fit it, or `name` is not a name.
    """
    check_name(name, _RESERVED)
    graph, interface = build(source, interface)
    target = _NumpySource()
    inputs = [Code(f"inputs[..., {k}]", "") for k in range(graph.num_inputs)]
    state = [] if graph.feed_forward else [Code(f"state[..., {k}]", "") for k in range(len(graph.nodes))]
    outputs, nodes = target.run(graph, interface, inputs, state)
    lines = [f"def {name}(inputs{', state=None' if state else ''}):", *_docstring(graph, interface)]
    lines += ["    inputs = np.asarray(inputs, np.float32)", "    shape = inputs.shape[:-1]"]
    if state:
        lines.append(f"    zeros = np.zeros((*shape, {len(nodes)}), np.float32)")
        lines.append("    state = zeros if state is None else np.asarray(state, np.float32)")
    # Branches that are not taken can overflow or divide by 0.
    lines.append('    with np.errstate(all="ignore"):')
    lines += [f"    {line}" for line in target.lines]
    stacked = lines_of("outputs = ", _stack(outputs))
    lines += [f"    {line}" for line in stacked]
    if state:
        lines += lines_of("state = ", _stack(nodes))
    lines.append(f"    return outputs{', state' if state else ''}")
    return "\n".join(["import numpy as np", "", "", *lines]) + "\n"


class _NumpySource(Target):
    """Writes assignments."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.vocabulary = {
            **{name: _template(f"np.{name}({{}})") for name in (*ELEMENTARY, "abs")},
            "maximum": _template("np.maximum({}, {})"),
            "clip": _template("np.clip({0}, -{1}, {1})"),
            "if_positive": _template("np.where({} > 0.0, {}, {})"),
            "step": _template("np.float32({} > 0.0)"),
            # np.where would make two numbers of Python a float64 array.
            "reciprocal": lambda x: _template("np.where({} == 0.0, np.float32(0.0), {})")(x, 1 / x),
        }
        self.reductions = {
            **ARITHMETIC,
            "max": lambda values: Code(f"np.max([{_list(values)}], axis=0)", ""),
            "min": lambda values: Code(f"np.min([{_list(values)}], axis=0)", ""),
            "median": lambda values: Code(f"np.median([{_list(values)}], axis=0)", ""),
            "maxabs": self._farthest_from_zero,
        }

    def constant(self, number: float) -> Code:
        return Code(f"np.full(shape, {Code.number(number, '')}, np.float32)", "")

    def activate(self, node: GraphNode, x: Code) -> Code:
        """Assign the argument to a variable, except that of the identity."""
        return x if node.activation.name == "identity" else super().activate(node, self._assign("x", x))

    def keep_input(self, position: int, value: Code) -> Code:
        """Assign a scaled input to a variable."""
        return self._assign(f"x{position}", value)

    def keep(self, node: GraphNode, value: Code) -> Code:
        """Assign a node's value to a variable."""
        return self._assign(f"node_{node.id}", value)

    def _farthest_from_zero(self, values: list[Code]) -> Code:
        self._assign("values", Code(f"np.array([{_list(values)}])", ""))
        self._assign("farthest", Code("np.argmax(np.abs(values), axis=0, keepdims=True)", ""))
        return Code("np.take_along_axis(values, farthest, axis=0)[0]", "")

    def _assign(self, variable: str, value: Code) -> Code:
        self.lines += lines_of(f"{variable} = ", value, brackets=("(", ")"))
        return Code(variable, "")


def _list(values: list[Code]) -> str:
    return ", ".join(map(str, values))


def _stack(values: list[Code]) -> str:
    return f"np.stack([{_list(values)}], axis=-1)"


def _docstring(graph: Graph, interface: Interface) -> list[str]:
    lines = [f"Activate a {graph.summary}; exported by batchneat."]
    for end, names in (("inputs", interface.input_names), ("outputs", interface.output_names)):
        lines += [f"{end}[..., {k}]: {text}" for k, text in enumerate(names or ())]
    safe = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    if len(safe) == 1:
        return [f'    """{safe[0]}"""']
    return [f'    """{safe[0]}', "", *(f"    {line}" for line in safe[1:]), '    """']
