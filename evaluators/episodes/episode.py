"""Episodes: a network in an environment, from the first state to the last.

Episodes of one network run side by side in lanes, so that their steps become vector code. The number of lanes is not a
constant of the build, because LLVM would then unroll the loops over lanes in place of using vectors. A lane without an
episode, or whose episode has ended, repeats a lane that is still alive, since its numbers are valid.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from evaluators.environments.functions import Functions
from evaluators.environments.random_numbers import EPISODES
from evaluators.episodes.actions import ActionScaling
from evaluators.program.intrinsics import column
from evaluators.program.passes import read_and_write, set_bias_input
from neat.genome.buffers import Block, pack
from neat.kernels.jit import bind_globals, inner_function
from neat.kernels.rng import EVALUATION

_0 = np.float32(0.0)
_INFINITY = np.float32(np.inf)

# Names that copies of the templates below are bound to (see `neat.kernels.jit.bind_globals`).
reset: Any = None  # the environment's function, as are `observe` and `step`
observe: Any = None
step: Any = None
forward: Any = None  # see `forward.forward_function`
decide: Any = None  # see `evaluators.episodes.actions`
begin: Any = None  # see `_begin`
advance: Any = None  # see `_advance`
STATES = OBSERVATIONS = DIMENSIONS = 1  # the sizes of a state, of an observation and of an action
DISCRETE = False  # whether actions are choices


class EpisodeSettings(NamedTuple):
    """The parameters of the episodes."""

    start: np.ndarray  # float64 (episodes, elements of the state), the first states
    given: Any  # int64, the number of elements in `start` that are used
    first: Any  # int64, the index of the first network among all genomes
    seed: Any  # uint64
    generation: Any  # int64
    common: Any  # bool, whether all networks have the same starts
    trial: Any  # int64, 0 in training
    limit: Any  # int64, the most steps of an episode
    measured: Any  # bool, whether `EpisodeRecord.moment` is written
    traced: Any  # bool, whether `EpisodeRecord.trace` is written


class ObservationScaling(NamedTuple):
    """How observations become inputs: (observation - offset) * factor, between ±limit."""

    offset: np.ndarray  # float32 (observations,)
    factor: np.ndarray  # float32 (observations,)
    limit: Any  # float32


class Scenario(NamedTuple):
    """Episodes, their environment, and the conversion of observations to inputs and of outputs to actions."""

    constants: Any  # tuple, the constants of the environment
    play: EpisodeSettings
    senses: ObservationScaling
    reach: ActionScaling


class EpisodeRecord(NamedTuple):
    """The results of the episodes."""

    reward: np.ndarray  # float64 (networks, episodes), the sum over the steps
    length: np.ndarray  # int64 (networks, episodes), steps
    terminated: np.ndarray  # bool (networks, episodes), not by the time limit
    sound: np.ndarray  # bool (networks, episodes), whether all numbers were finite
    # Σ (observation - offset), and Σ (observation - offset)².
    moment: np.ndarray  # float64 (networks, groups of lanes, 2, observations)
    trace: np.ndarray  # float64 (steps + 1, state + dimensions + 1), of the first network's first episode


@functools.lru_cache(maxsize=64)
def record_block(
    networks: int, episodes: int, groups: int, observations: int, steps: int, elements: int
) -> Block:
    """Return the Block of an EpisodeRecord.

    Args:
        networks: The number of networks.
        episodes: The number of episodes of each network.
        groups: The number of groups of lanes to measure; 0 unless `EpisodeSettings.measured`.
        observations: The size of an observation.
        steps: The number of steps to trace; -1 unless `EpisodeSettings.traced`.
        elements: The size of a step's trace.
    """
    each, boolean, number = (networks, episodes), np.dtype(bool), np.dtype(np.float64)
    return pack(
        {
            "reward": (each, number),
            "length": (each, np.dtype(np.int64)),
            "terminated": (each, boolean),
            "sound": (each, boolean),
            "moment": ((networks if groups else 0, groups, 2, observations), number),
            "trace": ((steps + 1, elements), number),
        }
    )


class Lanes(NamedTuple):
    """Scratch for episodes that run side by side."""

    state: np.ndarray  # the environment's precision (state, lanes)
    observation: np.ndarray  # the environment's precision (observations, lanes)
    choice: np.ndarray  # int64 (lanes,)
    action: np.ndarray  # float32 (dimensions, lanes)
    reward: np.ndarray  # float64 (lanes,)
    total: np.ndarray  # float64 (lanes,)
    ended: np.ndarray  # bool (lanes,)
    alive: np.ndarray  # bool (lanes,)
    doubt: np.ndarray  # float32 (lanes,), 0, or NaN once an observation was not finite
    stream: np.ndarray  # uint64 (lanes,)
    # Of recurrent networks (2, slots, lanes); see evaluators.program.passes.
    values: np.ndarray  # float32 (1, slots, lanes)
    gathered: np.ndarray  # float32 (links,)


@inner_function
def as_input(observation, offset, factor, limit):
    """Return an element of an observation as a network's input (see ObservationScaling)."""
    value = np.float32(observation - offset) * factor
    value = value if value < limit else limit
    return value if value > -limit else -limit


@inner_function
def sense(lanes, senses, values, width):
    """Write observations to the first rows of `values` as inputs."""
    for row in range(lanes.observation.shape[0]):
        offset, factor, limit = senses.offset[row], senses.factor[row], senses.limit
        for lane in range(width):
            observation = lanes.observation[row, lane]
            lanes.doubt[lane] += np.float32(observation) * _0
            values[row, lane] = as_input(observation, offset, factor, limit)


@inner_function
def _measure(lanes, senses, moment, width):
    """Add the observations of lanes that are alive to `moment`, (2, observations)."""
    for row in range(lanes.observation.shape[0]):
        for lane in range(width):
            if lanes.alive[lane]:
                deviation = np.float64(lanes.observation[row, lane] - senses.offset[row])
                moment[0, row] += deviation
                moment[1, row] += deviation * deviation


@inner_function
def _trace(lanes, trace, time, discrete):
    """Write the first lane's state to `trace`, and the action and the reward that led to it."""
    states, dimensions = lanes.state.shape[0], lanes.action.shape[0]
    for row in range(states):
        trace[time, row] = lanes.state[row, 0]
    if time > 0:
        for row in range(dimensions):
            trace[time, states + row] = lanes.choice[0] if discrete else lanes.action[row, 0]
        trace[time, states + dimensions] = lanes.reward[0]


@inner_function
def _is_sound(lanes, lane):
    """Return whether all observations and rewards of an episode were finite so far."""
    return abs(lanes.total[lane] + lanes.doubt[lane]) < _INFINITY


@inner_function
def add_rewards(lanes, width):
    """Add rewards, end episodes with a number that is not finite, and return whether any episode has ended."""
    some = False
    for lane in range(width):
        lanes.total[lane] += lanes.reward[lane]
        lanes.ended[lane] |= not _is_sound(lanes, lane)
        some |= lanes.ended[lane]
    return some


@inner_function
def _retire(lanes, values, record, network, first, time, width):
    """Record ended episodes, let idle lanes repeat one that is alive, and return the number of lanes alive."""
    living, model = 0, 0
    for lane in range(width):
        if lanes.alive[lane] and lanes.ended[lane]:
            lanes.alive[lane] = False
            _finish(lanes, lane, record, network, first + lane, time, _is_sound(lanes, lane))
        elif lanes.alive[lane]:
            living, model = living + 1, lane
    for lane in range(width):
        if lanes.ended[lane]:
            lanes.doubt[lane] = _0
            lanes.total[lane] = 0.0
            for row in range(lanes.state.shape[0]):
                lanes.state[row, lane] = lanes.state[row, model]
            for row in range(values.shape[0]):
                values[row, lane] = values[row, model]
    return living


@inner_function
def _finish(lanes, lane, record, network, episode, length, terminated):
    record.reward[network, episode] = lanes.total[lane]
    record.length[network, episode] = length
    record.terminated[network, episode] = terminated
    record.sound[network, episode] = _is_sound(lanes, lane)


@inner_function
def _clear(values, begin):
    for row in range(begin, values.shape[0]):
        for lane in range(values.shape[1]):
            values[row, lane] = _0


def episode_pass(
    forward: Callable[..., Any],
    functions: Functions,
    jitted: tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]],
    decide: Callable[..., Any],
    discrete: bool,
) -> Callable[..., Any]:
    """Return a jitted `_play_episodes` of networks in an environment.

    Args:
        forward: The forward pass (see `forward.forward_function`).
        functions: The functions of the environment.
        jitted: Its `reset`, `observe` and `step`, jitted.
        decide: A function of `evaluators.episodes.actions`.
        discrete: Whether the actions are choices.
    """
    early = inner_function(inline="early")
    reset, observe, step = jitted
    sizes = {
        "STATES": functions.states,
        "OBSERVATIONS": functions.observations,
        "DIMENSIONS": functions.dimensions,
        "DISCRETE": discrete,
    }
    begin = early(bind_globals(_begin, reset=reset, **sizes))
    advance = early(bind_globals(_advance, step=step, **sizes))
    passes = {"begin": begin, "observe": observe, "forward": forward, "decide": decide, "advance": advance}
    return early(bind_globals(_play_episodes, **passes, **sizes))


def _begin(network, first, count, scenario, lanes, width):
    """Begin `count` episodes, from index `first` on."""
    play = scenario.play
    individual = np.uint64(0) if play.common else np.uint64(play.first + network + 1)
    for lane in range(width):
        episode = np.uint64(first + min(lane, count - 1))
        lanes.stream[lane] = np.uint64(EVALUATION) + np.uint64(play.trial) + EPISODES * episode
        random = (play.seed, np.uint64(play.generation), individual, lanes.stream[lane], np.uint64(0))
        reset(column(lanes.state, lane, STATES), scenario.constants, random)
        for row in range(play.given):
            lanes.state[row, lane] = play.start[episode, row]
        lanes.alive[lane] = lane < count
        lanes.doubt[lane] = _0
        lanes.total[lane] = 0.0


def _advance(network, time, scenario, lanes, width):
    """Step the environment of each lane."""
    play = scenario.play
    individual = np.uint64(0) if play.common else np.uint64(play.first + network + 1)
    for lane in range(width):
        random = (play.seed, np.uint64(play.generation), individual, lanes.stream[lane], np.uint64(time + 1))
        action = lanes.choice[lane] if DISCRETE else column(lanes.action, lane, DIMENSIONS)
        reward, ended = step(column(lanes.state, lane, STATES), action, scenario.constants, random)
        lanes.reward[lane] = reward
        lanes.ended[lane] = ended


def _play_episodes(programs, program, network, first, input_count, scenario, record, lanes):
    """Run a network's episodes from index `first` on, one in each lane.

    Args:
        programs: A Programs.
        program: The index of the network in `programs`.
        network: The index of the network in `record`.
        first: The index of the first episode.
        input_count: The number of the network's inputs, with the bias input.
        scenario: A Scenario.
        record: An EpisodeRecord, written.
        lanes: A Lanes.
    """
    play, senses = scenario.play, scenario.senses
    width = len(lanes.total)
    count = min(width, record.reward.shape[1] - first)
    begin(network, first, count, scenario, lanes, width)
    for buffer in range(len(lanes.values)):
        set_bias_input(lanes.values[buffer], lanes.observation.shape[0], input_count, width)
    _clear(lanes.values[0], input_count)
    traced = play.traced and network == 0 and first == 0
    if traced:
        _trace(lanes, record.trace, 0, DISCRETE)
    if play.measured:
        _clear(record.moment[network, first // width], 0)
    living = count
    time = 0
    while living > 0 and time < play.limit:
        read, write = read_and_write(lanes.values, time)
        for lane in range(width):
            state = column(lanes.state, lane, STATES)
            observe(state, scenario.constants, column(lanes.observation, lane, OBSERVATIONS))
        sense(lanes, senses, read, width)
        if play.measured:
            _measure(lanes, senses, record.moment[network, first // width], width)
        forward(programs, program, input_count, read, write, width, lanes.gathered)
        decide(write, programs, program, input_count, width, scenario.reach, lanes.choice, lanes.action)
        advance(network, time, scenario, lanes, width)
        time += 1
        if traced:
            _trace(lanes, record.trace, time, DISCRETE)
            traced = not lanes.ended[0]
        if add_rewards(lanes, width):
            living = _retire(lanes, write, record, network, first, time, width)
    for lane in range(count):
        if lanes.alive[lane]:
            _finish(lanes, lane, record, network, first + lane, time, False)


@inner_function
def combined(reward, length, least, factor):
    """Return a genome's fitness, and the number of its steps.

    Args:
        reward: float64 (episodes,).
        length: int64 (episodes,).
        least: Whether the fitness is the least reward; otherwise it is the mean times `factor`.
        factor: float64.
    """
    fitness, steps = reward[0], length[0]
    for episode in range(1, len(reward)):
        if not least:
            fitness += reward[episode]
        elif reward[episode] < fitness:
            fitness = reward[episode]
        steps += length[episode]
    return fitness if least else fitness / len(reward) * factor, steps
