"""Run by test_schema.py, compiled, in a copy of the library whose nodes multiply by a time constant.

Fails unless an emulated GPU and the CPU compute the same, and a time constant of 2 doubles a node's value.
"""

import sys
from pathlib import Path

import numpy as np

import neat
from evaluators.cpu.compilation import as_compiled
from evaluators.engine import engine_for
from evaluators.export import to_numpy
from tests.gpu.emulator import emulation

X = np.array([[1.0, 2.0], [0.5, 4.0], [-3.0, 1.0]], np.float32)


def network(weight, **constants):
    """A network whose arithmetic is exact, since two devices can round differently."""
    node = {"id": 2, "bias": 0.25, "response": 1.5, "activation": "relu", **constants}
    connections = [{"innovation": k, "source": k, "target": 2, "weight": weight} for k in (0, 1)]
    return {"num_inputs": 2, "num_outputs": 1, "nodes": [node], "connections": connections}


GENOMES = neat.Genomes.from_list([network(0.5), network(0.5, time_constant=2.0), network(0.25)])


def activate(networks, device):
    activator = engine_for((device,)).activator(networks)
    return np.asarray(activator.activate(X[np.newaxis, np.newaxis], np.arange(len(GENOMES))))[:, 0]


def main(folder):
    outputs = activate(GENOMES, "cpu")
    assert outputs[0].any()
    np.testing.assert_array_equal(outputs[1], 2 * outputs[0])
    assert not np.array_equal(outputs[0], outputs[2])
    with emulation(Path(folder)):
        for networks in (GENOMES, as_compiled(GENOMES)):  # genes, which it compiles, and programs
            np.testing.assert_array_equal(activate(networks, "cuda:0"), outputs)
    for genome, expected in zip(GENOMES, outputs, strict=True):
        names = {}
        exec(to_numpy(genome), names)
        np.testing.assert_array_equal(names["activate"](X), expected)


if __name__ == "__main__":
    main(sys.argv[1])
