"""Fitness from the loss over a data set."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from evaluators.checks import as_genome, check_count, check_not_negative, check_share, check_size
from evaluators.devices import resolve_device
from evaluators.engine import engine_for, unsupported_reason
from evaluators.models.model import Model
from evaluators.models.outputs import Classes
from evaluators.models.preparation import (
    Encoding,
    encode_classes,
    model_parts,
    prepare,
    read_targets,
    warn_of_scales,
)
from evaluators.samples import as_samples
from neat.evaluation import Divide
from neat.genome import schema
from neat.genome.genome import Genome, Genomes
from neat.kernels.parallel import Workers

if TYPE_CHECKING:
    from evaluators.gradient.polishing import Polished

LEARNING_RATE = 0.1  # `python -m benchmarks learning_screen` compares rates


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
        inputs: Array of shape (samples, inputs), or a table such as a frame of pandas. A column of text, in a table or
            in an array of objects, becomes an input for each category, which is 1 where a cell holds it and otherwise
            0. Inputs should have deviations of about 1; those that are far from it bring a warning.
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
        learn_steps: The number of gradient steps by which genomes learn (see `evaluators.gradient.fit_weights`); 0:
            none learns. A genome keeps what it has learned if that improves its fitness.
        learn_best: The share of the genomes that learn, in (0, 1]: those with the highest fitness, at least one.
        learn_every: The number of generations from one that learns to the next; generation 0 learns.
        learn_batch: The number of samples on which a generation learns, drawn anew for each; None: all samples. The
            fitness is over all samples in either case.
        optimiser: A function that makes the optimiser from a list of parameters; default: Adam with a rate of 0.1.
        inherit: Whether offspring inherit learned weights (Lamarck), or learning affects only the fitness (Baldwin).
            The champion of a run has its learned weights in either case.
        polish_champion: If genomes learn, whether `Population.run` polishes the champion of a run that has not met its
            target (see `polish`).
        workers: The threads that run networks on the CPU, and compile the networks that learn on a GPU; None: the
            shared ones. Results do not depend on them.
        standardise: Whether networks see inputs with mean 0 and deviation 1 in each column and, if the fitness is
            `squared_error` or `absolute_error`, targets alike. The fitness is then that of standardised targets.
            `model(champion)` takes and returns data in their own unit.
        classes: For `cross_entropy` and `accuracy`: the labels of the classes. Targets of shape (samples,) are then
            labels instead of indices. Without this argument, text and bools are labels, in sorted order.
        input_names: Names of the inputs; default: those of the columns, if `inputs` is a table, such as a frame of
            pandas.
        output_names: Names of the outputs; default: those of the columns, if `targets` is a table or a series. If the
            targets are classes in one column, the name of that column.
        sample_weight: How much each sample counts in a named fitness, shape (samples,), not negative; only ratios
            matter. None: all alike.
        missing: "mean": an empty cell of the inputs (NaN, None or blank text) counts as the mean of its column or, in
            text, as its most frequent category, in the data of predictions too. None: empty cells are refused.
        categories: The categories of columns of text, by the names of the columns; default: those of a categorical
            column of pandas, otherwise those in the data. Models refuse others.

    Attributes:
        learned: The genomes of the last call with what they have learned; None if none of them learned.
        gain: float64 (genomes,), by how much learning improved the fitness of each genome of the last call; 0 for those
            that did not learn; None before the first call, and if `learn_steps` is 0.
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
        *,
        device: str = "auto",
        learn_steps: int = 0,
        learn_best: float = 0.1,
        learn_every: int = 1,
        learn_batch: int | None = None,
        optimiser: Callable[[list[Any]], Any] | None = None,
        inherit: bool = True,
        polish_champion: bool = True,
        workers: Workers | None = None,
        standardise: bool = False,
        classes: Sequence[Any] | None = None,
        input_names: Sequence[str] | None = None,
        output_names: Sequence[str] | None = None,
        sample_weight: Any = None,
        missing: Literal["mean"] | None = None,
        categories: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        names, encoding = (input_names, output_names), Encoding(missing, categories)
        prepared = prepare(inputs, targets, fitness, standardise, classes, names, encoding)
        self.samples = as_samples(prepared.inputs, prepared.targets, fitness, steps, sample_weight)
        self._parts = model_parts(prepared, self.samples)
        if prepared.rows.scaling is None:
            warn_of_scales(self.samples.inputs, prepared.rows)
        check_count("learn_steps", learn_steps, 0)
        check_count("learn_every", learn_every)
        check_share("learn_best", learn_best)
        if learn_batch is not None:
            check_count("learn_batch", learn_batch)
        self._engine = engine_for(resolve_device(device, unsupported_reason), workers)
        self.devices = self._engine.devices
        self.learned: Genomes | None = None
        self.gain: np.ndarray | None = None
        self.inherit = inherit
        self._polishes = bool(learn_steps) and polish_champion
        self._scorer = self._engine.scorer(self.samples)
        self._learner: Any = None
        if learn_steps:
            from evaluators.gradient.learning import Learner, LearningSettings

            settings = LearningSettings(
                learn_steps, learn_best, learn_every, learn_batch, optimiser or make_adam
            )
            self._learner = Learner(self.samples, self._engine, self._scorer, settings)

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

    @property
    def output_range(self) -> tuple[float, float] | None:
        """The least and the greatest right output; −inf and inf for logits; None for a user-defined fitness."""
        if not isinstance(self.samples.fitness, str):
            return None
        if self.samples.fitness == "cross_entropy":
            return -np.inf, np.inf
        return float(self.targets.min()), float(self.targets.max())

    def __call__(self, genomes: Genomes) -> np.ndarray:
        """Return the fitness of every genome, float64 of shape (genomes,).

        Raises:
            ValueError: The genomes have other inputs or outputs, or a user-defined function returned another shape.
        """
        if not isinstance(genomes, Genomes):
            raise ValueError(f"genomes: expected neat.Genomes, got {type(genomes).__name__}")
        self.samples.check_genomes(genomes)
        if self._learner is None:
            return self._scorer.score(genomes)
        return self._learn(genomes)

    def call_divided(self, genomes: Genomes, divide: Divide) -> np.ndarray:
        """Return what a call returns, with work that other evaluators of the same data set do (see `Distributed`)."""
        self.samples.check_genomes(genomes)
        if self._learner is None:
            return divide("score_part", genomes)["fitness"]
        return self._learn(genomes, divide)

    def score_part(self, genomes: Genomes) -> np.ndarray:
        """Return the fitness of a part of the genomes, none of which learns; see `call_divided`."""
        self.samples.check_genomes(genomes)
        return self._scorer.score(genomes)

    def train_part(self, genomes: Genomes) -> dict[str, np.ndarray]:
        """Return the learned numbers of genes and the fitness of a part of the genomes that learn."""
        trained, fitness = self._learner.train(genomes)
        return {row.field: getattr(trained.arrays, row.field) for row in schema.NUMBERS} | {
            "fitness": fitness
        }

    def _learn(self, genomes: Genomes, divide: Divide | None = None) -> np.ndarray:
        scored = self._learner(genomes, divide)
        self.learned, self.gain = scored.learned, scored.gain
        return scored.fitness

    def refine(self, champion: Genome) -> tuple[Genome, float] | None:
        """Return the champion of a run after `polish`, with its fitness; None if the evaluator does not polish."""
        if not self._polishes:
            return None
        genome = self.polish(champion).genome
        return genome, self.score(genome)

    def score(self, genome: Genome) -> float:
        """Return the fitness of one genome, which does not learn.

        Raises:
            ValueError: The genome has other inputs or outputs.
        """
        batch = as_genome("genome", genome).genomes
        self.samples.check_genomes(batch)
        return float(self._scorer.score(batch)[0])

    def polish(self, genome: Genome, steps: int = 1_000, penalty: float = 0.0) -> Polished:
        """Fit the weights and biases of one genome to the end, usually a run's champion, by L-BFGS-B from SciPy.

        Args:
            genome: A genome whose activations and aggregations have slopes; it stays as it is.
            steps: The maximum number of iterations.
            penalty: What the sum of the squared weights counts against the fitness (ridge regression, weight decay);
                biases are free.

        Returns:
            Polished: its `genome`, `fitness`, `fitness_before` and `steps`.

        Raises:
            ValueError: The genome has other inputs or outputs, a function or the fitness has no slope, or `penalty` is
                not a finite number of at least 0.
        """
        from evaluators.gradient.polishing import polish

        as_genome("genome", genome)
        check_count("steps", steps)
        check_not_negative("penalty", penalty)
        return polish(genome, self.samples, self._engine, steps, penalty)

    def with_samples(self, inputs: Any, targets: Any, sample_weight: Any = None) -> Supervised:
        """Return an evaluator of other samples in the same units, such as samples held out for validation.

        It scales inputs and targets as this evaluator does, and numbers the classes alike. Genomes do not learn in it.

        Args:
            inputs: Inputs of the other samples, as for the constructor.
            targets: Their targets; for classes, labels of shape (samples,) or one column for each class.
            sample_weight: Their weights.

        Raises:
            ValueError: An array has the wrong shape or is not finite, or a label is unknown.
        """
        rows, outputs = self._parts
        inputs = rows.read("inputs", inputs, self.num_inputs)
        if isinstance(outputs, Classes):
            targets, _ = encode_classes(targets, outputs.labels)
        elif outputs.scaling is not None:
            columns = read_targets(targets)
            check_size("targets", "outputs", columns.shape[1], self.num_outputs)
            targets = outputs.scaling.apply("targets", columns)
        other = copy.copy(self)
        other.samples = as_samples(inputs, targets, self.samples.fitness, self.samples.steps, sample_weight)
        check_size("targets", "outputs", other.num_outputs, self.num_outputs)
        other._scorer = self._engine.scorer(other.samples)
        other._learner, other._polishes, other.learned, other.gain = None, False, None, None
        return other

    def model(self, champion: Genome) -> Model:
        """Return a model that predicts with a genome, in the names and units of the data set.

        Raises:
            ValueError: The genome has other inputs or outputs.
        """
        self.samples.check_genomes(as_genome("champion", champion).genomes)
        return Model(champion, *self._parts, self.samples.steps)


def make_adam(parameters: list[Any], learning_rate: float = LEARNING_RATE) -> Any:
    """Return the optimiser by which genomes learn, unless another one is given."""
    from evaluators.gradient import optim

    return optim.Adam(parameters, learning_rate)
