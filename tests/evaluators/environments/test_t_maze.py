import itertools

import numpy as np
import pytest

import neat
from evaluators import Rollout
from evaluators.environments import TMaze
from neat.kernels.jit import function

LEFT, FORWARD, RIGHT = 0, 1, 2
SIGNAL_LEFT, SIGNAL_RIGHT, CORRIDOR, JUNCTION = range(4)
RESET, OBSERVE, STEP = (function(getattr(TMaze, name)) for name in ("reset", "observe", "step"))


def numbers(seed=0, generation=0, episode=0, time=0):
    """Key and counter of random numbers, as in `evaluators.episodes.episode`."""
    return tuple(map(np.uint64, (seed, generation, 0, 64 + 256 * episode, time)))


def observe(environment, state):
    observation = np.full(4, np.nan, np.float32)
    OBSERVE(state, environment.constants, observation)
    assert sorted(observation) == [0, 0, 0, 1]
    return int(np.argmax(observation))


def play(environment, policy, goal):
    """Return the sum of rewards and the steps; `policy` is a function of the observations so far."""
    state = np.array([0, goal, 1], np.float32)
    seen, total = [], 0.0
    for time in range(environment.time_limit):
        seen.append(observe(environment, state))
        reward, ended = STEP(state, policy(seen), environment.constants, numbers(time=time + 1))
        total += float(reward)
        if ended:
            break
    return total, time + 1


@pytest.mark.parametrize("goal", [-1, 1])
@pytest.mark.parametrize("length", [1, 2, 7])
def test_observations_on_the_way(length, goal):
    environment = TMaze(length=length)
    side = LEFT if goal < 0 else RIGHT
    signal = SIGNAL_LEFT if goal < 0 else SIGNAL_RIGHT
    seen = []

    def remember(history):
        seen[:] = history
        return FORWARD if history[-1] != JUNCTION else LEFT if history[0] == SIGNAL_LEFT else RIGHT

    assert play(environment, remember, goal) == (1.0, length + 1)
    assert seen == [signal, *[CORRIDOR] * (length - 1), JUNCTION]
    wrong = play(environment, lambda history: FORWARD if history[-1] != JUNCTION else 2 - side, goal)
    assert wrong == (pytest.approx(-0.1), length + 1)


def test_bumping_costs_and_does_not_move():
    environment = TMaze(length=2, penalty=0.25)
    state = np.array([0, 1, 1], np.float32)
    expected = [
        # action, reward, ended, position, next observation; the signal disappears after the first step
        (LEFT, -0.25, False, 0, CORRIDOR),
        (RIGHT, -0.25, False, 0, CORRIDOR),
        (FORWARD, 0, False, 1, CORRIDOR),
        (RIGHT, -0.25, False, 1, CORRIDOR),
        (FORWARD, 0, False, 2, JUNCTION),
        (FORWARD, -0.25, False, 2, JUNCTION),
        (RIGHT, 1, True, 2, JUNCTION),
    ]
    assert observe(environment, state) == SIGNAL_RIGHT
    for action, *result in expected:
        reward, ended = STEP(state, action, environment.constants, numbers(time=1))
        assert [reward, ended, state[0], observe(environment, state)] == result


@pytest.mark.parametrize("environment", [TMaze(), TMaze(length=3, reward=4.0, time_limit=20)], ids=["1", "4"])
def test_the_best_without_memory(environment):
    best = -np.inf
    for policy in itertools.product([LEFT, FORWARD, RIGHT], repeat=4):
        totals = [play(environment, lambda history: policy[history[-1]], goal)[0] for goal in (-1, 1)]  # noqa: B023
        best = max(best, np.mean(totals))
    assert best == pytest.approx((environment.reward - environment.penalty) / 2)


def test_goals_alternate():
    def goal(**key):
        state = np.full(3, np.nan, np.float32)
        RESET(state, TMaze().constants, numbers(**key))
        assert state[0] == 0 and state[2] == 1
        return state[1]

    for seed in range(20):
        goals = [goal(seed=seed, episode=episode) for episode in range(10)]
        assert goals == [goals[0], -goals[0]] * 5 and abs(goals[0]) == 1
    # The seed and the generation determine the first side.
    by_seed = [goal(seed=seed) for seed in range(400)]
    by_generation = [goal(generation=generation) for generation in range(400)]
    for goals in (by_seed, by_generation):
        assert 150 < goals.count(1) < 250
        assert 150 < sum(a == b for a, b in itertools.pairwise(goals)) < 250


def remembering_genome():
    """A handmade recurrent network: node 7 keeps the signal, and decides at the junction."""
    nodes = [
        {"id": 4, "bias": -1.0},  # left
        {"id": 5, "bias": 0.0},  # forward
        {"id": 6, "bias": -1.0},  # right
        {"id": 7, "bias": 0.0},
    ]
    links = [(0, 7, -1), (1, 7, 1), (7, 7, 1), (7, 4, -0.4), (7, 6, 0.4), (3, 4, 2), (3, 6, 2)]
    identity = {"response": 1.0, "activation": "identity", "aggregation": "sum"}
    connections = [
        {"innovation": k, "source": source, "target": target, "weight": float(weight), "enabled": True}
        for k, (source, target, weight) in enumerate(links)
    ]
    return neat.Genome.from_dict(
        {
            "num_inputs": 4,
            "num_outputs": 3,
            "feed_forward": False,
            "nodes": [{**node, **identity} for node in nodes],
            "connections": connections,
        }
    )


def test_a_network_that_remembers_solves_it():
    for length in (1, 10, 48):
        played = Rollout(TMaze(length=length)).play(remembering_genome(), 20)
        assert (played.reward == 1).all() and (played.length == length + 1).all() and played.terminated.all()


def test_a_rollout_has_both_sides_equally_often():
    genome = remembering_genome().to_dict()
    genome["connections"] = [link for link in genome["connections"] if link["source"] != 7]  # without memory
    played = Rollout(TMaze()).play(neat.Genome.from_dict(genome), 20, trial=3)
    wins = played.reward[0] == 1
    np.testing.assert_array_equal(wins, np.resize([wins[0], ~wins[0]], 20))
    assert played.reward.mean() == pytest.approx(0.45)


@pytest.mark.parametrize("length", [0, -1, 2.5, 50])
def test_bad_constants_are_refused(length):
    with pytest.raises(ValueError, match="length"):
        TMaze(length=length)
