"""What kernels must know of a run: the shape of its networks, its settings, and what nodes may compute."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neat.activations import activation_index, aggregation_index
from neat.config.config import Config, to_record
from neat.config.models import GenomeConfig

DRAWN = -1  # in `NodeFunctions.new`


class NetworkShape(NamedTuple):
    """What all networks of a run have in common."""

    input_count: int  # inputs, the bias input included
    bias_index: int  # the bias input's index, or -1
    num_outputs: int
    feed_forward: bool

    @classmethod
    def of(cls, config: GenomeConfig) -> NetworkShape:
        """The shape that a config gives."""
        bias_index = config.num_inputs if config.bias_input else -1
        return cls(config.num_inputs + config.bias_input, bias_index, config.num_outputs, config.feed_forward)


class NodeFunctions(NamedTuple):
    """What nodes may compute, as indices into the tables of `activations`."""

    activation_options: np.ndarray  # uint8 (n,)
    aggregation_options: np.ndarray  # uint8 (n,)
    new: np.ndarray  # int64 (3,): activation of new nodes, of outputs, aggregation; DRAWN: from the options
    first_mutable: int  # the nodes before this one keep their activation

    @classmethod
    def of(cls, config: GenomeConfig) -> NodeFunctions:
        """The functions that a config names."""
        activation = DRAWN if config.activation == "random" else activation_index(config.activation)
        output = config.output_activation
        aggregation = DRAWN if config.aggregation == "random" else aggregation_index(config.aggregation)
        return cls(
            np.array([activation_index(name) for name in config.activation_options], np.uint8),
            np.array([aggregation_index(name) for name in config.aggregation_options], np.uint8),
            np.array([activation, activation if output is None else activation_index(output), aggregation]),
            0 if output is None else config.num_outputs,
        )


class RunSettings(NamedTuple):
    """What is the same in all generations of a run."""

    shape: NetworkShape
    functions: NodeFunctions
    config: np.ndarray  # the config's record, shape (1,)
    seed: np.uint64

    @classmethod
    def of(cls, config: Config) -> RunSettings:
        """What a config says, for kernels."""
        return cls(
            NetworkShape.of(config.genome),
            NodeFunctions.of(config.genome),
            to_record(config),
            np.uint64(config.seed),
        )
