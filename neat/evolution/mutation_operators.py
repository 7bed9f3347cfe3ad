"""Bind the mutation operators of a child through a table, each with a random stream of its own.

`work.stream` begins anew for each operator of each child, so that what it draws depends on no other operator. An
operator whose rates are 0 draws nothing. A further row therefore changes no run in which its rates are 0, and where
they are not, the other operators still draw the same numbers.

The numbers of genes mutate by `neat.evolution.mutation.mutate_numbers`, which has a stream for each row of the schema.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neat.config.choices import Structural
from neat.evolution import structural_mutation
from neat.evolution.child_drafts import Draft
from neat.evolution.mutation import (
    mutate_activations,
    mutate_aggregations,
    mutate_numbers,
    switch_connections,
)
from neat.genome.schema import generate
from neat.kernels import rng
from neat.kernels.jit import inner_function

_ALL = int(Structural.ALL)
_ALONE = int(Structural.ALONE)
_ONE = np.float32(1.0)
_ZERO = np.float32(0.0)


class Operator(NamedTuple):
    """A row of the table."""

    mutate: Any  # the jitted function
    stream: int  # the purpose of its random numbers (see `neat.kernels.rng`)
    rates: tuple[str, ...]  # settings of MutationConfig; the operator is off if all are 0


# In the order in which they change a child. Their functions have the parameters (draft, requests, child, shape, rule,
# work): Draft, Requests for additions, the child's index, NetworkShape, the MutationConfig record, and Work. They
# return the numbers of nodes and connections that are left. Each has one rate, its probability.
STRUCTURAL = (
    Operator(structural_mutation.delete_node, rng.DELETE_NODE, ("delete_node_rate",)),
    Operator(structural_mutation.delete_connection, rng.DELETE_CONNECTION, ("delete_connection_rate",)),
    Operator(structural_mutation.add_node, rng.ADD_NODE, ("add_node_rate",)),
    Operator(structural_mutation.add_connection, rng.ADD_CONNECTION, ("add_connection_rate",)),
)
# Their functions have the parameters (draft, functions, rule, stream): Draft, NodeFunctions, the MutationConfig record,
# and the stream, which has been started.
OTHERS = (
    Operator(switch_connections, rng.SWITCH_CONNECTIONS, ("enable_rate", "disable_rate")),
    Operator(mutate_activations, rng.MUTATE_ACTIVATION, ("activation_rate",)),
    Operator(mutate_aggregations, rng.MUTATE_AGGREGATION, ("aggregation_rate",)),
)


@inner_function
def _with_counts(draft, nodes, connections):
    return Draft(draft.genes, draft.first_node, nodes, draft.first_connection, connections)


@inner_function
def _choose(structural, total, key):
    """Return the number that chooses at most one structural operator, or -1 if each decides for itself."""
    if structural == _ALL:
        return -_ONE
    word, _, _, _ = rng.block(key.seed, key.generation, key.genome, rng.STRUCTURE, 0)
    return rng.to_uniform(word) * max(_ONE, total)


@inner_function(inline="never")
def _occurs(rate, lower, choice, key, purpose, stream):
    """Whether a structural operator changes a child; if so, `stream` has been started for it.

    Among operators of which at most one can, it is the one with `choice` from `lower` to `lower + rate`.
    """
    if rate <= 0:
        return False
    rng.start(stream, key, purpose)
    return rng.happens(stream, rate) if choice < 0 else lower <= choice < lower + rate


def make_mutate(structural: tuple[Operator, ...], others: tuple[Operator, ...]) -> Any:
    """Return a jitted `mutate(draft, requests, run, key, work)` by which all operators change a child in turn.

    It returns the numbers of nodes and connections that are left.
    """
    # Operators that exclude each other share out one number in the order of their streams, so that a new one comes
    # last and does not change the share of the others.
    by_stream = sorted(structural, key=lambda each: each.stream)
    rates = [f"rule.{each.rates[0]}" for each in by_stream]
    lines = [
        "rule, nodes, connections, mutated = run.config[0].mutation, draft.nodes, draft.connections, False",
        f"choice = choose(rule.structural, {' + '.join(rates)}, key)",
    ]
    for each in structural:
        place = by_stream.index(each)
        lower = " + ".join(rates[:place]) or "zero"
        lines += [
            f"if occurs({rates[place]}, {lower}, choice, key, {each.stream}, work.stream):",
            f"    nodes, connections = operator_{each.stream}(draft, requests, key.genome, run.shape, rule, work)",
            "    draft, mutated = with_counts(draft, nodes, connections), True",
        ]
    lines += [
        "if mutated and rule.structural == alone:",
        "    return nodes, connections",
        "mutate_numbers(draft, rule, run.config[0].genome, key, work.draws)",
    ]
    for each in others:
        lines += [
            f"if {' or '.join(f'rule.{rate} > 0' for rate in each.rates)}:",
            f"    start(work.stream, key, {each.stream})",
            f"    operator_{each.stream}(draft, run.functions, rule, work.stream)",
        ]
    lines.append("return nodes, connections")
    names = {
        "alone": _ALONE,
        "choose": _choose,
        "mutate_numbers": mutate_numbers,
        "occurs": _occurs,
        "start": rng.start,
        "with_counts": _with_counts,
        "zero": _ZERO,
    }
    names |= {f"operator_{each.stream}": each.mutate for each in (*structural, *others)}
    body = "\n    ".join(lines)
    return inner_function(generate("mutate(draft, requests, run, key, work)", body, names), inline="early")
