"""How proximal policy optimisation learns, and what works for which environment."""

from __future__ import annotations

from typing import Any, Literal

from evaluators.environments import Acrobot, CartPole, Environment, MountainCarContinuous, Pendulum
from evaluators.episodes.observations import Observations
from neat.config.models import NonNegative, OneOrMore, Positive, Rate, Size
from neat.genome.plain_data import ActivationName
from neat.support.validation import Model


class Settings(Model):
    """How PPO learns."""

    steps: OneOrMore = 100_000
    """Environment steps in all; there are as many whole updates as fit in."""
    slots: Size = 8
    """Episodes side by side."""
    rollout: Size = 128
    """Steps in each of them between updates."""
    epochs: OneOrMore = 10
    """How often an update goes through the steps."""
    minibatch_size: OneOrMore = 128
    """Steps for one step of the optimiser; the last of an epoch may have fewer."""
    gamma: Rate = 0.99
    """Discount γ."""
    gae_lambda: Rate = 0.95
    """λ of the advantage estimate."""
    clip: Positive = 0.2
    """ε: the ratio of probabilities is clipped to [1 − ε, 1 + ε]."""
    clip_values: bool = False
    """Clip the critic's change too, to ±ε (as in the original's code)."""
    normalise_advantages: bool = True
    """Bring the advantages of a minibatch to mean 0 and deviation 1."""
    value_weight: NonNegative = 0.5
    """Of the value loss, half the mean square."""
    entropy_weight: NonNegative = 0.0
    """Of the entropy, which is to be high."""
    max_gradient_norm: Positive = 0.5
    """Gradients beyond this norm are scaled down to it."""
    target_kl: Positive | None = None
    """End an update when a minibatch's approximate KL divergence passes this."""
    learning_rate: Positive = 3e-4
    """Adam's, at first."""
    schedule: Literal["linear", "constant"] = "linear"
    """Whether the rate falls to 0 over all updates."""
    epsilon: Positive = 1e-5
    """Adam's ε."""
    observations: Observations = "normalised"
    """As in `evaluators.Rollout`; normalised by what was seen before the update, and raw in the first."""
    scale_rewards: bool = False
    """Divide rewards by the deviation of the discounted reward so far (Engstrom et al. 2020)."""
    hidden: tuple[Size, ...] = (64, 64)
    """Sizes of the hidden layers."""
    activation: ActivationName = "tanh"
    """Of the hidden layers."""
    deviation: Positive = 1.0
    """Of continuous actions at first, where −1 and 1 are their bounds."""

    def updated(self, **changes: Any) -> Settings:
        """With these fields changed; ValueError if one is not allowed."""
        return Settings(**{**self.model_dump(), **changes})


TASKS: dict[type[Environment], Settings] = {
    CartPole: Settings(
        rollout=32,
        epochs=20,
        minibatch_size=256,
        gamma=0.98,
        gae_lambda=0.8,
        learning_rate=1e-3,
        observations="raw",
    ),
    Acrobot: Settings(steps=500_000, slots=16, rollout=256, epochs=4, gae_lambda=0.94, minibatch_size=64),
    MountainCarContinuous: Settings(),
    Pendulum: Settings(steps=500_000, slots=4, rollout=512, gamma=0.9, learning_rate=1e-3, minibatch_size=64),
}
"""What works for an environment; others begin with `Settings()`."""


def settings_for(environment: Environment) -> Settings:
    """The settings of TASKS, or the default ones."""
    return TASKS.get(type(environment), Settings())
