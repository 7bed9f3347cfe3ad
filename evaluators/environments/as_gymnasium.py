"""An adapter from an environment to Gymnasium's interface, for other libraries' agents and user-defined loops.

Gymnasium is optional: only `Environment.to_gymnasium` imports this module.
"""

from __future__ import annotations

import functools
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from evaluators.environments.check import check
from evaluators.environments.drawing import check_drawable, draw_shapes
from evaluators.environments.environment_base import EnvironmentBase
from evaluators.environments.functions import FUNCTIONS, Functions, jitted_functions
from evaluators.environments.shapes import Shape
from evaluators.environments.spaces import Box
from evaluators.pictures.canvas import Canvas, Trails, find_view
from neat.kernels.jit import specialise
from neat.kernels.rng import EVALUATION
from neat.support.messages import quote
from neat.support.validation import check_unmasked

_0 = np.uint64(0)
_KEYS = 2**64
_RENDER_MODE = "rgb_array"
_RATE = 30  # frames per second, where a step has no duration

# Names that copies of the templates below are bound to (see `neat.kernels.jit.specialise`).
reset: Any = None  # the environment's function, as are `observe` and `step`
observe: Any = None
step: Any = None


class AsGymnasium(gymnasium.Env[np.ndarray, Any]):
    """A `gymnasium.Env` that runs an environment's own functions.

    Observations are float32 and unscaled; the observation space has the published bounds. An episode has the random
    numbers of the first episode of generation 0 in a run with the seed given to `reset`. Calls of `step` after the end
    of an episode continue it, as in Gymnasium's own environments.

    Args:
        environment: The environment; it is checked as by `evaluators.Rollout`.
        render_mode: None or "rgb_array".

    Attributes:
        environment: The environment.
        observation_space: A float32 Box.
        action_space: Discrete or a float32 Box.
    """

    def __init__(self, environment: EnvironmentBase, render_mode: str | None = None) -> None:
        check(environment)
        if render_mode not in (None, _RENDER_MODE):
            raise ValueError(f"render_mode: must be None or {_RENDER_MODE}, got {quote(render_mode)}")
        if render_mode is not None:
            check_drawable(environment)
        rate = _RATE if environment.step_duration is None else max(round(1 / environment.step_duration), 1)
        modes = [_RENDER_MODE] if hasattr(environment, "draw") else []
        self.metadata = {"render_modes": modes, "render_fps": rate}
        self.render_mode = render_mode
        self.environment = environment
        seen = environment.observations
        unbounded = spaces.Box(-np.inf, np.inf, (len(seen.low),), np.float32)
        self.observation_space = _to_box(seen) if environment.bounded else unbounded
        actions = environment.actions
        self.action_space = _to_box(actions) if isinstance(actions, Box) else spaces.Discrete(actions.count)
        self._constants = environment.constants
        self._functions = environment.functions()
        self._state: np.ndarray | None = None
        self._random = (_0, _0, _0, np.uint64(EVALUATION))
        self._time = 0
        self._canvas: Canvas | None = None
        self._trails = Trails()
        self._shown: list[Shape] = []

    @property
    def state(self) -> np.ndarray:
        """A copy of the state, in the environment's precision, shape (states,).

        Raises:
            ResetNeeded: `reset` has not been called.
        """
        return self._require_state().copy()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Seed of the episode's random numbers; None: the generator that the last seed started draws one.
            options: {"state": …} sets the first state.

        Returns:
            The observation, and an empty dictionary.

        Raises:
            ValueError: The state is not of the right shape, or not finite.
        """
        state = (options or {}).get("state")
        given = None if state is None else self._check_state(state)
        super().reset(seed=seed)
        key = int(self.np_random.integers(_KEYS, dtype=np.uint64)) if seed is None else seed % _KEYS
        self._random = (np.uint64(key), *self._random[1:])
        self._time = 0
        self._state = np.zeros(len(self.environment.state_names), self.environment.precision)
        if given is not None:
            self._state[:] = given
        observation = self._new_observation()
        begin, _ = _kernels(self._functions)
        begin(self._state, self._constants, (*self._random, _0), given is None, observation)
        self._trails = Trails()
        self._canvas = None
        self._draw(None)
        return observation.astype(np.float32), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Take a step.

        Args:
            action: An integer, or float32 numbers, in the action space.

        Returns:
            Observation, reward, whether the episode terminated, whether it reached the time limit, and an empty
            dictionary.

        Raises:
            ValueError: The action is not in the action space.
            ResetNeeded: `reset` has not been called.
        """
        state, taken = self._require_state(), self._convert_action(action)
        self._time += 1
        observation = self._new_observation()
        _, advance = _kernels(self._functions)
        random = (*self._random, np.uint64(self._time))
        reward, terminated = advance(state, taken, self._constants, random, observation)
        truncated = self._time >= self.environment.time_limit
        self._draw(taken)
        return observation.astype(np.float32), float(reward), bool(terminated), truncated, {}

    def render(self) -> np.ndarray | None:
        """Return a picture of the state, uint8 (height, width, 3); None without a render mode.

        All pictures of an episode have the same size. If the environment shows more of its world as the episode goes on
        (`shapes.View`), later pictures show it smaller.

        Raises:
            ResetNeeded: `reset` has not been called.
        """
        if self.render_mode is None:
            return None
        self._require_state()
        assert self._canvas is not None
        return self._canvas.draw(self._shown)

    def _draw(self, action: Any) -> None:
        """Draw the state, at every step for the sake of trails."""
        if self.render_mode is None:
            return
        self._shown = self._trails.add(draw_shapes(self.environment, self._require_state().copy(), action))
        view = find_view(self._shown)
        if self._canvas is None:
            self._canvas = Canvas(view)
        self._canvas.view = find_view([self._canvas.view, view])

    def _require_state(self) -> np.ndarray:
        if self._state is None:
            raise ResetNeeded(f"{self.environment.name}: there is no state before the first reset")
        return self._state

    def _new_observation(self) -> np.ndarray:
        return np.empty(self.observation_space.shape or (), self.environment.precision)

    def _check_state(self, state: Any) -> np.ndarray:
        names = self.environment.state_names
        check_unmasked("state", state)
        given = _to_array(state, self.environment.precision)
        if given.shape != (len(names),) or not np.isfinite(given).all():
            raise ValueError(
                f"state: expected {len(names)} finite numbers ({', '.join(names)}), got {quote(state)}"
            )
        return given

    def _convert_action(self, action: Any) -> Any:
        """Return the action in the form that the functions take: an integer, or float32 (dimensions,)."""
        space = self.action_space
        if isinstance(space, spaces.Discrete):
            if not space.contains(action):
                raise ValueError(f"action: expected an integer from 0 to {space.n - 1}, got {quote(action)}")
            return int(action)
        assert isinstance(space, spaces.Box)
        check_unmasked("action", action)
        taken = _to_array(action, np.float32)
        if taken.shape != space.shape or not ((space.low <= taken) & (taken <= space.high)).all():
            bounds = ", ".join(
                f"[{low:g}, {high:g}]" for low, high in zip(space.low, space.high, strict=True)
            )
            raise ValueError(f"action: expected numbers in {bounds}, got {quote(action)}")
        return taken


def _to_array(values: Any, precision: Any) -> np.ndarray:
    """Return a copy as an array; an empty one if these are not numbers."""
    try:
        with np.errstate(over="ignore"):
            return np.array(values, precision)
    except (TypeError, ValueError):
        return np.empty(0)


def _to_box(bounds: Box) -> spaces.Box:
    low, high = np.array(bounds, np.float32)
    return spaces.Box(low, high, dtype=np.float32)


def _begin(state, constants, random, fresh, observation):
    if fresh:
        reset(state, constants, random)
    observe(state, constants, observation)


def _advance(state, action, constants, random, observation):
    reward, terminated = step(state, action, constants, random)
    observe(state, constants, observation)
    return reward, terminated


@functools.cache
def _kernels(functions: Functions) -> tuple[Any, Any]:
    """Return the kernels that start an episode and take a step, built from the environment's functions."""
    bind = dict(zip(FUNCTIONS, jitted_functions(functions), strict=True))
    begin, advance = (specialise(each, functions.task, bind, allocates=False) for each in (_begin, _advance))
    return begin, advance
