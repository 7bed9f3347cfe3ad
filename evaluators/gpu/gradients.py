"""Gradients of networks on a GPU: their programs, copied there once, and launches over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluators.gpu.gradient_kernels import Share, differentiate_kernel, scratch_words, sums_words
from evaluators.gpu.launcher import WARP, argument
from evaluators.gpu.memory import launch
from evaluators.gpu.workspace import Workspace
from evaluators.program.backward import Gradient
from evaluators.program.program import Programs

_BLOCKS = 16  # for each multiprocessor


class Differentiator:
    """The gradients of networks over a data set, on the current device.

    Args:
        work: Where everything is kept.
        programs: Of all networks, as for `program.single_program`.
        input_count: Inputs, and the bias input.
        steps: Steps of recurrent networks; 0: feed-forward.
        inputs: float32 (1, 1, inputs, samples).
        targets: float32 (outputs, samples).

    Attributes:
        gradient: A Gradient, filled by each call; arrays of the device.
    """

    def __init__(
        self,
        work: Workspace,
        programs: Programs,
        input_count: int,
        steps: int,
        inputs: np.ndarray,
        targets: np.ndarray,
    ) -> None:
        self._work, self._steps = work, steps
        self._count, self._input_count = len(programs.node_count), input_count
        self._nodes = int(np.diff(programs.node_start).max())
        self._links = int(np.diff(programs.link_start).max())
        kept = [name for name in Programs._fields if name not in Gradient._fields]
        self._programs = programs._replace(
            **{name: work.put_shaped(f"program {name}", getattr(programs, name)) for name in kept}
        )
        self._data = work.put_shaped("inputs", inputs), work.put_shaped("targets", targets)
        self._zero = work.put_shaped("zero", np.zeros(1, np.int64))
        for name in Gradient._fields:
            work.shaped(f"gradient {name}", getattr(programs, name).shape, np.float32)
        self.gradient = Gradient(*(work.array(f"gradient {name}") for name in Gradient._fields))

    def __call__(self, numbers: Sequence[Any], loss: int, scale: float) -> np.ndarray:
        """Every network's sum of the loss, float64 (networks,).

        Args:
            numbers: Weights, biases and responses, arrays of the device.
            loss: Position in `loss.LOSSES`.
            scale: The gradient is that of so much times the sum.
        """
        work = self._work
        buffers = self._steps + 1 if self._steps else 1
        slots = self._input_count + self._nodes
        blocks = min(self._count, work.arrays.multiprocessors * _BLOCKS)
        sums = work.room("sums", blocks * sums_words(self._links, self._nodes) * WARP, np.float32)
        replaced = dict(zip(Gradient._fields, map(argument, numbers), strict=True))
        launch(
            work,
            differentiate_kernel,
            blocks,
            scratch_words(buffers, slots, self._links),
            np.float32,
            Share(self._count, buffers, slots, self._links, self._nodes, 0, None, sums),
            self._programs._replace(**replaced),
            self._zero,
            self._data[0],
            self._input_count,
            self._data[1],
            loss,
            np.float32(scale),
            max(1, self._steps),
            Gradient(*(work.argument(f"gradient {name}") for name in Gradient._fields)),
            work.shaped("totals", (self._count,), np.float64),
        )
        return work.get("totals")
