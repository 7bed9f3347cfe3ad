"""Fitness from a data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from evaluators.checks import as_float32, check_count, check_current, check_size
from evaluators.cpu.kernels import score_range
from evaluators.devices import arrays_of, resolve_device
from evaluators.network import compile, unfit_for_gpu
from evaluators.program.loss import LOSSES
from neat.genome.genome import Genomes
from neat.kernels import parallel
from neat.support.messages import shown
from neat.support.validation import check_unmasked

_OUTPUT_BYTES = 12  # on a GPU: an output, and as much again twice for what a person's function makes of it
_CLASSIFYING = ("cross_entropy", "accuracy")


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
        input_rows: float32 (1, 1, inputs, samples), as kernels take them.
        target_rows: float32 (outputs, samples).

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
        if not callable(fitness) and fitness not in LOSSES:
            known = ", ".join(LOSSES)
            raise ValueError(f"fitness: expected a function or one of {known}, got {shown(fitness)}")
        if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
            raise ValueError(f"steps: expected an integer of at least 1, got {shown(steps)}")
        self.inputs = as_float32("inputs", inputs)
        if self.inputs.ndim != 2 or 0 in self.inputs.shape:
            raise ValueError(f"inputs: expected shape (samples, inputs), got {self.inputs.shape}")
        self.targets = _class_targets(targets) if fitness in _CLASSIFYING else _targets(targets)
        check_size("targets", "samples", len(self.targets), len(self.inputs))
        self.fitness = fitness
        self.steps = int(steps)
        check_count("learn_steps", learn_steps, 0)
        self.devices = resolve_device(device, unfit_for_gpu)
        self.target_rows = np.ascontiguousarray(self.targets.T)
        self.input_rows = np.ascontiguousarray(self.inputs.T)[np.newaxis, np.newaxis]
        self.learned: Genomes | None = None
        self.inherit = inherit
        self._trainer = self._new_trainer(learn_steps, optimiser) if learn_steps else None
        self._own_data: tuple[Any, Any] | None = None  # inputs and targets on the first device
        on_gpu = self.devices != ("cpu",) and not callable(fitness) and not learn_steps
        self._scorer = self._new_scorer() if on_gpu else None

    @property
    def num_inputs(self) -> int:
        """Inputs of the data set."""
        return self.inputs.shape[1]

    @property
    def num_outputs(self) -> int:
        """Outputs that the targets ask for."""
        return self.targets.shape[1]

    def __call__(self, genomes: Genomes) -> np.ndarray:
        """Fitness of every genome, float64 of shape (genomes,).

        Raises:
            ValueError: The genomes have other inputs or outputs, or a person's function gives another shape.
        """
        if not isinstance(genomes, Genomes):
            raise ValueError(f"genomes: expected neat.Genomes, got {type(genomes).__name__}")
        check_current(genomes)
        check_size("genomes", "inputs, as the data set has", genomes.num_inputs, self.num_inputs)
        check_size("genomes", "outputs, as the targets have", genomes.num_outputs, self.num_outputs)
        if self._trainer:
            result = self._trainer(genomes)
            self.learned = result.genomes
            return result.fitness
        if callable(self.fitness):
            return self._own_fitness(genomes, self.fitness)
        loss, steps = LOSSES.index(self.fitness), 1 if genomes.feed_forward else self.steps
        if self._scorer:
            return self._scorer(genomes, loss, steps, self.divisor)
        totals = self._score_on_cpu(genomes, loss, steps)
        totals /= self.divisor
        return totals

    @property
    def divisor(self) -> int:
        """What makes a fitness of the sum of a named loss over the data set."""
        if self.fitness == "accuracy":
            return len(self.targets)
        return -(len(self.targets) if self.fitness == "cross_entropy" else self.targets.size)

    def _new_trainer(self, steps: int, optimiser: Callable[[list[Any]], Any] | None) -> Any:
        from evaluators.gradient import optim
        from evaluators.gradient.evolved import Trainer

        return Trainer(self, optimiser or (lambda parameters: optim.Adam(parameters, 0.01)), steps)

    def _new_scorer(self) -> Any:
        from evaluators.gpu.engines import Scorer

        return Scorer(self.devices, self.input_rows, self.target_rows)

    def _score_on_cpu(self, genomes: Genomes, loss: int, steps: int) -> np.ndarray:
        totals = np.empty(len(genomes))
        parallel.over(
            score_range(),
            len(genomes),
            genomes.to_kernel(),
            self.input_rows,
            genomes.input_count,
            self.target_rows,
            loss,
            not genomes.feed_forward,
            steps,
            totals,
            cost=max(1.0, len(self.targets) / 16),
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
        for _ in range(1 if genomes.feed_forward else self.steps):
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


def _targets(targets: Any) -> np.ndarray:
    array = as_float32("targets", targets)
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"targets: expected shape (samples, outputs) or (samples,), got {array.shape}")
    return array


def _class_targets(targets: Any) -> np.ndarray:
    """Classes as float32 (samples, 1) for two of them, else as a probability for each class."""
    array = _targets(targets)
    if np.ndim(targets) == 1:
        labels = array[:, 0]
        if (labels != np.floor(labels)).any() or labels.min() < 0 or labels.max() >= 2**16:
            wrong = labels[(labels != np.floor(labels)) | (labels < 0) | (labels >= 2**16)][0]
            raise ValueError(f"targets: expected integer labels from 0, got {wrong}")
        classes = int(labels.max()) + 1
        if classes > 2:
            return np.eye(classes, dtype=np.float32)[labels.astype(np.int64)]
        return array
    if array.min() < 0 or array.max() > 1:
        wrong = array[(array < 0) | (array > 1)][0]
        raise ValueError(f"targets: expected probabilities from 0 to 1, got {wrong}")
    if array.shape[1] > 1 and (np.abs(array.sum(axis=1) - 1) > 1e-4).any():
        row = int(np.flatnonzero(np.abs(array.sum(axis=1) - 1) > 1e-4)[0])
        raise ValueError(f"targets: expected every row to sum to 1, got {array[row].sum()} in row {row}")
    return array
