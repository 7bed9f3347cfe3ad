"""Observations that are normalised by those of earlier generations."""

import numpy as np
import pytest

import evaluators
import neat
from evaluators.environments import CartPole

gymnasium = pytest.importorskip("gymnasium")


def population(generation=0):
    config = neat.Config(population_size=6, seed=1, genome=neat.GenomeConfig(num_inputs=4, num_outputs=2))
    genomes = neat.Population(config).ask()
    copy = genomes.take(np.arange(len(genomes)))
    copy.seed, copy.generation = 1, generation
    return copy


def evaluator(**options):
    return evaluators.Gymnasium(
        CartPole().to_gymnasium, episodes=2, time_limit=40, observations="normalised", **options
    )


def test_statistics_are_those_of_all_observations_that_networks_acted_on():
    seen = []

    def make():
        env = CartPole().to_gymnasium()
        step, reset = env.step, env.reset
        last = [None]

        def take(action):
            seen.append(last[0])
            result = step(action)
            last[0] = result[0]
            return result

        def begin(**arguments):
            result = reset(**arguments)
            last[0] = result[0]
            return result

        env.step, env.reset = take, begin
        return env

    task = evaluators.Gymnasium(make, episodes=2, observations="normalised", slots=3)
    for generation in range(2):
        task(population(generation))
    task.validate(population())  # adds nothing
    state = task.state()
    assert int(state["count"]) == task.steps < len(seen)
    expected = np.array(seen[: task.steps], np.float64)
    np.testing.assert_allclose(state["mean"], expected.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(state["squares"] / task.steps, expected.var(axis=0), rtol=1e-6)


def test_results_do_not_depend_on_the_number_of_slots():
    tasks = [evaluator(slots=slots) for slots in (1, 5)]
    for generation in range(2):
        fitness = [task(population(generation)) for task in tasks]
        assert (fitness[0] == fitness[1]).all()
    first, second = (task.state() for task in tasks)
    assert all((first[name] == second[name]).all() for name in first)


def test_networks_get_normalised_observations():
    task, genomes = evaluator(), population()
    with pytest.raises(ValueError, match="observations are normalised by those of a run, but this evaluator"):
        task.play(genomes[0])
    task(genomes)
    model = task.model(genomes[0])
    deviation = np.sqrt(task.state()["squares"] / task.steps)
    np.testing.assert_allclose(model.inputs.arrays[1], 1 / deviation, rtol=1e-6)
    assert model.inputs.limit == 10
    before = task.play(model, 5).reward
    assert (before == task.play(genomes[0], 5).reward).all()
    assert task.trace(model).reward.sum() == before[0, 0]
    task(population(1))
    assert (task.play(model, 5).reward == before).all()  # a model keeps its statistics
    assert not np.array_equal(task.model(genomes[0]).inputs.arrays[0], model.inputs.arrays[0])


@pytest.mark.parametrize("kind", ["raw", "normalised"])
@pytest.mark.parametrize("value", [-np.inf, 1e200])
def test_observations_must_be_finite_in_float32(kind, value):
    def make():
        env = CartPole().to_gymnasium()
        env.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (4,), np.float64)
        reset = env.reset
        env.reset = lambda **arguments: (np.full(4, value), reset(**arguments)[1])
        return env

    task = evaluators.Gymnasium(make, observations=kind)
    with pytest.raises(
        ValueError, match=r"expected finite observations, got -?inf in step 0 of episode 0 of"
    ):
        task(population())


def test_a_checkpoint_keeps_the_statistics():
    task, genomes = evaluator(), population()
    task(genomes)
    other = evaluator()
    other.restore(task.state())
    assert (other.play(genomes, 3).reward == task.play(genomes, 3).reward).all()
    assert (other(population(1)) == task(population(1))).all()
