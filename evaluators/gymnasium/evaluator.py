"""Fitness from episodes in a Gymnasium environment."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from evaluators.checks import (
    check_choice,
    check_count,
    check_seconds,
)
from evaluators.episodes.base import (
    TRAINING,
    TRIAL,
    Actions,
    Combine,
    Episodes,
    Episodic,
    Starts,
    as_champion,
)
from evaluators.gymnasium.spaces import read_actions, read_observations
from evaluators.models.actions import output_ranges
from evaluators.models.model import Model
from evaluators.network import compile
from evaluators.thread_guard import Exclusive
from neat.genome.genome import Genome, Genomes
from neat.kernels import parallel, rng
from neat.kernels.jit import kernel
from neat.processes.worker_processes import retry_lost_work
from neat.support.messages import quote, shorten

if TYPE_CHECKING:
    import gymnasium

    from evaluators.gymnasium.vector import Vector

_log = logging.getLogger("evaluators")

_DEFAULT_SLOTS = 32  # with "sync"; more hardly reduce the time of a step
_DEFAULT_TIMEOUT = 300.0  # seconds
_LONG_EPISODE = 100_000  # steps, more than any Gymnasium task allows


class Gymnasium(Episodic):
    """Fitness of genomes that act in a Gymnasium environment, over several episodes.

    Gymnasium must be able to flatten the observations (Discrete ones become one-hot). Actions must be a Box, Discrete,
    MultiDiscrete or MultiBinary. A `reset` with a seed must restore the environment fully; then the same genomes, seed
    and generation give the same rewards with any number of slots.

    Each number of a Box action has one output: the range of its activation (`neat.activations.Activation.low` and
    `high`) is mapped linearly to the number's bounds; if these are infinite, the number is the output itself. A choice
    among integers has one output per integer with `actions="argmax"`, and the integer with the greatest output is
    taken. With `"threshold"`, it has one output, and its activation's range is divided evenly among the integers. A NaN
    output counts as the lowest.

    Args:
        environment: An id for `gymnasium.make`, or a function without arguments that makes a new environment each time.
        episodes: Episodes of each genome.
        starts: "generation": all genomes of a generation have the same random starts; "genome": each has its own. Both
            depend only on the run's seed and the generation, and differ between generations.
        combine: How the rewards of episodes become a fitness.
        observations: "scaled": finite bounds of a Box are mapped to ±1; "raw": observations are unchanged.
        actions: How outputs choose an integer, "argmax" or "threshold".
        time_limit: Steps after which an episode is cut off, in addition to the environment's own limit. Without any
            limit an episode can run forever; a warning is logged every 100,000 steps.
        slots: Number of environments that are stepped side by side. By default 32; with "async", one for each core.
        vectorization_mode: "sync": the environments are in this process; "async": each is in its own process, which
            pays off if a step takes longer than a message to a process and back (about 0.3 ms). The processes start
            with the first call. They end with `close`, with the `with` block, or with this process. If one dies or
            takes too long, all are replaced and the call's episodes are repeated, at most
            `neat.processes.worker_processes.RETRIES` times; the rewards do not depend on this. For a fast environment
            on many cores, a `PerGenome` whose function runs whole episodes is faster.
        timeout: With "async", seconds that a process may take for a step or a reset. By default 300.
        **arguments: Further arguments of `gymnasium.make`, such as `continuous=True`.

    Attributes:
        name: The environment's name.
        num_inputs: Inputs that the networks must have.
        num_outputs: Outputs that the networks must have.
        last: The Episodes of the last call.
        steps: Environment steps of all calls so far, without those in `play` and `validate`.

    Raises:
        ImportError: Gymnasium, or a package that the environment needs, is not installed.
        ValueError: An argument or the environment's id is unknown, or its spaces cannot be used.
    """

    def __init__(
        self,
        environment: str | Callable[[], gymnasium.Env[Any, Any]],
        episodes: int = 1,
        starts: Starts = "generation",
        combine: Combine = "mean",
        observations: Literal["scaled", "raw"] = "scaled",
        actions: Actions = "argmax",
        time_limit: int | None = None,
        slots: int | None = None,
        vectorization_mode: Literal["sync", "async"] = "sync",
        timeout: float | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(episodes, starts, combine, actions)
        check_choice("observations", observations, ("scaled", "raw"))
        check_choice("vectorization_mode", vectorization_mode, ("sync", "async"))
        for name, value in (("time_limit", time_limit), ("slots", slots)):
            if value is not None:
                check_count(name, value)
        if timeout is not None:
            check_seconds("timeout", timeout)
            if vectorization_mode == "sync":
                raise ValueError(
                    "timeout: needs vectorization_mode 'async', since only processes can be ended, got 'sync'"
                )
        self.vectorization_mode = vectorization_mode
        self.timeout = float(timeout or _DEFAULT_TIMEOUT)
        self.slots = int(
            slots or (_DEFAULT_SLOTS if vectorization_mode == "sync" else parallel.get_threads())
        )
        self._vector: Vector | None = None
        self._make, example = _make_factory(environment, arguments, time_limit)
        self.name = example.spec.id if example.spec else type(example.unwrapped).__name__
        self._in_use = Exclusive(
            f"{self.name}: another thread is using this evaluator's environments; make an evaluator for each thread"
        )
        self._inputs = read_observations(example.observation_space, observations == "scaled")
        self._outputs = read_actions(example.action_space, actions)
        self._check_makes_new(example)
        if vectorization_mode == "async":
            _check_picklable(self._make)

    @property
    def num_inputs(self) -> int:
        """Inputs that the networks must have."""
        return len(self._inputs.offset)

    @property
    def num_outputs(self) -> int:
        """Outputs that the networks must have."""
        return self._outputs.num_outputs

    def model(self, champion: Genome) -> Model:
        """Return a model that acts with a genome as this evaluator lets it act. It needs no Gymnasium.

        It takes flat observations: those of a Box of any shape as one row of numbers, others as
        `gymnasium.spaces.flatten` returns them.

        Raises:
            ValueError: The genome has other inputs or outputs.
        """
        self._check_genomes(as_champion(champion).genomes)
        return Model(champion, self._inputs, self._outputs)

    def close(self) -> None:
        """Close the environments and end the worker processes; another call makes new ones."""
        if self._vector is not None:
            vector, self._vector = self._vector, None
            vector.close()

    def __enter__(self) -> Gymnasium:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _play(self, genomes: Genomes, episodes: int, trial: int) -> Episodes:
        self._check_genomes(genomes)
        seeds = np.empty((len(genomes), episodes), np.int64)
        training = trial == TRAINING
        common = self.starts == "generation" or not training
        _draw_seeds(
            np.uint64(genomes.seed if trial < TRIAL else 0),
            genomes.generation if training else 0,
            common,
            trial,
            seeds,
        )
        with self._in_use:
            return retry_lost_work(lambda: self._play_or_close(genomes, seeds), self.name)

    def _play_model(self, model: Model, episodes: int, trial: int) -> Episodes:
        self._check_part("inputs", model.inputs, self._inputs)
        self._check_part("outputs", model.outputs, self._outputs)
        return self._play(model.genome.genomes, episodes, trial)

    def _play_or_close(self, genomes: Genomes, seeds: np.ndarray) -> Episodes:
        try:
            return self._play_tasks(genomes, seeds)
        except BaseException:
            self.close()
            raise

    def _play_tasks(self, genomes: Genomes, seeds: np.ndarray) -> Episodes:
        """Run one task for each genome and episode; each slot takes the next task when its episode has ended."""
        vector, episodes, tasks = self._open_vector(), seeds.shape[1], seeds.size
        # A network for each task, since each needs its own state.
        copies = genomes.take(np.repeat(np.arange(len(genomes)), episodes))
        networks, (low, high) = compile(copies, "cpu"), output_ranges(copies)
        record = Episodes(np.zeros(tasks), np.zeros(tasks, np.int64), np.zeros(tasks, bool))
        space = vector.action_space
        actions = np.zeros(space.shape or (), space.dtype)
        task = np.arange(self.slots)
        upcoming = self.slots
        ended = np.ones(self.slots, bool)
        rounds = 0
        while (busy := task < tasks).any():
            acting = task[busy]
            if ended.any():
                starting = [int(seeds.flat[t]) if t < tasks else None for t in task]
                observations, information = vector.reset(seed=starting, options={"reset_mask": ended})
                self._check_error(information, task, record.length, episodes)
            inputs = self._inputs.scale(observations[busy].reshape(len(acting), -1))
            self._check_finite("observations", inputs, acting, record.length, episodes)
            outputs = networks.activate(inputs[:, np.newaxis], acting)[:, 0]
            actions[busy] = self._outputs.act(outputs, low[acting], high[acting])
            observations, rewards, terminated, truncated, information = vector.step(actions)
            record.length[acting] += 1
            rounds += 1
            if rounds % _LONG_EPISODE == 0:
                self._warn_if_endless(record.length[acting].max())
            self._check_error(information, task, record.length, episodes)
            self._check_finite("rewards", rewards[busy], acting, record.length, episodes)
            record.reward[acting] += rewards[busy]
            record.terminated[acting] = terminated[busy]
            ended = terminated | truncated
            task[ended] = upcoming + np.arange(ended.sum())
            upcoming += ended.sum()
        return Episodes(*(array.reshape(seeds.shape) for array in record))

    def _open_vector(self) -> Vector:
        from evaluators.gymnasium.vector import is_usable_here, open_vector

        if self._vector is None or not is_usable_here(self._vector):
            timeout = self.timeout if self.vectorization_mode == "async" else None
            self._vector = open_vector(self._make, self.slots, timeout)
        return self._vector

    def _check_makes_new(self, example: gymnasium.Env[Any, Any]) -> None:
        """Close the example; ValueError if the factory returns the same environment again."""
        from evaluators.gymnasium.vector import check_distinct

        example.close()
        another = self._make()
        try:
            check_distinct([example, another])
        finally:
            another.close()

    def _warn_if_endless(self, steps: int) -> None:
        if steps >= _LONG_EPISODE:
            _log.warning(
                "%s: an episode has taken %d steps; if it never ends, give time_limit, the steps that it may take",
                self.name,
                steps,
            )

    def _check_error(
        self, information: dict[str, Any], task: np.ndarray, length: np.ndarray, episodes: int
    ) -> None:
        if "error" not in information:
            return
        slot = int(np.flatnonzero(information["_error"])[0])
        summary, trace = information["error"][slot]
        message = f"{self.name}: {shorten(summary, 500)}, in {_describe_step(task[slot], length, episodes)}"
        if not trace:
            raise ValueError(message)
        error = RuntimeError(message)
        error.add_note(trace)
        raise error

    def _check_finite(
        self, what: str, values: np.ndarray, acting: np.ndarray, length: np.ndarray, episodes: int
    ) -> None:
        if np.isfinite(values).all():
            return
        first = tuple(np.argwhere(~np.isfinite(values))[0])
        raise ValueError(
            f"{self.name}: expected finite {what}, got {values[first]} in "
            f"{_describe_step(acting[first[0]], length, episodes)}"
        )


def _describe_step(task: int, length: np.ndarray, episodes: int) -> str:
    return f"step {length[task]} of episode {task % episodes} of genome {task // episodes}"


@kernel(allocates=False)
def _draw_seeds(seed, generation, common, trial, seeds):
    """Fill `seeds`, int64 (genomes, episodes), with integers below 2^31."""
    for genome in range(seeds.shape[0]):
        individual = 0 if common else genome + 1
        for episode in range(seeds.shape[1]):
            word, _, _, _ = rng.block(seed, generation, individual, rng.EVALUATION + trial, episode)
            seeds[genome, episode] = word >> np.uint64(1)


def _make_factory(
    environment: str | Callable[[], gymnasium.Env[Any, Any]],
    arguments: dict[str, Any],
    time_limit: int | None,
) -> tuple[Callable[[], gymnasium.Env[Any, Any]], gymnasium.Env[Any, Any]]:
    """Return a function that makes environments, and one environment that it made."""
    try:
        import gymnasium
    except ImportError:
        raise ImportError("Gymnasium needs gymnasium: pip install 'batchneat[gym]'") from None
    make: Callable[[], gymnasium.Env[Any, Any]]
    if isinstance(environment, str):
        try:
            example = gymnasium.make(environment, **arguments)
        except gymnasium.error.DependencyNotInstalled as error:
            raise ImportError(f"environment: {environment} needs more: {error}") from None
        except (gymnasium.error.Error, TypeError) as error:
            raise ValueError(f"environment: {error}") from None
        assert example.spec is not None
        # Worker processes would not know the id if a script registered it, so they get the spec.
        make = functools.partial(gymnasium.make, example.spec)
    else:
        if not callable(environment) or isinstance(environment, gymnasium.Env):
            raise ValueError(
                f"environment: expected an id or a function, got {quote(environment)}{_suggest_instead(environment)}"
            )
        if arguments:
            raise ValueError(
                f"{min(arguments)}: arguments are for an environment's id, got a function as environment"
            )
        make = environment
        example = make()
        _check_environment(example)
    if time_limit is None:
        return make, example
    return lambda: gymnasium.wrappers.TimeLimit(make(), int(time_limit)), example


def _check_environment(example: Any) -> None:
    import gymnasium

    if not isinstance(example, gymnasium.Env):
        raise ValueError(
            "environment: expected a function that makes a gymnasium.Env, got one that makes "
            f"{quote(example)}{_suggest_instead(example)}"
        )
    for name in ("observation_space", "action_space"):
        space = getattr(example, name, None)
        if not isinstance(space, gymnasium.Space):
            raise ValueError(
                f"environment: {type(example.unwrapped).__name__}.{name} must be one of gymnasium.spaces, "
                f"got {quote(space)}"
            )


def _suggest_instead(value: Any) -> str:
    """Suggest what to pass as `environment` instead of this object; empty if that is unknown."""
    import gymnasium

    from evaluators.environments.environment import Environment

    if isinstance(value, gymnasium.vector.VectorEnv):
        return "; give a function that makes a single environment: this evaluator steps several side by side"
    if isinstance(value, Environment):
        name = type(value).__name__
        return f"; write Rollout({name}(…)), or Gymnasium({name}(…).to_gymnasium) for Gymnasium's loop"
    if isinstance(value, gymnasium.Env):
        if value.spec is not None:
            return f"; write Gymnasium({value.spec.id!r}), or a function that makes it"
        return (
            f"; write Gymnasium(lambda: {type(value.unwrapped).__name__}(…)), which makes a new one each time"
        )
    return ""


def _check_picklable(make: Callable[[], Any]) -> None:
    import cloudpickle  # Gymnasium needs it too

    try:
        cloudpickle.dumps(make)
    except Exception as error:
        raise ValueError(
            f"environment: expected a function that can be sent to worker processes ({shorten(str(error), 500)})"
        ) from None
