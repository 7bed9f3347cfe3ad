"""What PPO trains: an actor that decides and a critic that estimates the value of a state."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from evaluators.checks import check_count
from evaluators.environments import Box, Environment
from evaluators.environments.check import check
from evaluators.episodes.base import Episodes, check_trial
from evaluators.episodes.episode import Senses
from evaluators.gradient.checks import check_above
from evaluators.gradient.nn.initialisation import filled, orthogonal
from evaluators.gradient.nn.layers import Activation, Dense, Sequential
from evaluators.gradient.nn.module import Module, Parameter
from evaluators.gradient.ppo.acting import Actor, kernels, new_scratch
from evaluators.gradient.ppo.distributions import Categorical, Gaussian
from evaluators.gradient.tensor.operations.activations import check_differentiable
from evaluators.gradient.tensor.place import arrays_holding, to_host
from evaluators.gradient.tensor.tensor import Tensor
from neat.kernels import parallel
from neat.kernels.jit import cause
from neat.support.messages import shown

_COST = 5  # of a step, in the units of parallel.over


class Policy(Module):
    """A dense network that decides, the actor, and another of the same shape that estimates the value, the critic.

    Of a discrete space, the actor's outputs are the logits of the actions. Of a continuous one, they are the means of
    independent normal distributions whose deviations are parameters that do not depend on the state; −1 and 1 are the
    bounds of the actions, to which what is drawn is limited.

    Args:
        environment: What it acts in.
        hidden: Sizes of the hidden layers.
        activation: Of the hidden layers; one of `operations.DIFFERENTIABLE`.
        deviation: The normal distributions' at first.

    Attributes:
        actor: Inputs to the actions' logits or means.
        critic: Inputs to one value.
        log_deviation: Shape (dimensions,); None for discrete actions.
        offset: float32 (observations,); inputs are (observation − offset) · factor, within ±limit.
        factor: float32 (observations,).
        limit: float32 (1,).

    Raises:
        ValueError: An argument is not allowed.
    """

    buffers = ("offset", "factor", "limit")

    def __init__(
        self,
        environment: Environment,
        hidden: tuple[int, ...] = (64, 64),
        activation: str = "tanh",
        deviation: float = 1.0,
    ) -> None:
        check(environment)
        check_differentiable(activation)
        deviation = check_above("deviation", deviation)
        if not isinstance(hidden, tuple | list):
            raise ValueError(f"hidden: expected sizes of layers, such as (64, 64), got {shown(hidden)}")
        self.environment = environment
        self.functions = environment.functions()
        self.activation = activation
        actions = environment.actions
        self.discrete = not isinstance(actions, Box)
        count = len(actions.low) if isinstance(actions, Box) else actions.count
        sizes = (environment.num_observations, *hidden)
        self.actor = _network(sizes, count, activation, 0.01)  # at first all actions are about equally likely
        self.critic = _network(sizes, 1, activation, 1.0)
        self.log_deviation = None if self.discrete else Parameter((count,), filled(math.log(deviation)))
        self.offset = np.zeros(sizes[0], np.float32)
        self.factor = np.ones(sizes[0], np.float32)
        self.limit = np.full(1, np.finfo(np.float32).max)

    def forward(self, x: Tensor) -> Tensor:
        """Inputs (samples, observations) to logits or means (samples, actions)."""
        return self.actor(x)

    def value(self, x: Tensor) -> Tensor:
        """Inputs (samples, observations) to the critic's values (samples,)."""
        return self.critic(x).reshape(-1)

    def distribution(self, outputs: Tensor) -> Categorical | Gaussian:
        """Of the actions, by what `forward` gives."""
        return Categorical(outputs) if self.log_deviation is None else Gaussian(outputs, self.log_deviation)

    def set_senses(self, senses: Senses) -> None:
        """Say how observations become inputs."""
        for name, value in zip(self.buffers, senses, strict=True):
            buffer = getattr(self, name)
            buffer[...] = arrays_holding(buffer).to_device(value)

    def senses(self) -> Senses:
        """How observations become inputs, as the kernels take it."""
        return Senses(to_host(self.offset), to_host(self.factor), np.float32(to_host(self.limit)[0]))

    def as_actor(self) -> Actor:
        """The actor as the kernels take it."""
        layers = [layer for layer in self.actor.layers if isinstance(layer, Dense)]
        weights = tuple(np.ascontiguousarray(to_host(layer.weight._data), np.float32) for layer in layers)
        biases = tuple(
            to_host(layer.bias._data).astype(np.float32) for layer in layers if layer.bias is not None
        )
        actions = self.environment.actions
        low, high = np.array(actions if isinstance(actions, Box) else [[0], [1]], np.float32)
        log_deviation = np.zeros(1) if self.log_deviation is None else to_host(self.log_deviation._data)
        return Actor(weights, biases, np.exp(log_deviation).astype(np.float32), low, high - low)

    def play(self, episodes: int = 100, greedy: bool = True, trial: int = 0) -> Episodes:
        """Episodes from the fresh starts that `evaluators.Rollout.play` has too.

        Args:
            episodes: How many.
            greedy: Take the most likely action, or the mean; otherwise draw, from numbers that depend on the trial.
            trial: Another number gives other starts.

        Returns:
            As of one genome: arrays of shape (1, episodes).

        Raises:
            ValueError: An argument is out of range, or an observation or a reward was not finite.
            RuntimeError: One of the environment's functions raised an error.
        """
        check_count("episodes", episodes)
        check_trial(trial)
        environment, actor = self.environment, self.as_actor()
        record = Episodes(*(np.empty((1, episodes), dtype) for dtype in (np.float64, np.int64, bool)))
        sound = np.ones(episodes, bool)
        _, play = kernels(self.functions, self.activation, self.discrete)
        run_over(
            environment,
            play,
            episodes,
            min(environment.time_limit, 100),
            trial,
            greedy,
            int(environment.time_limit),
            environment.constants,
            self.senses(),
            actor,
            record,
            sound,
            scratch=lambda: (
                np.zeros(len(environment.state_names), environment.precision),
                new_scratch(environment, actor),
            ),
        )
        check_sound(environment, sound & np.isfinite(record.reward[0]), "episode")
        return record


def run_over(
    environment: Environment, kernel: Any, count: int, steps: int, *arguments: Any, scratch: Any
) -> None:
    """`parallel.over` for a loop over `count` slots or episodes of about so many steps.

    Raises:
        RuntimeError: One of the environment's functions raised an error.
    """
    try:
        parallel.over(kernel, count, *arguments, scratch=scratch, cost=_COST * steps)
    except Exception as error:  # nothing else raises there
        raise RuntimeError(f"{environment.name}: {type(error).__name__}: {cause(error)}") from error


def check_sound(environment: Environment, sound: np.ndarray, what: str) -> None:
    """ValueError for the first that is not sound."""
    if not sound.all():
        raise ValueError(
            f"{environment.name}: an observation or a reward was not finite in {what} {int(np.argmin(sound))}"
        )


def _network(sizes: tuple[int, ...], outputs: int, activation: str, gain: float) -> Sequential:
    """Hidden layers with orthogonal weights of gain √2, and a last layer."""
    layers: list[Module] = []
    for inputs, size in itertools.pairwise(sizes):
        layers += [Dense(inputs, size, initialisation=orthogonal(math.sqrt(2))), Activation(activation)]
    return Sequential(*layers, Dense(sizes[-1], outputs, initialisation=orthogonal(gain)))
