"""The table of mutation operators: each draws from a stream of its own, and a further row changes no run."""

import operator
from pathlib import Path

import numpy as np
import pytest

from neat.config import MutationConfig
from neat.evolution.mutation_operators import OTHERS, STRUCTURAL
from neat.genome import schema
from neat.kernels import rng
from tests.support.evolving import BUSY_MUTATION
from tests.support.mutants import mutated, rows
from tests.support.scripts import run_python

GENOME = {
    "activation": "tanh",
    "activation_options": ("tanh", "relu", "sin"),
    "aggregation_options": ("sum", "max"),
}
VALUES = {"genome_rate": 0.5, "perturb_rate": 0.4, "replace_rate": 0.2}
NUMBERS = {f"{row.owner}_{row.name}": {row.name: VALUES} for row in schema.NUMBERS}
# The settings that turn an operator on, by the only array that it changes.
ATTRIBUTES = {
    **NUMBERS,
    "connection_enabled": {"enable_rate": 0.3, "disable_rate": 0.2},
    "node_activation": {"activation_rate": 0.4},
    "node_aggregation": {"aggregation_rate": 0.4},
}
ALL_ATTRIBUTES = {name: rate for settings in ATTRIBUTES.values() for name, rate in settings.items()}
STRUCTURE = {
    name: BUSY_MUTATION[name]
    for name in ("add_node_rate", "add_connection_rate", "delete_node_rate", "delete_connection_rate")
}


@pytest.mark.parametrize("changed", ATTRIBUTES)
def test_an_operator_of_attributes_draws_the_same_whatever_else_mutates(changed):
    _, alone = mutated(ATTRIBUTES[changed], GENOME, size=300)
    _, together = mutated(ALL_ATTRIBUTES, GENOME, size=300)
    for name, array in alone.arrays._asdict().items():
        same = np.array_equal(array, getattr(together.arrays, name))
        assert same == (name == changed or name not in ATTRIBUTES)
    assert len(np.unique(rows(alone, changed), axis=0)) > 10


@pytest.mark.parametrize("kind", STRUCTURE)
def test_structural_operators_happen_to_the_same_children_whatever_else_does(kind):
    def counts(mutation):
        parent, children = mutated(mutation, GENOME, size=300)
        nodes = np.diff(children.arrays.node_offset) - len(parent.nodes)
        return nodes, np.diff(children.arrays.connection_offset) - len(parent.connections)

    _, others = counts({name: rate for name, rate in STRUCTURE.items() if name != kind})
    nodes, connections = counts({kind: STRUCTURE[kind]})
    happened = (nodes != 0) | (connections != 0)
    assert 0.3 < happened.sum() / (300 * STRUCTURE[kind]) < 1.7
    _, together = counts(STRUCTURE)
    assert (together[~happened] == others[~happened]).all()


def test_switches_are_drawn_from_the_first_block_of_their_stream_on():
    parent, children = mutated({"enable_rate": 0.3, "disable_rate": 0.3, "add_node_rate": 0.0}, size=50)
    was = parent.genomes.arrays.connection_enabled
    for child, enabled in enumerate(rows(children, "connection_enabled")):
        words = [
            word
            for draw in range(4)
            for word in rng.block(np.uint64(children.seed), 1, child, rng.SWITCH_CONNECTIONS, draw)
        ]
        flipped = [rng.to_uniform(word) < np.float32(0.3) for word in words[: len(was)]]
        assert (enabled == (was ^ flipped)).all()


def test_streams_keep_their_numbers_and_differ():
    table = (*STRUCTURAL, *OTHERS)
    assert {row.rates[0]: row.stream for row in table} == {
        "add_node_rate": 13,
        "add_connection_rate": 14,
        "delete_node_rate": 15,
        "delete_connection_rate": 16,
        "enable_rate": 17,
        "activation_rate": 18,
        "aggregation_rate": 19,
    }
    of_attributes = {row.name: row.streams.mutation for row in schema.NUMBERS}
    assert of_attributes == {"weight": 10, "bias": 11, "response": 12}
    assert all(row.stream < rng.FURTHER_ATTRIBUTES for row in table)


def test_every_rate_is_a_setting_and_structural_operators_have_one():
    for row in (*STRUCTURAL, *OTHERS):
        for rate in row.rates:
            assert 0 <= operator.attrgetter(rate)(MutationConfig()) <= 1
    assert all(len(row.rates) == 1 for row in STRUCTURAL)


def test_a_further_row_changes_no_run_and_no_draw_of_another_operator():
    file = Path(__file__).parent / "further_operator.py"
    run_python("-P", "-W", "ignore", file, NUMBA_DISABLE_JIT="1")
