import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neat
from evaluators import Rollout
from evaluators.environments import DampedDoublePole, DoublePole, double_pole, generalisation_starts
from neat.kernels.jit import function

RANDOM = (np.uint64(0),) * 5
STEP = function(DoublePole.step)
DAMPED_STEP = function(DampedDoublePole.step)
RESET = function(DoublePole.reset)
OBSERVE = function(DoublePole.observe)
FRICTIONLESS = DoublePole(friction=0.0)

angles = st.floats(-0.6, 0.6)
states = st.tuples(
    st.floats(-2.3, 2.3), st.floats(-2, 2), angles, st.floats(-2, 2), angles, st.floats(-4, 4)
).map(np.array)
forces = st.floats(-10, 10, width=32)


def state_after(environment, state, force=0.0, steps=1):
    """Return the state after some steps."""
    state = np.array(state, float)
    for _ in range(steps):
        STEP(state, np.array([force], np.float32), environment.constants, RANDOM)
    return state


def derivative(environment, state, force):
    """Solve Lagrange's equations of a cart and two uniform rods for the accelerations."""
    _, velocity, *rest = state
    masses = environment.pole_mass, environment.short_pole_mass
    halves = environment.half_length, environment.short_half_length
    inertia, torque = np.zeros((3, 3)), np.array([force, 0.0, 0.0])
    inertia[0, 0] = environment.cart_mass + sum(masses)
    for k, (mass, half) in enumerate(zip(masses, halves, strict=True)):
        angle, spin = rest[2 * k], rest[2 * k + 1]
        inertia[0, k + 1] = inertia[k + 1, 0] = mass * half * math.cos(angle)
        inertia[k + 1, k + 1] = 4 / 3 * mass * half**2
        torque[0] += mass * half * spin**2 * math.sin(angle)
        torque[k + 1] = mass * environment.gravity * half * math.sin(angle) - environment.friction * spin
    cart, first, second = np.linalg.solve(inertia, torque)
    return np.array([velocity, cart, rest[1], first, rest[3], second])


def runge_kutta(environment, state, force):
    """Take an action's two steps by the textbook form of the classical Runge-Kutta method."""
    h = environment.time_step
    for _ in range(2):
        k1 = derivative(environment, state, force)
        k2 = derivative(environment, state + h / 2 * k1, force)
        k3 = derivative(environment, state + h / 2 * k2, force)
        k4 = derivative(environment, state + h * k3, force)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return state


def energy(environment, state):
    _, v, *rest = state
    total = environment.cart_mass * v**2 / 2
    masses = environment.pole_mass, environment.short_pole_mass
    halves = environment.half_length, environment.short_half_length
    for k, (mass, half) in enumerate(zip(masses, halves, strict=True)):
        angle, spin = rest[2 * k], rest[2 * k + 1]
        middle = np.array([v + half * spin * math.cos(angle), half * spin * math.sin(angle)])
        total += mass / 2 * middle @ middle + mass * (2 * half) ** 2 / 12 / 2 * spin**2
        total += mass * environment.gravity * half * math.cos(angle)
    return total


def momentum(environment, state):
    _, v, angle1, spin1, angle2, spin2 = state
    first = environment.pole_mass * (v + environment.half_length * spin1 * math.cos(angle1))
    second = environment.short_pole_mass * (v + environment.short_half_length * spin2 * math.cos(angle2))
    return environment.cart_mass * v + first + second


def clamped_genome(weights):
    """A network with one clamped output."""
    output = len(weights)
    node = {"id": output, "bias": 0.0, "response": 1.0, "activation": "clamped", "aggregation": "sum"}
    connections = [
        {"innovation": k, "source": k, "target": output, "weight": float(weight), "enabled": True}
        for k, weight in enumerate(weights)
    ]
    return neat.Genome.from_dict(
        {"num_inputs": output, "num_outputs": 1, "nodes": [node], "connections": connections}
    )


@pytest.mark.parametrize(
    "environment",
    [DoublePole(), DoublePole.goneat(), DoublePole(friction=0.01)],
    ids=["default", "goneat", "friction"],
)
@given(states, forces)
@settings(max_examples=60, deadline=None)
def test_physics_against_lagrange(environment, state, force):
    expected = runge_kutta(environment, state, force)
    np.testing.assert_allclose(state_after(environment, state, force), expected, rtol=1e-12, atol=1e-12)


def test_the_method_is_of_fourth_order():
    state, force = np.array([0.1, -0.5, 0.3, 0.4, -0.2, 1.0]), 7.0
    fine = state_after(DoublePole(time_step=0.01 / 64), state, force, 64)
    errors = [
        np.abs(state_after(DoublePole(time_step=0.01 / n), state, force, n) - fine).max() for n in (1, 2, 4)
    ]
    assert 1e-7 < errors[0] < 1e-4
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.3)
    assert errors[1] / errors[2] == pytest.approx(16, rel=0.3)


def test_energy_and_momentum_are_conserved_without_friction():
    environment = dataclasses.replace(FRICTIONLESS, time_step=0.001)
    state = np.array([0.5, 0.2, 0.1, 0.3, -0.05, 0.1])
    before = energy(environment, state), momentum(environment, state)
    for _ in range(100):
        state = state_after(environment, state)
    assert abs(state[4]) > 0.15  # the short pole falls
    after = energy(environment, state), momentum(environment, state)
    np.testing.assert_allclose(after, before, rtol=1e-9)


def test_friction_reduces_energy():
    environment = DoublePole(friction=1e-3)
    state = np.array([0.0, 0.0, 0.2, 0.0, 0.0, 3.0])
    assert energy(environment, state_after(environment, state, steps=5)) < energy(environment, state) - 1e-4


@given(states, forces)
@settings(max_examples=60, deadline=None)
def test_left_mirrors_right(state, force):
    np.testing.assert_array_equal(
        state_after(DoublePole(), -state, -force), -state_after(DoublePole(), state, force)
    )


def test_sine_and_cosine():
    both = double_pole._sine_and_cosine
    both = function(getattr(both, "py_func", both))
    points = np.linspace(-1.25, 1.25, 20_001)
    found = np.array([both(x) for x in points])
    exact = np.array([[math.sin(x), math.cos(x)] for x in points])
    assert np.abs(found - exact).max() <= 2.3e-16
    relative = np.abs(found - exact)[points != 0] / np.abs(exact)[points != 0]
    assert relative.max() <= 4.5e-16


@pytest.mark.parametrize("element, limit", [(0, 2.4), (2, math.radians(36)), (4, math.radians(36))])
@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("step", [STEP, DAMPED_STEP])
def test_limits(element, limit, side, step):
    environment = DampedDoublePole() if step is DAMPED_STEP else DoublePole()
    still = dataclasses.replace(environment, time_step=1e-9, velocities=True)
    for beyond in (False, True):
        state = np.zeros(len(environment.state_names))
        # The element moves by 2e-8 in a step.
        state[element] = side * (limit - 3e-8 + 2e-8 * beyond)
        state[element + 1] = side * 10.0
        reward, terminated = step(state, np.zeros(1, np.float32), still.constants, RANDOM)
        assert terminated == beyond
        assert (reward > 0) == (not beyond)


def test_nothing_moves_after_the_end():
    state = np.array([0.0, 0.0, 0.6, 3.0, 0.0, 0.0])
    state = state_after(DoublePole(), state)
    assert abs(state[2]) > math.radians(36)
    kept = state.copy()
    reward, terminated = STEP(state, np.array([10], np.float32), DoublePole().constants, RANDOM)
    np.testing.assert_array_equal(state, kept)
    assert terminated and reward == 0


def test_a_state_that_is_not_finite_ends_the_episode():
    for k in range(6):
        state = np.zeros(6)
        state[k] = np.nan
        reward, terminated = STEP(state, np.zeros(1, np.float32), DoublePole().constants, RANDOM)
        assert terminated and reward == 0


@pytest.mark.parametrize("velocities", [True, False])
def test_inputs_are_those_of_neat_cpp(velocities):
    environment = DoublePole.stanley(velocities, damping=False, bias=0.4)
    rollout = Rollout(environment, episodes=1)
    x, v, angle1, spin1, angle2, spin2 = np.eye(6)
    if velocities:
        divided = [x / 4.8, v / 2, angle1 / 0.52, spin1 / 2, angle2 / 0.52, spin2 / 2]
    else:
        divided = [x / 4.8, angle1 / 0.52, angle2 / 0.52]
    assert rollout.num_inputs == len(divided) + 1
    for k in range(rollout.num_inputs):
        trace = rollout.trace(clamped_genome(np.eye(rollout.num_inputs)[k] / 2))
        # The action is 20 (o - 0.5) N for an output o in [0, 1], here (1 + input/2)/2.
        inputs = trace.action[:, 0] / 10 * 2
        expected = trace.state[:-1] @ divided[k] if k < len(divided) else 0.4
        np.testing.assert_allclose(inputs, np.clip(expected, -2, 2), rtol=1e-5, atol=1e-6)
        assert len(trace.action) >= 5


def test_presets():
    def start(environment):
        state = np.full(len(environment.state_names), np.nan)
        RESET(state, environment.constants, RANDOM)
        return state

    with_velocities, without = DoublePole.stanley(), DoublePole.stanley(False)
    assert with_velocities == DoublePole() and with_velocities.time_limit == 100_000
    assert without == DampedDoublePole() and without.time_limit == 1_000 and not without.velocities
    for environment in (with_velocities, without):
        np.testing.assert_array_equal(
            start(environment), [0, 0, 0.07, *[0] * (len(environment.state_names) - 3)]
        )
    long = DoublePole.stanley(False, damping=False)
    assert type(long) is DoublePole and long.time_limit == 100_000 and not long.velocities
    assert DoublePole.stanley(False, damping=False, time_limit=1000, start_angle=0.1).start_angle == 0.1

    easy, easy_without = DoublePole.goneat(), DoublePole.goneat(False)
    assert (easy.pole_mass, easy.short_pole_mass, easy.bias, start(easy)[2]) == (1.0, 0.1, 0.5, 0)
    assert type(easy_without) is DampedDoublePole
    assert (easy_without.bias, start(easy_without)[2]) == (1.0, math.pi / 180)
    assert dataclasses.replace(easy, pole_mass=0.1, short_pole_mass=0.01, start_angle=0.07) == with_velocities


@pytest.mark.parametrize("limit", [0.0, -0.1, 1.0, math.nan])
def test_bad_constants_are_refused(limit):
    with pytest.raises(ValueError, match="angle_limit"):
        DoublePole(angle_limit=limit)


def test_generalisation_starts():
    starts = generalisation_starts()
    assert starts.shape == (625, 6) and starts.dtype == np.float64
    assert len(np.unique(starts, axis=0)) == 625
    shares = [0.05, 0.25, 0.5, 0.75, 0.95]
    # NEAT C++: `statevals[s0c] * 4.32 - 2.16`, and so on.
    for row, (a, b, c, d) in zip(starts, itertools.product(shares, repeat=4), strict=True):
        original = [
            a * 4.32 - 2.16,
            b * 2.70 - 1.35,
            c * 0.12566304 - 0.06283152,
            d * 0.30019504 - 0.15009752,
        ]
        np.testing.assert_allclose(row, [*original, 0, 0], atol=2e-6)


def regulator(environment):
    """Compute the gains of a linear controller, N for each element of the state, by Riccati's equation."""
    eye, nudge = np.eye(6), 1e-6
    a = np.array([state_after(environment, nudge * row) for row in eye]).T / nudge
    b = state_after(environment, np.zeros(6), 1e-3)[:, None] / 1e-3
    cost = np.eye(6)
    for _ in range(20_000):
        gains = np.linalg.solve(1e-2 + b.T @ cost @ b, b.T @ cost @ a)
        cost = eye + a.T @ cost @ (a - b @ gains)
    return gains[0]


GAINS = regulator(DoublePole())


def run_regulator(environment, steps, step, disturb=lambda time: 0.0, state=None):
    """Return the states, the rewards and the termination of the regulator's episode."""
    if state is None:
        state = np.zeros(len(environment.state_names))
        RESET(state, environment.constants, RANDOM)
    states, rewards = [state[:6].copy()], []
    for time in range(steps):
        force = np.clip(-GAINS @ state[:6] + disturb(time), -10, 10)
        reward, terminated = step(state, np.array([force], np.float32), environment.constants, RANDOM)
        states.append(state[:6].copy())
        rewards.append(reward)
        if terminated:
            break
    return np.array(states), np.array(rewards), terminated


def gruau_fitness(states, balanced):
    """Compute the fitness after `balanced` steps."""
    wobble = np.abs(states[1 : balanced + 1, :4]).sum(axis=1)
    steady = 0.75 / wobble[-100:].sum() if balanced >= 100 else 0.0
    return 0.1 * balanced / 1000 + 0.9 * steady


def test_rewards_add_up_to_gruaus_fitness():
    environment = DampedDoublePole()
    disturb = lambda time: 3 * math.sin(time / 7)  # noqa: E731
    states, rewards, terminated = run_regulator(environment, 1000, DAMPED_STEP, disturb)
    assert not terminated
    for balanced in (1, 50, 99, 100, 101, 200, 555, 1000):
        assert rewards[:balanced].sum() == pytest.approx(gruau_fitness(states, balanced), rel=1e-10)
    assert gruau_fitness(states, 100) > gruau_fitness(states, 99) + 0.001
    assert (rewards < 0).any()  # the fitness may decrease


@pytest.mark.parametrize("end", [30, 99, 100, 101, 102, 250])
def test_the_step_that_fails_does_not_count(end):
    environment = DampedDoublePole()
    disturb = lambda time: 100.0 if time >= end else 0.0  # noqa: E731
    states, rewards, terminated = run_regulator(environment, 1000, DAMPED_STEP, disturb)
    balanced = len(rewards) - 1
    assert terminated and balanced > end and rewards[-1] == 0
    assert rewards.sum() == pytest.approx(gruau_fitness(states, balanced), rel=1e-10)

    _, rewards, terminated = run_regulator(DoublePole(), 1000, STEP, disturb)
    assert terminated and rewards.sum() == balanced


def test_the_sum_of_wobbling_does_not_drift():
    environment = DampedDoublePole(time_limit=100_000)
    disturb = lambda time: 4 * math.sin(time / 11) if time < 20_000 else 0.0  # noqa: E731
    states, rewards, terminated = run_regulator(environment, 21_500, DAMPED_STEP, disturb)
    assert not terminated
    assert np.abs(states[-100:, :4]).sum() < 1e-3
    # Each of the hundred numbers is rounded to a multiple of 2^-42.
    assert rewards.sum() == pytest.approx(
        gruau_fitness(states, 21_500), rel=100 * 2**-43 / np.abs(states[-100:, :4]).sum()
    )


def test_the_fitness_of_standing_still_is_finite():
    environment = DampedDoublePole(start_angle=0.0)
    states, rewards, _ = run_regulator(environment, 150, DAMPED_STEP)
    assert not states.any() and np.isfinite(rewards).all() and rewards.sum() > 1e6


def linear_genome(environment):
    """The regulator as a network."""
    return clamped_genome([*(-GAINS * np.array(environment.observations.high[:6]) / 10), 0.0])


def test_a_linear_controller_solves_it():
    environment = DoublePole.stanley()
    played = Rollout(environment, episodes=1).play(linear_genome(environment), 1)
    assert played.reward[0, 0] == played.length[0, 0] == 100_000 and not played.terminated[0, 0]


def test_lanes_agree_with_one_episode():
    environment = DoublePole(time_limit=1000)
    starts = generalisation_starts()
    genome = linear_genome(environment)
    rollout = Rollout(environment, episodes=1)
    together = rollout.play(genome, states=starts)
    held = ~together.terminated[0]
    assert 200 < held.sum() < 625
    for k in range(0, 625, 24):
        alone = rollout.play(genome, states=starts[k : k + 1])
        assert alone.length[0, 0] == together.length[0, k]
        _, rewards, terminated = run_regulator(environment, 1000, STEP, state=starts[k].copy())
        assert terminated != held[k]
        assert rewards.sum() == pytest.approx(together.reward[0, k], abs=1)
