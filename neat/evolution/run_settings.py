"""Hold the settings of a run for kernels: the shape of its networks, the node functions, and the config."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neat.activations import activation_index, aggregation_index
from neat.config.config import Config, to_record
from neat.config.models import GenomeConfig

DRAWN = -1  # in `NodeFunctions.new`: draw from the options


class NetworkShape(NamedTuple):
    """The sizes and the kind that all networks of a run share."""

    input_count: int  # with the bias input
    bias_index: int  # the index of the bias input, or -1
    num_outputs: int
    feed_forward: bool

    @classmethod
    def of(cls, config: GenomeConfig) -> NetworkShape:
        """Return the shape of networks with these settings."""
        bias_index = config.num_inputs if config.bias_input else -1
        return cls(config.num_inputs + config.bias_input, bias_index, config.num_outputs, config.feed_forward)


class NodeFunctions(NamedTuple):
    """The functions that nodes can have, as positions in the tables of `neat.activations`."""

    activation_options: np.ndarray  # uint8 (n,)
    aggregation_options: np.ndarray  # uint8 (n,)
    # int64 (3,): the activation of new nodes, the activation of outputs, the aggregation; each can be DRAWN
    new: np.ndarray
    first_mutable: int  # position of the first node whose activation can mutate: 0, or num_outputs

    @classmethod
    def of(cls, config: GenomeConfig) -> NodeFunctions:
        """Return the functions that the settings name."""
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
    """The settings that are equal in all generations of a run."""

    shape: NetworkShape
    functions: NodeFunctions
    config: np.ndarray  # the record of the config, shape (1,)
    seed: np.uint64

    @classmethod
    def of(cls, config: Config) -> RunSettings:
        """Return the settings of a config."""
        return cls(
            NetworkShape.of(config.genome),
            NodeFunctions.of(config.genome),
            to_record(config),
            np.uint64(config.seed),
        )
