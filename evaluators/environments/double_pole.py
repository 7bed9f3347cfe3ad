"""Balancing two poles on one cart, with and without velocities, as Stanley and Miikkulainen (2002) had it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np

from evaluators.environments.environment import Environment
from evaluators.environments.spaces import Box
from neat.kernels.jit import inner_function
from neat.support.messages import shown

_PHYSICAL = 6  # elements of the state
_FITNESS, _BALANCED, _WOBBLE, _RING = 6, 7, 8, 9
_WINDOW = 100  # steps over which wobbling is summed

# Adding 1.5 · 2^10 to a float64 below 2^9 rounds it to a multiple of 2^-42: sums of 100 such numbers are exact.
_ROUNDER = 1536.0
_GRID = 2.0**-42

_STEEPEST = 0.8  # rad; beyond, `_sine_and_cosine` could be asked for more than it can give

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
    falls; that step is not rewarded, so the sum of the rewards is the steps balanced. (NEAT C++ counts it, too, where
    there are velocities; otherwise it does not.) Nothing moves from then on.

    Observations are x, ẋ, θ₁, θ̇₁, θ₂, θ̇₂, or x, θ₁, θ₂ without velocities, then `bias`. Scaled by their
    bounds, which `Rollout` does, they are what NEAT C++ gives to its networks: x/4.8, ẋ/2, θ/0.52, θ̇/2 and 0.5. Its
    force is 20 (o - 0.5) N, o being the output in [0, 1]: that is what scaling an output to the actions' bounds does.

    The constants are those of NEAT C++; `stanley` and `goneat` make the published tasks. A task is solved when 100,000
    steps are balanced. `DampedDoublePole` has the fitness that is usual without velocities.
    """

    gravity: float = 9.8
    """m/s², downwards (NEAT C++ has -9.8, and the other sign in its equations)."""
    cart_mass: float = 1.0
    """kg."""
    pole_mass: float = 0.1
    """Of the long pole, kg."""
    short_pole_mass: float = 0.01
    """kg."""
    half_length: float = 0.5
    """Of the long pole, m."""
    short_half_length: float = 0.05
    """m."""
    friction: float = 2e-6
    """Of the hinges, N m s."""
    time_step: float = 0.01
    """s, of the Runge-Kutta method; an action lasts two of them."""
    position_limit: float = 2.4
    """m, on either side."""
    angle_limit: float = 36 * np.pi / 180
    """rad, on either side, of both poles; 0.8 at most (NEAT C++ writes 36° as 0.628329)."""
    force: float = 10.0
    """N, the most to either side."""
    start_angle: float = 0.07
    """rad, of the long pole; all else starts at 0."""
    bias: float = 0.5
    """What the last observation always is."""
    velocities: bool = True
    """Whether they are observed."""
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

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.angle_limit <= _STEEPEST:
            raise ValueError(
                f"{self.name}: angle_limit: must be above 0 and at most {_STEEPEST} rad, got {shown(self.angle_limit)}"
            )

    @staticmethod
    def stanley(velocities: bool = True, damping: bool | None = None, **changes: Any) -> DoublePole:
        """The task with which Stanley and Miikkulainen (2002, §4.2) published, with the constants of NEAT C++.

        With velocities, the fitness is the steps balanced, of 100,000; without, it is Gruau's over 1,000 steps. A
        champion without velocities must then balance 100,000 steps, `stanley(False, damping=False)`, and be tested
        from many starts, `stanley(False, damping=False, time_limit=1000)` (see `generalisation_starts`).

        Args:
            velocities: Whether they are observed.
            damping: Whether it is a DampedDoublePole; by default where there are no velocities.
            **changes: Fields to set otherwise.
        """
        damping = not velocities if damping is None else damping
        kind = DampedDoublePole if damping else DoublePole
        return kind(**{"velocities": velocities, **changes})

    @staticmethod
    def goneat(velocities: bool = True, damping: bool | None = None, **changes: Any) -> DoublePole:
        """The same with the constants of goNEAT (yaricom/goNEAT, examples/pole2/common.go), which is easier.

        Its poles have ten times the mass. They start upright with velocities, and at 1° without; the constant input is
        0.5 and 1. Unlike here, it maps what it observes with velocities to [0, 1]: (x + 2.4)/4.8, (ẋ + 1)/2,
        (θ + 36°)/72°, (θ̇ + 1)/2.

        Args:
            velocities: Whether they are observed.
            damping: Whether it is a DampedDoublePole; by default where there are no velocities.
            **changes: Fields to set otherwise.
        """
        start, bias = (0.0, 0.5) if velocities else (math.radians(1), 1.0)
        preset = {"pole_mass": 1.0, "short_pole_mass": 0.1, "start_angle": start, "bias": bias}
        return DoublePole.stanley(velocities, damping, **{**preset, **changes})

    @property
    def observations(self) -> Box:
        """What NEAT C++ divides by; the constant is passed as it is."""
        high = (4.8, 2.0, 0.52, 2.0, 0.52, 2.0) if self.velocities else (4.8, 0.52, 0.52)
        return Box((*(-bound for bound in high), -math.inf), (*high, math.inf))

    @property
    def actions(self) -> Box:
        """The force, N."""
        return Box((-self.force,), (self.force,))

    @staticmethod
    def reset(state, constants, random):
        """The long pole aslant, all else 0."""
        start_angle, _, _ = constants[11:]
        for k in range(len(state)):
            state[k] = 0.0
        state[2] = start_angle

    @staticmethod
    def observe(state, constants, observation):
        """The state, with or without velocities, and the constant."""
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
        """Two Runge-Kutta steps."""
        up = _push(state, np.float64(action[0]), constants)
        return 1.0 if up else 0.0, not up


@dataclass(frozen=True, kw_only=True)
class DampedDoublePole(DoublePole):
    """The same without velocities, rewarded for balancing without wobbling: Gruau's fitness.

    An episode's rewards add up to F = 0.1 t/1000 + 0.9 f₂, t being the steps balanced and f₂ =
    0.75 / Σ(|x| + |ẋ| + |θ₁| + |θ̇₁|) over the last 100 of them, or 0 for t < 100 (Gruau, Whitley and Pyeatt 1996;
    Stanley and Miikkulainen 2002, §4.2). The reward of a step is what it adds to F, and may be negative.

    NEAT C++ and goNEAT do not count the step that fails either, nor sum its wobbling. For t = 100, NEAT C++ has
    f₂ = 0; goNEAT has not.
    """

    velocities: bool = False
    """Whether they are observed."""
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
        """Two Runge-Kutta steps, and what they add to the fitness."""
        up = _push(state, np.float64(action[0]), constants)
        gain = _gain(state)
        return gain if up else 0.0, not up


def generalisation_starts() -> np.ndarray:
    """The 625 states from which Gruau et al. and Stanley and Miikkulainen test a controller for 1,000 steps.

    They are the combinations of 0.05, 0.25, 0.5, 0.75 and 0.95 of the ranges ±2.16 m, ±1.35 m/s, ±3.6° and ±8.6°/s;
    the short pole is upright and at rest.

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
    """Two Runge-Kutta steps with a force (N). Returns whether all is still up; if it was not before, nothing moves."""
    gravity, cart_mass, mass1, mass2, length1, length2, friction, step, far, steep = constants[:10]
    body = (gravity, cart_mass, mass1, mass2, length1, length2, friction)
    x, v, angle1, spin1, angle2, spin2 = state[0], state[1], state[2], state[3], state[4], state[5]
    step = step if _is_up(x, angle1, angle2, far, steep) else 0.0
    x, v, angle1, spin1, angle2, spin2 = _runge_kutta(x, v, angle1, spin1, angle2, spin2, push, step, body)
    x, v, angle1, spin1, angle2, spin2 = _runge_kutta(x, v, angle1, spin1, angle2, spin2, push, step, body)
    state[0], state[1], state[2], state[3], state[4], state[5] = x, v, angle1, spin1, angle2, spin2
    return _is_up(x, angle1, angle2, far, steep)


@inner_function
def _is_up(x, angle1, angle2, far, steep):
    return (abs(x) <= far) & (abs(angle1) <= steep) & (abs(angle2) <= steep)


@inner_function
def _gain(state):
    """What a step balanced adds to Gruau's fitness."""
    wobble = abs(state[0]) + abs(state[1]) + abs(state[2]) + abs(state[3])
    wobble = (wobble + _ROUNDER) - _ROUNDER
    balanced = state[_BALANCED]
    slot = _RING + np.int64(balanced) % _WINDOW
    total = state[_WOBBLE] + wobble - state[slot]
    state[slot] = wobble
    state[_WOBBLE] = total
    state[_BALANCED] = balanced + 1.0
    # Standing still for 100 steps is worth much, not everything.
    steadiness = 0.9 * 0.75 / (total if total > _GRID else _GRID)
    fitness = 0.1 / 1000.0 * (balanced + 1.0) + (steadiness if balanced + 1.0 >= _WINDOW else 0.0)
    gain = fitness - state[_FITNESS]
    state[_FITNESS] = fitness
    return gain


@inner_function
def _runge_kutta(x, v, angle1, spin1, angle2, spin2, push, step, body):
    """One step of the fourth order. The accelerations depend on the angles and their velocities alone."""
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
    """Of the cart (m/s²) and of the poles (rad/s²).

    Wieland (1991), as Gomez and Miikkulainen (1999) give them, with g upwards of theirs:
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
    """A pole's g sin θ - μ θ̇/(m l), its cos θ, and what it adds to the cart's force and mass, F̃ and m̃.

    F̃ = m l θ̇² sin θ - 3/4 m cos θ (g sin θ - μ θ̇/(m l)), m̃ = m (1 - 3/4 cos² θ).
    """
    sine, cosine = _sine_and_cosine(angle)
    fall = gravity * sine - friction / (mass * length) * spin
    share = 0.75 * mass * cosine
    return fall, cosine, mass * length * (spin * spin) * sine - share * fall, mass - share * cosine


@inner_function(contract=True)
def _sine_and_cosine(x):
    """Both in float64, without branches, within 2.3e-16 for |x| <= 1.25: nothing upright leans further.

    The machine's libm would keep the loop over episodes side by side from becoming vector code (eight times the time),
    and takes longer for one episode, too.
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
