"""The tape: the operations that made tensors, and how gradients go back through them.

`Tensor.backward` goes through the operations from the newest to the oldest. An operation is newer than the ones that it
took its inputs from, so that this is a topological order.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from evaluators.gradient.tensor.place import namespace

Backward = Callable[[Any], tuple[Any, ...]]

_serial = itertools.count()


class Version:
    """How often an array was changed; tensors that share its memory share this.

    Attributes:
        count: Grows with each change.
    """

    count = 0


class Node:
    """An operation on the tape.

    Attributes:
        operation: Its name, for errors.
        inputs: The tensors that it took; none once the gradients have gone through it.
        backward: Gives, from its result's gradient, one for each input, or None where none is needed. A gradient may
            be larger than its input if that was broadcast. The array that it is given may not be written to.
        counts: Of the changes of the inputs, when it took them.
        version: The result's, whose values `backward` may use; the result itself would be a circle.
        count: Of the changes of the result.
        serial: Grows from one operation to the next.
    """

    __slots__ = ("backward", "count", "counts", "inputs", "operation", "serial", "version")

    def __init__(self, operation: str, inputs: tuple[Any, ...], backward: Backward, version: Version) -> None:
        self.operation = operation
        self.inputs = inputs
        self.backward: Backward | None = backward
        self.counts = [tensor._version.count for tensor in inputs]
        self.version, self.count = version, version.count
        self.serial = next(_serial)


def undo_broadcast(gradient: Any, shape: tuple[int, ...]) -> Any:
    """The gradient of an array of this shape from that of its broadcast: the sum over all copies of an element."""
    added = gradient.ndim - len(shape)
    stretched = tuple(k + added for k, n in enumerate(shape) if n == 1 and gradient.shape[k + added] != 1)
    total = gradient.sum(axis=(*range(added), *stretched))
    return namespace(gradient).asarray(total).reshape(shape)


def sort_newest_first(root: Node) -> list[Node]:
    """All operations that led to `root`, without recursion: a graph may be deeper than Python's stack."""
    found, waiting = {root}, [root]
    while waiting:
        for tensor in waiting.pop().inputs:
            node = tensor._node
            if node is not None and node not in found:
                found.add(node)
                waiting.append(node)
    return sorted(found, key=lambda node: node.serial, reverse=True)


def check_usable(node: Node) -> None:
    """ValueError if gradients went through it before, or if its inputs or its result were changed since."""
    if node.backward is None:
        raise ValueError(
            f"backward: this graph ({node.operation}) has been used already; compute the loss again, "
            "or add the losses before one backward"
        )
    for tensor, count in zip(node.inputs, node.counts, strict=True):
        if tensor._version.count != count:
            raise ValueError(
                f"backward: a tensor of shape {tensor.shape} has been changed since {node.operation} used it; "
                "compute the loss again after each step of an optimiser"
            )
    if node.version.count != node.count:
        raise ValueError(
            f"backward: the result of {node.operation} has been changed since; compute the loss again"
        )


def propagate(node: Node, pending: dict[Node, Any]) -> None:
    """Give the gradient of a node's result on to the node's inputs, and free what the node held."""
    gradient = pending.pop(node, None)
    if gradient is not None:
        assert node.backward is not None
        for tensor, part in zip(node.inputs, node.backward(gradient), strict=True):
            if part is None or not tensor.requires_grad:
                continue
            if part.shape != tensor.shape:
                part = undo_broadcast(part, tensor.shape)
            elif isinstance(part, np.generic):
                part = np.asarray(part)
            if tensor._node is None:
                tensor._accumulate(part, gradient)
            elif tensor._node in pending:
                pending[tensor._node] = pending[tensor._node] + part
            else:
                pending[tensor._node] = part
    node.inputs, node.backward = (), None
