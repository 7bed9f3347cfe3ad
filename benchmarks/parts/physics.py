"""Our environments beside Gymnasium's, step by step, from the same states and with the same random actions.

In a chaotic system, float32 diverges from float64 sooner or later. Gymnasium's own code shows when, run at both
precisions: a second copy of its module gets a `np` that makes arrays of another precision.
"""

from __future__ import annotations

import functools
import importlib.util
import multiprocessing
import os
import statistics
import types
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from benchmarks.support.report import Table
from evaluators import environments
from evaluators.environments import Box, Environment
from neat.kernels.jit import inner_function, specialise

EPISODES, FAR_EPISODES = 1000, 200
TOLERANCE = 1e-3  # absolute, and relative to the value
# How fast rounding errors grow differs by chance between two float32 runs. So the horizon within which both must agree
# ends where Gymnasium's float32 deviates by a hundredth of the tolerance.
MARGIN = 100
CHUNK = 20  # steps between two checks of the horizon
_PI = np.pi
_0 = np.uint64(0)

step: Any = None  # the environment's function, to which copies of `_play` are bound


class Case(NamedTuple):
    environment: Environment
    id: str
    angles: tuple[int, ...]  # elements of the state, compared modulo 2π
    far: Box  # other starts, because random actions from Gymnasium's own starts seldom reach a goal
    mixed: bool = False  # whether Gymnasium's own code uses float32 for parts of the state or the action


_VALLEY = Box((-1.2, -0.07), (0.6, 0.07))
CASES = (
    Case(environments.CartPole(), "CartPole-v1", (), Box((-2.4, -2.0, -0.2, -2.0), (2.4, 2.0, 0.2, 2.0))),
    Case(environments.MountainCar(), "MountainCar-v0", (), _VALLEY),
    Case(environments.MountainCarContinuous(), "MountainCarContinuous-v0", (), _VALLEY, mixed=True),
    Case(environments.Pendulum(), "Pendulum-v1", (0,), Box((-_PI, -8.0), (_PI, 8.0)), mixed=True),
    Case(environments.Acrobot(), "Acrobot-v1", (0, 1), Box((-1.0, -1.0, -3.0, -3.0), (1.0, 1.0, 3.0, 3.0))),
)


class Steps(NamedTuple):
    state: np.ndarray  # float64 (steps, elements), after each step
    reward: np.ndarray  # float64 (steps,)
    ended: np.ndarray  # bool (steps,), terminated


class Numpy:
    """A stand-in for numpy whose float32, float64 and new arrays all have one precision."""

    def __init__(self, precision: type) -> None:
        self.float32 = self.float64 = precision

    def array(self, values: Any, dtype: Any = None) -> np.ndarray:
        return np.array(values, self.float32)

    asarray = array

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


class Package:
    """Gymnasium's environment, unchanged or with another precision."""

    def __init__(self, case: Case, precision: type | None = None) -> None:
        self.precision = precision
        self.box = isinstance(case.environment.actions, Box)
        spec = gymnasium.spec(case.id)
        if precision is None:
            self.environment: Any = gymnasium.make(spec).unwrapped
        else:
            module, name = str(spec.entry_point).split(":")
            self.environment = getattr(_copy(module, precision), name)()

    def begin(self, state: np.ndarray) -> None:
        self.environment.reset(seed=0)
        self.environment.state = np.array(state, self.precision or np.float64)

    def play(self, actions: np.ndarray) -> Steps:
        """Return the steps until the episode terminates or the actions end."""
        states, rewards, ended = [], [], []
        for action in actions.astype(self.precision or np.float32) if self.box else actions.tolist():
            _, reward, terminated, _, _ = self.environment.step(action)
            if self.precision is not None:
                self.environment.state = np.array(self.environment.state, self.precision)
            states.append(np.array(self.environment.state, np.float64))
            rewards.append(float(reward))
            ended.append(terminated)
            if terminated:
                break
        return Steps(np.array(states), np.array(rewards), np.array(ended))


def _copy(name: str, precision: type) -> types.ModuleType:
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.np = Numpy(precision)  # type: ignore[attr-defined]
    return module


def _play(state, actions, constants, states, rewards, ended):
    for time in range(len(actions)):
        # None of these environments draws random numbers in a step.
        rewards[time], ended[time] = step(state, actions[time], constants, (_0, _0, _0, _0, _0))
        for k in range(len(state)):
            states[time, k] = state[k]


@functools.cache
def _kernel(environment: type[Environment]) -> Any:
    return specialise(_play, environment.__qualname__, {"step": inner_function(environment.step)})


def _play_ours(environment: Environment, start: np.ndarray, actions: np.ndarray) -> Steps:
    """Return all steps, even after a termination."""
    count = len(actions)
    steps = Steps(np.empty((count, len(start))), np.empty(count), np.empty(count, bool))
    _kernel(type(environment))(start.astype(environment.precision), actions, environment.constants, *steps)
    return steps


class Comparison(NamedTuple):
    """The comparison of one episode."""

    horizon: int  # steps in which Gymnasium's float32 and float64 agree, to 1 / MARGIN of the tolerance
    compared: int  # compared steps within the horizon
    largest: float  # largest deviation of ours from Gymnasium over the horizon, in tolerances
    rewards: int  # number of different rewards
    terminated: bool  # Gymnasium terminates within the horizon
    differs: bool  # the terminations differ by more than one step
    apart: bool  # the terminations are one step apart, while the states agree
    whole: bool  # the horizon reaches the episode's end
    parts: bool  # Gymnasium's float32 deviates from its float64 by more than the tolerance
    ours_first: bool  # before that, ours deviates from Gymnasium by more than the tolerance


def run(quick: bool) -> dict[str, Any]:
    rows = [(index, far, quick) for index in range(len(CASES)) for far in (False, True)]
    # The last rows take longest, so they begin first.
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as processes:
        return {"rows": list(processes.map(_row, reversed(rows)))[::-1]}


def _row(task: tuple[int, bool, bool]) -> dict[str, Any]:
    index, far, quick = task
    case, episodes = CASES[index], FAR_EPISODES if far else EPISODES
    sides = Package(case), Package(case, np.float32), *([Package(case, np.float64)] if case.mixed else [])
    results = [
        _compare(case, sides, index, far, episode) for episode in range(episodes // 20 if quick else episodes)
    ]
    return {"environment": case.environment.name, "far": far, **_summary(results)}


def _compare(case: Case, sides: tuple[Package, ...], index: int, far: bool, episode: int) -> Comparison:
    environment = case.environment
    rng = np.random.default_rng((index, far, episode))
    if far:
        start = rng.uniform(*case.far).astype(np.float32)
    else:
        sides[0].environment.reset(seed=episode)
        start = np.array(sides[0].environment.state, np.float32)
    actions: np.ndarray = (
        rng.uniform(*environment.actions, (environment.time_limit, 1)).astype(np.float32)
        if isinstance(environment.actions, Box)
        else rng.integers(0, environment.actions.count, environment.time_limit)
    )
    package, narrow, *others = _lockstep(case, sides, start, actions)
    wide = others[0] if case.mixed else package
    ours = _play_ours(environment, start, actions[: len(package.state) + 1])
    length = min(len(wide.state), len(narrow.state), len(package.state))
    rounding = _deviation(case, narrow.state[:length], wide.state[:length])
    horizon, last = (_first(rounding > bound) for bound in (1 / MARGIN, 1))
    different = _first(package.ended[:horizon] != ours.ended[:horizon])
    compared = min(different + 1, horizon)
    other = ours if package.ended[compared - 1] else package
    apart = different < horizon and bool(other.ended[compared : compared + 1].any())
    deviation = _deviation(case, ours.state[:length], package.state[:length])
    reward = package.reward[:different]
    return Comparison(
        horizon=horizon,
        compared=compared,
        largest=float(deviation[:compared].max(initial=0.0)),
        rewards=int(
            (np.abs(ours.reward[:different] - reward) > TOLERANCE + TOLERANCE * np.abs(reward)).sum()
        ),
        terminated=bool(package.ended[:horizon].any()),
        differs=different < horizon and not apart,
        apart=apart,
        whole=horizon == length,
        parts=last < length,
        ours_first=bool((deviation[:last] > 1).any()),
    )


def _lockstep(case: Case, sides: tuple[Package, ...], start: np.ndarray, actions: np.ndarray) -> list[Steps]:
    """Return each side's steps until one terminates or float32 leaves float64, and one more step of Gymnasium."""
    pieces: list[list[Steps]] = [[] for _ in sides]
    for side in sides:
        side.begin(start)
    for time in range(0, len(actions), CHUNK):
        for side, mine in zip(sides, pieces, strict=True):
            mine.append(side.play(actions[time : time + CHUNK]))
        narrow, wide = pieces[1][-1], pieces[2 * case.mixed][-1]
        length = min(len(narrow.state), len(wide.state))
        parted = (_deviation(case, narrow.state[:length], wide.state[:length]) > 1).any()
        if parted or any(mine[-1].ended[-1] for mine in pieces):
            break
    if not pieces[0][-1].ended[-1] and time + CHUNK < len(actions):
        pieces[0].append(sides[0].play(actions[time + CHUNK : time + CHUNK + 1]))
    return [Steps(*map(np.concatenate, zip(*mine, strict=True))) for mine in pieces]


def _deviation(case: Case, state: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the largest deviation of each step, in tolerances."""
    difference, size = state - reference, reference.copy()
    for k in case.angles:
        difference[:, k], size[:, k] = _wrapped(difference[:, k]), _wrapped(size[:, k])
    return (np.abs(difference) / (TOLERANCE + TOLERANCE * np.abs(size))).max(axis=1)


def _wrapped(angle: np.ndarray) -> np.ndarray:
    return angle - 2 * _PI * np.round(angle / (2 * _PI))


def _first(true: np.ndarray) -> int:
    """Return the index of the first true element, or the length if there is none."""
    return int(np.argmax(true)) if true.any() else len(true)


def _summary(results: list[Comparison]) -> dict[str, Any]:
    counts = ("compared", "whole", "rewards", "terminated", "differs", "apart", "parts", "ours_first")
    horizons = [result.horizon for result in results]
    return {
        "episodes": len(results),
        "horizon": statistics.median(horizons),
        "least": min(horizons),
        "largest": max(result.largest for result in results),
        **{name: sum(getattr(result, name) for result in results) for name in counts},
    }


def tables(result: dict[str, Any]) -> list[Table]:
    rows = result["rows"]
    names = [row["environment"] + (", from anywhere" if row["far"] else "") for row in rows]
    return [
        Table(
            "Environments beside Gymnasium's, random actions",
            [
                "environment",
                "episodes",
                "to their end",
                "steps compared",
                "horizon: median, least",
                "largest |Δ| / tolerance",
                "rewards differing",
                "terminations",
                "differing",
                "one step apart",
            ],
            [
                [
                    name,
                    f"{row['episodes']:,}",
                    f"{row['whole']:,}",
                    f"{row['compared']:,}",
                    f"{row['horizon']:g}, {row['least']}",
                    f"{row['largest']:.3g}",
                    *(f"{row[key]:,}" for key in ("rewards", "terminated", "differs", "apart")),
                ]
                for name, row in zip(names, rows, strict=True)
            ],
            [
                f"Every element of every state, to {TOLERANCE:g} + {TOLERANCE:g} |x|; angles modulo 2π. The horizon "
                "is the episode's end, or the steps in which",
                f'Gymnasium\'s own code in float32 is within 1/{MARGIN} of that of float64. "From anywhere": starts '
                "from which random actions reach the goals.",
            ],
        ),
        Table(
            "Episodes in which Gymnasium's own float32 and float64 diverge by more than the tolerance",
            ["environment", "episodes", "that diverge", "ours diverges earlier"],
            [
                [name, f"{row['episodes']:,}", f"{row['parts']:,}", f"{row['ours_first']:,}"]
                for name, row in zip(names, rows, strict=True)
            ],
            ["Ours and Gymnasium's float32 round differently, so chance decides which diverges first."],
        ),
    ]
