"""A table of a model's layers: shapes, parameters, multiplications and memory."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from evaluators.gradient.nn.module import Module, observing
from evaluators.gradient.tensor.tensor import Tensor, no_grad


class Row(NamedTuple):
    """A row of the table: a layer, or the whole model.

    Attributes:
        path: Path of the layer in the model.
        kind: Name of its class.
        output: Shape of its output for one sample.
        parameters: Numbers that can be trained; those of a shared module are counted at its first use.
        multiplications: Multiplications for one sample; only those of Dense and Conv2d, which dominate.
        bytes: Memory of the parameters and of one sample's output.
    """

    path: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    multiplications: int
    bytes: int


class Summary(NamedTuple):
    """The layers in the order of their use, and their total; `str` formats them as a table."""

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


def summary(model: Module, input_shape: tuple[int, ...]) -> Summary:
    """Summarise a model's layers by a forward pass of one sample in evaluation mode.

    Args:
        model: The model, which is left unchanged.
        input_shape: Shape of one sample, without the first axis.

    Raises:
        ValueError: The shape does not fit the model.
    """
    paths = {module: path for path, module in model.modules()}
    modes = {module: module.training for module in paths}
    first = next(iter(model.parameters()), None)
    dtype, device = (first.dtype, first.device) if first is not None else (np.dtype(np.float32), "cpu")
    rows: list[Row] = []
    counted: set[int] = set()

    def observe(module: Module, x: Tensor, y: Tensor) -> None:
        if len(module.modules()) > 1:
            return
        own = [p for _, p in module._own_parameters() if id(p) not in counted]
        counted.update(map(id, own))
        parameters = sum(math.prod(p.shape) for p in own)
        count = getattr(module, "multiplications", lambda output: 0)(y.shape)
        size = (parameters + math.prod(y.shape)) * dtype.itemsize
        rows.append(Row(paths[module], type(module).__name__, y.shape[1:], parameters, count, size))

    model.eval()
    try:
        with no_grad(), observing(observe):
            output = model(Tensor(np.zeros((1, *input_shape)), dtype=dtype, device=device))
    finally:
        for module, mode in modes.items():
            module.training = mode
    total = Row(
        "total",
        type(model).__name__,
        output.shape[1:],
        sum(row.parameters for row in rows),
        sum(row.multiplications for row in rows),
        sum(row.bytes for row in rows),
    )
    return Summary(rows, total)
