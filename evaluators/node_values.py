"""Compute the values of all nodes of a network, also of those that are not outputs."""

from __future__ import annotations

import numpy as np

from evaluators.network import compile
from neat.genome.genome import Genome


def node_values(genome: Genome, inputs: np.ndarray) -> np.ndarray:
    """Return the values of all nodes of a network at successive times, as `Networks.activate_sequence` computes them.

    Args:
        genome: The genome.
        inputs: float32 (times, inputs), without the bias input.

    Returns:
        float32 (times, nodes), in the order of `genome.nodes`.
    """
    recurrent = not genome.feed_forward
    # A copy of a value passes a step late in a recurrent network.
    rows = np.concatenate([inputs, inputs[-1:]]) if recurrent else inputs
    values = compile(_copy_to_outputs(genome)).activate_sequence(rows[:, np.newaxis])[0, :, 0]
    return values[recurrent:]


def _copy_to_outputs(genome: Genome) -> Genome:
    """Return a genome with an output for each node of another one, to which a connection copies the node's value."""
    data = genome.to_dict()
    nodes, first = data["nodes"], len(genome.input_ids)
    id_of = {node["id"]: first + len(nodes) + k for k, node in enumerate(nodes)}
    copies = [{"id": first + k, "bias": 0.0, "activation": "identity"} for k in range(len(nodes))]
    own = [
        {**gene, **{end: id_of.get(gene[end], gene[end]) for end in ("source", "target")}, "innovation": k}
        for k, gene in enumerate(data["connections"])
    ]
    taps = [
        {"innovation": len(own) + k, "source": id_of[node["id"]], "target": first + k, "weight": 1.0}
        for k, node in enumerate(nodes)
    ]
    renamed = [{**node, "id": id_of[node["id"]]} for node in nodes]
    changes = {"num_outputs": len(nodes), "nodes": copies + renamed, "connections": own + taps}
    return Genome.from_dict({**data, **changes})
