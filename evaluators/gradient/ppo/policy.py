"""The policy that PPO trains: an actor that chooses actions, and a critic that estimates the values of states."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from evaluators.checks import check_count
from evaluators.environments import Box, Environment
from evaluators.environments.check import check
from evaluators.episodes.episode import ObservationScaling
from evaluators.episodes.episodic_evaluator import Episodes, check_trial
from evaluators.gradient.checks import check_positive
from evaluators.gradient.nn.initialisation import filled, orthogonal
from evaluators.gradient.nn.layers import Activation, Dense, Sequential
from evaluators.gradient.nn.module import Module
from evaluators.gradient.nn.parameter import Parameter
from evaluators.gradient.ppo.acting import Actor, Situation, kernels, new_scratch
from evaluators.gradient.ppo.distributions import Categorical, Gaussian
from evaluators.gradient.tensor.device_arrays import arrays_holding, to_host
from evaluators.gradient.tensor.operations.activations import check_differentiable
from evaluators.gradient.tensor.tensor import Tensor
from neat.genome.layers import Layer
from neat.kernels import parallel
from neat.kernels.jit import summarise_numba_error
from neat.support.messages import quote

_STEP_COST = 5  # in the units of `parallel.over`


class Policy(Module):
    """A dense network that chooses actions, the actor, and one of the same size that estimates values, the critic.

    For discrete actions, the actor's outputs are their logits. For continuous actions, they are the means of
    independent normal distributions, whose deviations are parameters that do not depend on the state. −1 and 1 stand
    for the bounds of the actions; draws are clipped to them.

    Args:
        environment: The environment to act in.
        hidden: Sizes of the hidden layers.
        activation: Activation of the hidden layers; one of `operations.DIFFERENTIABLE`.
        deviation: Initial deviation of the normal distributions.

    Attributes:
        actor: Network from inputs to the actions' logits or means.
        critic: Network from inputs to one value.
        log_deviation: Logarithms of the deviations, shape (dimensions,); None for discrete actions.
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
        deviation = check_positive("deviation", deviation)
        if not isinstance(hidden, tuple | list):
            raise ValueError(f"hidden: expected sizes of layers, such as (64, 64), got {quote(hidden)}")
        for size in hidden:
            check_count("hidden", size)
        self.environment = environment
        self.functions = environment.functions()
        self.activation = activation
        actions = environment.actions
        self.discrete = not isinstance(actions, Box)
        count = len(actions.low) if isinstance(actions, Box) else actions.count
        sizes = (environment.num_observations, *hidden)
        # The small gain makes all actions about equally likely at first.
        self.actor = _make_network(sizes, count, activation, 0.01)
        self.critic = _make_network(sizes, 1, activation, 1.0)
        self.log_deviation = None if self.discrete else Parameter((count,), filled(math.log(deviation)))
        self.offset = np.zeros(sizes[0], np.float32)
        self.factor = np.ones(sizes[0], np.float32)
        self.limit = np.full(1, np.finfo(np.float32).max)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs (samples, observations) to logits or means (samples, actions)."""
        return self.actor(x)

    def value(self, x: Tensor) -> Tensor:
        """Map inputs (samples, observations) to the critic's values (samples,)."""
        return self.critic(x).reshape(-1)

    def distribution(self, outputs: Tensor) -> Categorical | Gaussian:
        """Return the distribution of the actions, from what `forward` returns."""
        return Categorical(outputs) if self.log_deviation is None else Gaussian(outputs, self.log_deviation)

    def set_senses(self, senses: ObservationScaling) -> None:
        """Set how observations become inputs."""
        for name, value in zip(self.buffers, senses, strict=True):
            buffer = getattr(self, name)
            buffer[...] = arrays_holding(buffer).to_device(value)

    def senses(self) -> ObservationScaling:
        """Return how observations become inputs, in the form that the kernels take."""
        return ObservationScaling(
            to_host(self.offset), to_host(self.factor), np.float32(to_host(self.limit)[0])
        )

    def to_layers(self) -> list[Layer]:
        """Return the actor's layers, for `neat.Genomes.from_layers`.

        `evaluators.Rollout` plays such a genome as `play` does greedily, if observations become the same inputs.
        """
        return self.actor.to_layers()

    def as_actor(self) -> Actor:
        """Return the actor in the form that the kernels take."""
        layers = self.to_layers()
        weights = tuple(np.ascontiguousarray(layer.weight) for layer in layers)
        biases = tuple(layer.bias for layer in layers)
        actions = self.environment.actions
        low, high = np.array(actions if isinstance(actions, Box) else [[0], [1]], np.float32)
        log_deviation = np.zeros(1) if self.log_deviation is None else to_host(self.log_deviation._data)
        return Actor(weights, biases, np.exp(log_deviation).astype(np.float32), low, high - low)

    def play(self, episodes: int = 100, greedy: bool = True, trial: int = 0) -> Episodes:
        """Act in episodes from the same fresh starts as `evaluators.Rollout.play`.

        Args:
            episodes: Number of episodes.
            greedy: Take the most likely action, or the mean; otherwise draw from numbers that depend on the trial.
            trial: Number of the trial; each has other starts.

        Returns:
            The episodes, as of one genome: arrays of shape (1, episodes).

        Raises:
            ValueError: An argument is out of range, or an observation or a reward was not finite.
            RuntimeError: One of the environment's functions raised an error.
        """
        check_count("episodes", episodes)
        check_trial(trial)
        record = Episodes(*(np.empty((1, episodes), dtype) for dtype in (np.float64, np.int64, bool)))
        sound = np.ones(episodes, bool)
        _, play = kernels(self.functions, self.activation, self.discrete)
        steps = min(self.environment.time_limit, 100)
        self.run_kernel(play, episodes, steps, (trial, greedy), record, sound)
        self.check_all_finite(sound & np.isfinite(record.reward[0]), "episode")
        return record

    def run_kernel(self, kernel: Any, count: int, steps: int, draws: tuple[Any, Any], *written: Any) -> None:
        """Run a kernel of `acting` for `count` slots or episodes of about `steps` steps each.

        `draws` are its first arguments, on which the random numbers depend; `written` come after the Situation.

        Raises:
            RuntimeError: One of the environment's functions raised an error.
        """
        environment, actor = self.environment, self.as_actor()
        situation = Situation(actor, environment.constants, self.senses(), int(environment.time_limit))

        def scratch() -> tuple[Any, ...]:
            return (new_scratch(environment, actor),)

        arguments = *draws, situation, *written
        try:
            parallel.over(kernel, count, *arguments, scratch=scratch, cost=_STEP_COST * steps)
        except Exception as error:  # only the environment's functions can raise there
            raise RuntimeError(
                f"{environment.name}: {type(error).__name__}: {summarise_numba_error(error)}"
            ) from error

    def check_all_finite(self, sound: np.ndarray, what: str) -> None:
        """Raise ValueError for the first of `what`, such as episodes, that is not finite."""
        if not sound.all():
            first = f"{what} {int(np.argmin(sound))}"
            raise ValueError(f"{self.environment.name}: an observation or a reward was not finite in {first}")


def _make_network(sizes: tuple[int, ...], outputs: int, activation: str, gain: float) -> Sequential:
    """Return hidden layers with orthogonal weights of gain √2, and a last layer with `gain`."""
    layers: list[Module] = []
    for inputs, size in itertools.pairwise(sizes):
        layers += [Dense(inputs, size, initialisation=orthogonal(math.sqrt(2))), Activation(activation)]
    return Sequential(*layers, Dense(sizes[-1], outputs, initialisation=orthogonal(gain)))
