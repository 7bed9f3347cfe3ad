"""The tape: the operations that produced tensors, and the propagation of gradients back through them.

`Tensor.backward` visits the operations from the newest to the oldest. This is a topological order, since an operation
is newer than those that produced its inputs.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from evaluators.gradient.tensor.device_arrays import namespace

Backward = Callable[[Any], tuple[Any, ...]]

_serial = itertools.count()


class _Mode(threading.local):
    """How this thread computes.

    Attributes:
        recording: Whether operations are recorded.
        inspector: What checks each operation, or None (see `operation_checks`).
    """

    recording = True
    inspector: Any = None


mode = _Mode()


class Version:
    """Counts the changes of an array; tensors that share its memory share its Version.

    Attributes:
        count: Number of changes.
    """

    count = 0


class TapeNode:
    """An operation on the tape.

    Attributes:
        operation: Name of the operation, for error messages.
        inputs: Its input tensors; empty once gradients have been propagated through it.
        backward: Takes the gradient of the result, which it must not write to; returns one gradient for each input, or
            None where none is needed. The gradient of a broadcast input may have the broadcast shape.
        counts: Number of changes of each input when the operation used it.
        version: Version of the result, whose values `backward` may use. A reference to the result would be a cycle.
        count: Number of changes of the result when it was computed.
        serial: A number that grows from one operation to the next.
        place: Where the operation took place, if operations are checked.
    """

    __slots__ = ("backward", "count", "counts", "inputs", "operation", "place", "serial", "version")

    def __init__(self, operation: str, inputs: tuple[Any, ...], backward: Backward, version: Version) -> None:
        self.operation = operation
        self.inputs = inputs
        self.backward: Backward | None = backward
        self.counts = [tensor._version.count for tensor in inputs]
        self.version, self.count = version, version.count
        self.serial = next(_serial)
        self.place = ""


def undo_broadcast(gradient: Any, shape: tuple[int, ...]) -> Any:
    """Return the gradient of an array of this shape from that of its broadcast: the sum over an element's copies."""
    added = gradient.ndim - len(shape)
    stretched = tuple(k + added for k, n in enumerate(shape) if n == 1 and gradient.shape[k + added] != 1)
    total = gradient.sum(axis=(*range(added), *stretched))
    return namespace(gradient).asarray(total).reshape(shape)


def sort_newest_first(root: TapeNode) -> list[TapeNode]:
    """Return all operations that led to `root`, newest first.

    It does not recurse, since a graph may be deeper than Python's stack.
    """
    found, waiting = {root}, [root]
    while waiting:
        for tensor in waiting.pop().inputs:
            node = tensor._node
            if node is not None and node not in found:
                found.add(node)
                waiting.append(node)
    return sorted(found, key=lambda node: node.serial, reverse=True)


def check_usable(node: TapeNode) -> None:
    """Raise ValueError if gradients were propagated through the node, or its inputs or its result were changed."""
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


def propagate(node: TapeNode, pending: dict[TapeNode, Any]) -> None:
    """Propagate the gradient of a node's result to the node's inputs, and free what the node held."""
    gradient = pending.pop(node, None)
    if gradient is not None:
        assert node.backward is not None
        parts = node.backward(gradient)
        if mode.inspector is not None:
            mode.inspector.inspect_gradients(node, parts)
        for tensor, part in zip(node.inputs, parts, strict=True):
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
