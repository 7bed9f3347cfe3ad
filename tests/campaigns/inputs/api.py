"""Calls of the public API with absurd arguments."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import evaluators
import neat
from evaluators import environments
from evaluators.gradient import Tensor, fit_weights, losses, nn, optim
from neat import plot
from neat.genome.genome import GenomeArrays, Genomes
from neat.io import checkpoint
from neat.kernels import parallel
from tests.campaigns.inputs import samples
from tests.campaigns.inputs.values import array, value

Use = Callable[[], Any]


def attempt(draw: random.Random, folder: Path) -> Use:
    """Make one of the calls below."""
    return draw.choice(_CALLS)(draw)


def _do_nothing() -> None:
    pass


def _supervised(draw: random.Random) -> Use:
    genomes = samples.population(draw.randrange(4)).genomes
    inputs, targets = samples.data()
    arguments: dict[str, Any] = {"inputs": inputs, "targets": targets}
    absurd = {
        "inputs": lambda: array(draw, (7, 4)),
        "targets": lambda: array(draw, (7, 2)),
        "fitness": lambda: draw.choice(
            ("absolute_error", "cross_entropy", "accuracy", value(draw), _constant_function(draw))
        ),
        "steps": lambda: draw.choice((1, 3, _small(draw))),
        "learn_steps": lambda: draw.choice((0, 2, _small(draw))),
        "device": lambda: draw.choice(("cpu", value(draw))),
        "inherit": lambda: value(draw),
    }
    for name in draw.sample(list(absurd), draw.choice((1, 1, 2))):
        arguments[name] = absurd[name]()
    evaluator = evaluators.Supervised(**arguments)
    fitness = evaluator(genomes)
    return lambda: _expect(fitness.shape == (len(genomes),))


def _activate(draw: random.Random) -> Use:
    networks = evaluators.compile(samples.population(draw.randrange(4)).genomes)
    for _ in range(3):
        which = draw.choice((None, None, array(draw, (3,)), [1, 2]))
        call = draw.choice((networks.activate, networks.activate, networks.reset, networks.activate_sequence))
        if call == networks.activate:
            call(array(draw, (3, 4)), which)
        else:
            call(array(draw, (3,) if call == networks.reset else (2, 3, 4)))
    return _do_nothing


def _tell(draw: random.Random) -> Use:
    population = samples.population(draw.randrange(4))
    population.tell(array(draw, (samples.SIZE,)))
    return lambda: samples.live_on(population)


def _tell_learned(draw: random.Random) -> Use:
    population = samples.population(draw.randrange(4))
    learned = draw.choice((_damaged_genomes(draw, population.genomes), value(draw)))
    population.tell(np.zeros(samples.SIZE), learned)
    return lambda: samples.live_on(population)


def _genomes(draw: random.Random) -> Use:
    sound = samples.population(draw.randrange(4)).genomes
    genomes = _damaged_genomes(draw, sound)
    inputs, targets = samples.data()
    calls: tuple[Use, ...] = (
        genomes.check,
        lambda: evaluators.compile(genomes).activate(inputs),
        lambda: evaluators.Supervised(inputs, targets)(genomes),
        lambda: evaluators.Rollout(environments.CartPole(), episodes=1)(genomes),
        lambda: fit_weights(genomes, inputs, targets, lambda parameters: optim.Adam(parameters, 0.1), 1),
        lambda: genomes.take(np.arange(len(genomes))).check(),
        lambda: genomes[0].to_dict(),
        lambda: [repr(genome) for genome in genomes],
        lambda: samples.population(0).resume_at(3, genomes.arrays),
    )
    draw.choice(calls)()
    return genomes.check


def _damaged_genomes(draw: random.Random, sound: Genomes) -> Genomes:
    """Return genomes whose arrays may be damaged or inconsistent."""
    arrays = {name: np.array(whole) for name, whole in sound.arrays._asdict().items()}
    for name in draw.sample(list(arrays), draw.choice((0, 1, 1, 2))):
        whole = arrays[name]
        choice = draw.randrange(6)
        if choice == 0:
            arrays[name] = array(draw, whole.shape)
        elif choice == 1:
            arrays[name] = whole[: draw.randrange(len(whole) + 1)]
        elif choice == 2:
            arrays[name] = np.concatenate([whole, whole])
        elif choice == 3:
            arrays[name] = whole[::-1]
        else:
            place = draw.randrange(len(whole))
            with np.errstate(all="ignore"):
                whole[place] = (
                    draw.choice((whole[0] * 0 - 1, 200, 10**6, whole[draw.randrange(len(whole))]))
                    if (whole.dtype.itemsize > 1)
                    else draw.choice((0, 1, 200))
                )
    sizes: list[Any] = [sound.num_inputs, sound.num_outputs, sound.bias_input, sound.feed_forward]
    if draw.random() < 0.3:
        sizes[draw.randrange(4)] = draw.choice((0, -1, 1, 3, 10**6, True, None, "x", 2.0))
    return Genomes(GenomeArrays(**arrays), *sizes)


def _resume_at(draw: random.Random) -> Use:
    population, other = samples.population(draw.randrange(4)), samples.population(draw.randrange(4))
    genomes = other.genomes
    arrays = draw.choice(
        (genomes.arrays, genomes.take(np.arange(draw.choice((1, 39, 40)))).arrays, value(draw))
    )
    population.resume_at(draw.choice((0, 3, value(draw))), arrays)
    return lambda: samples.live_on(population)


def _config(draw: random.Random) -> Use:
    from tests.campaigns.inputs import toml

    names = (*neat.Config.model_fields, "pop_size", value(draw))
    sections = (*neat.GenomeConfig.model_fields, "x")
    settings: dict[str, Any] = {}
    for _ in range(draw.choice((1, 1, 2))):
        name = str(draw.choice(names))
        settings[name] = {draw.choice(sections): value(draw)} if draw.random() < 0.4 else value(draw)
    config = samples.config(draw.randrange(4)).updated(**settings)
    return lambda: toml.live(config)


def _rollout(draw: random.Random) -> Use:
    kind = draw.choice(
        (environments.CartPole, environments.MountainCar, environments.Pendulum, environments.TMaze)
    )
    fields = [field.name for field in dataclasses.fields(kind) if field.name != "time_limit"]
    constants = {draw.choice(fields): value(draw)} if fields and draw.random() < 0.4 else {}
    arguments: dict[str, Any] = {
        "episodes": draw.choice((1, 2, _small(draw))),
        "starts": draw.choice(("generation", "genome", value(draw))),
        "combine": draw.choice(("mean", "min", value(draw))),
        "observations": draw.choice(("scaled", "raw", "normalised", value(draw))),
        "actions": draw.choice(("argmax", "threshold", value(draw))),
    }
    for name in draw.sample(list(arguments), 4):
        del arguments[name]
    evaluator = evaluators.Rollout(kind(**constants), **arguments)
    population = samples.population(draw.randrange(4))
    if draw.random() < 0.7:
        config = neat.Config.for_task(evaluator, population_size=20)
        population = neat.Population(config)
    fitness = evaluator(population.ask())
    if draw.random() < 0.5:
        evaluator.play(population.genomes[0], draw.choice((1, 2, _small(draw))))
    return lambda: population.tell(fitness)


def _per_genome(draw: random.Random) -> Use:
    genomes = samples.population(draw.randrange(4)).genomes
    answer = value(draw)
    evaluator = evaluators.PerGenome(
        draw.choice((lambda network: answer, lambda network: network.activate(answer)[0]))
    )
    fitness = evaluator(genomes)
    return lambda: _expect(fitness.shape == (len(genomes),))


def _fit_weights(draw: random.Random) -> Use:
    genomes = samples.population(draw.randrange(2)).genomes
    inputs, targets = samples.data()
    learned = fit_weights(
        draw.choice((genomes, genomes[0], value(draw))),
        draw.choice((inputs, array(draw, (7, 4)))),
        draw.choice((targets, array(draw, (7, 2)))),
        draw.choice((lambda p: optim.SGD(p, 0.1), lambda p: optim.Adam(p, 1e30), value(draw))),
        draw.choice((1, 2, _small(draw))),
        draw.choice(("squared_error", "cross_entropy", value(draw))),
    )
    return learned.genomes.check


def _run(draw: random.Random) -> Use:
    population = samples.population(draw.randrange(4))
    arguments: dict[str, Any] = {"generations": population.generation + 2}
    absurd = {
        "generations": lambda: _small(draw),
        "fitness_target": lambda: value(draw),
        "solved": lambda: draw.choice((lambda genome: False, value(draw))),
        "reporters": lambda: draw.choice(([], neat.reporting.Metrics("."), value(draw))),
        "checkpoint": lambda: draw.choice(("run.npz", ".", value(draw))),
        "checkpoint_every": lambda: _small(draw),
    }
    for name in draw.sample(list(absurd), draw.choice((1, 1, 2))):
        arguments[name] = absurd[name]()
    evaluator = draw.choice(
        (evaluators.Supervised(*samples.data()), lambda genomes: array(draw, (samples.SIZE,)), value(draw))
    )
    population.run(evaluator, **arguments)
    return lambda: samples.live_on(population)


def _threads(draw: random.Random) -> Use:
    try:
        parallel.set_threads(draw.choice((1, 2, 8, value(draw))))
        samples.live_on(samples.population(0), 1)
    finally:
        parallel.set_threads(2)
    return _do_nothing


def _take(draw: random.Random) -> Use:
    genomes = samples.population(draw.randrange(4)).genomes
    taken = draw.choice(
        (
            lambda: genomes.take(array(draw, (3,))),
            lambda: genomes[value(draw)],
            lambda: Genomes.from_list(value(draw)),
        )
    )()
    return lambda: getattr(taken, "genomes", taken).check()


def _files(draw: random.Random) -> Use:
    path: Any = draw.choice((value(draw), ".", "none/x.npz", "x.npz"))
    if draw.random() < 0.5:
        checkpoint.save(samples.population(0), path)
    else:
        checkpoint.load(path)
    return _do_nothing


def _plot(draw: random.Random) -> Use:
    population = samples.population(draw.randrange(4))
    subject = draw.choice((population.genomes[0], population.history, population, value(draw), array(draw)))
    function = draw.choice([getattr(plot, name) for name in plot.__all__ if name != "confusion"])
    path = draw.choice(("x.svg", "x.png", value(draw)))
    if draw.random() < 0.2:
        plot.confusion(array(draw), draw.choice((array(draw), value(draw))), path, class_names=value(draw))
    else:
        function(subject, path)
    return _do_nothing


def _tensors(draw: random.Random) -> Use:
    first = Tensor(array(draw, (3, 4)))
    calls: tuple[Use, ...] = (
        lambda: first + array(draw, (3, 4)),
        lambda: first @ Tensor(array(draw, (4, 2))),
        lambda: nn.Dense(_small(draw), _small(draw)),
        lambda: nn.Dense(4, 2)(array(draw, (3, 4))),
        lambda: losses.mean_squared(first, array(draw, (3, 4))),
        lambda: losses.softmax_cross_entropy(first, array(draw, (3,))),
        lambda: optim.SGD(draw.choice(([first], value(draw))), draw.choice((0.1, value(draw)))),
        lambda: optim.Adam(nn.Dense(2, 2).parameters(), draw.choice((0.1, value(draw))), value(draw)),
    )
    draw.choice(calls)()
    return _do_nothing


def _small(draw: random.Random) -> Any:
    """Return an absurd number of steps, but none that would only take long."""
    return draw.choice(
        (0, -1, True, 1.0, 1.5, None, "1", float("nan"), [], 2**70, np.int64(2), np.float32(1))
    )


def _constant_function(draw: random.Random) -> Callable[..., Any]:
    answer = array(draw, (samples.SIZE,))
    return lambda *arguments: answer


def _expect(holds: bool) -> None:
    assert holds, "accepted input gives a wrong result"


_CALLS = (
    *(
        _supervised,
        _activate,
        _tell,
        _tell_learned,
        _genomes,
        _genomes,
        _genomes,
        _resume_at,
        _config,
        _rollout,
    ),
    *(_per_genome, _fit_weights, _run, _run, _threads, _take, _files, _plot, _tensors),
)
