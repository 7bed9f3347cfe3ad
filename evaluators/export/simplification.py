"""Simplify genomes without changing what their networks compute."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from evaluators.export.graph import check_genome
from evaluators.program.node import NodeNumbers, node_update
from neat.activations import ACTIVATIONS, AGGREGATIONS, activation_index, aggregation_index
from neat.genome.genome import Genome
from neat.kernels.jit import bind_globals

_0, _1 = np.float32(0.0), np.float32(1.0)

# Returns the argument of a node's activation. Folding relies on the form of `node_update`: a node's value is the
# activation of an argument that is its bias if its aggregate is 0, and depends on nothing else.
_argument = bind_globals(node_update, activation=lambda x: x)


def simplify(genome: Genome) -> Genome:
    """Return a smaller genome whose network has the same outputs.

    It removes disabled connections, and nodes and connections on which no output depends; this alone keeps outputs bit
    for bit. Then it folds constants, which changes outputs by no more than float32 rounds them:

    - A node that reads only constants gets its argument as bias, and no connections.
    - A constant that a sum reads becomes part of its bias. So do connections from the bias input.

    In a recurrent network, a node's value is 0 before the first step. The bias input and nodes that stay 0 are thus the
    only constants that other nodes read. Inputs, outputs and ids stay the same.

    Raises:
        ValueError: `genome` is not a Genome.
    """
    check_genome(genome)
    data = genome.to_dict()
    data["connections"] = [link for link in data["connections"] if link["enabled"]]
    _remove_unseen(data)
    constants = {genome.num_inputs: _1} if genome.bias_input else {}
    while _fold(data, constants):
        pass
    _remove_unseen(data)
    # A dictionary holds the genes only; the bounds, for example, are those of the given genome.
    return Genome(genome.genomes.with_arrays(Genome.from_dict(data).genomes.arrays))


def _remove_unseen(data: dict[str, Any]) -> None:
    """Remove the nodes on which no output depends, with their connections."""
    first = data["num_inputs"] + data.get("bias_input", False)
    sources: dict[int, list[int]] = {}
    for link in data["connections"]:
        sources.setdefault(link["target"], []).append(link["source"])
    waiting = list(range(first, first + data["num_outputs"]))
    seen = set(waiting)
    while waiting:
        new = set(sources.get(waiting.pop(), ())) - seen
        seen |= new
        waiting += new
    data["nodes"] = [node for node in data["nodes"] if node["id"] in seen]
    data["connections"] = [link for link in data["connections"] if link["target"] in seen]


def _fold(data: dict[str, Any], constants: dict[int, np.float32]) -> bool:
    """Fold the known constants, add those that become known, and return whether any did.

    Args:
        data: A genome as plain data, changed.
        constants: The value of each input and node that is the same whenever a node reads it, by id; extended.
    """
    links_of: dict[int, list[dict[str, Any]]] = {node["id"]: [] for node in data["nodes"]}
    for link in data["connections"]:
        links_of[link["target"]].append(link)
    folded: set[int] = set()  # innovation numbers
    known = len(constants)
    with np.errstate(all="ignore"):  # what overflows is not folded
        for node in data["nodes"]:
            links = links_of[node["id"]]
            constant = [link for link in links if link["source"] in constants]
            if constant and (len(constant) == len(links) or node["aggregation"] == "sum"):
                folded |= _fold_into_bias(node, constant, constants)
            if node["id"] not in constants and all(link["innovation"] in folded for link in links):
                # Its aggregate is 0 (see `_argument`).
                value = ACTIVATIONS[activation_index(node["activation"])].function(np.float32(node["bias"]))
                if np.isfinite(value) and (data.get("feed_forward", True) or value == 0):
                    constants[node["id"]] = np.float32(value)
    data["connections"] = [link for link in data["connections"] if link["innovation"] not in folded]
    return len(constants) > known


def _fold_into_bias(
    node: dict[str, Any], links: list[dict[str, Any]], constants: dict[int, np.float32]
) -> set[int]:
    """Add what constant links contribute to a node's bias, and return their innovations; none if the bias overflows."""
    values = np.array([np.float32(link["weight"]) * constants[link["source"]] for link in links], np.float32)
    numbers = NodeNumbers(*(np.float32(node[name]) for name in NodeNumbers._fields))
    bias = _argument(numbers, _aggregate(node["aggregation"], values), previous=_0, dt=_1)
    if not np.isfinite(bias):
        return set()
    node["bias"] = float(bias)
    return {link["innovation"] for link in links}


def _aggregate(name: str, values: np.ndarray) -> np.float32:
    """Return an aggregate of float32 values."""
    entry = AGGREGATIONS[aggregation_index(name)]
    if not entry.fold:
        return np.float32(entry.function(values))
    return functools.reduce(lambda total, value: np.float32(entry.function(total, value)), values)
