"""Episodes: a network in an environment, from the first state to the last.

Episodes of one network go side by side in lanes, so that their steps become vector code. (Their number is not a
constant of the build, or LLVM would unroll the loops over lanes rather than use vectors.) A lane whose episode has
ended, or that never had one, repeats a living lane, whose numbers are harmless.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from evaluators.environments.functions import Functions
from evaluators.environments.random_numbers import EPISODES
from evaluators.episodes.actions import Reach
from evaluators.program.intrinsics import column
from evaluators.program.tiles import read_and_write, set_bias_input
from neat.genome.buffers import Block, packed
from neat.kernels.jit import bound, inner_function
from neat.kernels.rng import EVALUATION

_0 = np.float32(0.0)
_INFINITY = np.float32(np.inf)

# Names that copies of the templates below are bound to (see `neat.kernels.jit.bound`).
reset: Any = None  # an environment's, like `observe` and `step`
observe: Any = None
step: Any = None
forward: Any = None  # see `forward.forward_function`
decide: Any = None  # see `evaluators.episodes.actions`
begin: Any = None  # see `_begin`
advance: Any = None  # see `_advance`
STATES = OBSERVATIONS = DIMENSIONS = 1  # numbers of a state, of an observation and of an action
DISCRETE = False  # whether actions are choices


class Play(NamedTuple):
    """What is to be played."""

    start: np.ndarray  # float64 (episodes, elements of the state): states to start from
    given: Any  # int64, how many of the elements are given there
    first: Any  # int64, the number of the first network among all genomes
    seed: Any  # uint64
    generation: Any  # int64
    common: Any  # bool, whether all networks meet the same starts
    trial: Any  # int64, 0 in training
    limit: Any  # int64, steps
    measured: Any  # bool, whether `Record.moment` is wanted
    traced: Any  # bool, whether `Record.trace` is wanted


class Senses(NamedTuple):
    """How observations become inputs: (observation - offset) * factor, between ±limit."""

    offset: np.ndarray  # float32 (observations,)
    factor: np.ndarray  # float32 (observations,)
    limit: Any  # float32


class Scenario(NamedTuple):
    """What is to be played, in which environment, and how networks see it and act in it."""

    constants: Any  # tuple, the environment's
    play: Play
    senses: Senses
    reach: Reach


class Record(NamedTuple):
    """What is kept of the episodes."""

    reward: np.ndarray  # float64 (networks, episodes), the sum
    length: np.ndarray  # int64 (networks, episodes), steps
    terminated: np.ndarray  # bool (networks, episodes), rather than cut off
    sound: np.ndarray  # bool (networks, episodes), all observations and rewards were finite
    # Σ (observation - offset), and of its square.
    moment: np.ndarray  # float64 (networks, groups of lanes, 2, observations)
    trace: np.ndarray  # float64 (steps + 1, state + dimensions + 1), of the first network's first episode


@functools.lru_cache(maxsize=64)
def record_block(
    networks: int, episodes: int, groups: int, observations: int, steps: int, elements: int
) -> Block:
    """The Block of a Record.

    Args:
        networks: How many.
        episodes: Of each.
        groups: Of lanes, to be measured; 0 unless `Play.measured`.
        observations: Numbers of an observation.
        steps: To be traced; -1 unless `Play.traced`.
        elements: Numbers of a step's trace.
    """
    each, boolean, number = (networks, episodes), np.dtype(bool), np.dtype(np.float64)
    return packed(
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
    """Scratch for the episodes side by side."""

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
    # Of recurrent networks (2, slots, lanes); see evaluators.program.tiles.
    values: np.ndarray  # float32 (1, slots, lanes)
    gathered: np.ndarray  # float32 (links,)


@inner_function
def as_input(observation, offset, factor, limit):
    """One number of an observation as a network's input (see Senses)."""
    value = np.float32(observation - offset) * factor
    value = value if value < limit else limit
    return value if value > -limit else -limit


@inner_function
def sense(lanes, senses, values, width):
    """Observations to the first rows of `values`."""
    for row in range(lanes.observation.shape[0]):
        offset, factor, limit = senses.offset[row], senses.factor[row], senses.limit
        for lane in range(width):
            observation = lanes.observation[row, lane]
            lanes.doubt[lane] += np.float32(observation) * _0
            values[row, lane] = as_input(observation, offset, factor, limit)


@inner_function
def _measure(lanes, senses, moment, width):
    """Add the living lanes' observations to `moment`, (2, observations)."""
    for row in range(lanes.observation.shape[0]):
        for lane in range(width):
            if lanes.alive[lane]:
                deviation = np.float64(lanes.observation[row, lane] - senses.offset[row])
                moment[0, row] += deviation
                moment[1, row] += deviation * deviation


@inner_function
def _trace(lanes, trace, time, discrete):
    """Write the first lane's state, and the action and the reward that led to it."""
    states, dimensions = lanes.state.shape[0], lanes.action.shape[0]
    for row in range(states):
        trace[time, row] = lanes.state[row, 0]
    if time > 0:
        for row in range(dimensions):
            trace[time, states + row] = lanes.choice[0] if discrete else lanes.action[row, 0]
        trace[time, states + dimensions] = lanes.reward[0]


@inner_function
def _is_sound(lanes, lane):
    """Whether all observations and rewards of an episode were finite so far."""
    return abs(lanes.total[lane] + lanes.doubt[lane]) < _INFINITY


@inner_function
def add_rewards(lanes, width):
    """Whether an episode ends, if only because something is not finite."""
    some = False
    for lane in range(width):
        lanes.total[lane] += lanes.reward[lane]
        lanes.ended[lane] |= not _is_sound(lanes, lane)
        some |= lanes.ended[lane]
    return some


@inner_function
def _retire(lanes, values, record, network, first, time, width):
    """Record the episodes that end, and let idle lanes repeat a living one. Returns how many live."""
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
    """A jitted `_play_episodes` of networks in an environment.

    Args:
        forward: See `forward.forward_function`.
        functions: An environment's.
        jitted: Its `reset`, `observe` and `step`, jitted.
        decide: One of `evaluators.episodes.actions`.
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
    begin = early(bound(_begin, reset=reset, **sizes))
    advance = early(bound(_advance, step=step, **sizes))
    passes = {"begin": begin, "observe": observe, "forward": forward, "decide": decide, "advance": advance}
    return early(bound(_play_episodes, **passes, **sizes))


def _begin(network, first, count, scenario, lanes, width):
    """Begin episodes: `count` of them from number `first` on."""
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
    """Make a step of each episode."""
    play = scenario.play
    individual = np.uint64(0) if play.common else np.uint64(play.first + network + 1)
    for lane in range(width):
        random = (
            play.seed,
            np.uint64(play.generation),
            individual,
            lanes.stream[lane],
            np.uint64(time + 1),
        )
        action = lanes.choice[lane] if DISCRETE else column(lanes.action, lane, DIMENSIONS)
        reward, ended = step(column(lanes.state, lane, STATES), action, scenario.constants, random)
        lanes.reward[lane] = reward
        lanes.ended[lane] = ended


def _play_episodes(programs, program, network, first, input_count, scenario, record, lanes):
    """Play a network's episodes from number `first` on, as many as there are lanes.

    Args:
        programs: Programs.
        program: Number of the network's.
        network: Its number in `record`.
        first: Number of an episode.
        input_count: The network's inputs, the bias input among them.
        scenario: A Scenario.
        record: A Record, written.
        lanes: Lanes.
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
    """A genome's fitness and its steps.

    Args:
        reward: float64 (episodes,).
        length: int64 (episodes,).
        least: Whether the fitness is the least reward, or else the mean, `factor` times.
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
