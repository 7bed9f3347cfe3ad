import pickle
import warnings
from abc import ABCMeta
from dataclasses import dataclass

import numpy as np
import pytest

import evaluators
from evaluators import environments
from evaluators.environments import (
    Acrobot,
    Box,
    CartPole,
    Environment,
    MountainCar,
    MountainCarContinuous,
    Pendulum,
    uniform,
)
from evaluators.environments.angle import wrapped
from evaluators.rollout import Rollout
from neat.genome.genome import Genomes
from neat.kernels.jit import function

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.error import ResetNeeded  # noqa: E402  needs gymnasium
from gymnasium.utils.env_checker import check_env  # noqa: E402

IDS = {
    CartPole: "CartPole-v1",
    MountainCar: "MountainCar-v0",
    MountainCarContinuous: "MountainCarContinuous-v0",
    Pendulum: "Pendulum-v1",
    Acrobot: "Acrobot-v1",
}
ANGLES = {Pendulum: [0], Acrobot: [0, 1]}  # elements of the state, compared modulo 2π
# Number of steps in which float32 stays close to float64; benchmarks/parts/physics.py measures it.
HORIZON = {Pendulum: 60, Acrobot: 25}
# Starts of half of the episodes, so that they reach walls, limits and goals.
ANYWHERE = {
    CartPole: [2.4, 2.0, 0.2, 2.0],
    MountainCar: [0.6, 0.07],
    MountainCarContinuous: [0.6, 0.07],
    Pendulum: [np.pi, 8.0],
    Acrobot: [2.0, 1.0, 3.0, 3.0],
}
each = pytest.mark.parametrize("cls", IDS, ids=lambda cls: cls.__name__)


def turned(angle):
    return angle - 2 * np.pi * np.round(angle / (2 * np.pi))


def assert_near(cls, ours, theirs):
    """Compare states within the promised tolerance."""
    ours, theirs = np.array(ours, np.float64), np.array(theirs, np.float64)
    difference = ours - theirs
    for k in ANGLES.get(cls, []):
        difference[..., k], theirs[..., k] = turned(difference[..., k]), turned(theirs[..., k])
    assert (np.abs(difference) <= 1e-3 + 1e-3 * np.abs(theirs)).all(), (ours, theirs)


def played(env, actions):
    """Return the states, observations, rewards and terminations of an episode."""
    results = []
    for action in actions:
        observation, reward, terminated, _, _ = env.step(action)
        results.append((np.array(env.state, np.float64), observation, float(reward), terminated))
        if terminated:
            break
    return [np.array(column) for column in zip(*results, strict=True)]


@each
def test_steps_match_gymnasiums(cls):
    ours, theirs = cls().to_gymnasium(), gymnasium.make(IDS[cls]).unwrapped
    steps, space = HORIZON.get(cls, ours.environment.time_limit), ours.action_space
    rng = np.random.default_rng(0)
    terminations = 0
    for episode in range(40):
        theirs.reset(seed=episode)
        start = np.array(theirs.state, np.float32)
        if episode % 2:
            start = rng.uniform(-1, 1, len(start)).astype(np.float32) * np.float32(ANYWHERE[cls])
        ours.reset(options={"state": start})
        np.testing.assert_array_equal(ours.state, start)
        theirs.state = start.astype(np.float64)
        if isinstance(space, gymnasium.spaces.Box):
            actions = rng.uniform(space.low, space.high, (steps, 1)).astype(np.float32)
        else:
            actions = rng.integers(0, space.n, steps).tolist()
        state, observation, reward, terminated = played(ours, actions)
        expected_state, expected_observation, expected_reward, expected_end = played(theirs, actions)
        np.testing.assert_array_equal(terminated, expected_end)
        assert_near(cls, state, expected_state)
        np.testing.assert_allclose(observation, expected_observation, 1e-3, 1e-3)
        np.testing.assert_allclose(reward, expected_reward, 1e-3, 1e-3)
        limits = ours.observation_space
        assert (observation >= limits.low).all() and (observation <= limits.high).all()
        terminations += terminated[-1]
    assert terminations > 1 or cls is Pendulum


EDGES = [
    (CartPole, [2.39, 1.0, 0.0, 0.0], 1, True),
    (CartPole, [-2.39, -1.0, 0.0, 0.0], 0, True),
    (CartPole, [0.0, 0.0, 0.2, 1.0], 0, True),
    (CartPole, [0.0, 0.0, -0.2, -1.0], 1, True),
    (CartPole, [2.39, -1.0, 0.2, -1.0], 1, False),
    (MountainCar, [0.49, 0.03], 2, True),
    (MountainCar, [0.49, 0.005], 0, False),
    (MountainCar, [0.58, 0.07], 1, True),  # stopped by the right end
    (MountainCar, [0.55, -0.02], 1, False),  # beyond the goal, but moving back
    (MountainCar, [-1.19, -0.07], 0, False),  # stopped by the wall
    (MountainCar, [-0.5, 0.07], 2, False),  # at the greatest speed
    (MountainCarContinuous, [0.44, 0.03], [0.5], True),
    (MountainCarContinuous, [0.44, 0.03], [-1.0], True),
    (MountainCarContinuous, [-1.19, -0.07], [-1.0], False),
    (MountainCarContinuous, [0.0, -0.07], [0.25], False),
    (Pendulum, [3.1, 7.99], [2.0], False),
    (Pendulum, [-3.1, -7.99], [-2.0], False),
    (Pendulum, [20.0, 1.0], [0.5], False),  # after some turns
    (Acrobot, [3.0, 0.2, 0.0, 0.0], 0, True),
    (Acrobot, [2.0, 0.0, 2.0, 0.0], 2, True),
    (Acrobot, [2.0, 0.0, -1.0, 0.0], 2, False),
    (Acrobot, [3.1, 3.1, 12.5, 28.0], 2, None),  # at the greatest speeds
    (Acrobot, [-3.1, -3.1, -12.5, -28.0], 0, None),
]


@pytest.mark.parametrize(("cls", "state", "action", "end"), EDGES, ids=range(len(EDGES)))
def test_edge_cases_match_gymnasiums(cls, state, action, end):
    ours, theirs = cls().to_gymnasium(), gymnasium.make(IDS[cls]).unwrapped
    ours.reset(options={"state": state})
    theirs.reset(seed=0)
    theirs.state = np.array(state, np.float32).astype(np.float64)
    action = action if isinstance(action, int) else np.array(action, np.float32)
    observation, reward, terminated, truncated, _ = ours.step(action)
    expected, expected_reward, expected_end, _, _ = theirs.step(action)
    assert_near(cls, ours.state, theirs.state)
    np.testing.assert_allclose(observation, expected, 1e-4, 1e-4)
    np.testing.assert_allclose(reward, float(expected_reward), 1e-5, 1e-6)
    assert (terminated, truncated) == (expected_end, False)
    assert end is None or terminated == end
    assert observation in ours.observation_space


@each
def test_spaces_match_gymnasiums(cls):
    ours, theirs = cls().to_gymnasium(), gymnasium.make(IDS[cls])
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    assert ours.environment.time_limit == theirs.spec.max_episode_steps


OURS = [cls for cls in map(vars(environments).get, environments.__all__) if isinstance(cls, ABCMeta)]


@pytest.mark.parametrize("cls", [cls for cls in OURS if cls is not Environment], ids=lambda cls: cls.__name__)
def test_check_env(cls):
    env = cls().to_gymnasium("rgb_array")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*Not able to test alternative render modes")
        if not env.observation_space.is_bounded():
            warnings.filterwarnings("ignore", ".*A Box observation space (min|max)imum value is")
        if isinstance(env.action_space, gymnasium.spaces.Box) and env.action_space.high.max() > 1:
            warnings.filterwarnings("ignore", ".*For Box action spaces, we recommend")
        check_env(env)


STARTS = {
    CartPole: ([-0.05] * 4, [0.05] * 4),
    MountainCar: ([-0.6, 0.0], [-0.4, 0.0]),
    MountainCarContinuous: ([-0.6, 0.0], [-0.4, 0.0]),
    Pendulum: ([-np.pi, -1.0], [np.pi, 1.0]),
    Acrobot: ([-0.1] * 4, [0.1] * 4),
}


@each
def test_starts_fill_gymnasiums_range(cls):
    env = cls().to_gymnasium()
    env.reset(seed=0)
    states = []
    for _ in range(500):
        env.reset()
        states.append(env.state)
    low, high = map(np.float32, STARTS[cls])
    assert (states >= low).all() and (states <= high).all()
    assert (np.min(states, axis=0) <= low + 0.02 * (high - low)).all()
    assert (np.max(states, axis=0) >= high - 0.02 * (high - low)).all()


def states(env, seed):
    """Return the first states of three episodes, of which the first gets a seed."""
    result = []
    for given in (seed, None, None):
        env.reset(seed=given)
        result.append(tuple(env.state))
    return result


def test_resets_follow_from_the_seed():
    env, other = CartPole().to_gymnasium(), CartPole().to_gymnasium()
    first = states(env, 3)
    assert len(set(first)) == 3
    assert states(env, 3) == states(other, 3) == first
    assert not set(states(env, 4)) & set(first)
    other.reset()
    env.reset()
    assert tuple(env.state) != tuple(other.state)


def test_the_time_limit_truncates():
    env = CartPole(time_limit=3).to_gymnasium()
    env.reset(seed=0)
    ends = [env.step(k % 2)[2:4] for k in range(4)]
    assert ends == [(False, False), (False, False), (False, True), (False, True)]
    env.reset(seed=0)
    assert env.step(0)[2:4] == (False, False)


def test_constants_change_the_physics():
    heavy, light = CartPole(pole_mass=0.5).to_gymnasium(), CartPole().to_gymnasium()
    for env in (heavy, light):
        env.reset(options={"state": [0, 0, 0.1, 0]})
        env.step(0)
    assert heavy.state[1] != light.state[1]
    np.testing.assert_allclose(heavy.state, light.state, atol=0.2)


def test_the_adapter_can_be_pickled_and_wrapped():
    env = pickle.loads(pickle.dumps(Pendulum().to_gymnasium()))
    wrapped_env = gymnasium.wrappers.TimeLimit(env, 2)
    wrapped_env.reset(seed=0)
    wrapped_env.step(env.action_space.sample())
    assert wrapped_env.step(env.action_space.sample())[3]
    evaluator = evaluators.Gymnasium(lambda: MountainCar(time_limit=10).to_gymnasium(), slots=2)
    assert (evaluator.num_inputs, evaluator.num_outputs) == (2, 3)
    evaluator.close()


@dataclass(frozen=True)
class Walk(Environment):
    """A random walk in float64, without bounds."""

    drift: float = 0.5

    state_names = ("place", "time")
    actions = Box((-1.0, 0.0), (1.0, 3.0))
    observations = Box((-np.inf, 0.0), (np.inf, 10.0))
    precision = np.float64

    @staticmethod
    def reset(state, constants, random):
        state[0] = uniform(random, 0)
        state[1] = 0.0

    @staticmethod
    def observe(state, constants, observation):
        observation[0] = state[0]
        observation[1] = state[1]

    @staticmethod
    def step(state, action, constants, random):
        state[0] += constants[0] + action[0] + action[1] + uniform(random, 0)
        state[1] += 1.0
        return state[0], state[1] > 3


def test_a_user_defined_environment():
    env = Walk(drift=0.25, time_limit=10).to_gymnasium()
    assert env.observation_space == gymnasium.spaces.Box(
        np.float32([-np.inf, 0]), np.float32([np.inf, 10]), dtype=np.float32
    )
    for _ in range(2):  # a reset draws the same random numbers
        first, _ = env.reset(seed=1)
        assert first.dtype == np.float32 and env.state.dtype == np.float64
        places = [env.state[0]]
        for k in range(5):
            observation, reward, terminated, _, _ = env.step([0.5, 1])
            places.append(env.state[0])
            assert (reward, terminated) == (env.state[0], k >= 3)
            np.testing.assert_allclose(observation, env.state, 1e-6)
        increments = np.diff(places) - 1.75
        assert (increments >= 0).all() and (increments < 1).all()
        assert len(set(increments)) == 5
    before = env.state
    env.state[0] = 7.0  # a copy
    np.testing.assert_array_equal(env.state, before)


def test_random_numbers_are_those_of_a_rollout():
    """They are compared in the first episode of generation 0. The outputs are 0, the middle of the actions' bounds."""
    environment = Walk()
    nodes = [{"id": 2 + k, "activation": "tanh"} for k in range(2)]
    genomes = Genomes.from_list([{"num_inputs": 2, "num_outputs": 2, "nodes": nodes, "connections": []}])
    for seed in (5, 2**63 + 1):
        genomes.seed, genomes.generation = seed, 0
        env, total, terminated = environment.to_gymnasium(), 0.0, False
        env.reset(seed=seed)
        while not terminated:
            _, reward, terminated, _, _ = env.step([0.0, 1.5])
            total += reward
        np.testing.assert_allclose(Rollout(environment, episodes=1)(genomes), [total], 1e-12)


BAD_ACTIONS = [
    (CartPole, 2, "action: expected an integer from 0 to 1, got 2"),
    (CartPole, -1, "action: expected an integer from 0 to 1, got -1"),
    (CartPole, 0.5, "action: expected an integer from 0 to 1, got 0.5"),
    (CartPole, None, "action: expected an integer from 0 to 1, got None"),
    (Pendulum, [2.5], "action: expected numbers in [-2, 2], got [2.5]"),
    (Pendulum, [float("nan")], "action: expected numbers in [-2, 2], got [nan]"),
    (Pendulum, 1.0, "action: expected numbers in [-2, 2], got 1.0"),
    (Pendulum, [1.0, 1.0], "action: expected numbers in [-2, 2], got [1.0, 1.0]"),
    (Pendulum, "left", "action: expected numbers in [-2, 2], got 'left'"),
    (Walk, [0.0, -1.0], "action: expected numbers in [-1, 1], [0, 3], got [0.0, -1.0]"),
]


@pytest.mark.parametrize(("cls", "action", "message"), BAD_ACTIONS, ids=range(len(BAD_ACTIONS)))
def test_actions_out_of_the_space_are_refused(cls, action, message):
    env = cls().to_gymnasium()
    env.reset(seed=0)
    before = env.state
    with pytest.raises(ValueError) as error:
        env.step(action)
    assert str(error.value) == message
    np.testing.assert_array_equal(env.state, before)


@pytest.mark.parametrize("state", [[1.0], [0, 0, 0], [[0.0, 0.0]], [0.0, np.nan], [1e39, 0.0], "ab", 3])
def test_states_of_another_form_are_refused(state):
    env = Pendulum().to_gymnasium()
    env.reset(seed=0)
    before = env.state
    with pytest.raises(ValueError) as error:
        env.reset(options={"state": state})
    assert str(error.value) == (
        "state: expected 2 finite numbers (angle (rad), angular velocity (rad/s)), got " + repr(state)
    )
    np.testing.assert_array_equal(env.state, before)


def test_a_step_before_a_reset_is_refused():
    env = CartPole().to_gymnasium()
    for act in (lambda: env.step(0), lambda: env.state):
        with pytest.raises(ResetNeeded, match=r"^CartPole: there is no state before the first reset$"):
            act()


def test_actions_of_any_integer_type():
    env = CartPole().to_gymnasium()
    results = []
    for action in (1, np.int64(1), np.uint8(1), np.array(1)):
        env.reset(seed=0)
        results.append(tuple(env.step(action)[0]))
    assert len(set(results)) == 1


def test_angles_are_wrapped():
    @function
    def all_wrapped(angles):
        return np.array([wrapped(angle) for angle in angles])

    angles = np.append(np.linspace(-1000, 1000, 9999), [np.pi, -np.pi, 0]).astype(np.float32)
    result = all_wrapped(angles)
    assert result.dtype == np.float32
    assert np.abs(result).max() <= np.pi + 1e-4
    inside = np.abs(angles) < np.float32(3.1415)
    np.testing.assert_array_equal(result[inside], angles[inside])
    np.testing.assert_allclose(turned(result - angles.astype(np.float64)), 0, atol=1e-6)
