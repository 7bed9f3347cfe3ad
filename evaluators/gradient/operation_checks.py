"""A check of every operation, on request: where the first number that is not finite arises."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from evaluators.gradient.nn.module import Module
from evaluators.gradient.tensor.device_arrays import check_finite
from evaluators.gradient.tensor.tape import TapeNode, mode
from evaluators.gradient.tensor.tensor import Tensor
from evaluators.gradient.tensor.user_lines import describe_user_line, warnings_at_user_lines


@contextlib.contextmanager
def check_operations() -> Iterator[None]:
    """Check the result and the gradients of each operation within the `with` block; training takes longer there.

    Raises:
        ValueError: A number is not finite. The message names the operation, the layer, the step, and your line: the
            innermost one outside this library that led to the operation.
    """
    before, mode.inspector = mode.inspector, _Inspector()
    try:
        with warnings_at_user_lines():
            yield
    finally:
        mode.inspector = before


class _Inspector:
    """What `record` and `propagate` call for each operation.

    Attributes:
        step: Number of an optimiser's steps so far; its `zero_grad` and `step` set it.
    """

    step = 0

    def inspect(self, operation: str, inputs: tuple[Tensor, ...], result: Tensor) -> None:
        """Raise ValueError if a result is not finite; note where the operation took place."""
        try:
            check_finite(operation, result._data)
        except ValueError:
            # The fault may have come from outside, such as a step that is too long.
            for k, tensor in enumerate(inputs):
                self._check(f"{operation}: {tensor.name or f'input {k}'}", tensor._data, self._place)
        self._check(operation, result._data, self._place)
        if result._node is not None:
            result._node.place = self._place()

    def inspect_gradients(self, node: TapeNode, gradients: tuple[Any, ...]) -> None:
        """Raise ValueError if a gradient that an operation propagates is not finite."""
        for k, (tensor, gradient) in enumerate(zip(node.inputs, gradients, strict=True)):
            if gradient is not None and tensor.requires_grad:
                label = f"gradient of {node.operation} with respect to {tensor.name or f'input {k}'}"
                self._check(label, gradient, lambda: node.place)

    def _check(self, label: str, array: Any, place: Callable[[], str]) -> None:
        try:
            check_finite(label, array)
        except ValueError as error:
            raise ValueError(f"{error}, {place()}") from None

    def _place(self) -> str:
        """Describe the layer whose forward pass is running, the step, and the user's line."""
        stack = traceback.walk_stack(sys._getframe())
        code = Module.__call__.__code__
        running = [frame.f_locals["self"] for frame, _ in stack if frame.f_code is code]
        layer = ""
        if running:
            path = next(path for path, module in running[-1].modules() if module is running[0])
            layer = f"in {f'the layer {path}' if path else 'the model'} ({type(running[0]).__name__}), "
        return f"{layer}in step {self.step} ({describe_user_line()})"
