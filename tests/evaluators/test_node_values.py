"""The values of all nodes of a network over time, against a plain forward pass."""

import random

import numpy as np
import pytest

import evaluators
from evaluators.node_values import node_values
from neat.genome.genome import Genome
from tests.support.reference import Reference, random_genome


@pytest.mark.parametrize("feed_forward", [True, False])
@pytest.mark.parametrize("bias_input", [True, False])
def test_all_nodes_against_a_plain_forward_pass(feed_forward, bias_input):
    for seed in range(5):
        smooth = {
            "activations": ["tanh", "sigmoid", "gauss", "sin"],
            "aggregations": ["sum", "mean", "product"],
        }
        data = random_genome(random.Random(seed), feed_forward=feed_forward, bias_input=bias_input, **smooth)
        genome = Genome.from_dict(data)
        x = np.random.default_rng(seed).normal(size=(6, genome.num_inputs)).astype(np.float32)
        values = node_values(genome, x)
        ids = [node["id"] for node in genome.nodes]
        assert values.shape == (6, len(ids))
        reference = Reference(data)
        for inputs, row in zip(x, values, strict=True):
            reference.activate(inputs.tolist())
            known = dict(enumerate([*inputs.tolist(), 1.0] if bias_input else inputs.tolist()))
            if feed_forward:
                expected = [reference._evaluate(node, known) for node in ids]
            else:
                expected = [reference.values[node] for node in ids]
            np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)
        outputs = evaluators.compile(genome).activate_sequence(x[:, np.newaxis])[0, :, 0]
        np.testing.assert_array_equal(values[:, [ids.index(node) for node in genome.output_ids]], outputs)
