"""Episodes in Gymnasium's environments compared with plain loops, and what is refused."""

import functools
import itertools
import multiprocessing
import sys
import threading

import numpy as np
import pytest

import evaluators
import neat
from evaluators.gymnasium.evaluator import Gymnasium
from evaluators.gymnasium.spaces import read_actions, read_observations
from neat.genome.genome import Genome, Genomes
from neat.kernels import rng
from tests.support.gymnasium_genomes import population
from tests.support.refusals import refused

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Sequence  # noqa: E402

from tests.support import gymnasium_environments as own  # noqa: E402  needs gymnasium


def seed_of(seed, generation, individual, trial, episode):
    return int(rng.philox(*np.uint64([generation, individual, 64 + trial, episode, seed, 0]))[0]) >> 1


def run_alone(make, genomes, episodes, act, see, seeds):
    """Return rewards, lengths and terminations from a loop over one environment and one network."""
    environment, results = make(), []
    for index, genome in enumerate(genomes):
        network = evaluators.Network(evaluators.compile(genome))
        for episode in range(episodes):
            network.reset()
            observation, _ = environment.reset(seed=seeds(index, episode))
            reward, length, terminated, truncated = 0.0, 0, False, False
            while not (terminated or truncated):
                action = act(network.activate(see(observation)), genome)
                observation, gain, terminated, truncated, _ = environment.step(action)
                reward, length = reward + gain, length + 1
            results.append((reward, length, terminated))
    return [np.array(column).reshape(len(genomes), episodes) for column in zip(*results, strict=True)]


def check_same(played, expected):
    for array, other in zip(played, expected, strict=True):
        np.testing.assert_array_equal(array, other)


def scaled_walk(observation):
    return [observation[0] / 4, observation[1]]


def chosen(outputs, genome):
    return np.int64(np.argmax(outputs) - 1)


@pytest.mark.smoke
def test_a_discrete_environment_matches_a_plain_loop():
    with Gymnasium("CartPole-v1", episodes=3, observations="raw", slots=7) as evaluator:
        genomes = population(evaluator)
        fitness = evaluator(genomes)
        expected = run_alone(
            lambda: gymnasium.make("CartPole-v1"),
            genomes,
            3,
            lambda outputs, genome: int(np.argmax(outputs)),
            list,
            lambda index, episode: seed_of(3, 5, 0, 0, episode),
        )
    check_same(evaluator.last, expected)
    assert fitness.dtype == evaluator.last.reward.dtype == np.float64
    assert evaluator.last.length.dtype == np.int64
    assert evaluator.last.terminated.dtype == bool
    np.testing.assert_array_equal(fitness, evaluator.last.reward.mean(axis=1))
    assert evaluator.steps == expected[1].sum()
    assert len(np.unique(fitness)) > 3


def test_a_continuous_environment_matches_a_plain_loop():
    def stretched(outputs, genome):
        low = {"tanh": -1, "sigmoid": 0, "identity": -1, "gauss": 0}[genome.nodes[0]["activation"]]
        share = np.clip((outputs - np.float32(low)) / np.float32(1 - low), 0, 1)
        return np.float32(-2 + 4 * share.astype(np.float64))

    with Gymnasium("Pendulum-v1", observations="raw", time_limit=60, combine="sum", g=9.0) as evaluator:
        genomes = population(evaluator)
        evaluator(genomes)
    environment = functools.partial(gymnasium.make, "Pendulum-v1", g=9.0, max_episode_steps=60)
    expected = run_alone(
        environment, genomes, 1, stretched, list, lambda index, episode: seed_of(3, 5, 0, 0, episode)
    )
    check_same(evaluator.last, expected)
    assert (evaluator.last.length == 60).all()
    assert not evaluator.last.terminated.any()


@pytest.mark.parametrize("feed_forward", [True, False])
@pytest.mark.parametrize("starts", ["generation", "genome"])
def test_networks_get_scaled_observations_and_reset_between_episodes(feed_forward, starts):
    with Gymnasium(own.Walk, episodes=4, starts=starts, slots=3) as evaluator:
        genomes = population(evaluator, feed_forward=feed_forward)
        evaluator(genomes)
    expected = run_alone(
        own.Walk,
        genomes,
        4,
        chosen,
        scaled_walk,
        lambda index, episode: seed_of(3, 5, 0 if starts == "generation" else index + 1, 0, episode),
    )
    check_same(evaluator.last, expected)


@pytest.mark.parametrize(("mode", "numbers"), [("sync", (1, 3, 8)), ("async", (1, 3))])
def test_the_number_of_slots_changes_nothing(mode, numbers):
    results = []
    for slots in numbers:
        with Gymnasium(own.Walk, episodes=2, slots=slots, vectorization_mode=mode) as evaluator:
            genomes = population(evaluator, size=6, feed_forward=False)
            for _ in range(2):
                evaluator(genomes)
                results.append(evaluator.last)
    alone = run_alone(
        own.Walk, genomes, 2, chosen, scaled_walk, lambda index, episode: seed_of(3, 5, 0, 0, episode)
    )
    for result in results:
        check_same(result, alone)
    assert not multiprocessing.active_children()


def test_slots_without_work_rest():
    with Gymnasium(own.Walk, episodes=3, slots=50) as evaluator:
        genomes = population(evaluator, size=7)
        own.Walk.steps = 0
        evaluator(genomes)
        assert own.Walk.steps == evaluator.steps > 0


def test_combinations_and_fresh_starts():
    with Gymnasium(own.Walk, episodes=3, combine="min") as evaluator:
        genomes = population(evaluator)
        np.testing.assert_array_equal(evaluator(genomes), evaluator.last.reward.min(axis=1))
        training = evaluator.last
        played = evaluator.play(genomes, episodes=3)
        again = evaluator.play(genomes, episodes=3, trial=1)
        np.testing.assert_array_equal(evaluator.validate(genomes, episodes=5), evaluator.validate(genomes, 5))
        assert evaluator.last is training
        genomes.generation = 6
        check_same(evaluator.play(genomes, episodes=3), played)
        evaluator(genomes)
        rewards = [training.reward, played.reward, again.reward, evaluator.last.reward]
        starts = np.concatenate(rewards, axis=1).T
        assert all((one != other).all() for one, other in itertools.combinations(starts, 2))
        np.testing.assert_array_equal(evaluator.play(genomes[4], episodes=3).reward[0], played.reward[4])
        assert evaluator.validate(genomes[4]).shape == (1,)


def test_a_run_repeats():
    histories = []
    for slots in (2, 16):
        with Gymnasium("CartPole-v1", slots=slots, time_limit=50) as evaluator:
            config = neat.Config.for_task(evaluator, population_size=20, seed=1)
            result = neat.Population(config).run(evaluator, generations=4)
            histories.append(result.history.generations)
    np.testing.assert_array_equal(*histories)


def test_observations_become_inputs():
    box = Box(np.float32([[-2, 0], [0, -np.inf]]), np.float32([[2, 10], [np.finfo(np.float32).max, 3]]))
    observation = np.float32([[[1, 2], [3, 4]], [[3, 0], [-1, -1]]])
    np.testing.assert_allclose(
        read_observations(box, True).scale(observation.reshape(2, 4)),
        [[0.5, -0.6, 3, 4], [1.5, -1, -1, -1]],
        rtol=1e-6,
    )
    flat = observation.reshape(2, 4)
    np.testing.assert_array_equal(read_observations(box, False).scale(flat), flat)
    assert np.isinf(read_observations(box, False).scale(np.full((1, 4), 1e60))).all()
    for space, size in ((Discrete(5), 5), (MultiDiscrete([2, 3]), 5), (Dict(a=box, b=Discrete(2)), 6)):
        assert len(read_observations(space, True).offset) == size


class Reveals(gymnasium.Env):
    """Returns an observation of its space, and the action as reward."""

    def __init__(self, observation_space, action_space):
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed=None, options=None):
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), float(np.sum(action)), True, False, {}


def test_other_observations_are_flattened():
    def weighted(inputs):
        connections = [
            {"innovation": k, "source": k, "target": inputs, "weight": float(10**k)} for k in range(inputs)
        ]
        nodes = [{"id": inputs, "activation": "identity"}]
        return {"num_inputs": inputs, "num_outputs": 1, "nodes": nodes, "connections": connections}

    actions = Box(-np.inf, np.inf, (1,))
    for space in (Discrete(5, start=2), MultiDiscrete([2, 3]), Dict(a=Box(0, 1, (2,)), b=Discrete(2))):
        evaluator = Gymnasium(functools.partial(Reveals, space, actions))
        space.seed(seed_of(0, 0, 0, 0, 0))
        flat = gymnasium.spaces.flatten(space, space.sample())
        fitness = evaluator(Genomes.from_list([weighted(evaluator.num_inputs)]))
        np.testing.assert_allclose(fitness, [(flat * 10.0 ** np.arange(len(flat))).sum()], rtol=1e-6)


def test_outputs_become_actions():
    nan, inf = np.nan, np.inf

    def act(space, decision, outputs, low=-1.0):
        outputs = np.float32(outputs)
        made = read_actions(space, decision)
        assert made.num_outputs == outputs.shape[1]
        actions = made.act(outputs, np.full_like(outputs, low), np.ones_like(outputs))
        assert actions.dtype == space.dtype
        assert all(space.contains(action) for action in actions)
        return actions.tolist()

    three = Discrete(3, start=5)
    assert act(three, "argmax", [[1, 3, 2], [nan, 0, 0], [nan] * 3, [-inf, nan, -2]]) == [6, 6, 5, 7]
    assert act(three, "threshold", [[-9], [-0.4], [-0.3], [0.3], [0.4], [nan], [inf]]) == [
        5,
        5,
        6,
        6,
        7,
        5,
        7,
    ]
    assert act(Discrete(2), "threshold", [[0.4], [0.6]], low=0.0) == [0, 1]
    groups = MultiDiscrete([2, 3])
    assert act(groups, "argmax", [[1, 2, 9, 4, 5], [nan, 0, nan, nan, 0]]) == [[1, 0], [1, 2]]
    assert act(groups, "threshold", [[0.1, 1], [-0.1, 0]]) == [[1, 2], [0, 1]]
    assert act(MultiBinary((2, 1)), "threshold", [[0.1, -0.1]]) == [[[1], [0]]]
    assert act(MultiBinary(2), "argmax", [[1, 2, 2, 1]]) == [[1, 0]]
    box = Box(np.float32([[-2], [0]]), np.float32([[2], [np.inf]]))
    assert act(box, "argmax", [[0.5, 7], [-3, -1], [nan, nan]]) == [[[1], [7]], [[-2], [0]], [[-2], [0]]]
    assert act(Box(0, 255, (1,), np.uint8), "argmax", [[-1], [0.2], [inf]]) == [[0], [153], [255]]


def test_bad_arguments_are_refused(monkeypatch):
    refused(
        lambda: Gymnasium("CartPoel-v1"),
        "environment: Environment `CartPoel` doesn't exist. Did you mean: `CartPole`?",
    )
    refused(lambda: Gymnasium(3), "environment: expected an id or a function, got 3")
    refused(
        lambda: Gymnasium(dict),
        "environment: expected a function that makes a gymnasium.Env, got one that makes {}",
    )
    refused(
        lambda: Gymnasium(own.Walk, gravity=1),
        "gravity: arguments are for an environment's id, got a function as environment",
    )
    with pytest.raises(ValueError, match=r"^environment: .*unexpected keyword argument 'moon'"):
        Gymnasium("CartPole-v1", moon=1)
    for name in ("episodes", "slots", "time_limit"):
        for value in (0, 1.5, True, "2"):
            refused(
                lambda name=name, value=value: Gymnasium(own.Walk, **{name: value}),
                f"{name}: expected an integer from 1 to 16777215, got {value!r}",
            )
    refused(
        lambda: Gymnasium(own.Walk, timeout=0, vectorization_mode="async"),
        "timeout: expected seconds above 0 and at most 1e6, got 0",
    )
    refused(
        lambda: Gymnasium(own.Walk, timeout=5.0),
        "timeout: needs vectorization_mode 'async', since only processes can be ended, got 'sync'",
    )
    refused(
        lambda: Gymnasium(own.Walk, starts="run"), "starts: must be one of 'generation', 'genome', got 'run'"
    )
    refused(
        lambda: Gymnasium(own.Walk, combine=max), f"combine: must be one of 'mean', 'min', 'sum', got {max!r}"
    )
    refused(
        lambda: Gymnasium(functools.partial(Reveals, Sequence(Discrete(2)), Discrete(2))),
        "environment: expected observations that can be made flat, got Sequence(Discrete(2), stack=False)",
    )
    refused(
        lambda: Gymnasium(functools.partial(Reveals, Discrete(2), Dict(a=Discrete(2)))),
        "environment: expected actions of Box, Discrete, MultiDiscrete or MultiBinary, got Dict('a': Discrete(2))",
    )
    locked = functools.partial(own.Spoiled, threading.Lock())
    with pytest.raises(
        ValueError, match=r"^environment: expected a function that can be sent to worker processes \(.*lock"
    ):
        Gymnasium(locked, vectorization_mode="async")
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    refused(
        lambda: Gymnasium("CartPole-v1"),
        "Gymnasium needs gymnasium: pip install 'batchneat[gym]'",
        ImportError,
    )


def test_bad_genomes_are_refused():
    evaluator = Gymnasium(own.Walk)
    genomes = population(Gymnasium("CartPole-v1"), size=1)
    refused(lambda: evaluator(genomes), "genomes: expected 2 inputs, as Walk observes, got 4")
    fewer = Genome.from_dict({"num_inputs": 2, "num_outputs": 1, "nodes": [{"id": 2}], "connections": []})
    refused(lambda: evaluator.play(fewer), "genomes: expected 3 outputs, as Walk needs, got 1")
    refused(lambda: evaluator([fewer]), "genomes: expected neat.Genomes or neat.Genome, got list")
    refused(lambda: evaluator.play(fewer, trial=-1), "trial: expected an integer from 0 to 250, got -1")
