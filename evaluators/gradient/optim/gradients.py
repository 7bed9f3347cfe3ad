"""Operations on gradients between `backward` and an optimiser's step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from evaluators.gradient.checks import check_positive
from evaluators.gradient.tensor.device_arrays import check_finite
from evaluators.gradient.tensor.tensor import Tensor


def clip_by_norm(parameters: Iterable[Tensor], limit: float) -> float:
    """Scale all gradients so that their norm, as one vector, is at most `limit` (Pascanu et al. 2013, Algorithm 1).

    Returns:
        The norm before scaling.

    Raises:
        ValueError: `limit` is not above 0, or the norm is not finite.
    """
    limit = check_positive("limit", limit)
    if isinstance(parameters, Tensor):  # iterating it would give its rows
        parameters = [parameters]
    parameters = list(parameters)
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = _norm(gradients)
    if not math.isfinite(norm):  # the sum of squares may exceed float32 where the norm does not
        norm = _norm([g.astype(np.float64) for g in gradients])
    if not math.isfinite(norm):
        check_gradients_finite("clip_by_norm", parameters)
    if norm > limit:
        for gradient in gradients:
            gradient *= limit / norm
    return norm


def check_gradients_finite(label: str, parameters: Iterable[Tensor]) -> None:
    """Raise ValueError, whose message begins with `label`, for the first gradient that is not finite."""
    for k, parameter in enumerate(parameters):
        if parameter.grad is not None:
            check_finite(f"{label}: the gradient of {parameter.name or f'parameter {k}'}", parameter.grad)


def _norm(gradients: Sequence[Any]) -> float:
    with np.errstate(over="ignore"):
        return math.sqrt(sum(float((g * g).sum()) for g in gradients))


def average_gradients(shards: Sequence[Sequence[Any]], counts: Sequence[int]) -> list[Any]:
    """Return the gradients of a whole batch from those of its shards: Σ n_k g_k / Σ n_k.

    This is exact for losses that are means over samples, in a model without dropout and batch statistics.

    Args:
        shards: For each shard, the gradients of the parameters as arrays.
        counts: Number of samples of each shard.

    Returns:
        An array for each parameter.

    Raises:
        ValueError: There is no shard or sample, or the numbers or shapes of gradients differ.
    """
    if not shards or len(shards) != len(counts):
        raise ValueError(
            f"counts: expected one for each of at least one shard, got {len(counts)} for {len(shards)}"
        )
    if any(n < 0 for n in counts) or sum(counts) == 0:
        raise ValueError(f"counts: expected numbers of at least 0, not all 0, got {list(counts)}")
    shapes = [[g.shape for g in shard] for shard in shards]
    for k, other in enumerate(shapes):
        if other != shapes[0]:
            raise ValueError(f"shards: expected gradients of shapes {shapes[0]}, got {other} in shard {k}")
    total = sum(counts)
    return [
        sum(g * (n / total) for g, n in zip(of_one, counts, strict=True))
        for of_one in zip(*shards, strict=True)
    ]
