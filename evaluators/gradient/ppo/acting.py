"""A policy in an environment: compiled loops over episodes, in which a dense network decides.

The environments' functions and the random numbers of their episodes are those of `evaluators.Rollout`.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from evaluators.environments import Environment
from evaluators.environments.functions import FUNCTIONS, Functions, jitted_functions
from evaluators.environments.random_numbers import EPISODES
from evaluators.episodes.episode import ObservationScaling, as_input
from evaluators.episodes.episodic_evaluator import TRIAL
from evaluators.gradient.random_numbers import ACTION, TRIAL_ACTION
from neat import activations
from neat.kernels import elementary, rng
from neat.kernels.jit import bind_globals, inner_function, specialise
from neat.kernels.rng import EVALUATION
from neat.kernels.work_pieces import claimed

_0 = np.float32(0.0)
_HALF = np.float32(0.5)
_1 = np.float32(1.0)
_UNSET = np.uint64(0)

# Names that copies and builds of the templates below are bound to (see `bind_globals` and `specialise` in
# `neat/kernels/jit.py`).
reset: Any = None  # an environment's, like `observe` and `step`
observe: Any = None
step: Any = None
act: Any = None  # see `_act`
layer_pass: Any = None  # see `_layer`
activate: Any = None  # activate(x), of hidden layers
decide: Any = None  # `_categorical` or `_gaussian`


class Actor(NamedTuple):
    """The network that chooses actions, as arrays for kernels."""

    weight: tuple[np.ndarray, ...]  # float32 (inputs, outputs) of each layer
    bias: tuple[np.ndarray, ...]  # float32 (outputs,) of each layer
    deviation: np.ndarray  # float32 (dimensions,), of what is added to the last layer's outputs
    lowest: np.ndarray  # float32 (dimensions,), the actions' bounds
    span: np.ndarray  # float32 (dimensions,)


class OngoingEpisodes(NamedTuple):
    """Episodes that continue from one update to the next, one in each slot."""

    state: np.ndarray  # the environment's precision (slots, state)
    episode: np.ndarray  # int64 (slots,), episodes before this one
    time: np.ndarray  # int64 (slots,), steps of this one
    total: np.ndarray  # float64 (slots,), its reward so far


class Steps(NamedTuple):
    """The record of an update's steps."""

    inputs: np.ndarray  # float32 (slots, steps + 1, observations), before each step and after the last
    # The actions before they are limited to the bounds, or of a discrete space the chosen action, (…, 1).
    drawn: np.ndarray  # float32 (slots, steps, dimensions)
    reward: np.ndarray  # float64 (slots, steps)
    terminated: np.ndarray  # bool (slots, steps)
    truncated: np.ndarray  # bool (slots, steps), cut off by the time limit alone
    cut: np.ndarray  # float32 (slots, steps, observations), the inputs after a step that is truncated
    total: np.ndarray  # float64 (slots, steps), the reward of the episode that ended there
    moment: np.ndarray  # float64 (slots, 2, observations), Σ (observation - offset), its square's
    sound: np.ndarray  # bool (slots,), all observations were finite


class Situation(NamedTuple):
    """An actor and its environment."""

    actor: Actor
    constants: Any  # tuple, the environment's
    senses: ObservationScaling
    limit: Any  # int64, steps of an episode


class Scratch(NamedTuple):
    """Scratch for one thread."""

    state: np.ndarray  # the environment's precision (state,)
    values: np.ndarray  # float32 (2, widest layer)
    observation: np.ndarray  # the environment's precision (observations,)
    inputs: np.ndarray  # float32 (observations,)
    drawn: np.ndarray  # float32 (dimensions,)
    action: np.ndarray  # float32 (dimensions,)


@inner_function
def _categorical(outputs, actor, random, greedy, drawn, action):
    """Choose an action with probabilities softmax(outputs); if `greedy`, choose the most likely one."""
    best = 0
    for k in range(1, actor.weight[-1].shape[1]):
        best = k if outputs[k] > outputs[best] else best
    choice = best
    if not greedy:
        total = _0
        for k in range(actor.weight[-1].shape[1]):
            total += elementary.exp(outputs[k] - outputs[best])
        seed, generation, individual, purpose, time = random
        word, _, _, _ = rng.inline_block(seed, generation, individual, purpose, time)
        left = rng.to_uniform(word) * total
        for k in range(actor.weight[-1].shape[1]):
            share = elementary.exp(outputs[k] - outputs[best])
            if left < share:
                choice = k
                break
            left -= share
    drawn[0] = choice
    return choice


@inner_function
def _gaussian(outputs, actor, random, greedy, drawn, action):
    """Draw actions, limited to their bounds, from a normal distribution around the outputs; if `greedy`, take these."""
    seed, generation, individual, purpose, time = random
    dimensions = np.uint64(len(actor.deviation))
    for k in range(len(actor.deviation)):
        value = outputs[k]
        if not greedy:
            draw = time * dimensions + np.uint64(k)
            word0, word1, _, _ = rng.inline_block(seed, generation, individual, purpose, draw)
            value += actor.deviation[k] * rng.to_normal(word0, word1)
        drawn[k] = value
        share = (value + _1) * _HALF
        share = share if share > _0 else _0
        share = share if share < _1 else _1
        action[k] = actor.lowest[k] + actor.span[k] * share
    return action


def _layer(weight, bias, hidden, read, write):
    for k in range(len(bias)):
        write[k] = bias[k]
    for row in range(weight.shape[0]):
        for k in range(weight.shape[1]):
            write[k] += read[row] * weight[row, k]
    if hidden:
        for k in range(len(bias)):
            write[k] = activate(write[k])


def _act(inputs, actor, random, greedy, drawn, scratch):
    """Return the action, and write what was drawn to `drawn`."""
    last = len(actor.weight) - 1
    layer_pass(actor.weight[0], actor.bias[0], last > 0, inputs, scratch.values[0])
    for layer in range(1, last + 1):
        read, write = scratch.values[(layer - 1) % 2], scratch.values[layer % 2]
        layer_pass(actor.weight[layer], actor.bias[layer], layer < last, read, write)
    return decide(scratch.values[last % 2], actor, random, greedy, drawn, scratch.action)


def _decision(activate: Any, decide: Any) -> Any:
    """Return a jitted `_act` with this activation of hidden layers."""
    layer_pass = inner_function(bind_globals(_layer, activate=activate), contract=True)
    return inner_function(bind_globals(_act, layer_pass=layer_pass, decide=decide), inline="early")


@inner_function
def _sense(observation, senses, inputs):
    """Write an observation as inputs, and return whether all its numbers are finite."""
    doubt = _0
    for k in range(len(observation)):
        doubt += np.float32(observation[k]) * _0
        inputs[k] = as_input(observation[k], senses.offset[k], senses.factor[k], senses.limit)
    return doubt == _0


def _collect(pieces, seed, update, situation, slots, record, scratch):
    """Run further steps of the episode in each slot.

    Args:
        pieces: The slots to claim.
        seed: uint64, the seed of the run.
        update: uint64, the number of the update.
        situation: A Situation.
        slots: OngoingEpisodes.
        record: Steps, written.
        scratch: A Scratch.
    """
    constants, senses = situation.constants, situation.senses
    last = record.reward.shape[1]
    observation = scratch.observation
    for slot in claimed(pieces):
        individual, state = np.uint64(slot + 1), slots.state[slot]
        for now in range(last + 1):
            stream = np.uint64(EVALUATION) + EPISODES * np.uint64(slots.episode[slot])
            random = (seed, _UNSET, individual, stream)
            if slots.time[slot] == 0:
                reset(state, constants, (*random, _UNSET))
            observe(state, constants, observation)
            record.sound[slot] &= _sense(observation, senses, record.inputs[slot, now])
            if now == last:
                break
            for k in range(len(observation)):
                deviation = np.float64(observation[k] - senses.offset[k])
                record.moment[slot, 0, k] += deviation
                record.moment[slot, 1, k] += deviation * deviation
            key = (seed, update, individual, np.uint64(ACTION), np.uint64(now))
            seen, drawn = record.inputs[slot, now], record.drawn[slot, now]
            action = act(seen, situation.actor, key, False, drawn, scratch)
            slots.time[slot] += 1
            reward, terminated = step(state, action, constants, (*random, np.uint64(slots.time[slot])))
            slots.total[slot] += reward
            truncated = slots.time[slot] >= situation.limit and not terminated
            record.reward[slot, now] = reward
            record.terminated[slot, now] = terminated
            record.truncated[slot, now] = truncated
            if truncated:
                observe(state, constants, observation)
                record.sound[slot] &= _sense(observation, senses, record.cut[slot, now])
            if terminated or truncated:
                record.total[slot, now] = slots.total[slot]
                slots.episode[slot] += 1
                slots.time[slot] = 0
                slots.total[slot] = 0.0


def _play(pieces, trial, greedy, situation, record, sound, scratch):
    """Play the episodes of a trial (see `evaluators.Rollout.play`).

    Args:
        pieces: The episodes to claim.
        trial: int64.
        greedy: Whether to take the most likely actions.
        situation: A Situation.
        record: An Episodes of one genome, written.
        sound: bool (episodes,), whether all observations were finite, written.
        scratch: A Scratch.
    """
    constants, senses = situation.constants, situation.senses
    observation, state = scratch.observation, scratch.state
    for episode in claimed(pieces):
        stream = np.uint64(EVALUATION) + np.uint64(TRIAL) + np.uint64(trial) + EPISODES * np.uint64(episode)
        random = (_UNSET, _UNSET, _UNSET, stream)
        reset(state, constants, (*random, _UNSET))
        time, terminated, total = 0, False, 0.0
        while time < situation.limit and not terminated:
            observe(state, constants, observation)
            sound[episode] &= _sense(observation, senses, scratch.inputs)
            key = (_UNSET, np.uint64(trial), np.uint64(episode), np.uint64(TRIAL_ACTION), np.uint64(time))
            action = act(scratch.inputs, situation.actor, key, greedy, scratch.drawn, scratch)
            time += 1
            reward, terminated = step(state, action, constants, (*random, np.uint64(time)))
            total += reward
        record.reward[0, episode] = total
        record.length[0, episode] = time
        record.terminated[0, episode] = terminated


def new_scratch(environment: Environment, actor: Actor) -> Scratch:
    """Return a Scratch for one thread."""
    return Scratch(
        np.zeros(len(environment.state_names), environment.precision),
        np.empty((2, max(len(bias) for bias in actor.bias)), np.float32),
        np.empty(environment.num_observations, environment.precision),
        np.empty(environment.num_observations, np.float32),
        np.empty(len(actor.deviation), np.float32),
        np.empty(len(actor.deviation), np.float32),
    )


@functools.cache
def kernels(functions: Functions, activation: str, discrete: bool) -> tuple[Any, Any]:
    """Return the kernels of `_collect` and `_play` for an environment and the activation of hidden layers."""
    table = activations.ACTIVATIONS
    activate = table[activations.activation_index(activation)].function
    bind = dict(zip(FUNCTIONS, jitted_functions(functions), strict=True))
    bind["act"] = _decision(activate, _categorical if discrete else _gaussian)
    kind = "discrete" if discrete else "continuous"
    name = f"{functions.task}-{kind}-{activation}"
    collect, play = (specialise(each, name, bind, allocates=False) for each in (_collect, _play))
    return collect, play
