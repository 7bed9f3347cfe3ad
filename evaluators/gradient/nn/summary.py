"""A table of a model's layers: shapes, parameters, multiplications and memory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from evaluators.checks import check_count
from evaluators.gradient.nn.module import Module, observing
from evaluators.gradient.nn.parameter import Parameter
from evaluators.gradient.tensor.tape import TapeNode
from evaluators.gradient.tensor.tensor import Tensor


class Row(NamedTuple):
    """A row of the table: a layer, or the whole model.

    Attributes:
        path: Path of the layer in the model.
        kind: Name of its class.
        output: Shape of its output for one sample.
        parameters: Numbers in its parameters, also in frozen ones; those of a shared module are counted at its first
            use.
        multiplications: Multiplications for one sample; only those of Dense and Conv2d, which dominate.
        bytes: Memory that a training step needs: the parameters, their gradients, and what the layer keeps of a batch
            for the backward pass. What optimisers keep is not in it, such as the two averages of Adam.
    """

    path: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    multiplications: int
    bytes: int


class Summary(NamedTuple):
    """The layers in the order of their use, and the total of the model; `str` formats them as a table.

    The total also counts what belongs to no row: parameters of the model beside its layers, and of layers that it does
    not call.
    """

    rows: list[Row]
    total: Row

    def __str__(self) -> str:
        lines = [["layer", "kind", "output", "parameters", "multiplications", "bytes"]]
        for row in (*self.rows, self.total):
            lines.append([row.path, row.kind, str(row.output), *(f"{number:,}" for number in row[3:])])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if k < 3 else cell.rjust(width)
                for k, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        )


def summary(model: Module, input_shape: tuple[int, ...], batch: int = 32) -> Summary:
    """Summarise a model's layers by a forward pass of a batch of zeros in training mode.

    Args:
        model: The model, which is left unchanged.
        input_shape: Shape of one sample, without the first axis.
        batch: Samples of a training step, for the memory.

    Raises:
        ValueError: The shape or the batch does not fit the model.
    """
    check_count("batch", batch)
    paths = {module: path for path, module in model.modules()}
    before = {module: (module.training, _copy_buffers(module)) for module in paths}
    rows: list[Row] = []
    counted: set[int] = set()
    held = {id(part) for p in model.parameters() for part in (p, p._data)}

    def observe(module: Module, x: Tensor, y: Tensor) -> None:
        if len(module.modules()) > 1:
            return
        parameters, size = _count_parameters((p for _, p in module._own_parameters()), counted)
        size += _count_bytes(y, held)
        count = getattr(module, "multiplications", lambda output: 0)(y.shape)
        rows.append(Row(paths[module], type(module).__name__, y.shape[1:], parameters, count, size))

    model.train()
    try:
        with observing(observe):
            output = model(np.zeros((batch, *input_shape)))
    finally:
        for module, (mode, buffers) in before.items():
            module.training = mode
            vars(module).update(buffers)
    further, size = _count_parameters(model.parameters(), counted)
    size += _count_bytes(output, held)  # of operations outside the layers
    total = Row(
        "total",
        type(model).__name__,
        output.shape[1:],
        sum(row.parameters for row in rows) + further,
        sum(row.multiplications for row in rows),
        sum(row.bytes for row in rows) + size,
    )
    return Summary(rows, total)


def _copy_buffers(module: Module) -> dict[str, Any]:
    values = {name: getattr(module, name) for name in module.buffers}
    return {name: value if isinstance(value, int) else value.copy() for name, value in values.items()}


def _count_parameters(parameters: Iterable[Parameter], counted: set[int]) -> tuple[int, int]:
    """Return how many numbers and bytes parameters and their gradients have, except `counted` ones; add them there."""
    own = [p for p in parameters if id(p) not in counted]
    counted.update(map(id, own))
    size = sum(p._data.nbytes * (1 + p.requires_grad) for p in own)
    return sum(math.prod(p.shape) for p in own), size


def _count_bytes(tensor: Tensor, held: set[int]) -> int:
    """Return the bytes of the arrays that a result's tape holds, except those in `held`; add them to `held`."""
    total = 0
    waiting: list[Any] = [tensor]
    while waiting:
        value = waiting.pop()
        if isinstance(value, np.ndarray) or hasattr(value, "__cuda_array_interface__"):
            while isinstance(value.base, type(value)):
                value = value.base
            total += 0 if id(value) in held else value.nbytes
        elif id(value) in held:
            continue
        elif isinstance(value, Tensor):
            waiting += [value._data, value._node]
        elif isinstance(value, TapeNode):
            waiting += [*value.inputs, value.backward]
        elif isinstance(value, tuple | list):
            waiting += value
        elif isinstance(value, FunctionType):
            waiting += [cell.cell_contents for cell in value.__closure__ or ()]
        held.add(id(value))
    return total
