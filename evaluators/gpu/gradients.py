"""Gradients of networks on a GPU: programs are copied once, and each call launches a kernel over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluators.cpu.compilation import compile_with_origins
from evaluators.gpu.gradient_kernels import Share, differentiate_kernel, scratch_words, sums_words
from evaluators.gpu.launcher import WARP, argument
from evaluators.gpu.memory import launch
from evaluators.gpu.workspace import Workspace
from evaluators.program.backward import Gradient
from evaluators.program.loss import Objective
from evaluators.program.program import Programs
from evaluators.samples import Samples
from neat.genome.genome import Genomes
from neat.kernels.parallel import Workers

_BLOCKS = 16  # the most blocks for each multiprocessor


class NetworkGradients:
    """Computes gradients over samples on the current device (see `evaluators.engine.NetworkGradients`).

    Args:
        work: The workspace that holds all arrays.
        genomes: The genomes of the networks.
        samples: The samples.
        workers: The threads that compile the programs; None: the shared ones.
    """

    def __init__(
        self, work: Workspace, genomes: Genomes, samples: Samples, workers: Workers | None = None
    ) -> None:
        self.arrays = work.arrays
        self.programs, self.origins = compile_with_origins(genomes, workers)
        self._work, self._samples = work, samples
        self._input_count, self._feed_forward = genomes.input_count, genomes.feed_forward
        self._nodes = int(np.diff(self.programs.node_start).max())
        self._links = int(np.diff(self.programs.link_start).max())
        kept = [name for name in Programs._fields if name not in Gradient._fields]
        self._copied = self.programs._replace(
            **{name: work.put_shaped(f"program {name}", getattr(self.programs, name)) for name in kept}
        )
        self._inputs = work.put_shaped("inputs", samples.input_rows)
        self._targets = work.put_shaped("targets", samples.target_rows)
        self._zero = work.put_shaped("zero", np.zeros(1, np.int64))
        for name in Gradient._fields:
            work.shaped(f"gradient {name}", getattr(self.programs, name).shape, np.float32)
        self.gradient = Gradient(*(work.array(f"gradient {name}") for name in Gradient._fields))

    def differentiate(self, numbers: Sequence[Any]) -> np.ndarray:
        work, samples, count = self._work, self._samples, len(self.programs.node_count)
        steps = samples.steps_of(self._feed_forward)
        buffers = 1 if self._feed_forward else steps + 1
        slots = self._input_count + self._nodes
        blocks = min(count, work.arrays.multiprocessors * _BLOCKS)
        sums = work.room("sums", blocks * sums_words(self._links, self._nodes) * WARP, np.float32)
        replaced = dict(zip(Gradient._fields, map(argument, numbers), strict=True))
        launch(
            work,
            differentiate_kernel,
            blocks,
            scratch_words(buffers, slots, self._links),
            np.float32,
            Share(count, buffers, slots, self._links, self._nodes, 0, None, sums),
            self._copied._replace(**replaced),
            self._zero,
            self._input_count,
            Objective(self._inputs, self._targets, samples.loss, steps),
            samples.loss_scale,
            Gradient(*(work.argument(f"gradient {name}") for name in Gradient._fields)),
            work.shaped("totals", (count,), np.float64),
        )
        return work.get("totals")
