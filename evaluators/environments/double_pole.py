"""The task to balance two poles on one cart, with and without velocities (Stanley and Miikkulainen 2002)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np

from evaluators.environments.cart import draw_cart, draw_pole, draw_track
from evaluators.environments.environment import Environment
from evaluators.environments.shapes import Shape
from evaluators.environments.spaces import Box
from neat.kernels.jit import inner_function
from neat.support.colours import BLUE, PALE_BLUE
from neat.support.messages import quote

_PHYSICAL = 6  # elements of the state
_HINGES = 0.07  # m from the cart's middle to each hinge in pictures
_FITNESS, _BALANCED, _WOBBLE, _RING = 6, 7, 8, 9
_WINDOW = 100  # steps over which wobbling is summed

# Adding 1.5 · 2^10 to a float64 below 2^9 rounds it to a multiple of 2^-42: sums of 100 such numbers are exact.
_ROUNDER = 1536.0
_GRID = 2.0**-42

_STEEPEST = 0.8  # rad; larger angle limits could exceed the range of `_sine_and_cosine`

# Of sin x = x + x³ P(x²) and cos x = 1 - x²/2 + x⁴ Q(x²), interpolated at Chebyshev nodes of |x| <= 1.25.
_P0, _P1, _P2 = -0.16666666666666666, 0.008333333333332851, -0.00019841269840776478
_P3, _P4 = 2.755731903444393e-06, -2.505207369721675e-08
_P5, _P6 = 1.6055782815851143e-10, -7.494895594805586e-13
_Q0, _Q1, _Q2 = 0.041666666666666664, -0.001388888888888862, 2.4801587301312778e-05
_Q3, _Q4 = -2.755731911852423e-07, 2.0876737688872267e-09
_Q5, _Q6 = -1.1468931586384285e-11, 4.694801929763846e-14


@dataclass(frozen=True, kw_only=True)
class DoublePole(Environment):
    """Push a cart so that two poles of different lengths on it stay up; a reward of 1 for every step they do.

    The physics are those of NEAT C++ (`CartPole` in its `experiments.cpp`, by Gomez after Wieland 1991), in float64:
    two Runge-Kutta steps of the fourth order for each action. An episode ends when the cart leaves the track or a pole
    falls; nothing moves after that. The last step has no reward, so the sum of the rewards is the number of steps
    balanced. (With velocities, NEAT C++ counts the last step too.)

    Observations are x, ẋ, θ₁, θ̇₁, θ₂, θ̇₂, or x, θ₁, θ₂ without velocities, then `bias`. `Rollout` scales them by their
    bounds to the inputs of NEAT C++: x/4.8, ẋ/2, θ/0.52, θ̇/2 and 0.5. It scales an output o in [0, 1] to the bounds of
    the action, which gives the force of NEAT C++, 20 (o - 0.5) N.

    The constants are those of NEAT C++; `stanley` and `goneat` make the published tasks. A task is solved when 100,000
    steps are balanced. `DampedDoublePole` has the fitness that is usual without velocities.
    """

    gravity: float = 9.8
    """m/s², downwards (NEAT C++ has -9.8, and the opposite sign in its equations)."""
    cart_mass: float = 1.0
    """kg."""
    pole_mass: float = 0.1
    """Mass of the long pole, kg."""
    short_pole_mass: float = 0.01
    """kg."""
    half_length: float = 0.5
    """Half the length of the long pole, m."""
    short_half_length: float = 0.05
    """m."""
    friction: float = 2e-6
    """Friction of the hinges, N m s."""
    time_step: float = 0.01
    """Step of the Runge-Kutta method, s; an action lasts two steps."""
    position_limit: float = 2.4
    """m, on both sides."""
    angle_limit: float = 36 * np.pi / 180
    """rad, on both sides, of both poles; at most 0.8 (NEAT C++ writes 36° as 0.628329)."""
    force: float = 10.0
    """Greatest force to either side, N."""
    start_angle: float = 0.07
    """Initial angle of the long pole, rad; the rest of the state starts at 0."""
    bias: float = 0.5
    """Constant value of the last observation."""
    velocities: bool = True
    """Whether velocities are observed."""
    time_limit: int = 100_000

    precision = np.float64
    bounded = False
    state_names: ClassVar[tuple[str, ...]] = (
        "position (m)",
        "velocity (m/s)",
        "angle (rad)",
        "angular velocity (rad/s)",
        "short pole's angle (rad)",
        "short pole's angular velocity (rad/s)",
    )
    action_names = ("force (N)",)
    shown_states = _PHYSICAL

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.angle_limit <= _STEEPEST:
            raise ValueError(
                f"{self.name}: angle_limit: must be above 0 and at most {_STEEPEST} rad, got {quote(self.angle_limit)}"
            )

    @staticmethod
    def stanley(velocities: bool = True, damping: bool | None = None, **changes: Any) -> DoublePole:
        """Return the task of Stanley and Miikkulainen (2002, §4.2), with the constants of NEAT C++.

        With velocities, the fitness is the number of steps balanced, up to 100,000; without, it is Gruau's over 1,000
        steps. A champion without velocities must then balance 100,000 steps, `stanley(False, damping=False)`, and is
        tested from many starts, `stanley(False, damping=False, time_limit=1000)` (see `generalisation_starts`).

        Args:
            velocities: Whether velocities are observed.
            damping: Whether to make a DampedDoublePole; by default, only without velocities.
            **changes: Other fields to set.
        """
        damping = not velocities if damping is None else damping
        kind = DampedDoublePole if damping else DoublePole
        return kind(**{"velocities": velocities, **changes})

    @staticmethod
    def goneat(velocities: bool = True, damping: bool | None = None, **changes: Any) -> DoublePole:
        """Return the easier task with the constants of goNEAT (yaricom/goNEAT, examples/pole2/common.go).

        Its poles have ten times the mass. With velocities, they start upright and the constant input is 0.5; without,
        they start at 1° and it is 1. Unlike this class, goNEAT scales observations with velocities to [0, 1]:
        (x + 2.4)/4.8, (ẋ + 1)/2, (θ + 36°)/72°, (θ̇ + 1)/2.

        Args:
            velocities: Whether velocities are observed.
            damping: Whether to make a DampedDoublePole; by default, only without velocities.
            **changes: Other fields to set.
        """
        start, bias = (0.0, 0.5) if velocities else (math.radians(1), 1.0)
        preset = {"pole_mass": 1.0, "short_pole_mass": 0.1, "start_angle": start, "bias": bias}
        return DoublePole.stanley(velocities, damping, **{**preset, **changes})

    @property
    def observations(self) -> Box:
        """The divisors of NEAT C++; the constant is not scaled."""
        high = (4.8, 2.0, 0.52, 2.0, 0.52, 2.0) if self.velocities else (4.8, 0.52, 0.52)
        return Box((*(-bound for bound in high), -math.inf), (*high, math.inf))

    @property
    def actions(self) -> Box:
        """The force, N."""
        return Box((-self.force,), (self.force,))

    @property
    def step_duration(self) -> float:
        """Duration of an action, s."""
        return 2 * self.time_step

    def draw(self, state: Any, action: Any) -> list[Shape]:
        """Return the cart, the force, and both poles, hinged side by side so that neither hides the other."""
        x, _, angle, _, short_angle, _ = state[:_PHYSICAL]
        length, short_length = 2 * self.half_length, 2 * self.short_half_length
        return [
            *draw_track(x, self.position_limit, max(length, short_length)),
            draw_pole(x - _HINGES, angle, length, 0.04, BLUE),
            draw_pole(x + _HINGES, short_angle, short_length, 0.03, PALE_BLUE),
            *draw_cart(x, 0 if action is None else float(action[0]) / self.force),
        ]

    @staticmethod
    def reset(state, constants, random):
        """Tilt the long pole; set the rest of the state to 0."""
        start_angle, _, _ = constants[11:]
        for k in range(len(state)):
            state[k] = 0.0
        state[2] = start_angle

    @staticmethod
    def observe(state, constants, observation):
        """Write the state, with or without velocities, and the constant."""
        _, bias, velocities = constants[11:]
        if velocities != 0.0:
            for k in range(_PHYSICAL):
                observation[k] = state[k]
        else:
            for k in range(_PHYSICAL // 2):
                observation[k] = state[2 * k]
        observation[len(observation) - 1] = bias

    @staticmethod
    def step(state, action, constants, random):
        """Take two Runge-Kutta steps."""
        up = _push(state, np.float64(action[0]), constants)
        return 1.0 if up else 0.0, not up


@dataclass(frozen=True, kw_only=True)
class DampedDoublePole(DoublePole):
    """DoublePole without velocities, whose reward punishes wobbling: Gruau's fitness.

    An episode's rewards add up to F = 0.1 t/1000 + 0.9 f₂, where t is the number of steps balanced. f₂ is
    0.75 / Σ(|x| + |ẋ| + |θ₁| + |θ̇₁|) over the last 100 of them, or 0 for t < 100 (Gruau, Whitley and Pyeatt 1996;
    Stanley and Miikkulainen 2002, §4.2). The reward of a step is its contribution to F, and may be negative.

    NEAT C++ and goNEAT do not count the step that fails, or its wobbling, either. For t = 100, f₂ is 0 in NEAT C++, but
    not in goNEAT.
    """

    velocities: bool = False
    """Whether velocities are observed."""
    time_limit: int = 1_000

    state_names = (
        *DoublePole.state_names,
        "fitness",
        "steps balanced",
        "wobbling in the last 100 steps",
        *(f"wobbling in step {step} of 100" for step in range(_WINDOW)),
    )

    @staticmethod
    def step(state, action, constants, random):
        """Take two Runge-Kutta steps, and return their contribution to the fitness."""
        up = _push(state, np.float64(action[0]), constants)
        gain = _gain(state)
        return gain if up else 0.0, not up


def generalisation_starts() -> np.ndarray:
    """Return the 625 states from which Gruau et al. and Stanley and Miikkulainen test a controller for 1,000 steps.

    They combine the fractions 0.05, 0.25, 0.5, 0.75 and 0.95 of the ranges ±2.16 m, ±1.35 m/s, ±3.6° and ±8.6°/s; the
    short pole is upright and at rest.

    Returns:
        float64 (625, 6): x (m), ẋ (m/s), θ₁ (rad), θ̇₁ (rad/s), θ₂, θ̇₂.
    """
    share = 2 * np.array([0.05, 0.25, 0.5, 0.75, 0.95]) - 1
    starts = np.zeros((len(share) ** 4, _PHYSICAL))
    starts[:, :4] = list(
        product(2.16 * share, 1.35 * share, math.radians(3.6) * share, math.radians(8.6) * share)
    )
    return starts


@inner_function
def _push(state, push, constants):
    """Take two Runge-Kutta steps with a force (N), but none after the episode's end; return `_is_up`."""
    gravity, cart_mass, mass1, mass2, length1, length2, friction, step, far, steep = constants[:10]
    body = (gravity, cart_mass, mass1, mass2, length1, length2, friction)
    motion = state[0], state[1], state[2], state[3], state[4], state[5]
    step = step if _is_up(motion, far, steep) else 0.0
    motion = _runge_kutta(motion, push, step, body)
    motion = _runge_kutta(motion, push, step, body)
    state[0], state[1], state[2], state[3], state[4], state[5] = motion
    return _is_up(motion, far, steep)


@inner_function
def _is_up(motion, far, steep):
    x, _, angle1, _, angle2, _ = motion
    return (abs(x) <= far) & (abs(angle1) <= steep) & (abs(angle2) <= steep)


@inner_function
def _gain(state):
    """Return the contribution of a balanced step to Gruau's fitness."""
    wobble = abs(state[0]) + abs(state[1]) + abs(state[2]) + abs(state[3])
    wobble = (wobble + _ROUNDER) - _ROUNDER
    balanced = state[_BALANCED]
    oldest = _RING + np.int64(balanced) % _WINDOW
    total = state[_WOBBLE] + wobble - state[oldest]
    state[oldest] = wobble
    state[_WOBBLE] = total
    state[_BALANCED] = balanced + 1.0
    # The lower bound of the sum keeps the fitness finite if nothing moves for 100 steps.
    steadiness = 0.9 * 0.75 / (total if total > _GRID else _GRID)
    fitness = 0.1 / 1000.0 * (balanced + 1.0) + (steadiness if balanced + 1.0 >= _WINDOW else 0.0)
    gain = fitness - state[_FITNESS]
    state[_FITNESS] = fitness
    return gain


@inner_function
def _runge_kutta(motion, push, step, body):
    """Take one step of the fourth order. The accelerations depend only on the angles and their velocities.

    Args:
        motion: x, ẋ, θ₁, θ̇₁, θ₂, θ̇₂.
        push: N.
        step: s.
        body: What `_accelerations` takes.
    """
    x, v, angle1, spin1, angle2, spin2 = motion
    half = 0.5 * step
    a1, b1, c1 = _accelerations(angle1, spin1, angle2, spin2, push, body)
    # Angular velocities in the middle of the step, twice; then at its end.
    p2, q2 = spin1 + half * b1, spin2 + half * c1
    a2, b2, c2 = _accelerations(angle1 + half * spin1, p2, angle2 + half * spin2, q2, push, body)
    p3, q3 = spin1 + half * b2, spin2 + half * c2
    a3, b3, c3 = _accelerations(angle1 + half * p2, p3, angle2 + half * q2, q3, push, body)
    p4, q4 = spin1 + step * b3, spin2 + step * c3
    a4, b4, c4 = _accelerations(angle1 + step * p3, p4, angle2 + step * q3, q4, push, body)
    sixth = step / 6.0
    x += step * (v + sixth * (a1 + a2 + a3))
    v += sixth * (a1 + 2.0 * (a2 + a3) + a4)
    angle1 += step * (spin1 + sixth * (b1 + b2 + b3))
    spin1 += sixth * (b1 + 2.0 * (b2 + b3) + b4)
    angle2 += step * (spin2 + sixth * (c1 + c2 + c3))
    spin2 += sixth * (c1 + 2.0 * (c2 + c3) + c4)
    return x, v, angle1, spin1, angle2, spin2


@inner_function
def _accelerations(angle1, spin1, angle2, spin2, push, body):
    """Return the accelerations of the cart (m/s²) and of the poles (rad/s²).

    The equations are Wieland's (1991), as in Gomez and Miikkulainen (1999), with the opposite sign of g:
    ẍ = (F + Σ F̃ᵢ) / (M + Σ m̃ᵢ), θ̈ᵢ = 3/(4 lᵢ) (g sin θᵢ - ẍ cos θᵢ - μ θ̇ᵢ/(mᵢ lᵢ)).
    """
    gravity, cart_mass, mass1, mass2, length1, length2, friction = body
    fall1, cosine1, pull1, inertia1 = _pole(angle1, spin1, gravity, mass1, length1, friction)
    fall2, cosine2, pull2, inertia2 = _pole(angle2, spin2, gravity, mass2, length2, friction)
    cart = (push + (pull1 + pull2)) / (cart_mass + (inertia1 + inertia2))
    turn1, turn2 = 0.75 / length1, 0.75 / length2
    return cart, turn1 * fall1 - turn1 * cosine1 * cart, turn2 * fall2 - turn2 * cosine2 * cart


@inner_function
def _pole(angle, spin, gravity, mass, length, friction):
    """Return a pole's g sin θ - μ θ̇/(m l), its cos θ, and its contributions to the cart's force and mass, F̃ and m̃.

    F̃ = m l θ̇² sin θ - 3/4 m cos θ (g sin θ - μ θ̇/(m l)), m̃ = m (1 - 3/4 cos² θ).
    """
    sine, cosine = _sine_and_cosine(angle)
    fall = gravity * sine - friction / (mass * length) * spin
    share = 0.75 * mass * cosine
    return fall, cosine, mass * length * (spin * spin) * sine - share * fall, mass - share * cosine


@inner_function(contract=True)
def _sine_and_cosine(x):
    """Return both in float64, without branches, within 2.3e-16 for |x| <= 1.25; no upright pole leans further.

    Calls of libm would prevent vectorisation of the loop over episodes (eight times the time), and are slower for one
    episode too.
    """
    s = x * x
    p = _P6 * s + _P5
    p = p * s + _P4
    p = p * s + _P3
    p = p * s + _P2
    p = p * s + _P1
    p = p * s + _P0
    q = _Q6 * s + _Q5
    q = q * s + _Q4
    q = q * s + _Q3
    q = q * s + _Q2
    q = q * s + _Q1
    q = q * s + _Q0
    return p * s * x + x, q * (s * s) + (1.0 - 0.5 * s)
