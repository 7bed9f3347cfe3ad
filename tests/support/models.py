"""Small genomes with known outputs, and tables with named columns."""

import numpy as np

from neat import Genome


def linear_genome(weights, biases, activation="identity", bias_input=False):
    """A network without hidden nodes: weights of shape (outputs, inputs), biases (outputs,)."""
    weights = np.atleast_2d(weights)
    outputs, inputs = weights.shape
    first = inputs + bias_input
    return Genome.from_dict(
        {
            "num_inputs": inputs,
            "num_outputs": outputs,
            "bias_input": bias_input,
            "nodes": [
                {"id": first + k, "bias": float(bias), "activation": activation}
                for k, bias in enumerate(np.atleast_1d(biases))
            ],
            "connections": [
                {"innovation": k, "source": k % inputs, "target": first + k // inputs, "weight": float(w)}
                for k, w in enumerate(weights.ravel())
            ],
        }
    )


class Table:
    """What the library uses of a frame of pandas or Polars."""

    def __init__(self, columns):
        self._columns = dict(columns)

    @property
    def columns(self):
        return list(self._columns)

    def __getitem__(self, name):
        return self._columns[name]

    def __array__(self, dtype=None, copy=None):
        return np.stack(list(self._columns.values()), axis=1).astype(dtype)
