"""Every target computes what `activate` computes."""

import random

import numpy as np
import pytest

import evaluators
import neat
from evaluators import export
from evaluators.export import simplify
from neat import activations
from tests.support import exporting
from tests.support.evolving import BUSY_GENOME, BUSY_MUTATION
from tests.support.exporting import needs_compiler
from tests.support.reference import ACTIVATIONS, AGGREGATIONS, random_genome


def needs(*packages):
    return pytest.mark.skipif(not exporting.available(*packages), reason=f"needs {' and '.join(packages)}")


PYTHON_TARGETS = [
    pytest.param(exporting.of_numpy, id="numpy"),
    pytest.param(exporting.of_sympy, id="sympy", marks=needs("sympy")),
    pytest.param(exporting.of_onnx, id="onnx", marks=needs("onnx", "onnxruntime")),
    pytest.param(exporting.of_torch, id="torch", marks=needs("torch")),
]


def random_genomes(count, seed):
    rng = random.Random(seed)
    kinds = [{"feed_forward": k % 2 == 0, "bias_input": k % 4 > 1} for k in range(count)]
    return [neat.Genome.from_dict(random_genome(rng, **kind)) for kind in kinds]


def evolved_champions(count):
    """Champions of short runs with many activations and aggregations; every other one is recurrent."""
    inputs = np.random.default_rng(0).normal(size=(32, 2))
    evaluator = evaluators.Supervised(inputs, np.sin(inputs[:, 0] * inputs[:, 1]))
    champions = []
    for seed in range(count):
        genome = {
            **BUSY_GENOME,
            "activation_options": sorted(ACTIVATIONS),
            "aggregation_options": sorted(AGGREGATIONS),
            "feed_forward": seed % 2 == 0,
        }
        config = neat.Config.for_task(
            evaluator, genome=genome, mutation=BUSY_MUTATION, population_size=60, seed=seed
        )
        champions.append(neat.Population(config).run(evaluator, generations=40).champion)
    return champions


def inputs_of(genomes):
    return [exporting.draw_inputs(genome, seed) for seed, genome in enumerate(genomes)]


def check(results, genomes, inputs):
    """Compare all results, and require that most outputs are well conditioned."""
    well = outputs = 0
    for y, genome, x in zip(results, genomes, inputs, strict=True):
        expected = exporting.of_activate(genome, x)
        assert y.shape == expected.shape
        well += exporting.compare(y, expected, exporting.bounds_of(genome, x))
        outputs += expected.size
    assert well > 0.6 * outputs


@pytest.mark.parametrize("run", PYTHON_TARGETS)
def test_random_genomes(run):
    genomes = random_genomes(16, seed=1)
    inputs = inputs_of(genomes)
    check([run(genome, x) for genome, x in zip(genomes, inputs, strict=True)], genomes, inputs)


@needs_compiler
def test_random_genomes_in_c(tmp_path):
    genomes = random_genomes(16, seed=1)
    inputs = inputs_of(genomes)
    check(exporting.of_c(genomes, inputs, tmp_path), genomes, inputs)


@pytest.fixture(scope="module")
def campaign():
    genomes = random_genomes(2000, seed=0) + evolved_champions(100)
    used = {(n["activation"], n["aggregation"]) for genome in genomes for n in genome.nodes}
    assert len(used) == len(ACTIVATIONS) * len(AGGREGATIONS)
    return genomes, inputs_of(genomes)


@pytest.mark.long
@pytest.mark.parametrize("run", PYTHON_TARGETS)
def test_many_genomes_and_champions(campaign, run):
    genomes, inputs = campaign
    check([run(genome, x) for genome, x in zip(genomes, inputs, strict=True)], genomes, inputs)


@pytest.mark.long
@needs_compiler
def test_many_genomes_and_champions_in_c(campaign, tmp_path):
    check(exporting.of_c(*campaign, tmp_path), *campaign)


def genome_of_functions(kind, names, inputs):
    """Return a genome with an output for each function, which reads all inputs with weights 1, −1, 1, …."""
    nodes = [
        {"id": inputs + k, "activation": "identity", "aggregation": "sum", kind: name}
        for k, name in enumerate(names)
    ]
    ends = [(source, inputs + k) for k in range(len(names)) for source in range(inputs)]
    links = [
        {"innovation": k, "source": source, "target": target, "weight": (-1.0) ** source}
        for k, (source, target) in enumerate(ends)
    ]
    sizes = {"num_inputs": inputs, "num_outputs": len(names)}
    return neat.Genome.from_dict({**sizes, "nodes": nodes, "connections": links})


ARGUMENTS = [
    *np.linspace(-12, 12, 97),
    *(sign * x for x in (1e-8, 1e-3, 40, 60, 90, 300) for sign in (1, -1)),
]
TIES = [[1, 1, 0], [2, 2, 2], [-3, -3, 3], [0, 0, 0], [5, -5, 5], [0.5, 2, -1]]


@pytest.mark.parametrize("run", [*PYTHON_TARGETS, pytest.param(None, id="c", marks=needs_compiler)])
@pytest.mark.parametrize(
    ("kind", "names", "x"),
    [
        ("activation", sorted(ACTIVATIONS), [[x] for x in ARGUMENTS]),
        ("aggregation", sorted(AGGREGATIONS), TIES),
    ],
    ids=["activations", "aggregations"],
)
def test_every_function(kind, names, x, run, tmp_path):
    assert len(names) == {"activation": 26, "aggregation": 7}[kind]
    genome = genome_of_functions(kind, names, len(x[0]))
    inputs = np.array([x], np.float32)
    y = run(genome, inputs) if run else exporting.of_c([genome], [inputs], tmp_path)[0]
    expected = exporting.of_activate(genome, inputs)
    if kind == "aggregation":
        np.testing.assert_array_equal(y.astype(np.float32), expected)  # ties have the same winner
    else:
        exporting.compare(y, expected, exporting.bounds_of(genome, inputs))


@pytest.mark.parametrize("kind", ["activation", "aggregation"])
def test_user_defined_functions_are_refused_by_name(kind):
    table = getattr(activations, f"{kind.upper()}S")
    # Without registering, after which kernels would be compiled again.
    table.append(table[0]._replace(name="mine"))
    try:
        genome = genome_of_functions(kind, ["mine"], 2)
        with pytest.raises(
            ValueError, match=f"^{kind} 'mine': node 2 has it; .* cannot be exported, only "
        ) as error:
            export.to_c(genome)
        assert "\n" not in str(error.value)
        assert "mine" in export.to_json(genome)
        assert len(simplify(genome).connections) == 2
    finally:
        table.pop()
