"""Cases whose arrays must be the same on every device.

As a script, this file runs in the simulator, where kernels are plain Python and nothing else is compiled. It writes the
arrays of the named cases on "cuda" to a file.
"""

import random
import sys

import numpy as np

import evaluators
import neat
from evaluators.cpu.compilation import as_compiled
from evaluators.devices import resolve_device
from evaluators.engine import engine_for
from evaluators.environments import (
    Acrobot,
    CartPole,
    DampedDoublePole,
    DoublePole,
    MountainCar,
    MountainCarContinuous,
    Pendulum,
    PreyCapture,
    TMaze,
)
from evaluators.gradient import fit_weights, optim
from evaluators.network import Networks
from evaluators.program.backward import AGGREGATIONS_WITH_SLOPES
from evaluators.samples import as_samples
from neat.genome.genome import Genomes
from tests.support.random_walks import Drift, Sway, Walk
from tests.support.reference import random_genome

ENVIRONMENTS = {
    "CartPole": CartPole(time_limit=25),
    "CartPole by threshold": CartPole(time_limit=25),
    "MountainCar": MountainCar(time_limit=12),
    "MountainCarContinuous": MountainCarContinuous(time_limit=12),
    "Acrobot": Acrobot(time_limit=6),
    "Pendulum": Pendulum(time_limit=12),
    "DoublePole": DoublePole.stanley(time_limit=8),
    "DoublePole without velocities": DoublePole.stanley(velocities=False, time_limit=8),
    "DampedDoublePole": DampedDoublePole(time_limit=8),
    "TMaze": TMaze(),
    "PreyCapture": PreyCapture(time_limit=10),
    "Walk": Walk(time_limit=15),
    "Drift": Drift(time_limit=15),
    "Sway": Sway(time_limit=15),
}


def genomes(count, sizes, seed=0, **options):
    rng = random.Random(seed)
    batch = Genomes.from_list([random_genome(rng, sizes=sizes, **options) for _ in range(count)])
    batch.seed, batch.generation = 7, 3
    return batch


def numbers(*shape):
    return np.random.default_rng(5).uniform(-2, 2, shape).astype(np.float32)


def host(array):
    return array.get() if hasattr(array, "get") else np.asarray(array)


def supervised(device, fitness, samples, feed_forward=True, bias_input=False, outputs=2, count=37):
    inputs = numbers(samples, 3)
    probabilities = np.abs(numbers(samples, outputs))
    targets = {
        "cross_entropy": probabilities / (1 if outputs == 1 else probabilities.sum(axis=1, keepdims=True)),
        "accuracy": np.arange(samples) % (2 if outputs == 1 else outputs),
    }.get(fitness, numbers(samples, outputs))
    targets = np.minimum(targets, 1) if fitness == "cross_entropy" else targets
    evaluator = evaluators.Supervised(inputs, targets, fitness=fitness, steps=3, device=device)
    batch = genomes(count, (3, outputs), feed_forward=feed_forward, bias_input=bias_input)
    return {"fitness": evaluator(batch), "again": evaluator(batch)}


def weighted(device, fitness, samples):
    """Return the fitness over samples with weights, and that after two steps of learning."""
    targets = np.arange(samples) % 3 if fitness == "cross_entropy" else numbers(samples, 3)
    batch = genomes(5, (3, 3), activations=["tanh", "sigmoid", "identity"], aggregations=["sum", "mean"])
    result = {}
    for name, options in (("fitness", {}), ("learned", {"learn_steps": 2, "learn_best": 1.0})):
        evaluator = evaluators.Supervised(
            numbers(samples, 3),
            targets,
            fitness=fitness,
            device=device,
            sample_weight=np.arange(samples),
            **options,
        )
        result[name] = evaluator(batch)
    return result


def own_function(device):
    evaluator = evaluators.Supervised(
        numbers(9, 3), numbers(9, 2), fitness=lambda z, t: -((z - t) ** 2).sum(axis=(1, 2)), device=device
    )
    return {
        "fitness": evaluator(genomes(20, (3, 2))),
        "recurrent": evaluator(genomes(8, (3, 2), feed_forward=False)),
    }


def activated(device, feed_forward, samples):
    networks = evaluators.compile(genomes(21, (3, 2), feed_forward=feed_forward, bias_input=True), device)
    each = numbers(21, samples, 3)
    some = [4, 0, 20, 7]
    result = {
        "shared": networks.activate(each[0]),
        "each": networks.activate(each),
        "some": networks.activate(each[:4], genomes=some),
        "sequence": networks.activate_sequence(numbers(3, samples, 3)),
    }
    networks.reset(some)
    result["after a reset of some"] = networks.activate(each[0])
    networks.reset()
    result["fewer"] = networks.activate(each[0, :1])
    return {name: host(array) for name, array in result.items()}


def programs(device, feed_forward, samples):
    """Return the arrays of networks that the engine gets as programs."""
    engine = engine_for(resolve_device(device))
    batch = as_compiled(genomes(21, (3, 2), feed_forward=feed_forward, bias_input=True))
    networks, x, targets = Networks(engine, batch), numbers(samples, 3), numbers(samples, 2)
    scorers = {
        "fitness": engine.scorer(as_samples(x, targets, "squared_error", steps=3)),
        "by a function": engine.scorer(
            as_samples(x, targets, lambda z, t: (z * t).sum(axis=(1, 2)), steps=3)
        ),
    }
    result = {name: scorer.score(batch) for name, scorer in scorers.items()}
    for name in ("first", "second"):
        result[name] = host(networks.activate(x))
    return result


def rollout(device, environment, count=9, feed_forward=True, hidden=3, **options):
    evaluator = evaluators.Rollout(environment, episodes=2, device=device, **options)
    batch = genomes(
        count, (evaluator.num_inputs, evaluator.num_outputs), feed_forward=feed_forward, hidden=hidden
    )
    fitness = evaluator(batch)
    played = evaluator.play(batch, 2, trial=1)
    trace = evaluator.trace(batch[0])
    return {
        "fitness": fitness,
        "again": evaluator(batch),
        "last": evaluator.last.reward,
        "validated": evaluator.validate(batch, 3),
        "reward": played.reward,
        "length": played.length,
        "terminated": played.terminated,
        "trace": np.concatenate([trace.state[1:], trace.action, trace.reward[:, np.newaxis]], axis=1),
        **{name: array for name, array in evaluator.state().items() if name != "environment"},
    }


def learned(device, fitness, samples, feed_forward=True, outputs=2, count=7):
    """Return how a step of gradient descent with a rate of 1 changes genomes, and the fitness after steps of Adam."""
    batch = genomes(
        count,
        (3, outputs),
        feed_forward=feed_forward,
        bias_input=not feed_forward,
        activations=["tanh", "sigmoid", "sin", "relu", "abs", "gauss", "identity"],
        aggregations=sorted(AGGREGATIONS_WITH_SLOPES),
    )
    targets = numbers(samples, outputs)
    if fitness == "cross_entropy":
        targets = np.arange(samples) % outputs
    result = {}
    for name, steps, make in (
        ("descent", 1, lambda parameters: optim.SGD(parameters, 1.0)),
        ("Adam", 3, lambda parameters: optim.Adam(parameters, 0.01)),
    ):
        made = fit_weights(
            batch,
            numbers(samples, 3),
            targets,
            make,
            steps,
            fitness,
            recurrent_steps=3,
            train=("weight", "bias", "response"),
            device=device,
        )
        arrays = made.genomes.arrays
        result[f"{name}: before"] = made.fitness_before
        if name == "descent":
            for which in ("connection_weight", "node_bias", "node_response"):
                result[which] = getattr(arrays, which) - getattr(batch.arrays, which)
        else:
            result[f"{name}: after"] = made.fitness
    return result


CASES = {
    "learned": (learned, "squared_error", 7),
    "learned, many samples": (learned, "absolute_error", 70, True, 2, 3),
    "learned, classes": (learned, "cross_entropy", 9, True, 3),
    "learned, recurrent": (learned, "squared_error", 5, False),
    **{f"{fitness}, 4 samples": (supervised, fitness, 4) for fitness in ("squared_error", "absolute_error")},
    **{
        f"{fitness}, 3 classes": (supervised, fitness, 11, True, False, 3)
        for fitness in ("cross_entropy", "accuracy")
    },
    **{
        f"{fitness}, 1 output": (supervised, fitness, 11, True, True, 1)
        for fitness in ("cross_entropy", "accuracy")
    },
    "recurrent": (supervised, "squared_error", 4, False),
    "recurrent with a bias input": (supervised, "absolute_error", 10, False, True),
    "several threads for a network": (supervised, "squared_error", 60, True, True),
    "a warp for a network, in pieces": (supervised, "squared_error", 290, True, False, 2, 5),
    "a single genome": (supervised, "squared_error", 5, True, False, 2, 1),
    "weighted squared_error": (weighted, "squared_error", 60),
    "weighted cross_entropy": (weighted, "cross_entropy", 9),
    "a user-defined function": (own_function,),
    "programs": (programs, True, 5),
    "recurrent programs": (programs, False, 60),
    "networks": (activated, True, 5),
    "recurrent networks": (activated, False, 5),
    "recurrent networks, one sample": (activated, False, 1),
    **{
        name: (rollout, environment, 9, name not in ("TMaze", "DoublePole without velocities"))
        for name, environment in ENVIRONMENTS.items()
    },
}
OPTIONS = {
    "CartPole by threshold": {"actions": "threshold", "starts": "genome", "combine": "min"},
    "MountainCarContinuous": {"observations": "normalised"},
    "Walk": {"starts": "genome", "observations": "raw", "combine": "sum"},
}


def run(name, device):
    function, *arguments = CASES[name]
    return function(device, *arguments, **OPTIONS.get(name, {}))


def check_alike(name):
    """Check that a case has the same arrays on "cuda" as on "cpu", except for rounding."""
    got = run(name, "cuda")
    for key, expected in run(name, "cpu").items():
        assert got[key].dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(got[key], expected, rtol=1e-5, atol=1e-6, err_msg=key)


def check_same_champion(task):
    """Check that runs of 50 generations on "cpu" and on "cuda" end with the same champion."""
    champions = []
    for device in ("cpu", "cuda"):
        evaluator = (
            evaluators.Supervised([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], device=device)
            if task == "XOR"
            else evaluators.Rollout(CartPole(), device=device)
        )
        config = neat.Config.for_task(evaluator, population_size=150, seed=1)
        champions.append(neat.Population(config).run(evaluator, generations=50).champion.to_dict())
    assert champions[0] == champions[1]


if __name__ == "__main__":
    file, names = sys.argv[1], sys.argv[2:]
    np.savez(file, **{f"{name}/{key}": value for name in names for key, value in run(name, "cuda").items()})
