"""Batch normalisation (Ioffe and Szegedy, "Batch normalization", ICML 2015)."""

from __future__ import annotations

from typing import Any

from evaluators.gradient.tensor.device_arrays import namespace
from evaluators.gradient.tensor.operations.elementwise import operands
from evaluators.gradient.tensor.tensor import Tensor, record


def batch_moments(x: Any) -> tuple[Any, Any, int]:
    """Return each channel's mean and biased variance, arrays of shape (channels,), and its number of values.

    Args:
        x: Array of shape (samples, channels, …).
    """
    axes = (0, *range(2, x.ndim))
    first = x[:1].reshape(1, x.shape[1], -1)[0, :, 0]
    constant = (x == _along_channels(first, x.ndim)).all(axis=axes)
    # The rounded mean of equal values can differ from them; the difference would then be divided by itself.
    mean = namespace(x).where(constant, first, x.mean(axis=axes))
    centred = x - _along_channels(mean, x.ndim)
    return mean, (centred * centred).mean(axis=axes), x.size // x.shape[1]


def _along_channels(vector: Any, ndim: int) -> Any:
    return vector.reshape(-1, *(1,) * (ndim - 2))


def normalise(
    x: Any, scale: Tensor, shift: Tensor, mean: Any, variance: Any, epsilon: float, of_batch: bool
) -> Tensor:
    """Return scale · (x − mean) / sqrt(variance + epsilon) + shift for each channel; Algorithm 1's last two lines.

    Args:
        x: Shape (samples, channels, …).
        scale: γ, shape (channels,).
        shift: β, shape (channels,).
        mean: Array of shape (channels,).
        variance: Array of shape (channels,).
        epsilon: Keeps the divisor above 0.
        of_batch: Whether mean and variance were computed from x; the gradient then includes them.
    """
    x, scale, shift = operands("batch_norm", x, scale, shift)
    axes = (0, *range(2, x.ndim))
    inverse = _along_channels(1 / namespace(x._data).sqrt(variance + epsilon), x.ndim)
    normal = (x._data - _along_channels(mean, x.ndim)) * inverse
    data = normal * _along_channels(scale._data, x.ndim) + _along_channels(shift._data, x.ndim)

    def backward(g: Any) -> tuple[Any, Any, Any]:
        of_scale, of_shift = (g * normal).sum(axis=axes), g.sum(axis=axes)
        of_x = g
        if of_batch and x.requires_grad:  # the equations of section 3, combined
            count = x._data.size // x.shape[1]
            through_mean, through_variance = of_shift / count, of_scale / count
            of_x = (
                g - _along_channels(through_mean, x.ndim) - normal * _along_channels(through_variance, x.ndim)
            )
        return of_x * (_along_channels(scale._data, x.ndim) * inverse), of_scale, of_shift

    return record("batch_norm", data, (x, scale, shift), backward)
