"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347) on the environments of this package."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluators.checks import check_count, check_state
from evaluators.devices import Arrays, arrays_of
from evaluators.environments import Environment
from evaluators.episodes.observations import Normaliser, make_observation_scaling
from evaluators.gradient.optim.gradients import clip_by_norm
from evaluators.gradient.optim.optimisers import Adam
from evaluators.gradient.ppo.acting import OngoingEpisodes, Steps, kernels
from evaluators.gradient.ppo.objective import (
    clipped_loss,
    estimate_advantages,
    explained_variance,
    measure_policy_change,
    normalise,
    value_loss,
)
from evaluators.gradient.ppo.policy import Policy
from evaluators.gradient.ppo.settings import Settings, settings_for
from evaluators.gradient.random_numbers import permutation
from evaluators.gradient.reporting import Reporter, reporting
from evaluators.gradient.tensor.device_arrays import arrays_on, to_host
from evaluators.gradient.tensor.tensor import constant, no_grad
from evaluators.gradient.training import check_checkpoint, restore_if_asked
from neat.support.archive import join_groups, select_group, write_arrays
from neat.support.files import lock_if_given
from neat.support.messages import shorten

UPDATE = np.dtype(
    [
        ("update", np.int64),
        ("steps", np.int64),
        ("episodes", np.int64),
        ("reward", np.float64),
        ("learning_rate", np.float64),
        ("policy_loss", np.float64),
        ("value_loss", np.float64),
        ("entropy", np.float64),
        ("approximate_kl", np.float64),
        ("clip_fraction", np.float64),
        ("explained_variance", np.float64),
    ]
)
"""A row of the history. `update` counts from 0; `steps` and `episodes` count environment steps and finished episodes in
all. `reward` is the mean over the episodes that ended in the update, NaN if none did. `policy_loss` to
`clip_fraction` are means over the update's minibatches: the loss of the clipped objective, the value loss, the entropy
(`distributions` explains why it can be below 0), the divergence ⟨r − 1 − ln r⟩ from the policy that acted (Schulman
2020), and the share of samples whose ratio is clipped. `explained_variance` is 1 − Var(R − V) / Var(R) of the returns R
and the values V before the update, NaN if the returns are all equal."""


class TrainedPolicy(NamedTuple):
    """The result of `train`.

    Attributes:
        policy: The policy after the last update.
        history: An array of dtype UPDATE, a row for each update.
    """

    policy: Policy
    history: np.ndarray


def train(
    environment: Environment,
    settings: Settings | None = None,
    seed: int = 0,
    device: str = "cpu",
    reporters: Sequence[Reporter] = (),
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 10,
    resume: bool = False,
) -> TrainedPolicy:
    """Train a policy for an environment.

    Args:
        environment: An instance of an `evaluators.environments.Environment`.
        settings: By default `settings_for(environment)`.
        seed: Seed of all random numbers; the same seed gives the same policy.
        device: Where the networks learn; episodes run on the CPU. See `evaluators.devices.resolve_device`.
        reporters: Reporters, called after each update.
        checkpoint: File for the newest state.
        checkpoint_every: Updates between writing it; it is also written at the end.
        resume: Continue from that file as if training had not stopped; start anew if there is no file.

    Raises:
        ValueError: An argument is not allowed, or an observation, a reward or a loss was not finite.
        RuntimeError: One of the environment's functions raised an error.
        CheckpointError: The checkpoint is damaged, or belongs to a different training.
    """
    learner = Learner(environment, settings, seed, device)
    check_count("checkpoint_every", checkpoint_every)
    checkpoint = check_checkpoint(checkpoint, resume)
    restore_if_asked(checkpoint, resume, learner.restore)
    with lock_if_given(checkpoint), reporting(reporters, lambda: learner.history, learner.updates):
        while len(learner.history) < learner.updates:
            learner.update()
            done = len(learner.history)
            if checkpoint is not None and (done % checkpoint_every == 0 or done == learner.updates):
                write_arrays(checkpoint, learner.state())
            for reporter in reporters:
                reporter.epoch(learner.history)
    return TrainedPolicy(learner.policy, learner.history)


class Learner:
    """PPO, one update at a time.

    Args:
        environment: See `train`.
        settings: See `train`.
        seed: See `train`.
        device: See `train`.

    Attributes:
        policy: The current policy.
        history: An array of dtype UPDATE, a row for each update so far.
        updates: Total number of updates, from the settings.
        device: "cpu", "cuda:0", …

    Raises:
        ValueError: An argument is not allowed.
    """

    def __init__(
        self,
        environment: Environment,
        settings: Settings | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if settings is not None and not isinstance(settings, Settings):
            raise ValueError(f"settings: expected ppo.Settings, got {type(settings).__name__}")
        self.environment, self.seed = environment, seed
        self.settings = s = settings or settings_for(environment)
        self.updates = s.steps // (s.slots * s.rollout)
        if self.updates == 0:
            raise ValueError(
                f"steps: expected at least slots · rollout = {s.slots * s.rollout}, got {s.steps}"
            )
        self.device = arrays_on(device).device
        self.policy = (
            Policy(environment, s.hidden, s.activation, s.deviation).initialise(seed).to(self.device)
        )
        self.policy.set_senses(make_observation_scaling(environment, s.observations))
        self.history = np.empty(0, UPDATE)
        self._optimiser = Adam(self.policy.parameters(), s.learning_rate, epsilon=s.epsilon)
        self._observed = Normaliser(environment.num_observations) if s.observations == "normalised" else None
        self._returned = Normaliser(1)
        self._discounted = np.zeros(s.slots)
        self._permutations = 0
        self._slots = OngoingEpisodes(
            np.zeros((s.slots, len(environment.state_names)), environment.precision),
            np.zeros(s.slots, np.int64),
            np.zeros(s.slots, np.int64),
            np.zeros(s.slots),
        )

    @property
    def _arrays(self) -> Arrays:
        return arrays_of(self.device)

    def update(self) -> None:
        """Act for some steps, then learn from them; an exception or an interruption restores the state before.

        Raises:
            ValueError: All updates have been made, or an observation, a reward or a loss was not finite.
            RuntimeError: One of the environment's functions raised an error.
        """
        if len(self.history) == self.updates:
            raise ValueError(f"update: all {self.updates} that the settings ask for have been made")
        before = self.state()
        try:
            self._update()
        except BaseException:
            self.restore(before)
            raise

    def _update(self) -> None:
        s, done = self.settings, len(self.history)
        with self._arrays.current():
            rate = s.learning_rate * (1 - done / self.updates if s.schedule == "linear" else 1)
            self._optimiser.learning_rate = rate
            steps = self._act(done)
            batch, explained = self._make_batch(steps)
            measures = self._learn(batch)
            if self._observed is not None:
                self._observed.add(steps.moment, steps.reward.size)
                self.policy.set_senses(self._observed.senses())
        ended = steps.terminated | steps.truncated
        episodes = int(ended.sum())
        reward = steps.total[ended].mean() if episodes else np.nan
        before = self.history["episodes"][-1] if done else 0
        row = (done, (done + 1) * ended.size, before + episodes, reward, rate, *measures, explained)
        self.history = np.append(self.history, np.array([row], UPDATE))

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that the remaining training depends on, as numpy arrays."""
        described = f"{self.environment!r}, seed {self.seed}, {self.settings!r}"
        return {
            "training": np.array(described),
            "history": self.history,
            "discounted": self._discounted,
            "permutations": np.array(self._permutations),
            **join_groups(
                {
                    "policy": self.policy.state(),
                    "optimiser": self._optimiser.state(),
                    "slots": {name: array.copy() for name, array in self._slots._asdict().items()},
                    "returned": self._returned.state(),
                    "observed": self._observed.state() if self._observed is not None else {},
                }
            ),
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Set the state that `state` returned; ValueError if it belongs to a different training."""
        mine = self.state()
        if arrays.keys() != mine.keys() or str(arrays["training"]) != str(mine["training"]):
            other = shorten(str(arrays.get("training", "not of PPO")))
            raise ValueError(f"state: belongs to a different training: {other}")
        fixed = mine.keys() - {"training", "history"}
        check_state({name: arrays[name] for name in fixed}, {name: mine[name] for name in fixed})
        history = arrays["history"]
        if history.dtype != UPDATE or history.ndim != 1 or len(history) > self.updates:
            raise ValueError(
                f"state: history: expected at most {self.updates} rows, "
                f"got {shorten(str(history.dtype))} of {history.shape}"
            )
        self.policy.restore(select_group("policy", arrays))
        self._optimiser.restore(select_group("optimiser", arrays))
        slots = select_group("slots", arrays)
        self._slots = OngoingEpisodes(**{name: array.copy() for name, array in slots.items()})
        self._returned.restore(select_group("returned", arrays))
        if self._observed is not None:
            self._observed.restore(select_group("observed", arrays))
        self.history, self._discounted = arrays["history"], arrays["discounted"]
        self._permutations = int(arrays["permutations"])

    def _act(self, update: int) -> Steps:
        policy, observations = self.policy, self.environment.num_observations
        slots, count = self.settings.slots, self.settings.rollout
        dimensions = 1 if policy.log_deviation is None else len(policy.log_deviation)
        steps = Steps(
            np.empty((slots, count + 1, observations), np.float32),
            np.empty((slots, count, dimensions), np.float32),
            np.empty((slots, count)),
            np.empty((slots, count), bool),
            np.empty((slots, count), bool),
            np.empty((slots, count, observations), np.float32),
            np.empty((slots, count)),
            np.zeros((slots, 2, observations)),
            np.ones(slots, bool),
        )
        collect, _ = kernels(policy.functions, policy.activation, policy.discrete)
        draws = np.uint64(self.seed), np.uint64(update)
        policy.run_kernel(collect, slots, count, draws, self._slots, steps)
        policy.check_all_finite(
            steps.sound & np.isfinite(steps.reward).all(axis=1), f"update {update} in slot"
        )
        return steps

    def _make_batch(self, steps: Steps) -> tuple[_Batch, float]:
        """Return the steps as samples on the device, and the explained variance."""
        s, policy = self.settings, self.policy
        to_device = self._arrays.to_device
        *places, features = steps.inputs.shape
        seen = np.concatenate([steps.inputs.reshape(-1, features), steps.cut[steps.truncated]])
        inputs = to_device(np.ascontiguousarray(steps.inputs[:, :-1]).reshape(-1, features))
        drawn = steps.drawn.reshape(len(inputs), -1)
        chosen = to_device(drawn[:, 0].astype(np.int64) if policy.discrete else drawn)
        with no_grad():
            everywhere = to_host(policy.value(constant(to_device(seen)))._data)
            log_probability = policy.distribution(policy(constant(inputs))).log_probability(chosen)._data
        values = everywhere[: math.prod(places)].reshape(places)
        following = values[:, 1:].astype(np.float64)
        following[steps.truncated] = everywhere[values.size :]
        following[steps.terminated] = 0.0
        ended = steps.terminated | steps.truncated
        rewards = steps.reward / self._reward_scale(steps.reward, ended) if s.scale_rewards else steps.reward
        advantages = estimate_advantages(rewards, values[:, :-1], following, ended, s.gamma, s.gae_lambda)
        returns = advantages + values[:, :-1]
        columns = (values[:, :-1], advantages, returns)
        placed = [to_device(np.ascontiguousarray(c, np.float32).reshape(-1)) for c in columns]
        return _Batch(inputs, chosen, log_probability, *placed), explained_variance(values[:, :-1], returns)

    def _reward_scale(self, rewards: np.ndarray, ended: np.ndarray) -> float:
        """Update the statistics of the discounted reward, and return its deviation so far."""
        totals = np.empty_like(rewards)
        for now in range(rewards.shape[1]):
            self._discounted = self._discounted * self.settings.gamma + rewards[:, now]
            totals[:, now] = self._discounted
            self._discounted = np.where(ended[:, now], 0.0, self._discounted)
        about = np.float64(np.float32(self._returned.mean))
        moment = np.array([[(totals - about).sum()], [((totals - about) ** 2).sum()]])
        self._returned.add(moment, totals.size)
        return float(self._returned.deviation[0])

    def _learn(self, batch: _Batch) -> np.ndarray:
        """Train on the batch for `epochs` passes; returns the means of the measures over the minibatches."""
        s, count = self.settings, len(batch.inputs)
        measures: list[tuple[float, ...]] = []
        for _ in range(s.epochs):
            order = self._arrays.to_device(permutation(self.seed, self._permutations, count))
            self._permutations += 1
            for begin in range(0, count, s.minibatch_size):
                chosen = order[begin : begin + s.minibatch_size]
                part = _Batch(*(column[chosen] for column in batch))
                measures.append(self._step(part))
                if s.target_kl is not None and measures[-1][3] > s.target_kl:
                    return np.mean(measures, axis=0)
        return np.mean(measures, axis=0)

    def _step(self, part: _Batch) -> tuple[float, ...]:
        s, policy = self.settings, self.policy
        inputs = constant(part.inputs)
        advantages = part.advantage
        if s.normalise_advantages and len(advantages) > 1:
            advantages = normalise(advantages)
        distribution = policy.distribution(policy(inputs))
        log_probability = distribution.log_probability(part.drawn)
        of_policy = clipped_loss(log_probability, part.log_probability, advantages, s.clip)
        of_value = value_loss(
            policy.value(inputs), part.value, part.returned, s.clip if s.clip_values else None
        )
        entropy = distribution.entropy()
        loss = of_policy + s.value_weight * of_value
        if s.entropy_weight:
            loss = loss - s.entropy_weight * entropy
        if not math.isfinite(loss.item()):
            raise ValueError(
                f"loss: {loss.item()} in update {len(self.history)}: policy {of_policy.item()}, "
                f"value {of_value.item()}, entropy {entropy.item()}"
            )
        self._optimiser.zero_grad()
        loss.backward()
        clip_by_norm(self._optimiser.parameters, s.max_gradient_norm)
        self._optimiser.step()
        changes = measure_policy_change(log_probability._data - part.log_probability, s.clip)
        return of_policy.item(), of_value.item(), entropy.item(), *changes


class _Batch(NamedTuple):
    """Samples on the learner's device."""

    inputs: Any  # float32 (samples, observations)
    drawn: Any  # int64 (samples,) or float32 (samples, dimensions)
    log_probability: Any  # float32 (samples,), of the policy that acted
    value: Any  # float32 (samples,), of the critic before the update
    advantage: Any  # float32 (samples,)
    returned: Any  # float32 (samples,)
