"""Export to ONNX."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluators.export.graph import GraphNode
from evaluators.export.interface import Interface, build
from evaluators.export.target import Target
from evaluators.models.model import Model
from neat.genome.genome import Genome

if TYPE_CHECKING:
    import onnx

OPSET = 17
_IR_VERSION = 8  # the oldest for this opset, so that old runtimes read it


def to_onnx(source: Genome | Model, interface: Interface | None = None) -> onnx.ModelProto:
    """Return a network as an ONNX model of opset 17.

    The model maps `inputs`, float32 (batch, inputs), to `outputs`, float32 (batch, outputs). That of a recurrent
    network also maps `state` to `next_state`, both float32 (batch, nodes); the state before the first step is 0.

    Args:
        source: The genome, or a model, whose names and scales are exported too.
        interface: Scales, and names, which the model's metadata hold as JSON: `input_names` and `output_names`.

    Raises:
        ValueError: The genome has a user-defined function, or `interface` does not fit it.
        ImportError: onnx is not installed.
    """
    try:
        from onnx import TensorProto, helper
    except ImportError:
        raise ImportError("to_onnx needs onnx: pip install 'batchneat[onnx]'") from None
    graph, interface = build(source, interface)
    target = _Onnx()

    def declare(name: str, columns: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", columns])

    declared = [declare("inputs", graph.num_inputs)], [declare("outputs", len(graph.outputs))]
    state = []
    if not graph.feed_forward:
        declared[0].append(declare("state", len(graph.nodes)))
        declared[1].append(declare("next_state", len(graph.nodes)))
        state = target.split("state", len(graph.nodes))
    outputs, nodes = target.run(graph, interface, target.split("inputs", graph.num_inputs), state)
    target.join(outputs, "outputs")
    if state:
        target.join(nodes, "next_state")
    model = helper.make_model(
        helper.make_graph(target.operations, "network", *declared, target.constants, graph.summary),
        producer_name="batchneat",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
    )
    names = {"input_names": interface.input_names, "output_names": interface.output_names}
    helper.set_model_props(model, {key: json.dumps(list(text)) for key, text in names.items() if text})
    return model


class _Tensor:
    """A float32 tensor of an ONNX graph: of shape (batch, 1), or a number. Operators add operations to the graph."""

    def __init__(self, target: _Onnx, name: str) -> None:
        self.target, self.name = target, name

    def __add__(self, other: Any) -> _Tensor:
        return self if _is(other, 0) else self.target.call("Add", self, other)

    def __sub__(self, other: Any) -> _Tensor:
        return self.target.call("Sub", self, other)

    def __rsub__(self, other: Any) -> _Tensor:
        return self.target.call("Sub", other, self)

    def __mul__(self, other: Any) -> _Tensor:
        return self if _is(other, 1) else self.target.call("Mul", self, other)

    def __truediv__(self, other: Any) -> _Tensor:
        return self.target.call("Div", self, other)

    def __rtruediv__(self, other: Any) -> _Tensor:
        return self.target.call("Div", other, self)

    def __neg__(self) -> _Tensor:
        return self.target.call("Neg", self)

    __radd__, __rmul__ = __add__, __mul__


def _is(value: Any, number: int) -> bool:
    return isinstance(value, int | float) and value == number


class _Onnx(Target):
    """Collects the operations and the constants of a graph."""

    def __init__(self) -> None:
        self.operations: list[Any] = []
        self.constants: list[Any] = []
        self._numbers: dict[float, str] = {}
        self._count = itertools.count()
        self._ones: _Tensor | None = None
        self.vocabulary = {
            **{
                name: self._operation(name.capitalize())
                for name in ("exp", "log", "sin", "cos", "tanh", "abs")
            },
            # ONNX lacks expm1 and log1p. Both forms are exact identities that cancel nothing. Its Sigmoid loses the
            # digits of small results in onnxruntime 1.32.
            "expm1": lambda x: self.call("Tanh", x * 0.5) * (self.call("Exp", x) + 1.0),
            "log1p": lambda x: self.call("Atanh", x / (x + 2.0)) * 2.0,
            "maximum": self._operation("Max"),
            "clip": lambda x, limit: self.call("Clip", x, -limit, limit),
            "if_positive": lambda x, a, b: self.call("Where", self.call("Greater", x, 0), a, b),
            "step": lambda x: self.call("Where", self.call("Greater", x, 0), 1, 0),
            "reciprocal": lambda x: self.call("Where", self.call("Equal", x, 0), 0, 1 / x),
        }
        axis = {"axes": [1], "keepdims": 1}
        self.reductions = {
            "sum": lambda row: self.call("ReduceSum", row, self._integers([1]), keepdims=1),
            "product": lambda row: self.call("ReduceProd", row, **axis),
            "max": lambda row: self.call("ReduceMax", row, **axis),
            "min": lambda row: self.call("ReduceMin", row, **axis),
            "mean": lambda row: self.call("ReduceMean", row, **axis),
            "maxabs": self._farthest_from_zero,
            "median": self._median,
        }
        self._widths: dict[str, int] = {}

    def constant(self, number: float) -> _Tensor:
        """Return a column of a number, with a row for each sample."""
        if self._ones is None:
            rows = self.call("Gather", self.call("Shape", _Tensor(self, "inputs")), self._integers([0]))
            shape = self.call("Concat", rows, self._integers([1]), axis=0)
            self._ones = self.call("Expand", 1.0, shape)
        return self._ones * number

    def weigh(self, position: int, node: GraphNode, values: list[_Tensor]) -> _Tensor:
        """Return the weighted values of a node's links in one tensor, float32 (batch, links)."""
        weights = self._store(np.array([node.weights], np.float32))
        row = values[0] if len(values) == 1 else self.call("Concat", *values, axis=1)
        product = self.call("Mul", row, weights)
        self._widths[product.name] = len(values)
        return product

    def split(self, name: str, columns: int) -> list[_Tensor]:
        """Return the columns of a tensor of the graph."""
        if columns == 1:
            return [_Tensor(self, name)]
        parts = [f"{name}_{k}" for k in range(columns)]
        self._add("Split", [name], parts, axis=1)
        return [_Tensor(self, part) for part in parts]

    def join(self, values: list[_Tensor], name: str) -> None:
        """Write columns as a tensor of the graph."""
        self._add("Concat", [value.name for value in values], [name], axis=1)

    def call(self, operator: str, *arguments: Any, **attributes: Any) -> _Tensor:
        """Add an operation with one result, and return the result. Arguments are tensors or numbers."""
        result = f"t{next(self._count)}"
        names = [a.name if isinstance(a, _Tensor) else self._number(float(a)) for a in arguments]
        self._add(operator, names, [result], **attributes)
        return _Tensor(self, result)

    def _operation(self, operator: str) -> Any:
        return lambda *arguments: self.call(operator, *arguments)

    def _add(self, operator: str, names: list[str], results: list[str], **attributes: Any) -> None:
        from onnx import helper

        self.operations.append(helper.make_node(operator, names, results, **attributes))

    def _number(self, number: float) -> str:
        if number not in self._numbers:
            self._numbers[number] = self._store(np.float32(number)).name
        return self._numbers[number]

    def _integers(self, numbers: list[int]) -> _Tensor:
        return self._store(np.array(numbers, np.int64))

    def _store(self, array: Any) -> _Tensor:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return _Tensor(self, name)

    def _farthest_from_zero(self, row: _Tensor) -> _Tensor:
        position = self.call("ArgMax", self.call("Abs", row), axis=1, keepdims=1)
        return self.call("GatherElements", row, position, axis=1)

    def _median(self, row: _Tensor) -> _Tensor:
        count = self._widths[row.name]
        result, positions = f"t{next(self._count)}", f"t{next(self._count)}"
        self._add("TopK", [row.name, self._integers([count]).name], [result, positions], axis=1)
        middle = self._integers([(count - 1) // 2, count // 2])
        chosen = self.call("Gather", _Tensor(self, result), middle, axis=1)
        return self.call("ReduceMean", chosen, axes=[1], keepdims=1)
