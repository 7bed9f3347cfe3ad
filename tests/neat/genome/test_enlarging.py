"""Genomes with more inputs and outputs compute the same, and can still be mated with one another."""

import numpy as np
import pytest

import evaluators
import neat
from neat.evolution.speciation import compatibility_distance
from neat.genome.genome import GenomeError
from tests.support.evolving import BUSY, ends, evolve, make_config
from tests.support.marks import every_scheme

SAMPLES = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)


def evolved(**settings):
    population = evolve(neat.Population(make_config(**BUSY).updated(**settings)), 6)
    return population.genomes.take(np.arange(20))


@pytest.mark.parametrize("genome", [{}, {"bias_input": True}, {"feed_forward": False}], ids=str)
@pytest.mark.parametrize(("inputs", "outputs"), [(3, 2), (4, 2), (9, 2), (3, 3), (3, 7), (5, 4)])
def test_the_old_outputs_stay_the_same_whatever_the_new_inputs_are(genome, inputs, outputs):
    before = evolved(genome=genome)
    after = before.with_inputs(inputs).with_outputs(outputs)
    after.check()
    assert (after.num_inputs, after.num_outputs, after.generation) == (inputs, outputs, before.generation)
    noise = np.random.default_rng(1).normal(size=(7, inputs - 3)).astype(np.float32)
    old = evaluators.compile(before, device="cpu").activate(SAMPLES)
    new = evaluators.compile(after, device="cpu").activate(np.concatenate([SAMPLES, noise], axis=1))
    np.testing.assert_array_equal(new[..., :2], old)
    unconnected = new[..., 2:]  # a constant for each genome: the aggregation and activation of nothing
    assert (unconnected == unconnected[:, :1]).all()


def test_links_join_the_same_nodes_under_their_new_ids():
    before = evolved(genome={"bias_input": True})
    after = before.with_inputs(5).with_outputs(6)  # 2 inputs and 4 outputs are new
    expected = [
        np.where(old < 3, old, np.where(old < 3 + 1 + 2, old + 2, old + 2 + 4)) for old in ends(before)
    ]
    for got, wanted in zip(ends(after), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert before[3].to_dict()["connections"] != after[3].to_dict()["connections"]
    for name in ("connection_innovation", "connection_weight", "connection_enabled"):
        np.testing.assert_array_equal(getattr(after.arrays, name), getattr(before.arrays, name))


def test_new_outputs_have_default_numbers_and_the_functions_of_the_first_output():
    before = evolved(genome={"bias": {"minimum": 0.25, "mean": 1.0}})
    for old, new in zip(before, before.with_outputs(4), strict=True):
        for node in new.nodes[2:4]:
            assert (node["bias"], node["response"]) == (0.25, 1.0)  # 0 is below the bound
            assert node["activation"] == old.nodes[0]["activation"]
            assert node["aggregation"] == old.nodes[0]["aggregation"]
            assert node["id"] in new.output_ids
        assert [node | {"id": 0} for node in (*new.nodes[:2], *new.nodes[4:])] == [
            node | {"id": 0} for node in old.nodes
        ]


def test_genes_that_matched_still_match():
    before = evolved()
    after = before.with_inputs(7).with_outputs(3)
    config = make_config(speciation={"node_coefficient": 0.0})
    for other in range(1, 10):
        assert compatibility_distance(before[0], before[other], config) == compatibility_distance(
            after[0], after[other], config.updated(genome={"num_inputs": 7, "num_outputs": 3})
        )


@every_scheme
def test_a_run_goes_on_with_more_inputs_and_outputs(scheme):
    config = make_config(**BUSY).updated(**scheme)
    genomes = evolve(neat.Population(config), 6).genomes.with_inputs(4).with_outputs(3)
    larger = config.updated(genome={"num_inputs": 4, "num_outputs": 3})
    population = evolve(neat.Population(larger, genomes=genomes), 8)
    population.genomes.check()
    source, target = ends(population.genomes)
    assert (source == 3).any()  # the new input
    assert (target == 4 + 2).any()  # the new output


def test_the_original_is_not_changed():
    before = evolved()
    copies = [array.copy() for array in before.arrays]
    for same in (before.with_inputs(3), before.with_outputs(2), before.with_inputs(8).with_outputs(5)):
        assert not any(map(np.shares_memory, same.arrays, before.arrays))
    assert all(map(np.array_equal, before.arrays, copies))
    assert list(before.with_inputs(3)) == list(before)


@pytest.mark.parametrize("value", [2, 0, -1, 2.0, "4", True, None, 2**24, 10**400])
def test_wrong_numbers_are_refused(value):
    genomes = evolved()
    with pytest.raises(
        GenomeError, match=r"^num_inputs: expected an integer from 3, the present number, to 16777215"
    ):
        genomes.with_inputs(value)
    if value != 2:
        with pytest.raises(
            GenomeError, match=r"^num_outputs: expected an integer from 2, the present number"
        ):
            genomes.with_outputs(value)


def test_ids_that_would_not_fit_are_refused():
    data = evolved()[0].to_dict()
    data["nodes"].append({"id": 2**63 - 2})
    genomes = neat.Genomes.from_list([data])
    assert genomes.with_inputs(4)[0].hidden_ids[-1] == 2**63 - 1
    for enlarge in (genomes.with_inputs, genomes.with_outputs):
        with pytest.raises(
            GenomeError, match=r"^node ids up to 9223372036854775806 leave no room for 4 more$"
        ):
            enlarge(7 if enlarge == genomes.with_inputs else 6)
