"""Any environment that Gymnasium knows by an id."""

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

from evaluators.deviation import moments
from experiments.pictures.animation import MOST_FRAMES
from experiments.tasks.control import JUDGED, REPORTED, UNSEEN
from experiments.tasks.experiment import BEHAVIOUR, Experiment

if TYPE_CHECKING:
    import gymnasium

    from evaluators import Gymnasium as Evaluator
    from experiments.pictures.behaviour import Panel, Span
    from neat import Genome

_FILMED = 2 * (MOST_FRAMES - 1)  # steps at most, or gaits could not be seen
_FIRST = 10  # episodes that show whether a champion is far from the target
_PHYSICS = ("box2d", "mujoco", "pygame")  # what the extra named below brings
_EXTRA = "batchneat[gym-physics]"


class Episode(NamedTuple):
    """One episode, step by step."""

    observation: np.ndarray
    """float64 (steps + 1, observations), flat."""
    action: np.ndarray
    """float64 (steps, actions), flat."""
    reward: np.ndarray
    """float64 (steps,)."""
    terminated: bool
    frames: dict[int, np.ndarray]
    """Pictures by step, uint8 (height, width, 3)."""


@dataclass(frozen=True)
class Gymnasium(Experiment):
    """An environment of Gymnasium's, or of another package that registers its environments there."""

    env: str = "CartPole-v1"
    """Its id; that of another package as module:id."""
    episodes: int = 5
    """Episodes of each genome and generation."""
    starts: Literal["generation", "genome"] = "generation"
    """Whether all genomes of a generation meet the same starts, or each its own."""
    observations: Literal["scaled", "raw"] = "scaled"
    """How the network sees: scaled to ±1 by the observations' bounds, where they are finite, or raw."""
    actions: Literal["argmax", "threshold"] = "argmax"
    """How integers are chosen: an output for each and the greatest is taken, or one output, divided evenly."""
    target: float | None = None
    """Mean reward over unseen starts with which the task counts as solved; default: the one that is registered."""
    time_limit: int | None = None
    """Steps after which an episode is cut off, beside what the environment itself has."""
    slots: int | None = None
    """Episodes side by side; default: 32, with processes one for each core."""
    vectorization_mode: Literal["sync", "async"] = "sync"
    """Whether episodes take place in this process, or each slot is a process of its own, for slow environments."""

    pictures = BEHAVIOUR

    @property
    def threshold(self) -> float | None:
        """The target, given or Gymnasium's; none: there is no such thing."""
        if self.target is not None:
            return self.target
        try:
            import gymnasium

            spec = gymnasium.spec(self.env.split(":")[-1])
        except Exception:  # the evaluator has refused what is wrong
            return None
        return spec.reward_threshold

    @property
    def has_criterion(self) -> bool:
        """Whether there is a target."""
        return self.threshold is not None

    @property
    def files(self) -> dict[str, Path]:
        """The module that registers another package's environment, or the folder of the package that holds it."""
        package = self.env.rpartition(":")[0].partition(".")[0]
        try:
            spec = importlib.util.find_spec(package) if package else None
        except (ImportError, ValueError, AttributeError):  # the evaluator says what is wrong with it
            return {}
        if spec is None or spec.origin is None or not Path(spec.origin).is_file():
            return {}
        file = Path(spec.origin)
        return {"env": file if spec.submodule_search_locations is None else file.parent}

    def evaluator(self, device: str) -> Evaluator:
        """Episodes of the environment."""
        from evaluators import Gymnasium as Evaluator

        if device not in ("auto", "cpu"):
            raise ValueError(f"device: Gymnasium's environments are stepped by the CPU, got {device!r}")
        if self.target is not None and not math.isfinite(self.target):
            raise ValueError(f"target: must be finite, got {self.target}")
        # A daemon, which compiles ahead, may not have processes of its own.
        mode = "sync" if multiprocessing.current_process().daemon else self.vectorization_mode
        with _explained(self.env):
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
        """The champion reaches the target over fresh starts, with two standard errors to spare."""
        target = self.threshold
        if target is None:
            return None

        def within(champion: Genome, episodes: int, errors: int) -> bool:
            reward = evaluator.play(champion, episodes, trial=JUDGED).reward[0]
            mean, deviation = moments(reward, ddof=1)
            return bool(mean + errors * deviation / len(reward) ** 0.5 >= target)

        return lambda champion: within(champion, _FIRST, 2) and within(champion, UNSEEN, -2)

    def measures(self, champion: Genome, evaluator: Evaluator) -> dict[str, float]:
        """Reward over starts that neither evolution nor the end of the run has seen, and the work."""
        reward = evaluator.play(champion, UNSEEN, trial=REPORTED).reward[0]
        measures = {"reward, unseen starts": float(reward.mean())}
        if self.threshold is not None:
            measures["solved, unseen starts"] = float(reward.mean() >= self.threshold)
        return {**measures, "environment steps": float(evaluator.steps)}

    def show(self, champion: Genome, evaluator: Evaluator, folder: Path) -> list[Path]:
        """Observations and actions over an episode as behaviour.svg, and what Gymnasium renders as behaviour.gif."""
        from experiments.pictures import animation, behaviour

        env = self._make()
        episode = self._play(env, champion)
        seconds = getattr(env.unwrapped, "dt", None)
        span = behaviour.Span.of(
            len(episode.reward), episode.terminated, seconds if isinstance(seconds, float) else None
        )
        path = folder / behaviour.CURVES
        behaviour.curves(*_panels(env, episode), episode.reward, span, path, "observations")
        start = max(span.start, span.stop - _FILMED) if span.terminated else span.start
        steps = animation.chosen(start, min(start + _FILMED, span.stop))
        try:
            with _without_display():
                env = self._make("rgb_array")
                _follow(env)
                frames = self._play(env, champion, set(steps.tolist())).frames
            _film(frames, span, folder / behaviour.FILM)
        except Exception as error:  # whatever an environment's renderer makes of a machine without a display
            reason = " ".join(str(error).split()) or type(error).__name__
            print(f"no {behaviour.FILM}: {self.env} was not rendered: {reason}")
            return [path]
        return [path, folder / behaviour.FILM]

    def _make(self, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
        import gymnasium

        env = gymnasium.make(self.env, render_mode=render_mode)
        return env if self.time_limit is None else gymnasium.wrappers.TimeLimit(env, self.time_limit)

    def _play(self, env: gymnasium.Env[Any, Any], champion: Genome, looks: Collection[int] = ()) -> Episode:
        """An episode, the same for the same champion; pictures of some of its steps. Closes the environment."""
        import gymnasium

        import evaluators
        from evaluators.gymnasium.observations import fit
        from evaluators.gymnasium.spaces import Inputs, Outputs, output_ranges

        sees = Inputs(env.observation_space, self.observations == "scaled")
        acts = Outputs(env.action_space, self.actions)
        ranges = output_ranges(champion.genomes)
        networks = evaluators.compile(champion, device="cpu")
        observations: list[np.ndarray] = []
        actions: list[np.ndarray] = []
        rewards: list[float] = []
        frames: dict[int, np.ndarray] = {}
        with contextlib.closing(env):
            seen, _ = env.reset(seed=champion.genomes.seed % 2**31)
            ended = terminated = False
            while True:
                if len(rewards) in looks:
                    frames[len(rewards)] = _picture(env)
                fitting = fit(env.observation_space, seen)
                flat = gymnasium.spaces.flatten(env.observation_space, fitting)
                observations.append(np.asarray(flat, float).ravel())
                if ended or (looks and len(rewards) == max(looks)):
                    break
                outputs = networks.activate(sees(observations[-1][np.newaxis]))[:, 0]
                action = acts(outputs, *ranges)[0]
                seen, reward, terminated, truncated, _ = env.step(action)
                actions.append(np.ravel(action).astype(float))
                rewards.append(float(reward))
                ended = bool(terminated or truncated)
        return Episode(np.array(observations), np.array(actions), np.array(rewards), bool(terminated), frames)


def _follow(env: gymnasium.Env[Any, Any]) -> None:
    """Let the camera of a MuJoCo task follow the body; Gymnasium 1.4's default one stays where it was."""
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    if renderer is not None and renderer.camera_id == -1:
        import mujoco

        renderer.camera_id = mujoco.mj_name2id(renderer.model, mujoco.mjtObj.mjOBJ_CAMERA, "track")


def _picture(env: gymnasium.Env[Any, Any]) -> np.ndarray:
    picture: Any = env.render()
    if not isinstance(picture, np.ndarray) or picture.ndim != 3 or picture.dtype != np.uint8:
        raise ValueError("it gives no pictures")
    return picture[..., :3].copy()


def _panels(env: gymnasium.Env[Any, Any], episode: Episode) -> tuple[list[Panel], list[Panel]]:
    from gymnasium.spaces import Box

    from experiments.pictures.behaviour import Panel, numbered

    choices = None if isinstance(env.action_space, Box) else ()
    return (
        [Panel(name, values) for name, values in numbered("observation", episode.observation)],
        [Panel(name, values, choices) for name, values in numbered("action", episode.action)],
    )


def _film(frames: dict[int, np.ndarray], span: Span, path: Path) -> None:
    from matplotlib.figure import Figure

    from experiments.pictures import animation, behaviour
    from neat.plot.style import style

    steps = np.array(sorted(frames))
    with style():
        axes = Figure().add_axes((0, 0, 1, 1))
        picture = axes.imshow(frames[0 if 0 in frames else int(steps[0])], aspect="auto")

        def show(step: int, /) -> list[Any]:
            picture.set_data(frames[step])
            return [picture]

        animation.write(animation.film(axes, show, steps, behaviour.captions(span, steps)), path)


@contextlib.contextmanager
def _explained(env: str) -> Iterator[None]:
    """Mistakes in the words of the command line, in one line."""
    with contextlib.suppress(ImportError):
        import gymnasium  # noqa: F401  which sets filters of its own
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the error says it again
            yield
    except ImportError as error:
        text = str(error)
        if text.startswith("environment: ") and any(name in text.lower() for name in _PHYSICS):
            text = f"env: {env} needs packages that are not installed: pip install '{_EXTRA}'"
        raise ImportError(text.replace("environment: ", "env: ", 1)) from None
    except ValueError as error:
        raise ValueError(str(error).replace("environment: ", "env: ", 1)) from None
    except Exception as error:  # whatever another package makes of this machine
        raise ValueError(f"env: {env} cannot be made: {type(error).__name__}: {error}") from None


@contextlib.contextmanager
def _without_display() -> Iterator[None]:
    """MuJoCo and SDL draw without a window where there can be none."""
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
