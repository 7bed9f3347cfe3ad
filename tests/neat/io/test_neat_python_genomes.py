"""Test the conversion of genomes that neat-python evolved."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from neat.genome.genome import Genome, GenomeError
from tests.support.paths import DATA

CASES = json.loads((DATA / "neat_python_genomes.json").read_text())


def stand_in(case, description):
    """Return objects with the attributes of neat-python's genome and config."""
    nodes = {node["key"]: SimpleNamespace(**node) for node in description["nodes"]}
    connections = {}
    for gene in description["connections"]:
        key = tuple(gene["key"])
        connections[key] = SimpleNamespace(**{**gene, "key": key})
    names = ("input_keys", "output_keys", "feed_forward")
    config = SimpleNamespace(genome_config=SimpleNamespace(**{name: case[name] for name in names}))
    return SimpleNamespace(key=description["key"], nodes=nodes, connections=connections), config


def simple():
    return stand_in(CASES[1], CASES[1]["genomes"][0])


def all_genomes():
    return [(case, genome) for case in CASES for genome in case["genomes"]]


@pytest.mark.parametrize(("case", "description"), all_genomes())
def test_genomes_are_converted_gene_by_gene(case, description):
    genome = Genome.from_neat_python(*stand_in(case, description))
    num_inputs = len(case["input_keys"])

    def id_of(key):
        return -key - 1 if key < 0 else num_inputs + key

    scaled = {"sigmoid", "tanh", "sin", "gauss", "softplus"}
    assert (genome.num_inputs, genome.num_outputs) == (num_inputs, len(case["output_keys"]))
    assert genome.feed_forward == case["feed_forward"]
    assert {(n["id"], n["activation"].removeprefix("scaled_"), n["aggregation"]) for n in genome.nodes} == {
        (id_of(n["key"]), n["activation"], n["aggregation"]) for n in description["nodes"]
    }
    assert all(
        n["activation"].removeprefix("scaled_") not in scaled or "_" in n["activation"] for n in genome.nodes
    )
    assert {(c["innovation"], c["source"], c["target"], c["enabled"]) for c in genome.connections} == {
        (c["innovation"], id_of(c["key"][0]), id_of(c["key"][1]), c["enabled"])
        for c in description["connections"]
    }
    weight = {c["innovation"]: c["weight"] for c in description["connections"]}
    assert all(c["weight"] == pytest.approx(weight[c["innovation"]], rel=1e-6) for c in genome.connections)


@pytest.mark.parametrize(("case", "description"), all_genomes())
def test_converted_networks_agree_with_neat_python(case, description):
    evaluators = pytest.importorskip("evaluators")
    genome = Genome.from_neat_python(*stand_in(case, description))
    networks = evaluators.compile(genome, device="cpu")
    x = np.array(case["inputs"], np.float32)
    if case["feed_forward"]:
        outputs = networks.activate(x)[0]
    else:
        outputs = np.array([networks.activate(step[None, :])[0, 0] for step in x])
    np.testing.assert_allclose(outputs, np.array(description["outputs"]), rtol=2e-3, atol=2e-4)


@pytest.mark.filterwarnings("ignore:genome .* outputs can differ")
def test_genomes_without_innovation_numbers_are_numbered_in_order():
    genome, config = simple()
    for gene in genome.connections.values():
        del gene.innovation
    carried = Genome.from_neat_python(genome, config.genome_config)
    ends = [(c["source"], c["target"]) for c in carried.connections]
    assert ends == sorted(ends)
    assert [c["innovation"] for c in carried.connections] == list(range(len(ends)))


def without_an_output(genome):
    del genome.nodes[0]


def unknown_activation(genome):
    genome.nodes[1].activation = "my_sinc"


def unknown_aggregation(genome):
    genome.nodes[1].aggregation = "l2"


def dangling(genome):
    genome.connections[(99, 0)] = SimpleNamespace(weight=1.0, enabled=True, innovation=10**6)


def infinite(genome):
    next(iter(genome.connections.values())).weight = float("inf")


def without_genes(genome):
    del genome.nodes


def no_switch(genome):
    del next(iter(genome.connections.values())).enabled


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without_an_output, "genome \\d+: output 0: there is no node gene"),
        (unknown_activation, "genome \\d+: node 1: .*my_sinc"),
        (unknown_aggregation, "genome \\d+: node 1: .*l2"),
        (dangling, r"genome \d+: connection \(99, 0\): the genome has no node 99"),
        (infinite, "genome \\d+: .*weight"),
        (without_genes, "genome \\d+: not a genome and config of neat-python: .*nodes"),
        (no_switch, "genome \\d+: not a genome and config of neat-python: .*enabled"),
    ],
)
def test_genomes_that_cannot_be_converted(spoil, message):
    genome, config = simple()
    spoil(genome)
    with pytest.raises(GenomeError, match=message) as caught:
        Genome.from_neat_python(genome, config)
    assert "\n" not in str(caught.value)
