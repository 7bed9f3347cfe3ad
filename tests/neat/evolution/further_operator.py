"""Run by test_mutation_operators.py, uncompiled: runs by the table of operators, and by one with two more rows."""

from unittest import mock

import neat
from neat.config.models import MutationConfig, Rate
from neat.evolution import breeding
from neat.evolution.mutation_operators import OTHERS, STRUCTURAL, Operator, make_mutate
from neat.kernels import rng
from tests.support.evolving import BUSY, as_bytes, evolve, make_config
from tests.support.uncompiled import readable_records

CALLS = []


class FurtherMutation(MutationConfig):
    draw_rate: Rate = 0.0
    negate_rate: Rate = 0.0


class FurtherConfig(neat.Config):
    mutation: FurtherMutation = FurtherMutation()


def draw(draft, requests, child, shape, rule, work):
    """Draw from the stream and change nothing."""
    CALLS.append(rng.next_word(work.stream))
    return draft.nodes, draft.connections


def negate(draft, functions, rule, stream):
    for gene in range(draft.first_connection, draft.first_connection + draft.connections):
        if rng.happens(stream, rule.negate_rate):
            draft.genes.connection_weight[gene] *= -1


DRAW, NEGATE = Operator(draw, 30, ("draw_rate",)), Operator(negate, 31, ("negate_rate",))


def evolved(further, **mutation):
    """Return the genes after six generations, by the table with or without the two rows."""
    settings = make_config(**BUSY, population_size=20, speciation={"weight_coefficient": 0.0}).model_dump()
    settings["crossover"]["average_rate"] = 0.0
    settings["mutation"]["weight"]["genome_rate"] = 0.6
    settings["mutation"] |= mutation
    table = ((DRAW, *STRUCTURAL), (NEGATE, *OTHERS)) if further else (STRUCTURAL, OTHERS)
    CALLS.clear()
    with mock.patch.object(breeding, "_mutate", make_mutate(*table)):
        return as_bytes(evolve(neat.Population(FurtherConfig(**settings)), 6).genomes.arrays)


def differing(first, second):
    return [name for name in first if first[name] != second[name]]


def main():
    before = evolved(False)
    assert differing(before, evolved(True)) == []
    assert not CALLS, "an operator whose rate is 0 must not be called"
    assert differing(before, evolved(True, draw_rate=0.5, negate_rate=0.5)) == ["connection_weight"]
    assert CALLS
    exclusive = {"structural": "one", "add_connection_rate": 0.3}
    before = evolved(False, **exclusive)
    assert differing(before, evolved(True, **exclusive, draw_rate=0.1)) == []
    assert CALLS


if __name__ == "__main__":
    with readable_records():
        main()
