"""The experiment with any environment that Gymnasium knows by its id."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from evaluators.moments import moments
from experiments.pictures.animation import MOST_FRAMES
from experiments.tasks.control import REPORT_TRIAL, STOP_TRIAL, UNSEEN_STARTS
from experiments.tasks.experiment import BEHAVIOUR, Experiment

if TYPE_CHECKING:
    import gymnasium

    from evaluators import Gymnasium as Evaluator
    from experiments.pictures.behaviour import Panel, Span
    from neat import Genome

# With more steps, the animation would skip so many that a gait could not be seen.
_MAX_RENDERED_STEPS = 2 * (MOST_FRAMES - 1)
_FIRST_EPISODES = 10  # a few episodes first, which reveal a champion that is far from the target
_PHYSICS = ("box2d", "mujoco", "pygame")  # packages of the extra below
_EXTRA = "batchneat[gym-physics]"


class Episode(NamedTuple):
    """The record of one episode, step by step."""

    observation: np.ndarray
    """Flattened observations, float64 (steps + 1, observations)."""
    action: np.ndarray
    """Flattened actions, float64 (steps, actions)."""
    reward: np.ndarray
    """float64 (steps,)."""
    terminated: bool
    frames: dict[int, np.ndarray]
    """Rendered pictures, uint8 (height, width, 3), by step."""


@dataclass(frozen=True)
class Gymnasium(Experiment):
    """An environment of Gymnasium, or of another package that registers its environments with Gymnasium."""

    env: str = "CartPole-v1"
    """Id of the environment; for another package, module:id."""
    episodes: int = 5
    """Episodes of each genome in a generation."""
    starts: Literal["generation", "genome"] = "generation"
    """Whether all genomes of a generation get the same starts, or each genome its own."""
    observations: Literal["scaled", "raw"] = "scaled"
    """How the network sees: scaled to ±1 by the observations' bounds, if they are finite, or raw."""
    actions: Literal["argmax", "threshold"] = "argmax"
    """How integers are chosen: by the greatest of one output each, or by one output with evenly spaced thresholds."""
    target: float | None = None
    """Mean reward over unseen starts at which the task counts as solved; default: the registered threshold."""
    time_limit: int | None = None
    """Number of steps after which an episode is cut off, in addition to the environment's own limit."""
    slots: int | None = None
    """Episodes that run side by side; default: 32, or with async one for each core."""
    vectorization_mode: Literal["sync", "async"] = "sync"
    """Run episodes in this process, or side by side in one process for each slot, for slow environments."""

    pictures = BEHAVIOUR

    @property
    def threshold(self) -> float | None:
        """The given or registered target; None if there is neither."""
        if self.target is not None:
            return self.target
        try:
            import gymnasium

            spec = gymnasium.spec(self.env.split(":")[-1])
        except Exception:  # the evaluator raises the error
            return None
        return spec.reward_threshold

    @property
    def has_criterion(self) -> bool:
        """Whether the task has a target."""
        return self.threshold is not None

    @property
    def files(self) -> dict[str, Path]:
        """The module that registers another package's environment, or the folder of the package with that module."""
        package = self.env.rpartition(":")[0].partition(".")[0]
        try:
            spec = importlib.util.find_spec(package) if package else None
        except (ImportError, ValueError, AttributeError):  # the evaluator raises the error
            return {}
        if spec is None or spec.origin is None or not Path(spec.origin).is_file():
            return {}
        file = Path(spec.origin)
        return {"env": file if spec.submodule_search_locations is None else file.parent}

    def evaluator(self, device: str) -> Evaluator:
        """Return the evaluator of the environment's episodes."""
        from evaluators import Gymnasium as Evaluator

        if device not in ("auto", "cpu"):
            raise ValueError(
                f"device: must be auto or cpu, because Gymnasium's environments run on the CPU, got {device!r}"
            )
        if self.target is not None and not math.isfinite(self.target):
            raise ValueError(f"target: must be finite, got {self.target}")
        # The daemon process that compiles ahead may not start processes.
        mode = "sync" if multiprocessing.current_process().daemon else self.vectorization_mode
        with _translate_errors(self.env):
            return Evaluator(
                self.env,
                episodes=self.episodes,
                starts=self.starts,
                observations=self.observations,
                actions=self.actions,
                time_limit=self.time_limit,
                slots=self.slots,
                vectorization_mode=mode,
            )

    def solved(self, evaluator: Evaluator) -> Callable[[Genome], bool] | None:
        """Return a criterion: the champion exceeds the target over fresh starts by two standard errors."""
        target = self.threshold
        if target is None:
            return None

        def reaches(champion: Genome, episodes: int, errors: int) -> bool:
            reward = evaluator.play(champion, episodes, trial=STOP_TRIAL).reward[0]
            mean, deviation = moments(reward, ddof=1)
            return bool(mean + errors * deviation / len(reward) ** 0.5 >= target)

        return lambda champion: reaches(champion, _FIRST_EPISODES, 2) and reaches(champion, UNSEEN_STARTS, -2)

    def measures(self, champion: Genome, evaluator: Evaluator) -> dict[str, float]:
        """Return the reward over starts that neither evolution nor the criterion used, and the steps so far."""
        reward = evaluator.play(champion, UNSEEN_STARTS, trial=REPORT_TRIAL).reward[0]
        measures = {"reward, unseen starts": float(reward.mean())}
        if self.threshold is not None:
            measures["solved, unseen starts"] = float(reward.mean() >= self.threshold)
        return {**measures, "environment steps": float(evaluator.steps)}

    def show(self, champion: Genome, evaluator: Evaluator, folder: Path) -> list[Path]:
        """Draw observations and actions over an episode in behaviour.svg, and its rendering in behaviour.gif."""
        from experiments.pictures import animation, behaviour

        env = self._make()
        episode = self._run_episode(env, champion)
        seconds = getattr(env.unwrapped, "dt", None)
        span = behaviour.Span.of(
            len(episode.reward), episode.terminated, seconds if isinstance(seconds, float) else None
        )
        path = folder / behaviour.CURVES
        behaviour.draw_curves(*_panels(env, episode), episode.reward, span, path, "observations")
        start = max(span.start, span.stop - _MAX_RENDERED_STEPS) if span.terminated else span.start
        steps = animation.choose_steps(start, min(start + _MAX_RENDERED_STEPS, span.stop))
        try:
            with _render_offscreen():
                env = self._make("rgb_array")
                _track_body(env)
                frames = self._run_episode(env, champion, set(steps.tolist())).frames
            _write_animation(frames, span, folder / behaviour.FILM)
        except Exception as error:  # renderers fail in many ways on a machine without a display
            reason = " ".join(str(error).split()) or type(error).__name__
            print(f"no {behaviour.FILM}: {self.env} was not rendered: {reason}")
            return [path]
        return [path, folder / behaviour.FILM]

    def _make(self, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
        import gymnasium

        env = gymnasium.make(self.env, render_mode=render_mode)
        return env if self.time_limit is None else gymnasium.wrappers.TimeLimit(env, self.time_limit)

    def _run_episode(
        self, env: gymnasium.Env[Any, Any], champion: Genome, rendered: Collection[int] = ()
    ) -> Episode:
        """Run the champion's episode, the same at each call, rendering some steps. Close the environment."""
        import gymnasium

        import evaluators
        from evaluators.gymnasium.observations import convert_to_space
        from evaluators.gymnasium.spaces import read_actions, read_observations

        model = evaluators.Model(
            champion,
            read_observations(env.observation_space, self.observations == "scaled"),
            read_actions(env.action_space, self.actions),
        )
        observations: list[np.ndarray] = []
        actions: list[np.ndarray] = []
        rewards: list[float] = []
        frames: dict[int, np.ndarray] = {}
        with contextlib.closing(env):
            seen, _ = env.reset(seed=champion.genomes.seed % 2**31)
            ended = terminated = False
            while True:
                if len(rewards) in rendered:
                    frames[len(rewards)] = _render(env)
                fitting = convert_to_space(env.observation_space, seen)
                flat = gymnasium.spaces.flatten(env.observation_space, fitting)
                observations.append(np.asarray(flat, float).ravel())
                if ended or (rendered and len(rewards) == max(rendered)):
                    break
                action = model.act(observations[-1])
                seen, reward, terminated, truncated, _ = env.step(action)
                actions.append(np.ravel(action).astype(float))
                rewards.append(float(reward))
                ended = bool(terminated or truncated)
        return Episode(np.array(observations), np.array(actions), np.array(rewards), bool(terminated), frames)


def _track_body(env: gymnasium.Env[Any, Any]) -> None:
    """Let the camera of a MuJoCo task follow the body. The default camera of Gymnasium 1.4 does not move."""
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    if renderer is not None and renderer.camera_id == -1:
        import mujoco

        renderer.camera_id = mujoco.mj_name2id(renderer.model, mujoco.mjtObj.mjOBJ_CAMERA, "track")


def _render(env: gymnasium.Env[Any, Any]) -> np.ndarray:
    picture: Any = env.render()
    if not isinstance(picture, np.ndarray) or picture.ndim != 3 or picture.dtype != np.uint8:
        raise ValueError("it returns no pictures")
    return picture[..., :3].copy()


def _panels(env: gymnasium.Env[Any, Any], episode: Episode) -> tuple[list[Panel], list[Panel]]:
    from gymnasium.spaces import Box

    from experiments.pictures.behaviour import Panel, name_columns

    choices = None if isinstance(env.action_space, Box) else ()
    return (
        [Panel(name, values) for name, values in name_columns("observation", episode.observation)],
        [Panel(name, values, choices) for name, values in name_columns("action", episode.action)],
    )


def _write_animation(frames: dict[int, np.ndarray], span: Span, path: Path) -> None:
    from matplotlib.figure import Figure

    from experiments.pictures import animation, behaviour
    from neat.plot.style import style

    steps = np.array(sorted(frames))
    with style():
        axes = Figure().add_axes((0, 0, 1, 1))
        picture = axes.imshow(frames[0 if 0 in frames else int(steps[0])], aspect="auto")

        def move(step: int, /) -> list[Any]:
            picture.set_data(frames[step])
            return [picture]

        animation.write_gif(
            animation.render_frames(axes, move, steps, behaviour.frame_captions(span, steps)), path
        )


@contextlib.contextmanager
def _translate_errors(env: str) -> Iterator[None]:
    """Raise the evaluator's errors with the name of the command line's option, in one line."""
    with contextlib.suppress(ImportError):
        import gymnasium  # noqa: F401  # its import sets warning filters
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the error repeats it
            yield
    except ImportError as error:
        text = str(error)
        if text.startswith("environment: ") and any(name in text.lower() for name in _PHYSICS):
            text = f"env: {env} needs packages that are not installed: pip install '{_EXTRA}'"
        raise ImportError(text.replace("environment: ", "env: ", 1)) from None
    except ValueError as error:
        raise ValueError(str(error).replace("environment: ", "env: ", 1)) from None
    except Exception as error:  # another package may raise anything
        raise ValueError(f"env: {env} cannot be made: {type(error).__name__}: {error}") from None


@contextlib.contextmanager
def _render_offscreen() -> Iterator[None]:
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
