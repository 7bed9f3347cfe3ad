"""A part of a population gets the random numbers and the messages of its genomes' places."""

import copy
import pickle
import re

import numpy as np
import pytest

import evaluators
import neat
from neat.genome.genome import Genomes
from tests.support import distributed_tasks as tasks
from tests.support.gymnasium_environments import Spoiled, without_reward


def population(evaluator, size=11):
    genome = {name: getattr(evaluator, name, 1) for name in ("num_inputs", "num_outputs")}
    return neat.Population(neat.Config(genome=genome, population_size=size, seed=3)).ask()


@pytest.mark.parametrize(
    "make",
    [
        lambda: evaluators.Gymnasium(tasks.Walk, starts="genome"),
        lambda: evaluators.Rollout(tasks.CartPole(), starts="genome", device="cpu"),
        tasks.drawing,
        lambda: evaluators.PerGenome(tasks.draw, workers=2),
    ],
    ids=["gymnasium", "rollout", "function", "workers"],
)
def test_parts_give_what_the_whole_gives(make):
    evaluator = make()
    genomes = population(evaluator)
    whole = evaluator(genomes)
    assert len(np.unique(whole)) > 5
    parts = [evaluator(genomes.part(begin, end)) for begin, end in ((0, 4), (4, 5), (5, 11))]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    # Parts of parts, copies and pickles know their place.
    inner = genomes.part(2, 10).part(3, 7)
    assert inner.first == 5
    for same in (inner, pickle.loads(pickle.dumps(inner)), copy.copy(inner), copy.deepcopy(inner)):
        assert evaluator(same).tobytes() == whole[5:9].tobytes()
    getattr(evaluator, "close", lambda: None)()


def test_a_part_shares_memory_and_is_checked():
    genomes = population(None)
    part = genomes.part(3, 6)
    assert isinstance(part, Genomes) and np.shares_memory(part.arrays.node_bias, genomes.arrays.node_bias)
    part.check()
    assert [genome.to_dict() for genome in part] == [genomes[k].to_dict() for k in (3, 4, 5)]
    for begin, end in ((-1, 2), (3, 2), (0, 12)):
        with pytest.raises(IndexError, match=re.escape(f"a range within 0 to 11, got {begin} to {end}")):
            genomes.part(begin, end)


def test_seeds_depend_on_run_generation_and_place_only():
    seeds = []
    evaluator = evaluators.PerGenome(lambda network: seeds.append(network.seed) or 0.0)
    genomes = population(None).take(np.arange(3))
    for seed, generation in ((3, 0), (3, 1), (4, 0), (3, 0)):
        genomes.seed, genomes.generation = seed, generation
        evaluator(genomes)
    assert seeds[:3] == seeds[9:] and len(set(seeds)) == 9
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_messages_name_the_place_in_the_population():
    evaluator = evaluators.Gymnasium(lambda: Spoiled(without_reward), slots=1)
    with pytest.raises(ValueError, match=r"of genome 7$"):
        evaluator(population(evaluator).part(7, 9))
