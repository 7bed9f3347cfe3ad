"""Mutate the attributes of one child's genes, in place (2002, section 3.1).

Switches and functions are changed by operators, whose parameters `neat.evolution.mutation_operators` describes.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from neat.config.choices import Distribution
from neat.evolution.run_settings import DRAWN
from neat.genome.schema import NUMBERS, generate, repeat
from neat.kernels import rng
from neat.kernels.jit import inner_function

_NORMAL = int(Distribution.NORMAL)
_ONE_F = np.float32(1.0)
_TWO_F = np.float32(2.0)


@inner_function
def _to_variate(distribution, word0, word1):
    """Return a normal or uniform variate with mean 0 and spread 1."""
    if distribution == _NORMAL:
        return rng.to_normal(word0, word1)
    return _TWO_F * rng.to_uniform(word0) - _ONE_F


@inner_function
def clip(value, initial):
    """Return the value within the bounds of `initial`, an InitialValue record."""
    return min(max(value, initial.minimum), initial.maximum)


@inner_function
def to_initial_value(initial, word0, word1):
    """Return an initial value from two random words and `initial`, an InitialValue record."""
    return clip(initial.mean + initial.spread * _to_variate(initial.distribution, word0, word1), initial)


def make_draw_numbers(owner: str, when: Literal["first", "new"]) -> Any:
    """Return a jitted `draw_numbers(genes, position, initial, key, draw)`, which writes initial numbers of a gene.

    Args:
        owner: "node" or "connection".
        when: "first" for genes of generation 0, where `draw` counts the nodes or possible links of a genome. "new" for
            genes that mutation adds; it ignores `draw`.
    """
    draw = "draw" if when == "first" else f"{{streams.{when}.draw}}"
    piece = f"""words = block(key.seed, key.generation, key.genome, {{streams.{when}.purpose}}, {draw})
    genes.{{row.field}}[position] = to_initial_value(
        initial.{{row.name}}, words[{{streams.{when}.words[0]}}], words[{{streams.{when}.words[1]}}]
    )"""
    numbers = [row for row in NUMBERS if row.owner == owner]
    names = {"block": rng.block, "to_initial_value": to_initial_value}
    return inner_function(
        generate("draw_numbers(genes, position, initial, key, draw)", repeat(piece, numbers), names)
    )


@inner_function
def draw_function(new, options, word):
    """Return the position of a new node's function: `new`, or a draw from the options if `new` is DRAWN."""
    return options[rng.to_index(word, len(options))] if new == DRAWN else np.uint8(new)


@inner_function(inline="never")
def _draw_variates(distribution, key, purpose, count, choice, variate):
    """Write a uniform number and a variate for each of `count` genes, and up to 7 more, to fill whole vectors."""
    seed, generation, child = key.seed, key.generation, key.genome
    lanes = (count + 7) // 8 * 8
    if distribution == _NORMAL:
        for gene in range(lanes):
            word0, word1, word2, _ = rng.inline_block(seed, generation, child, purpose, gene)
            choice[gene] = rng.to_uniform(word0)
            variate[gene] = rng.to_normal(word1, word2)
    else:
        for gene in range(lanes):
            word0, word1, _, _ = rng.inline_block(seed, generation, child, purpose, gene)
            choice[gene] = rng.to_uniform(word0)
            variate[gene] = _TWO_F * rng.to_uniform(word1) - _ONE_F


@inner_function(inline="never")
def mutate_values(value, first, count, rule, initial, key, purpose, draws):
    """Perturb or replace values in place.

    Args:
        value: float32 (N,), the values of all drafts.
        first: Position of the child's first value.
        count: The number of the child's values.
        rule: ValueMutation record.
        initial: InitialValue record.
        key: The child's rng.Key.
        purpose: The purpose of the draws (see `rng.block`).
        draws: Scratch, float32 (3, at least count + 7).
    """
    choice, perturbation, replacement = draws[0], draws[1], draws[1]
    _draw_variates(rule.distribution, key, purpose, count, choice, perturbation)
    if initial.distribution != rule.distribution:
        replacement = draws[2]
        _draw_variates(initial.distribution, key, purpose, count, choice, replacement)
    spread = rule.replace_spread if rule.replace_spread >= 0 else initial.spread
    either = rule.perturb_rate + rule.replace_rate
    for gene in range(count):
        old = value[first + gene]
        perturbed = clip(old + rule.power * perturbation[gene], initial)
        replaced = clip(initial.mean + spread * replacement[gene], initial)
        other = replaced if choice[gene] < either else old
        value[first + gene] = perturbed if choice[gene] < rule.perturb_rate else other


@inner_function(inline="never")
def _is_mutated(rule, key, purpose):
    """Whether a child's values of one attribute mutate; draw only if the rates allow both."""
    if rule.perturb_rate + rule.replace_rate <= 0 or rule.genome_rate >= 1:
        return rule.perturb_rate + rule.replace_rate > 0
    _, _, _, unused = rng.block(key.seed, key.generation, key.genome, purpose, 0)  # by `_draw_variates`
    return rng.to_uniform(unused) < rule.genome_rate


# Mutate a child's numbers. Each attribute has a stream of its own, whose block k is that of gene k.
mutate_numbers = inner_function(
    generate(
        "mutate_numbers(draft, rule, initial, key, draws)",
        repeat(
            """if is_mutated(rule.{row.name}, key, {streams.mutation}):
        mutate_values(
            draft.genes.{row.field}, draft.first_{row.owner}, draft.{row.owner}s,
            rule.{row.name}, initial.{row.name}, key, {streams.mutation}, draws
        )""",
            NUMBERS,
        ),
        {"is_mutated": _is_mutated, "mutate_values": mutate_values},
    ),
    inline="early",
)


@inner_function(inline="early")
def switch_connections(draft, functions, rule, stream):
    """Enable disabled connections and disable enabled ones, each at its rate."""
    enabled = draft.genes.connection_enabled
    for gene in range(draft.first_connection, draft.first_connection + draft.connections):
        rate = rule.disable_rate if enabled[gene] else rule.enable_rate
        enabled[gene] = enabled[gene] != rng.happens(stream, rate)


@inner_function(inline="early")
def mutate_activations(draft, functions, rule, stream):
    """Replace activations by draws from the options."""
    activation, options = draft.genes.node_activation, functions.activation_options
    for node in range(draft.first_node + functions.first_mutable, draft.first_node + draft.nodes):
        if rng.happens(stream, rule.activation_rate):
            activation[node] = options[rng.index(stream, len(options))]


@inner_function(inline="early")
def mutate_aggregations(draft, functions, rule, stream):
    """Replace aggregations by draws from the options."""
    aggregation, options = draft.genes.node_aggregation, functions.aggregation_options
    for node in range(draft.first_node, draft.first_node + draft.nodes):
        if rng.happens(stream, rule.aggregation_rate):
            aggregation[node] = options[rng.index(stream, len(options))]
