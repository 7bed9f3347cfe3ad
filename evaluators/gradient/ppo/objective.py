"""The objective of PPO: advantages, losses, and measures of an update."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from evaluators.gradient.tensor.device_arrays import namespace
from evaluators.gradient.tensor.tensor import Tensor, record
from evaluators.mean_and_deviation import exceeds_rounding, moments
from neat.kernels.jit import kernel

_SUM_ROUNDING = 1e-12  # relative, of float64 sums over an episode


def measure_policy_change(log_ratio: Any, clip: float) -> tuple[float, float]:
    """Return the approximate KL divergence ⟨r − 1 − ln r⟩ (Schulman 2020) and the share of samples with |r − 1| > ε.

    Args:
        log_ratio: ln r, float array (samples,).
        clip: ε.
    """
    ratio = namespace(log_ratio).exp(log_ratio)
    return float((ratio - 1 - log_ratio).mean()), float((abs(ratio - 1) > clip).mean())


def explained_variance(values: np.ndarray, returns: np.ndarray) -> float:
    """Return 1 − Var(R − V) / Var(R): 1 for perfect values, 0 for constant ones; NaN if the returns do not vary.

    Returns count as equal if they differ by no more than the rounding of sums of advantages and values.

    Args:
        values: V, float, any shape.
        returns: R, float, the same shape.
    """
    returns = returns.astype(np.float64)
    _, deviation = moments(returns.ravel())
    if not deviation > _SUM_ROUNDING * abs(values).max():
        return math.nan
    return float(1 - (returns - values).var() / returns.var())


def clipped_loss(log_probability: Tensor, before: Any, advantages: Any, clip: float) -> Tensor:
    """Return minus the mean of min(r A, clip(r, 1 − ε, 1 + ε) A) (Schulman et al. 2017, equation 7).

    Args:
        log_probability: Of the actions taken, under the current policy; shape (samples,).
        before: Of the same actions, under the policy that took them, an array of that shape; r is the ratio of the
            probabilities.
        advantages: A, an array of that shape.
        clip: ε.
    """
    xp = namespace(advantages)
    ratio = xp.exp(log_probability._data - before)
    gain = ratio * advantages
    limited = xp.clip(ratio, 1 - clip, 1 + clip) * advantages
    followed = gain <= limited
    value = -xp.where(followed, gain, limited).mean()
    return record("clipped_loss", value, (log_probability,), lambda g: (followed * gain * (-g / len(gain)),))


def value_loss(values: Tensor, before: Any, returns: Any, clip: float | None = None) -> Tensor:
    """Return half the mean of (V − R)²; with `clip`, of the larger of that and its value with V's change limited to ±ε.

    Args:
        values: V, shape (samples,).
        before: The values when the policy acted, an array of that shape.
        returns: R, an array of that shape.
        clip: ε; None: no limit.
    """
    xp = namespace(returns)
    error = values._data - returns
    slope = error
    if clip is not None:
        change = values._data - before
        limited = before + xp.clip(change, -clip, clip) - returns
        kept = abs(error) >= abs(limited)
        slope = error * (kept | (abs(change) <= clip))
        error = xp.where(kept, error, limited)
    value = 0.5 * (error * error).mean()
    return record("value_loss", value, (values,), lambda g: (slope * (g / len(slope)),))


def normalise(advantages: Any) -> Any:
    """Return the advantages with mean 0 and standard deviation 1; all 0 if they differ only by rounding.

    Args:
        advantages: float32 array of shape (samples,), of at least two samples.
    """
    mean, deviation = advantages.mean(), advantages.std(ddof=1)
    return (advantages - mean) / (deviation + 1e-8) * exceeds_rounding(deviation, mean)


def estimate_advantages(
    rewards: np.ndarray,
    values: np.ndarray,
    following: np.ndarray,
    ended: np.ndarray,
    gamma: float,
    gae_lambda: float,
) -> np.ndarray:
    """Return generalised advantage estimates, Σ_k (γλ)^k δ_{t+k} with δ_t = r_t + γ V'_t − V_t, up to an episode's end.

    The source is Schulman et al. 2016, equation 16. A time limit is not a termination: the episode could have
    continued, so V' is then the critic's value of the state at which it was cut off.

    Args:
        rewards: r, float (slots, steps).
        values: V, of the states before the steps, float (slots, steps).
        following: V', of the states after the steps: 0 where an episode terminated; float64 (slots, steps).
        ended: Whether the episode terminated or was cut off with the step; bool (slots, steps).
        gamma: γ.
        gae_lambda: λ.

    Returns:
        float64 (slots, steps).
    """
    result = np.empty(rewards.shape)
    _estimate(rewards, values, following, ended, gamma, gamma * gae_lambda, result)
    return result


@kernel
def _estimate(rewards, values, following, ended, gamma, decay, result):
    for slot in range(rewards.shape[0]):
        later = 0.0
        for now in range(rewards.shape[1] - 1, -1, -1):
            if ended[slot, now]:
                later = 0.0
            error = rewards[slot, now] + gamma * following[slot, now] - np.float64(values[slot, now])
            later = error + decay * later
            result[slot, now] = later
