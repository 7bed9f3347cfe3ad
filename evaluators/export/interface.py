"""The record of what the inputs and outputs of an exported network mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from evaluators.checks import as_float32, check_size
from evaluators.export.graph import Graph, build_graph
from evaluators.models.inputs import GREATEST, Observations, Scaling
from evaluators.models.model import Model
from evaluators.models.outputs import Values
from neat.genome.genome import Genome
from neat.support.messages import quote


@dataclass(frozen=True)
class Interface:
    """Names of a network's inputs and outputs, and the scales of the data. Every field is optional.

    An export with scales computes (x - input_shift) / input_scale for each input x, activates the network, and returns
    y * output_scale + output_shift for each output y. Scales and shifts are rounded to float32.

    Attributes:
        input_names: Names of the inputs.
        output_names: Names of the outputs.
        input_shift: A number for each input, such as its mean; default: 0.
        input_scale: A number other than 0 for each input, such as its standard deviation; default: 1.
        output_shift: A number for each output; default: 0.
        output_scale: A number for each output; default: 1.
    """

    input_names: Sequence[str] | None = None
    output_names: Sequence[str] | None = None
    input_shift: Any = None
    input_scale: Any = None
    output_shift: Any = None
    output_scale: Any = None

    @classmethod
    def of(cls, model: Model) -> Interface:
        """Return the names and scales of a model.

        Outputs of a model that classifies or acts stay those of the network: logits, or what an action is read from.

        Raises:
            ValueError: The model clips scaled observations, which an export does not.
        """
        known: dict[str, Any] = {"input_names": model.input_names, "output_names": model.output_names}
        if isinstance(model.inputs, Observations):
            offset, factor, limit = model.inputs.arrays
            if limit < GREATEST:
                raise ValueError(
                    f"model: clips scaled observations at ±{limit:g}, which an export does not; to export "
                    "the network alone, pass interface=Interface()"
                )
            known |= {"input_shift": offset, "input_scale": 1 / factor}
        else:
            known |= _scales("input", model.inputs.scaling)
        if isinstance(model.outputs, Values):
            known |= _scales("output", model.outputs.scaling)
        return cls(**known)

    def check(self, graph: Graph) -> None:
        """Raise ValueError, which names the field, unless the fields fit a network."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            end = field.name.partition("_")[0]
            expected = graph.num_inputs if end == "input" else len(graph.outputs)
            if field.name.endswith("names"):
                _check_names(field.name, value)
                size = len(value)
            else:
                array = as_float32(field.name, value)
                if array.ndim != 1:
                    raise ValueError(
                        f"{field.name}: expected a number for each {end}, got shape {array.shape}"
                    )
                size = len(array)
            check_size(field.name, f"{end}s", size, expected)
        if self.input_scale is not None and not as_float32("input_scale", self.input_scale).all():
            raise ValueError("input_scale: expected numbers other than 0 in float32, got 0")

    def scale_inputs(self, inputs: list[Any]) -> list[Any]:
        """Return what the network reads."""
        shifts, scales = _numbers(self.input_shift, 0.0, inputs), _numbers(self.input_scale, 1.0, inputs)
        scaled = []
        for value, shift, scale in zip(inputs, shifts, scales, strict=True):
            shifted = value - shift if shift else value
            scaled.append(shifted / scale if scale != 1 else shifted)
        return scaled

    def scale_outputs(self, outputs: list[Any]) -> list[Any]:
        """Return the outputs in the user's unit."""
        shifts, scales = _numbers(self.output_shift, 0.0, outputs), _numbers(self.output_scale, 1.0, outputs)
        scaled = []
        for value, shift, scale in zip(outputs, shifts, scales, strict=True):
            product = value * scale if scale != 1 else value
            scaled.append(product + shift if shift else product)
        return scaled


def take_apart(source: Genome | Model, interface: Interface | None) -> tuple[Genome, Interface]:
    """Return the genome to export, and its interface: the given one or, if it is None, the model's."""
    if isinstance(source, Model):
        return source.genome, Interface.of(source) if interface is None else interface
    return source, Interface() if interface is None else interface


def build(source: Genome | Model, interface: Interface | None) -> tuple[Graph, Interface]:
    """Return the graph of the network to export, and its interface as `take_apart` does.

    Raises:
        ValueError: `build_graph` would raise it, or the interface does not fit the network.
    """
    genome, interface = take_apart(source, interface)
    graph = build_graph(genome)
    interface.check(graph)
    return graph, interface


def _scales(end: str, scaling: Scaling | None) -> dict[str, Any]:
    return {} if scaling is None else {f"{end}_shift": scaling.shift, f"{end}_scale": scaling.scale}


def _numbers(given: Any, default: float, values: list[Any]) -> list[float]:
    """Return the floats with the fewest digits that float32 rounds to the given numbers."""
    if given is None:
        return [default] * len(values)
    return [float(str(number)) for number in np.asarray(given, np.float32)]


def _check_names(field: str, names: Any) -> None:
    if (
        isinstance(names, str)
        or not isinstance(names, Sequence)
        or not all(isinstance(n, str) for n in names)
    ):
        raise ValueError(f"{field}: expected a list of text, got {quote(names)}")
    for name in names:
        if not name or not name.isprintable():
            raise ValueError(f"{field}: expected printable text on one line, got {quote(name)}")
    if len(set(names)) < len(names):
        raise ValueError(f"{field}: expected different names, got {quote(list(names))}")
