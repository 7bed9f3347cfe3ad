"""What watches episodes while they are played: sums of observations, or the record of one episode with its pictures."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from evaluators.models.inputs import Observations
from evaluators.pictures.film import check_picture

if TYPE_CHECKING:
    import gymnasium


class Watcher(Protocol):
    """An object that sees all steps of the episodes that are played."""

    def see(self, acting: np.ndarray, observations: np.ndarray) -> None:
        """Take the observations, (acting, observations), on which the networks of these tasks, (acting,), will act."""

    def act(self, actions: np.ndarray, rewards: np.ndarray, observations: np.ndarray) -> None:
        """Take what these networks then did, their rewards, and the observations afterwards."""


class Moments:
    """Sums deviations of observations from the mean so far, and their squares, as `Normaliser.add` takes them.

    Each task has sums of its own, so that rounding does not depend on which episodes run side by side.

    Attributes:
        values: float64 (tasks, 2, observations).
    """

    def __init__(self, inputs: Observations, tasks: int) -> None:
        self._mean = inputs.arrays[0].astype(np.float64)
        self.values = np.zeros((tasks, 2, len(self._mean)))

    def clear(self) -> None:
        """Forget all observations."""
        self.values.fill(0.0)

    def see(self, acting: np.ndarray, observations: np.ndarray) -> None:
        """Add observations."""
        deviation = observations - self._mean
        self.values[acting, 0] += deviation
        self.values[acting, 1] += deviation * deviation

    def act(self, actions: np.ndarray, rewards: np.ndarray, observations: np.ndarray) -> None:
        """Do nothing."""


class GymnasiumTrace(NamedTuple):
    """One episode, step by step."""

    observation: np.ndarray
    """float64 (steps + 1, observations), flat and as the environment returned them."""
    action: np.ndarray
    """float64 (steps, dimensions); of a choice among integers, the chosen ones."""
    reward: np.ndarray
    """float64 (steps,)."""
    terminated: bool
    """Whether the task ended the episode, rather than a time limit."""


class Tracer:
    """Records the first episode of an environment, and renders it at some steps.

    Attributes:
        frames: Pictures, uint8 (height, width, 3), by step.
    """

    def __init__(self, environment: gymnasium.Env[Any, Any], rendered: Collection[int] = ()) -> None:
        self._environment = environment
        self._rendered = rendered
        self._observations: list[np.ndarray] = []
        self._actions: list[np.ndarray] = []
        self._rewards: list[float] = []
        self.frames: dict[int, np.ndarray] = {}

    def see(self, acting: np.ndarray, observations: np.ndarray) -> None:
        """Record the first observation."""
        if not self._observations:
            self._add(observations)

    def act(self, actions: np.ndarray, rewards: np.ndarray, observations: np.ndarray) -> None:
        """Record a step."""
        self._actions.append(np.ravel(actions[0]).astype(np.float64))
        self._rewards.append(float(rewards[0]))
        self._add(observations)

    def trace(self, terminated: bool) -> GymnasiumTrace:
        """Return the record of the episode."""
        return GymnasiumTrace(
            np.array(self._observations), np.array(self._actions), np.array(self._rewards), terminated
        )

    def _add(self, observations: np.ndarray) -> None:
        self._observations.append(np.ravel(observations[0]).astype(np.float64))
        if len(self._rewards) in self._rendered:
            self.frames[len(self._rewards)] = check_picture("render", self._environment.render())


def prepare_rendering(environment: gymnasium.Env[Any, Any]) -> None:
    """Check the render mode, and let the camera of a MuJoCo task follow the body.

    The default camera of Gymnasium 1.4 does not move.

    Raises:
        ValueError: The environment does not return pictures.
    """
    if environment.render_mode != "rgb_array":
        raise ValueError(
            f'make it with render_mode="rgb_array", its render_mode is {environment.render_mode!r}'
        )
    renderer = getattr(environment.unwrapped, "mujoco_renderer", None)
    if renderer is not None and renderer.camera_id == -1:
        import mujoco

        renderer.camera_id = mujoco.mj_name2id(renderer.model, mujoco.mjtObj.mjOBJ_CAMERA, "track")


@contextlib.contextmanager
def rendering_offscreen() -> Iterator[None]:
    """Let MuJoCo and SDL render without a window if there is no display."""
    if sys.platform != "linux" or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        yield
        return
    wanted = {"MUJOCO_GL": "egl", "SDL_VIDEODRIVER": "dummy"}
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
