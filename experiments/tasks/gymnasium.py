"""The experiment with any environment that Gymnasium knows by its id."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import multiprocessing
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evaluators.models.actions import Choices
from experiments.pictures import episode_curves
from experiments.tasks.control import (
    REPORT_TRIAL,
    STOP_TRIAL,
    UNSEEN_STARTS,
    check_target,
    exceeds,
    measure_reward,
)
from experiments.tasks.experiment import BEHAVIOUR, Experiment

if TYPE_CHECKING:
    from evaluators import Gymnasium as Evaluator
    from neat import Genome

_FIRST_EPISODES = 10  # a few episodes first, which reveal a champion that is far from the target
_PHYSICS = ("box2d", "mujoco", "pygame")  # packages of the extra below
_EXTRA = "batchneat[gym-physics]"


@dataclass(frozen=True)
class Gymnasium(Experiment):
    """An environment of Gymnasium, or of another package that registers its environments with Gymnasium."""

    env: str = "CartPole-v1"
    """Id of the environment; for another package, module:id."""
    episodes: int = 5
    """Episodes of each genome in a generation."""
    starts: Literal["generation", "genome"] = "generation"
    """Whether all genomes of a generation get the same starts, or each genome its own."""
    observations: Literal["scaled", "raw", "normalised"] = "scaled"
    """How the network sees; scaled to ±1 by finite bounds, raw, or normalised by running statistics."""
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
            return _find_threshold(self.env)
        except Exception:  # the evaluator raises the error
            return None

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
        check_target(self.target)
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
            return exceeds(evaluator.play(champion, episodes, trial=STOP_TRIAL).reward[0], target, errors)

        return lambda champion: reaches(champion, _FIRST_EPISODES, -2) and reaches(champion, UNSEEN_STARTS, 2)

    def measures(self, champion: Genome, evaluator: Evaluator) -> dict[str, float]:
        """Return the reward over starts that neither evolution nor the criterion used, and the steps so far."""
        return measure_reward(champion, evaluator, self.threshold)

    def show(self, champion: Genome, evaluator: Evaluator, folder: Path) -> list[Path]:
        """Draw observations and actions over an episode in behaviour.svg, and its rendering in behaviour.gif."""
        curves, film = (folder / name for name in BEHAVIOUR)
        trace = evaluator.trace(champion, trial=REPORT_TRIAL)
        choices = () if isinstance(evaluator.model(champion).outputs, Choices) else None
        episode = episode_curves.name_gymnasium_trace(evaluator, trace)
        episode_curves.draw_curves(episode, curves, choices, "observations")
        return [
            curves,
            *episode_curves.record(lambda: evaluator.record(champion, film, trial=REPORT_TRIAL), film),
        ]


def _find_threshold(env: str) -> float | None:
    """Return the registered threshold of what `gymnasium.make` makes; None if there is none.

    As `make` does, this imports the module, and takes the latest version if the id has none.
    """
    import gymnasium
    from gymnasium.envs import registration

    module, _, name = env.rpartition(":")
    if module:
        importlib.import_module(module)
    namespace, word, version = registration.parse_env_id(name)
    if version is None:
        version = registration.find_highest_version(namespace, word)
    return gymnasium.spec(registration.get_env_id(namespace, word, version)).reward_threshold


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
