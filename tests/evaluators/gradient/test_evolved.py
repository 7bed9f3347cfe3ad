"""Gradients through evolved networks, compared with finite differences of a plain-Python network in float64."""

import copy
import random
import typing

import numpy as np
import pytest

import evaluators
import neat
from evaluators.cpu.engine import NetworkGradients
from evaluators.gradient import evolved, fit_weights, optim
from evaluators.gradient.tensor.operations import DIFFERENTIABLE
from evaluators.program.backward import AGGREGATIONS_WITH_SLOPES, Gradient
from evaluators.samples import as_samples
from neat.genome.genome import Genomes
from tests.support.evolved_networks import CURVE, adam, one_hidden_node, population
from tests.support.reference import Reference, random_genome

STEP = 1e-6
SAMPLES = 5
XOR = ([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])


def loss_of(data, inputs, targets, loss, steps):
    """Compute the mean loss in float64, by the definitions."""
    total = 0.0
    network = Reference(data)
    for x, t in zip(inputs, targets, strict=True):
        network.reset()
        for _ in range(1 if data["feed_forward"] else steps):
            z = np.array(network.activate(list(map(float, x))))
        if loss == "squared_error":
            total += ((z - t) ** 2).mean()
        elif loss == "absolute_error":
            total += abs(z - t).mean()
        elif len(t) == 1:
            total += np.logaddexp(0, z[0]) - t[0] * z[0]
        else:
            total += np.log(np.exp(z - z.max()).sum()) + z.max() - (t * z).sum()
    return total / len(inputs)


def differences(data, inputs, targets, loss, steps):
    """Compute every ∂L/∂number by central differences: {("connection", innovation, "weight"): …}."""
    result = {}
    for kind, key, names in (
        ("connections", "innovation", ["weight"]),
        ("nodes", "id", ["bias", "response"]),
    ):
        for position, gene in enumerate(data[kind]):
            for name in names:
                values = []
                for sign in (1, -1):
                    moved = copy.deepcopy(data)
                    moved[kind][position][name] += sign * STEP
                    values.append(loss_of(moved, inputs, targets, loss, steps))
                result[kind, gene[key], name] = (values[0] - values[1]) / (2 * STEP)
    return result


def differentiated(batch, samples):
    """Return the NetworkGradients of networks with the numbers of their genomes."""
    networks = NetworkGradients(batch, samples)
    networks.differentiate([getattr(networks.programs, name) for name in networks.gradient._fields])
    return networks


def gradients(data, inputs, targets, loss, steps):
    """Compute the same gradients with the kernel; 0 for numbers on which no output depends."""
    batch = Genomes.from_list([data])
    samples = as_samples(inputs, targets, loss, steps)
    work = differentiated(batch, samples)
    node, link = work.origins
    a = batch.arrays
    result = {}
    for position, gene in enumerate(link):
        if gene >= 0:
            result["connections", a.connection_innovation[gene], "weight"] = work.gradient.link_weight[
                position
            ]
    for position, gene in enumerate(node):
        if gene >= 0:
            result["nodes", a.node_id[gene], "bias"] = work.gradient.node_bias[position]
            result["nodes", a.node_id[gene], "response"] = work.gradient.node_response[position]
    return result


def compare(data, loss="squared_error", steps=3, seed=0):
    draw = np.random.default_rng(seed)
    outputs = data["num_outputs"]
    inputs = draw.uniform(-1, 1, (SAMPLES, data["num_inputs"])).astype(np.float32)
    targets = draw.uniform(0, 1, (SAMPLES, outputs)).astype(np.float32)
    if loss == "cross_entropy" and outputs > 1:
        targets = (targets / targets.sum(axis=1, keepdims=True)).astype(np.float32)
    expected = differences(data, inputs, targets.astype(float), loss, steps)
    got = gradients(data, inputs, targets, loss, steps)
    assert got.keys() <= expected.keys()
    for number, value in expected.items():
        assert got.get(number, 0.0) == pytest.approx(value, rel=2e-3, abs=2e-5), number


SMOOTH = sorted(
    set(DIFFERENTIABLE)
    - {"relu", "lelu", "clamped", "inv", "log", "abs", "hat", "cube", "exp", "elu", "selu"}
)


@pytest.mark.parametrize("feed_forward", [True, False], ids=["feed-forward", "recurrent"])
@pytest.mark.parametrize("seed", range(8))
def test_gradients_of_random_networks(feed_forward, seed):
    rng = random.Random(seed)
    data = random_genome(
        rng,
        sizes=(2, 2),
        feed_forward=feed_forward,
        bias_input=seed % 2 == 1,
        activations=SMOOTH,
        aggregations=["sum", "sum", "mean", "product"],
        hidden=4,
    )
    compare(data, seed=seed)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "cross_entropy"])
def test_gradients_of_every_loss(loss, outputs):
    rng = random.Random(outputs)
    data = random_genome(
        rng, sizes=(2, outputs), activations=["tanh", "identity"], aggregations=["sum"], hidden=4
    )
    compare(data, loss)


@pytest.mark.parametrize("activation", DIFFERENTIABLE)
def test_the_slope_of_every_activation(activation):
    compare(one_hidden_node(activation, "sum"), seed=3)


@pytest.mark.parametrize("aggregation", AGGREGATIONS_WITH_SLOPES)
def test_the_slope_of_every_aggregation(aggregation):
    compare(one_hidden_node("tanh", aggregation), seed=5)


def test_a_genome_trains_as_it_would_alone():
    batch = population()
    together = fit_weights(batch, *XOR, adam, 30)
    for position in (0, 7, 59):
        alone = fit_weights(batch[position], *XOR, adam, 30)
        assert alone.fitness[0] == together.fitness[position]
        assert alone.genomes[0].to_dict() == together.genomes[position].to_dict()


def test_training_lowers_the_loss_and_returns_genomes():
    batch = population()
    before = [genome.to_dict() for genome in batch]
    learned = fit_weights(batch, *XOR, adam, 200)
    supervised = evaluators.Supervised(*XOR, device="cpu")
    np.testing.assert_allclose(supervised(batch), learned.fitness_before, rtol=1e-6)
    np.testing.assert_allclose(supervised(learned.genomes), learned.fitness, rtol=1e-5, atol=1e-9)
    assert (learned.fitness >= learned.fitness_before - 1e-3).all()
    assert learned.fitness.max() > -1e-2 > learned.fitness_before.max()
    assert [genome.to_dict() for genome in batch] == before  # not changed in place
    learned.genomes.check()


@pytest.mark.parametrize("train", [("weight",), ("bias",), ("response",), ("weight", "bias", "response")])
def test_only_the_requested_attributes_are_trained(train):
    batch = population(20)
    result = fit_weights(batch, *XOR, adam, 5, train=train).genomes.arrays
    for name, field in (
        ("weight", "connection_weight"),
        ("bias", "node_bias"),
        ("response", "node_response"),
    ):
        assert np.array_equal(getattr(result, field), getattr(batch.arrays, field)) == (name not in train)


def test_each_number_with_a_gradient_is_trained_by_its_name():
    assert set(typing.get_args(evolved.Trainable)) == set(evolved._FIELDS)
    assert sorted(evolved._FIELDS.values()) == sorted(Gradient._fields)


def test_results_do_not_depend_on_the_threads(set_threads):
    batch = population(3000)
    fitness = []
    for threads in (1, 2):
        set_threads(threads)
        fitness.append(fit_weights(batch, *XOR, adam, 3).fitness)
    assert np.array_equal(*fitness)


def test_many_samples_are_processed_in_tiles():
    draw = np.random.default_rng(0)
    inputs, targets = draw.uniform(-1, 1, (700, 2)), draw.uniform(-1, 1, (700, 1))
    batch = population(5, feed_forward=False)
    whole = as_samples(inputs, targets, "squared_error", steps=4)
    parts = [as_samples(inputs[k::2], targets[k::2], "squared_error", steps=4) for k in (0, 1)]
    found = []
    for samples in (whole, *parts):
        found.append(differentiated(batch, samples).gradient)
    for together, first, second in zip(*found, strict=True):
        np.testing.assert_allclose(together, (first + second) / 2, rtol=1e-3, atol=1e-6)


def test_a_genome_that_diverges_stays_as_it_was():
    batch = population(40)
    learned = fit_weights(batch, *XOR, lambda parameters: optim.SGD(parameters, 1e30), 4)
    assert 0 < learned.diverged.sum() < 40
    for position in np.flatnonzero(learned.diverged):
        assert learned.fitness[position] == learned.fitness_before[position]
        assert learned.genomes[int(position)].to_dict() == batch[int(position)].to_dict()
    learned.genomes.check()


BAD = [
    (
        {"fitness": "accuracy"},
        "fitness: expected one with a slope, squared_error, absolute_error, cross_entropy, got 'accuracy'",
    ),
    ({"steps": 0}, "steps: expected an integer from 1"),
    ({"train": ()}, "train: expected some of weight, bias, response, got ()"),
    ({"train": "weight"}, "train: expected some of weight, bias, response, got 'weight'"),
    ({"train": ("slope",)}, "train: must be one of 'weight', 'bias', 'response', got 'slope'"),
    ({"optimiser": "adam"}, "optimiser: expected a function of a list of parameters, got str"),
    ({"inputs": [[0.0]] * 4}, "genomes: expected 1 inputs, as the data set has, got 2"),
    ({"genomes": 3}, "genomes: expected neat.Genomes or neat.Genome, got int"),
]


@pytest.mark.parametrize(("changes", "message"), BAD, ids=range(len(BAD)))
def test_bad_arguments(changes, message):
    arguments = {"genomes": population(3), "inputs": XOR[0], "targets": XOR[1], "optimiser": adam, "steps": 2}
    with pytest.raises(ValueError) as error:
        fit_weights(**{**arguments, **changes})
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(("kind", "name"), [("activation", "step"), ("aggregation", "median")])
def test_activations_without_a_slope_are_refused_by_name(kind, name):
    data = one_hidden_node("tanh", "sum")
    data["nodes"][0][kind] = name
    with pytest.raises(ValueError, match=f"^{kind}: {name} has no slope to train with; those that have: "):
        fit_weights(Genomes.from_list([data]), [[0.0, 1.0, 2.0]], [1.0], adam, 1)
    assert neat.Genome.from_dict(data)


# ---------------------------------------------------------------- inside evolution


def evolve(seed, **options):
    evaluator = evaluators.Supervised(CURVE, np.sin(3 * CURVE), device="cpu", **options)
    functions = {"activation": "tanh", "output_activation": "identity"}
    config = neat.Config.for_task(evaluator, population_size=30, seed=seed, genome=functions)
    return neat.Population(config).run(evaluator, generations=15), evaluator


def test_learning_helps_evolution():
    """Offspring inherit learned weights (Lamarck) or not (Baldwin); the champion has its learned weights either way."""
    scored = evaluators.Supervised(CURVE, np.sin(3 * CURVE), device="cpu")
    fitness = {}
    for name, options in {
        "none": {},
        "Lamarck": {"learn_steps": 10},
        "Baldwin": {"learn_steps": 10, "inherit": False},
    }.items():
        runs = [evolve(seed, **options) for seed in range(3)]
        fitness[name] = np.mean([result.champion_fitness for result, _ in runs])
        alone = [scored(result.champion.genomes)[0] for result, _ in runs]
        same = np.isclose(alone, [result.champion_fitness for result, _ in runs], rtol=1e-4)
        assert same.all()
        assert all((evaluator.learned is not None) == (name != "none") for _, evaluator in runs)
    assert fitness["Lamarck"] > 0.8 * fitness["none"]  # both are negative
    assert fitness["Baldwin"] > 0.8 * fitness["none"]


def test_a_run_that_learns_repeats_and_resumes(tmp_path):
    def run(*parts):
        evaluator = evaluators.Supervised(*XOR, device="cpu", learn_steps=3)
        population = neat.Population(neat.Config.for_task(evaluator, population_size=20, seed=5))
        for last in parts:
            file = tmp_path / "c.npz"
            result = population.run(evaluator, last, checkpoint=file)
            population = neat.checkpoint.load(file)
        return result.history.generations, result.champion.to_dict()

    (whole, champion), (parts, again) = run(8), run(3, 8)
    assert np.array_equal(whole, parts)
    assert champion == again


def test_learned_genomes_must_be_the_generations():
    evaluator = evaluators.Supervised(*XOR, device="cpu")
    population = neat.Population(neat.Config.for_task(evaluator, population_size=10, seed=1))
    genomes = population.ask()
    other = genomes.take(np.arange(9, -1, -1))
    other.arrays.connection_innovation[0] += 1
    with pytest.raises(ValueError, match=r"^learned: expected the genomes of the generation, got another"):
        population.tell(evaluator(genomes), other)
    broken = genomes.take(np.arange(10))
    broken.arrays.connection_weight[3] = np.nan
    with pytest.raises(ValueError, match=r"^learned: connection_weight must be finite, got nan$"):
        population.tell(evaluator(genomes), broken)
    learned = fit_weights(genomes, *XOR, adam, 3)
    population.tell(learned.fitness, learned.genomes)
    assert population.generation == 1


def test_only_named_losses_with_slopes_can_be_learned():
    with pytest.raises(ValueError, match=r"^fitness: expected one with a slope"):
        evaluators.Supervised(*XOR, fitness="accuracy", learn_steps=3, device="cpu")
    with pytest.raises(ValueError, match=r"^learn_steps: expected an integer from 0"):
        evaluators.Supervised(*XOR, learn_steps=-1, device="cpu")


def test_other_objects_as_optimiser_are_refused():
    with pytest.raises(
        ValueError, match=r"^optimiser: expected a function that returns an Optimiser, it returned NoneType$"
    ):
        fit_weights(population(3), *XOR, lambda parameters: None, 1)
