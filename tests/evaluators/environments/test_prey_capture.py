import collections
import math

import numpy as np
import pytest

import neat
from evaluators import Rollout
from evaluators.environments import PreyCapture, prey_capture
from neat.kernels.jit import function

STAY, NORTH, EAST, SOUTH, WEST = range(5)
MOVES = {STAY: (0, 0), NORTH: (0, 1), EAST: (1, 0), SOUTH: (0, -1), WEST: (-1, 0)}
RESET, OBSERVE, STEP = (function(getattr(PreyCapture, name)) for name in ("reset", "observe", "step"))
FLIGHT = function(getattr(prey_capture._flight, "py_func", prey_capture._flight))


def numbers(episode=0, time=0):
    return tuple(map(np.uint64, (7, 0, 0, 64 + 256 * episode, time)))


def start_state(environment, episode):
    state = np.full(5, np.nan, np.float32)
    RESET(state, environment.constants, numbers(episode))
    return state


def observe(environment, state):
    observation = np.full(13, np.nan, np.float32)
    OBSERVE(np.array(state, np.float32), environment.constants, observation)
    return observation


def take_step(environment, state, action, episode=0, time=1):
    state = np.array(state, np.float32)
    reward, ended = STEP(state, action, environment.constants, numbers(episode, time))
    assert reward == ended
    return state, ended


def test_reset():
    environment = PreyCapture()
    states = np.array([start_state(environment, episode) for episode in range(20_000)])
    agent, prey = states[:, :2], states[:, 2:4]
    assert (states[:, 4] == 4).all()
    for k in range(2):
        cells, counts = np.unique(prey[:, k], return_counts=True)
        np.testing.assert_array_equal(cells, np.arange(4, 20))
        assert (abs(counts - 1250) < 5 * math.sqrt(1250)).all()
    assert abs(np.corrcoef(prey.T)[0, 1]) < 0.03
    assert agent.min() >= 0 and agent.max() <= 23
    # The reference is SharpNEAT's procedure with ten times as many draws.
    generator = np.random.default_rng(0)
    angle, distance = 2 * np.pi * generator.random(200_000), 2 + 2 * generator.random(200_000)
    expected = np.trunc([np.cos(angle) * distance, np.sin(angle) * distance]).astype(int).T
    expected = collections.Counter(map(tuple, expected))
    found = collections.Counter(map(tuple, (agent - prey).astype(int)))
    assert set(found) <= set(expected)
    for offset, count in expected.items():
        assert abs(found[offset] - count / 10) < 6 * math.sqrt(count / 10) + 1


def sensors(agent, prey, size=24, reach=4.0):
    """The observations as SharpNEAT computes them, in polar coordinates, without the constant."""
    east, north = prey[0] - agent[0], prey[1] - agent[1]
    found = np.zeros(13)
    if east**2 + north**2 <= reach**2:
        adjusted = (math.atan2(north, east) - math.pi / 8) % (2 * math.pi)
        found[int(adjusted // (math.pi / 4))] = 1
    found[8] = east**2 + north**2 <= 4
    for k, distance in enumerate([size - 1 - agent[1], size - 1 - agent[0], agent[1], agent[0]]):
        found[9 + k] = max(0, 4 - distance) / 4
    return found


@pytest.mark.parametrize("agent", [(0, 0), (11, 12), (23, 23), (2, 20), (5, 3), (4, 19)])
@pytest.mark.parametrize("reach", [4.0, 4.5, 40.0])
def test_sensors(agent, reach):
    environment = PreyCapture(sensor_range=reach)
    for x in range(24):
        for y in range(24):
            found = observe(environment, [*agent, x, y, 0])
            np.testing.assert_array_equal(found, sensors(agent, (x, y), reach=reach), str((x, y)))


def test_sensors_on_a_smaller_grid():
    environment = PreyCapture(size=9)
    for x in range(9):
        for y in range(9):
            np.testing.assert_array_equal(
                observe(environment, [x, y, 4, 4, 0]), sensors((x, y), (4, 4), size=9)
            )


def probabilities(east, north):
    """The prey's probabilities of going north, east, south and west, by the paper with SharpNEAT's correction."""
    distance = math.hypot(east, north)
    fear = 15 - distance if distance <= 4 else 9 - distance / 2 if distance <= 15 else 1
    there = math.atan2(north, east)
    weights = []
    for direction in (math.pi / 2, 0, -math.pi / 2, math.pi):
        apart = abs(there - direction) % (2 * math.pi)
        weights.append(math.exp(0.33 * fear * min(apart, 2 * math.pi - apart) / math.pi))
    return np.array(weights) / sum(weights)


def test_probabilities_of_the_preys_directions():
    chances = ((np.arange(2000) + 0.5) / 2000).astype(np.float32)
    offsets = [(x, y) for x in range(-6, 7) for y in range(-6, 7)]
    offsets += [(23, 23), (-23, 1), (0, 16), (-15, 0), (9, -12), (14, 14)]
    for east, north in offsets:
        ways = [FLIGHT(np.float32(east), np.float32(north), chance) for chance in chances]
        assert ways == sorted(ways)
        np.testing.assert_allclose(
            np.bincount(ways, minlength=4) / 2000, probabilities(east, north), atol=6e-4
        )


def test_the_prey_flees():
    # An agent in the south drives it north, and so on.
    for way, offset in enumerate([(0, -2), (-2, 0), (0, 2), (2, 0)]):
        ways = [FLIGHT(*np.float32(offset), np.float32(k / 100)) for k in range(100)]
        assert 75 < ways.count(way) < 85 and ways.count((way + 2) % 4) <= 2


@pytest.mark.parametrize("speed", [1.0, 0.6, 0.0])
def test_prey_moves_are_random_by_step_and_episode(speed):
    environment = PreyCapture(prey_speed=speed)
    for key in ("episode", "time"):
        counts = np.zeros(5, int)
        for draw in range(4000):
            state, _ = take_step(environment, [12, 9, 10, 10, 0], STAY, **{key: draw})
            step = tuple((state[2:4] - 10).astype(int))
            counts[{move: k for k, move in MOVES.items()}[step]] += 1
        expected = np.array([1 - speed, *(speed * probabilities(2, -1))])
        assert (abs(counts / 4000 - expected) <= 4.5 * np.sqrt(expected * (1 - expected) / 4000)).all()


def test_the_agent_moves_and_walls_stop_it():
    environment = PreyCapture(prey_speed=0.0)
    for action, (x, y) in MOVES.items():
        state, ended = take_step(environment, [5, 6, 20, 20, 0], action)
        assert tuple(state) == (5 + x, 6 + y, 20, 20, 0) and not ended
    corners = {(0, 0): (SOUTH, WEST), (23, 23): (NORTH, EAST)}
    for corner, actions in corners.items():
        for action in actions:
            state, _ = take_step(environment, [*corner, 10, 10, 0], action)
            assert tuple(state[:2]) == corner


def test_walls_stop_the_prey():
    environment = PreyCapture()
    places = set()
    for time in range(200):
        state, _ = take_step(environment, [3, 3, 0, 0, 0], STAY, time=time)
        places.add(tuple(state[2:4]))
    assert places <= {(0, 0), (1, 0), (0, 1)} and (0, 0) in places


def test_head_start():
    environment = PreyCapture()
    state = start_state(environment, 3)
    agent = state[:2].copy()
    for left in (4, 3, 2, 1):
        assert state[4] == left
        before = state[2:4].copy()
        state, ended = take_step(environment, state, NORTH, time=5 - left)
        assert not ended and (state[:2] == agent).all() and abs(state[2:4] - before).sum() == 1
    state, _ = take_step(environment, state, NORTH, time=5)
    assert tuple(state[:2] - agent) == (0, 1) and state[4] == 0


def test_catching():
    environment = PreyCapture()
    state, ended = take_step(environment, [5, 5, 5, 6, 0], NORTH)
    assert ended and tuple(state) == (5, 6, 5, 6, 0)
    _, ended = take_step(environment, [5, 5, 5, 6, 2], NORTH)
    assert not ended  # within the head start
    # The prey sometimes runs into the agent, but never in the head start.
    for left in (0, 1):
        ends = [take_step(environment, [5, 5, 5, 6, left], STAY, time=time) for time in range(3000)]
        met = [tuple(state[:2]) == tuple(state[2:4]) for state, _ in ends]
        assert met.count(True) == pytest.approx(3000 * probabilities(0, -1)[2], abs=20)
        assert [ended for _, ended in ends] == [meet and left == 0 for meet in met]


def chase(state):
    """Move toward the prey along the longer axis; stay if the prey would escape after a move."""
    east, north = state[2] - state[0], state[3] - state[1]
    if abs(east) + abs(north) == 2 and abs(east) != abs(north):
        return STAY
    if abs(east) > abs(north):
        return EAST if east > 0 else WEST
    return NORTH if north > 0 else SOUTH


@pytest.mark.parametrize("environment, least", [(PreyCapture(), 0.9), (PreyCapture(prey_speed=0.5), 0.95)])
def test_a_chaser_catches_it(environment, least):
    caught = 0
    for episode in range(200):
        state = start_state(environment, episode)
        for time in range(environment.time_limit):
            state, ended = take_step(environment, state, chase(state), episode, time + 1)
            if ended:
                caught += 1
                break
    assert caught >= least * 200


def memoryless_genome(strength=1.0):
    """A network without memory that follows its sensors; with a negative strength, it flees."""
    sides = {NORTH: [0, 1, 2], EAST: [6, 7, 0], SOUTH: [4, 5, 6], WEST: [2, 3, 4]}
    links = [
        (sensor, 13 + way, strength * (1 + (k == 1)))
        for way, row in sides.items()
        for k, sensor in enumerate(row)
    ]
    node = {"bias": 0.0, "response": 1.0, "activation": "identity", "aggregation": "sum"}
    return neat.Genome.from_dict(
        {
            "num_inputs": 13,
            "num_outputs": 5,
            "nodes": [{"id": 13 + k, **node, "bias": 0.1 * (k == STAY)} for k in range(5)],
            "connections": [
                {"innovation": k, "source": a, "target": b, "weight": w, "enabled": True}
                for k, (a, b, w) in enumerate(links)
            ],
        }
    )


def test_a_network_that_follows_its_sensors():
    slow = Rollout(PreyCapture(prey_speed=0.5))
    played, idle = slow.play(memoryless_genome(), 400), slow.play(memoryless_genome(-1.0), 400)
    assert played.reward.mean() > 0.5 and idle.reward.mean() < 0.1
    assert (
        (played.reward == played.terminated).all() and played.length.max() == 70 and played.length.min() > 4
    )


@pytest.mark.parametrize(
    "field, value",
    [
        ("size", 8),
        ("size", 24.5),
        ("prey_speed", -0.1),
        ("prey_speed", 1.1),
        ("head_start", -1),
        ("head_start", 0.5),
    ],
)
def test_bad_constants_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        PreyCapture(**{field: value})
