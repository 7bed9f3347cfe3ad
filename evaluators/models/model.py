"""A model: a genome together with the preprocessing and postprocessing of its network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from evaluators.checks import check_count
from evaluators.models import file_format
from evaluators.models.actions import Choices, Continuous, output_ranges
from evaluators.models.file_format import Inputs, Outputs, Parts
from evaluators.models.inputs import Rows
from evaluators.models.outputs import Classes, Raw, Values
from evaluators.network import compile
from neat.genome.genome import Genome
from neat.support.html import table_of_facts
from neat.support.messages import quote
from neat.support.validation import check_unmasked


class Model:
    """A genome that predicts or acts, in the names and units of its data. `evaluator.model(champion)` makes it.

    Models of data sets predict, models of environments act. A model of `PerGenome` does both: it returns the outputs of
    the network, since only the user-defined function knows what they mean.

    A model can be pickled and copied; the copy of a recurrent one begins with a state of 0. Threads may share a model,
    but not the state of a recurrent one that acts.

    Args:
        genome: The genome, which the model copies.
        inputs: The preprocessing of the network's inputs.
        outputs: The postprocessing of the network's outputs.
        steps: The number of steps that a recurrent network makes before its outputs are read; None if it is unknown.

    Attributes:
        genome: The argument of that name, as are `inputs`, `outputs` and `steps`.

    Raises:
        ValueError: A part does not fit the genome.
    """

    def __init__(self, genome: Genome, inputs: Inputs, outputs: Outputs, steps: int | None = None) -> None:
        if not isinstance(genome, Genome):
            raise ValueError(f"genome: expected neat.Genome, got {quote(genome)}")
        if steps is not None:
            check_count("steps", steps)
        for name, part, size in (
            ("inputs", inputs, genome.num_inputs),
            ("outputs", outputs, genome.num_outputs),
        ):
            try:
                part.check(size)
            except ValueError as error:
                raise ValueError(f"{name}.{error}") from None
        self.genome = Genome(genome.genomes.take(np.zeros(1, np.int64)))
        self.inputs = inputs
        self.outputs = outputs
        self.steps = steps
        self._networks = compile(self.genome, "cpu")
        self._ranges = output_ranges(self.genome.genomes)

    def __reduce__(self) -> tuple[Any, ...]:
        # Plain data, since joblib can replace arrays by files in memory, which kernels do not take.
        return Model._from_parts, (self._to_parts(),)

    def __repr__(self) -> str:
        kind = "feed-forward" if self.genome.feed_forward else "recurrent"
        return (
            f"Model({kind}, {self.num_inputs} inputs of kind {self.inputs.kind}, "
            f"{self.num_outputs} outputs of kind {self.outputs.kind})"
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the parts, and the topology with the names that the model knows."""
        facts = {
            "inputs": f"{self.num_inputs} of kind {self.inputs.kind}",
            "input names": ", ".join(self.input_names or ()),
            "network": repr(self.genome),
            "outputs": f"{self.num_outputs} of kind {self.outputs.kind}",
            "output names": ", ".join(self.output_names or ()),
        }
        # neat.reporting.notebook defines what draws a genome.
        drawing = self.genome._repr_svg_(self.input_names, self.output_names)  # type: ignore[attr-defined]
        return table_of_facts("Model", {name: text for name, text in facts.items() if text}) + drawing

    @property
    def num_inputs(self) -> int:
        """The number of inputs, without the bias input."""
        return self.genome.num_inputs

    @property
    def num_outputs(self) -> int:
        """The number of outputs of the network."""
        return self.genome.num_outputs

    @property
    def input_names(self) -> tuple[str, ...] | None:
        """The names of the network's inputs, such as "colour=red" for a category; None if they are unknown."""
        return self.inputs.input_names if isinstance(self.inputs, Rows) else None

    @property
    def output_names(self) -> tuple[str, ...] | None:
        """The names of the network's outputs, such as those of classes, or None if they are unknown."""
        if isinstance(self.outputs, Classes):
            labels = self.outputs.labels
            return tuple(map(str, labels)) if len(labels) == self.num_outputs else None
        return self.outputs.names if isinstance(self.outputs, Values) else None

    @property
    def classes(self) -> np.ndarray:
        """The labels of the classes, shape (classes,), in the order of `predict_proba`.

        Raises:
            ValueError: The model does not classify.
        """
        return self._classes().label_array.copy()

    def predict(self, X: Any) -> np.ndarray:
        """Return a prediction for each sample: the label of its class, or values in the unit of the targets.

        Args:
            X: An array of shape (samples, inputs), or a table with named columns, such as a frame of pandas. If the
                model knows the names of its inputs, it takes a table's columns by name, in any order.

        Returns:
            Shape (samples,), or (samples, outputs) if the targets have several outputs. Standardised targets give
            float64, others float32. Of equally probable classes, the first is predicted.

        Raises:
            ValueError: A column is missing or unknown, a shape differs, a number is not finite, or the model acts.
        """
        if isinstance(self.outputs, Choices | Continuous):
            raise ValueError("model: acts in an environment; use act")
        outputs = self._activate(X)
        return outputs if isinstance(self.outputs, Raw) else self.outputs.predict(outputs)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class for each sample, float64 (samples, classes).

        Args:
            X: As for `predict`.

        Raises:
            ValueError: `predict` would raise it, or the model has no probabilities.
        """
        classes = self._classes()
        return classes.probabilities(self._activate(X))

    def act(self, observation: Any) -> Any:
        """Return the action for an observation. A recurrent network makes one step, and keeps its state until `reset`.

        Args:
            observation: Shape (inputs,); or (n, inputs), for n episodes side by side, each with its own state.

        Returns:
            An action of the environment: an integer, or an array of the actions' shape; for n observations, an array of
            n actions. A model of `PerGenome` returns the outputs, float32 (outputs,) or (n, outputs).

        Raises:
            ValueError: The shape differs, a number is not finite, n differs from that of the call before without a
                `reset`, or the model predicts.
            RuntimeError: Another thread is using the state of this recurrent model.
        """
        if isinstance(self.outputs, Values | Classes):
            raise ValueError("model: predicts and does not act; use predict")
        check_unmasked("observation", observation)
        observation = np.asarray(observation)
        is_single = observation.ndim == 1
        rows = self.inputs.read(
            "observation", observation[np.newaxis] if is_single else observation, self.num_inputs
        )
        outputs = self._networks.activate(rows)[0]
        actions = outputs if isinstance(self.outputs, Raw) else self.outputs.act(outputs, *self._ranges)
        return actions[0] if is_single else actions

    def reset(self) -> None:
        """Set the state of a recurrent network to 0, as at the start of an episode."""
        self._networks.reset()

    def save(self, path: str | Path) -> None:
        """Write the model to a JSON file, which `evaluators.load` reads; it predicts the same bits there.

        Raises:
            ValueError: `path` is not that of a regular file.
            OSError: The file cannot be written.
        """
        file_format.write(path, self._to_parts())

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """Return the model that `save` wrote. `evaluators.load` is the same function.

        Register user-defined activations and aggregations of the genome before.

        Raises:
            ValueError: The file cannot be read, is no model, or is damaged; the message names the file.
        """
        return file_format.read(path, cls._from_parts)

    def _to_parts(self) -> Parts:
        return Parts(genome=self.genome.to_dict(), inputs=self.inputs, outputs=self.outputs, steps=self.steps)

    @classmethod
    def _from_parts(cls, parts: Parts) -> Model:
        return cls(Genome.from_dict(parts.genome), parts.inputs, parts.outputs, parts.steps)

    def _classes(self) -> Classes:
        if not isinstance(self.outputs, Classes):
            raise ValueError(f"model: has no classes, since its outputs are of kind {self.outputs.kind}")
        return self.outputs

    def _activate(self, X: Any) -> np.ndarray:
        """Return the network's outputs, float32 (samples, outputs); the state of earlier calls plays no role."""
        rows = self.inputs.read("X", X, self.num_inputs)
        if self.genome.feed_forward:
            return self._networks.activate(rows)[0]
        if self.steps is None:
            raise ValueError(
                "model: is recurrent, and the number of steps until its outputs are read is unknown; use act"
            )
        networks = compile(self.genome, "cpu")
        for _ in range(self.steps):
            outputs = networks.activate(rows)
        return outputs[0]
