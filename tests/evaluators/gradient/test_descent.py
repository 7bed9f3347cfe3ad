"""The steps of Adam in kernels, which must be those of `optim.Adam` bit for bit."""

import numpy as np
import pytest

import evaluators
import neat
from evaluators.gradient import fit_weights, optim
from neat.kernels import parallel


class StepByStep(optim.Adam):
    """An optimiser that kernels do not know, and whose steps are Adam's."""


def grown(feed_forward=True, bounds=30.0, generations=4):
    """Return genomes that have evolved on random fitness."""
    config = neat.Config(
        population_size=40,
        seed=1,
        genome={
            "num_inputs": 2,
            "num_outputs": 1,
            "feed_forward": feed_forward,
            "weight": {"minimum": -bounds, "maximum": bounds},
            "activation": "tanh",
            "activation_options": ["tanh", "sigmoid"],
        },
        mutation={"add_node_rate": 0.5, "add_connection_rate": 0.5},
    )
    population = neat.Population(config)
    draw = np.random.default_rng(1)
    for _ in range(generations):
        population.tell(draw.normal(size=40))
    genomes = population.ask()
    return genomes.take(np.arange(len(genomes)))


DRAW = np.random.default_rng(2)
INPUTS = DRAW.normal(size=(300, 2))
TARGETS = INPUTS[:, 0] * INPUTS[:, 1]


def both_ways(genomes, make, steps=7, **arguments):
    return [
        fit_weights(
            genomes, INPUTS, TARGETS, lambda parameters, kind=kind: make(kind, parameters), steps, **arguments
        )
        for kind in (optim.Adam, StepByStep)
    ]


def assert_same(one, other):
    for name in ("fitness", "fitness_before", "diverged"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    for name in ("connection_weight", "node_bias", "node_response"):
        mine = getattr(one.genomes.arrays, name)
        assert np.array_equal(mine, getattr(other.genomes.arrays, name))


@pytest.mark.parametrize("feed_forward", [True, False])
@pytest.mark.parametrize("train", [("weight",), ("weight", "bias"), ("response", "bias")])
def test_a_kernel_takes_the_steps_of_adam(feed_forward, train):
    genomes = grown(feed_forward)
    one, other = both_ways(genomes, lambda kind, p: kind(p, 0.1), train=train)
    assert_same(one, other)
    assert (one.fitness > one.fitness_before).mean() > 0.9


@pytest.mark.parametrize(
    "make",
    [
        lambda kind, p: kind(p, lambda step: 0.2 / (1 + step)),
        lambda kind, p: kind(p, 0.05, betas=(0.5, 0.9), epsilon=1e-3),
        lambda kind, p: kind(p, 0.05, epsilon_hat=1e-4),
        lambda kind, p: kind(p[:1], 0.1),
    ],
    ids=["schedule", "betas", "epsilon_hat", "some parameters"],
)
def test_a_kernel_takes_the_steps_of_adam_with_any_setting(make):
    assert_same(*both_ways(grown(), make))


def test_numbers_stay_within_their_bounds_as_step_by_step():
    one, other = both_ways(grown(bounds=0.5), lambda kind, p: kind(p, 0.3))
    assert_same(one, other)
    weights = one.genomes.arrays.connection_weight
    assert np.abs(weights).max() == 0.5


def test_genomes_diverge_as_step_by_step():
    genomes = grown(bounds=1e38)
    with np.errstate(all="ignore"):
        one, other = both_ways(genomes, lambda kind, p: kind(p, 1e37))
    assert_same(one, other)
    assert one.diverged.any()


def test_the_result_does_not_depend_on_threads():
    genomes = grown()
    results = [
        fit_weights(genomes, INPUTS, TARGETS, optim.Adam, 5, workers=parallel.Workers(threads))
        for threads in (1, 2)
    ]
    assert_same(*results)


def test_kernels_do_not_take_the_steps_of_amsgrad():
    assert_same(*both_ways(grown(), lambda kind, parameters: kind(parameters, 0.1, amsgrad=True)))


def test_adam_makes_no_step_in_python(monkeypatch):
    monkeypatch.setattr(optim.Adam, "step", lambda self: pytest.fail("a step in Python"))
    fit_weights(grown(), INPUTS, TARGETS, optim.Adam, 2)


def test_an_optimiser_that_has_made_steps_goes_on_from_its_state():
    def after_a_step(kind, parameters):
        optimiser = kind(parameters, 0.1)
        for parameter in parameters:
            parameter.grad = np.ones(parameter.shape, np.float32)
        optimiser.step()
        return optimiser

    assert_same(*both_ways(grown(), after_a_step))


def test_supervised_learns_by_the_same_steps():
    genomes = grown()
    fitness = [
        evaluators.Supervised(
            INPUTS, TARGETS, learn_steps=5, learn_best=1.0, optimiser=lambda p, kind=kind: kind(p, 0.1)
        )(genomes)
        for kind in (optim.Adam, StepByStep)
    ]
    assert np.array_equal(*fitness)


def test_kernels_do_not_take_the_steps_of_two_rates():
    def halved(kind, parameters):
        optimiser = kind(parameters, 0.1)
        optimiser.set_rate(parameters[0], 0.05)
        return optimiser

    assert_same(*both_ways(grown(), halved))
