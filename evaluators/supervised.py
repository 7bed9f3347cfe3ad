"""Fitness from a data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from evaluators.checks import check_count
from evaluators.cpu.kernels import score_range
from evaluators.devices import arrays_of, resolve_device
from evaluators.network import compile, unfit_for_gpu
from evaluators.samples import as_samples
from neat.genome.genome import Genomes
from neat.kernels import parallel
from neat.support.validation import check_unmasked

_OUTPUT_BYTES = 12  # on a GPU: an output, and as much again twice for what a person's function makes of it


class Supervised:
    """Fitness of genomes as predictors of targets: minus the mean loss over a data set.

    The named fitness functions, with outputs z and targets t:

    - `squared_error`: minus the mean of (z - t)² over samples and outputs.
    - `absolute_error`: minus the mean of |z - t| over samples and outputs.
    - `cross_entropy`: minus the mean over samples of -Σ t ln softmax(z); with one output, of
      -t ln σ(z) - (1 - t) ln(1 - σ(z)). The outputs are logits: they want the activation `identity`.
    - `accuracy`: the fraction of samples that are right: the target's class has the greatest output, without
      a tie; with one output, it is on the target's side of 0.5.

    Args:
        inputs: Array of shape (samples, inputs).
        targets: Array of shape (samples, outputs) or (samples,). For `cross_entropy` and `accuracy`: integer
            labels of shape (samples,), from 0, where two classes mean one output and more mean one output
            each; or 0 and 1 of shape (samples, 1); or each class's probability, of shape (samples, classes).
        fitness: One of these names, or a function `f(outputs, targets)` that gives every genome's fitness:
            outputs float32 of shape (genomes, samples, outputs), targets float32 of shape (samples, outputs),
            result of shape (genomes,), higher is better. On a GPU (the first, of several), they are cupy's, and the
            result may be; where its memory is too small for the outputs of all genomes, the function is called for
            parts of them.
        steps: Recurrent networks start with a state of 0 and make so many steps with the same inputs before
            their outputs are read. With n steps, inputs act through at most n - 1 hidden nodes in a row.
            Ignored for feed-forward networks.
        device: See `evaluators.devices.resolve_device`.
        learn_steps: Each genome is trained by gradients for so many steps before its fitness is taken (see
            `evaluators.gradient.fit_weights`).
        optimiser: Makes the optimiser from a list of parameters; default: Adam with a rate of 0.01.
        inherit: Whether offspring inherit what genomes have learned (Lamarck), or selection alone profits from it
            (Baldwin). The champion of a run has the weights that it has learned in either case.

    Attributes:
        learned: The last call's genomes as they were after training; None without training.
        inherit: As given.
        num_inputs: Inputs that the networks must have.
        num_outputs: Outputs that they must have.
        samples: The data set and the fitness over it, as a checked `evaluators.samples.Samples`.

    Raises:
        ValueError: Something is missing, of another shape, not finite, or not known.
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
    ) -> None:
        self.samples = as_samples(inputs, targets, fitness, steps)
        check_count("learn_steps", learn_steps, 0)
        self.devices = resolve_device(device, unfit_for_gpu)
        self.learned: Genomes | None = None
        self.inherit = inherit
        self._trainer = self._new_trainer(learn_steps, optimiser) if learn_steps else None
        self._own_data: tuple[Any, Any] | None = None  # inputs and targets on the first device
        on_gpu = self.devices != ("cpu",) and not callable(fitness) and not learn_steps
        self._scorer = self._new_scorer() if on_gpu else None

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
        """Fitness of every genome, float64 of shape (genomes,).

        Raises:
            ValueError: The genomes have other inputs or outputs, or a person's function gives another shape.
        """
        if not isinstance(genomes, Genomes):
            raise ValueError(f"genomes: expected neat.Genomes, got {type(genomes).__name__}")
        samples = self.samples
        samples.check_genomes(genomes)
        if self._trainer:
            result = self._trainer(genomes)
            self.learned = result.genomes
            return result.fitness
        if callable(samples.fitness):
            return self._own_fitness(genomes, samples.fitness)
        steps = 1 if genomes.feed_forward else samples.steps
        if self._scorer:
            return self._scorer(genomes, samples.loss, steps, samples.divisor)
        totals = self._score_on_cpu(genomes, steps)
        totals /= samples.divisor
        return totals

    def _new_trainer(self, steps: int, optimiser: Callable[[list[Any]], Any] | None) -> Any:
        from evaluators.gradient import optim
        from evaluators.gradient.evolved import Trainer

        optimiser = optimiser or (lambda parameters: optim.Adam(parameters, 0.01))
        return Trainer(self.samples, self.devices, optimiser, steps)

    def _new_scorer(self) -> Any:
        from evaluators.gpu.engines import Scorer

        return Scorer(self.devices, self.samples.input_rows, self.samples.target_rows)

    def _score_on_cpu(self, genomes: Genomes, steps: int) -> np.ndarray:
        samples, totals = self.samples, np.empty(len(genomes))
        parallel.over(
            score_range(),
            len(genomes),
            genomes.to_kernel(),
            samples.input_rows,
            genomes.input_count,
            samples.target_rows,
            samples.loss,
            not genomes.feed_forward,
            steps,
            totals,
            cost=max(1.0, len(samples.targets) / 16),
        )
        return totals

    def _own_fitness(self, genomes: Genomes, fitness: Callable[[np.ndarray, np.ndarray], Any]) -> np.ndarray:
        if self.devices == ("cpu",):
            return self._fitness_of(genomes, fitness)
        from evaluators.gpu.memory import in_parts
        from evaluators.gpu.workspace import Workspace

        def score(work: Any, begin: int, end: int) -> np.ndarray:
            whole = end - begin == len(genomes)
            return self._fitness_of(genomes if whole else genomes.take(np.arange(begin, end)), fitness)

        spaces = {device: Workspace(device) for device in self.devices[:1]}
        return np.concatenate(in_parts(spaces, genomes, _OUTPUT_BYTES * self.targets.size, score))

    def _fitness_of(self, genomes: Genomes, fitness: Callable[[np.ndarray, np.ndarray], Any]) -> np.ndarray:
        device = self.devices[0]
        arrays = arrays_of(device)
        if self._own_data is None:
            with arrays.current():
                self._own_data = arrays.to_device(self.inputs), arrays.to_device(self.targets)
        inputs, targets = self._own_data
        networks = compile(genomes, device)
        for _ in range(1 if genomes.feed_forward else self.samples.steps):
            outputs = networks.activate(inputs)
        with arrays.current():
            given = fitness(outputs, targets)
            check_unmasked("fitness", given)
            result = arrays.to_host(given)
        if result.shape != (len(genomes),) or result.dtype.kind not in "fiub":
            raise ValueError(
                f"fitness: expected the function to give numbers of shape ({len(genomes)},), "
                f"got dtype {result.dtype} of shape {result.shape}"
            )
        return result.astype(np.float64)
