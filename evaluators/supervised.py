"""Fitness from the loss over a data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from evaluators.checks import check_count
from evaluators.devices import resolve_device
from evaluators.engine import engine_for, unsupported_reason
from evaluators.samples import as_samples
from neat.genome.genome import Genomes
from neat.kernels.parallel import Workers


class Supervised:
    """Fitness of genomes as predictors of targets: minus the mean loss over a data set.

    The named fitness functions, with outputs z and targets t:

    - `squared_error`: minus the mean of (z - t)² over samples and outputs.
    - `absolute_error`: minus the mean of |z - t| over samples and outputs.
    - `cross_entropy`: minus the mean over samples of -Σ t ln softmax(z); with one output, of
      -t ln σ(z) - (1 - t) ln(1 - σ(z)). The outputs are logits, so use the activation `identity`.
    - `accuracy`: the fraction of samples that are right. With several outputs, that of the target's class must be
      greater than all others; with one output, it must be on the target's side of 0.5.

    Args:
        inputs: Array of shape (samples, inputs).
        targets: Array of shape (samples, outputs) or (samples,). For `cross_entropy` and `accuracy`: integer
            labels of shape (samples,), from 0, where two classes mean one output and more mean one output
            each; or 0 and 1 of shape (samples, 1); or each class's probability, of shape (samples, classes).
        fitness: One of these names, or a function `f(outputs, targets)` that returns every genome's fitness:
            outputs float32 of shape (genomes, samples, outputs), targets float32 of shape (samples, outputs),
            result of shape (genomes,), higher is better. On a GPU (the first of several), the arguments are cupy
            arrays, and the result may be one. If the GPU's memory is too small for the outputs of all genomes, the
            function is called for parts of them.
        steps: Recurrent networks start with a state of 0 and make this number of steps with the same inputs before
            their outputs are read. With n steps, inputs act through at most n - 1 hidden nodes in a row.
            Ignored for feed-forward networks.
        device: See `evaluators.devices.resolve_device`.
        learn_steps: The number of gradient steps that train each genome before its fitness is computed (see
            `evaluators.gradient.fit_weights`).
        optimiser: A function that makes the optimiser from a list of parameters; default: Adam with a rate of 0.01.
        inherit: Whether offspring inherit learned weights (Lamarck), or learning affects only the fitness (Baldwin).
            The champion of a run has its learned weights in either case.
        workers: The threads that run networks on the CPU; None: the shared ones. Results do not depend on them.

    Attributes:
        learned: The genomes of the last call after training; None without training.
        inherit: The argument of that name.
        num_inputs: The number of inputs that networks must have.
        num_outputs: The number of outputs that networks must have.
        samples: The data set and the fitness over it, as a checked `evaluators.samples.Samples`.

    Raises:
        ValueError: An array has the wrong shape or is not finite, or an argument has an unknown value.
    """

    def __init__(
        self,
        inputs: Any,
        targets: Any,
        fitness: str | Callable[[np.ndarray, np.ndarray], Any] = "squared_error",
        steps: int = 5,
        device: str = "auto",
        learn_steps: int = 0,
        optimiser: Callable[[list[Any]], Any] | None = None,
        inherit: bool = True,
        workers: Workers | None = None,
    ) -> None:
        self.samples = as_samples(inputs, targets, fitness, steps)
        check_count("learn_steps", learn_steps, 0)
        self._engine = engine_for(resolve_device(device, unsupported_reason), workers)
        self.devices = self._engine.devices
        self.learned: Genomes | None = None
        self.inherit = inherit
        self._trainer: Any = self._new_trainer(learn_steps, optimiser) if learn_steps else None
        self._scorer = None if learn_steps else self._engine.scorer(self.samples)

    @property
    def inputs(self) -> np.ndarray:
        """The inputs, float32 (samples, inputs)."""
        return self.samples.inputs

    @property
    def targets(self) -> np.ndarray:
        """The targets, float32 (samples, outputs)."""
        return self.samples.targets

    @property
    def num_inputs(self) -> int:
        """The number of inputs that networks must have."""
        return self.samples.num_inputs

    @property
    def num_outputs(self) -> int:
        """The number of outputs that networks must have."""
        return self.samples.num_outputs

    def __call__(self, genomes: Genomes) -> np.ndarray:
        """Return the fitness of every genome, float64 of shape (genomes,).

        Raises:
            ValueError: The genomes have other inputs or outputs, or a user-defined function returned another shape.
        """
        if not isinstance(genomes, Genomes):
            raise ValueError(f"genomes: expected neat.Genomes, got {type(genomes).__name__}")
        self.samples.check_genomes(genomes)
        if self._scorer is not None:
            return self._scorer.score(genomes)
        result = self._trainer(genomes)
        self.learned = result.genomes
        return result.fitness

    def _new_trainer(self, steps: int, optimiser: Callable[[list[Any]], Any] | None) -> Any:
        from evaluators.gradient import optim
        from evaluators.gradient.evolved import Trainer

        optimiser = optimiser or (lambda parameters: optim.Adam(parameters, 0.01))
        return Trainer(self.samples, self._engine, optimiser, steps)
