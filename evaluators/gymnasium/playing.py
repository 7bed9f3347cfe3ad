"""The loop that plays episodes in Gymnasium environments, several side by side."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evaluators.episodes.episodic_evaluator import Episodes
from evaluators.gymnasium.watching import Watcher
from evaluators.models.actions import Choices, Continuous, output_ranges
from evaluators.models.inputs import Observations
from evaluators.network import compile
from neat.genome.genome import Genomes
from neat.support.messages import shorten

if TYPE_CHECKING:
    from evaluators.gymnasium.vector import Vector

_log = logging.getLogger("evaluators")

_LONG_EPISODE = 100_000  # steps, more than any Gymnasium task allows


class Interface(NamedTuple):
    """How observations become inputs of networks, and outputs become actions."""

    name: str
    """The environment's name."""
    inputs: Observations
    outputs: Choices | Continuous


def play_tasks(
    vector: Vector, genomes: Genomes, seeds: np.ndarray, interface: Interface, watcher: Watcher | None
) -> Episodes:
    """Run one task for each genome and episode; each slot takes the next task when its episode has ended.

    Args:
        vector: The environments.
        genomes: The genomes.
        seeds: A seed for each task, int64 (genomes, episodes).
        interface: What stands between environments and networks.
        watcher: Sees all steps; None: nothing does.

    Raises:
        ValueError: An environment returned an invalid value, or a number that is not finite.
        RuntimeError: An environment raised an error.
    """
    slots, episodes, tasks = vector.num_envs, seeds.shape[1], seeds.size
    # A network for each task, since each needs its own state.
    copies = genomes.take(np.repeat(np.arange(len(genomes)), episodes))
    networks, (low, high) = compile(copies, "cpu"), output_ranges(copies)
    record = Episodes(np.zeros(tasks), np.zeros(tasks, np.int64), np.zeros(tasks, bool))
    steps = _Steps(interface.name, record.length, episodes, genomes.first)
    space = vector.action_space
    actions = np.zeros(space.shape or (), space.dtype)
    task = np.arange(slots)
    upcoming = slots
    ended = np.ones(slots, bool)
    rounds = 0
    while (busy := task < tasks).any():
        acting = task[busy]
        if ended.any():
            starting = [int(seeds.flat[t]) if t < tasks else None for t in task]
            observations, information = vector.reset(seed=starting, options={"reset_mask": ended})
            steps.check_error(information, task)
        seen = observations[busy].reshape(len(acting), -1)
        rows = _scale(interface.inputs, seen, acting, steps)
        if watcher is not None:
            watcher.see(acting, seen)
        outputs = networks.activate(rows[:, np.newaxis], acting)[:, 0]
        actions[busy] = interface.outputs.act(outputs, low[acting], high[acting])
        observations, rewards, terminated, truncated, information = vector.step(actions)
        record.length[acting] += 1
        rounds += 1
        if rounds % _LONG_EPISODE == 0:
            _warn_if_endless(interface.name, record.length[acting].max())
        steps.check_error(information, task)
        steps.check_finite("rewards", rewards[busy], acting)
        if watcher is not None:
            watcher.act(actions[busy], rewards[busy], observations[busy])
        record.reward[acting] += rewards[busy]
        record.terminated[acting] = terminated[busy]
        ended = terminated | truncated
        task[ended] = upcoming + np.arange(ended.sum())
        upcoming += ended.sum()
    return Episodes(*(array.reshape(seeds.shape) for array in record))


def _scale(inputs: Observations, observations: np.ndarray, acting: np.ndarray, steps: _Steps) -> np.ndarray:
    """Return inputs, float32, of observations (acting, inputs); raise a ValueError if one is not finite in float32."""
    with np.errstate(over="ignore"):
        single = observations.astype(np.float32, copy=False)
    # A limit would hide those that are infinite, and they would spoil the statistics that normalise.
    steps.check_finite("observations", single, acting)
    rows = inputs.scale(observations)
    steps.check_finite("observations", rows, acting)
    return rows


def _warn_if_endless(name: str, steps: int) -> None:
    if steps >= _LONG_EPISODE:
        _log.warning(
            "%s: an episode has taken %d steps; if it never ends, give time_limit, the steps that it may take",
            name,
            steps,
        )


class _Steps(NamedTuple):
    """The steps that tasks have taken, and the checks of what these return."""

    name: str  # of the environment
    length: np.ndarray  # int64 (tasks,)
    episodes: int  # of each genome
    first: int  # the index of the first genome in its generation

    def describe(self, task: int) -> str:
        genome, episode = divmod(task, self.episodes)
        return f"step {self.length[task]} of episode {episode} of genome {self.first + genome}"

    def check_error(self, information: dict[str, Any], task: np.ndarray) -> None:
        if "error" not in information:
            return
        slot = int(np.flatnonzero(information["_error"])[0])
        summary, trace = information["error"][slot]
        message = f"{self.name}: {shorten(summary, 500)}, in {self.describe(task[slot])}"
        if not trace:
            raise ValueError(message)
        error = RuntimeError(message)
        error.add_note(trace)
        raise error

    def check_finite(self, what: str, values: np.ndarray, acting: np.ndarray) -> None:
        if np.isfinite(values).all():
            return
        first = tuple(np.argwhere(~np.isfinite(values))[0])
        raise ValueError(
            f"{self.name}: expected finite {what}, got {values[first]} in {self.describe(acting[first[0]])}"
        )
