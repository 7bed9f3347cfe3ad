"""Augmentation: functions of a batch and a random key that `fit` applies to each batch of the training set.

Each returns a function for `Batches(augment=…)`. Images have the shape (samples, channels, height, width).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.checks import check_count
from evaluators.class_targets import one_hot
from evaluators.gradient.batches import Augmentation, Batch
from evaluators.gradient.checks import check_non_negative, check_positive
from evaluators.gradient.random_numbers import Key
from evaluators.gradient.tensor.device_arrays import along_samples, arrays_holding, namespace
from evaluators.gradient.tensor.operations.indexing import check_index
from neat.support.messages import quote


def flip(axis: int = -1) -> Augmentation:
    """Return the reversal of each sample along an axis of the batch, with a probability of 1/2.

    Args:
        axis: −1 exchanges left and right of images, −2 top and bottom; not the samples' axis.

    Raises:
        ValueError: The axis is 0 or no integer; in `fit`, the inputs do not have it.
    """
    if isinstance(axis, bool) or not isinstance(axis, int | np.integer) or axis == 0:
        raise ValueError(f"flip: axis: expected an integer other than 0, got {quote(axis)}")

    def augment(batch: Batch, key: Key) -> Batch:
        x, xp = batch.inputs, namespace(batch.inputs)
        if not -x.ndim < axis < x.ndim:
            raise ValueError(f"flip: axis: {axis} is no axis of a sample in inputs of shape {x.shape}")
        chosen = _on_device(key.uniform(len(x)) < 0.5, x)
        return batch._replace(inputs=xp.where(along_samples(chosen, x), xp.flip(x, axis), x))

    return augment


def shift(most: int) -> Augmentation:
    """Return a random shift of each image along height and width, by up to `most` pixels; zeros move in."""
    check_count("shift: most", most)

    def augment(batch: Batch, key: Key) -> Batch:
        _check_images("shift", batch.inputs)
        return batch._replace(inputs=_random_windows(batch.inputs, batch.inputs.shape[2:], most, key))

    return augment


def crop(height: int, width: int) -> Augmentation:
    """Return a random window of this size of each image; `central` returns the same size of a validation set."""
    check_count("crop: height", height)
    check_count("crop: width", width)

    def augment(batch: Batch, key: Key) -> Batch:
        _check_crop("crop", batch.inputs, height, width)
        return batch._replace(inputs=_random_windows(batch.inputs, (height, width), 0, key))

    return augment


def central(images: Any, height: int, width: int) -> Any:
    """Return a view of the central windows of images; an odd rest is larger by one below and at the right."""
    _check_crop("central", images, height, width)
    top, left = (images.shape[2] - height) // 2, (images.shape[3] - width) // 2
    return images[:, :, top : top + height, left : left + width]


def noise(deviation: float) -> Augmentation:
    """Return the addition of independent normal numbers with this deviation to all inputs."""
    deviation = check_non_negative("noise: deviation", deviation)

    def augment(batch: Batch, key: Key) -> Batch:
        x = batch.inputs
        return batch._replace(inputs=x + _on_device((deviation * key.normal(x.shape)).astype(x.dtype), x))

    return augment


def mixup(alpha: float = 0.2, classes: int | None = None) -> Augmentation:
    """Return the mixture of each sample with another one of the batch (Zhang et al. 2018, equation 1).

    The first sample's share is drawn from Beta(α, α) for each pair. Inputs and targets are mixed alike. With weights,
    both samples count in the targets and in the new weight by the product of share and weight.

    Args:
        alpha: α; shares are more even the greater it is.
        classes: Number of classes, if targets are labels; they become probabilities of classes.

    Raises:
        ValueError: `alpha` is not above 0; in `fit`, targets are labels and `classes` is missing or too small.
    """
    from scipy.special import betaincinv  # here, since its import takes long

    alpha = check_positive("mixup: alpha", alpha)
    if classes is not None:
        check_count("mixup: classes", classes)

    def augment(batch: Batch, key: Key) -> Batch:
        x, t, weight = batch.inputs, batch.targets, batch.weight
        if t.ndim == 1 and t.dtype.kind in "iu":
            if classes is None:
                raise ValueError("mixup: classes: needs the number of classes, since targets are labels")
            t = one_hot(check_index("mixup: labels", t, t.shape, classes, x), classes, namespace(x), x.dtype)
        other = _on_device(key.permutation(len(x)), x)
        share = _on_device(betaincinv(alpha, alpha, key.uniform(len(x)).astype(np.float64)), x)
        inputs = _mix(x, x[other], share)
        if weight is not None:
            mine, others = share * weight, (1 - share) * weight[other]
            weight = mine + others
            share = mine / namespace(x).where(weight > 0, weight, 1)
        return Batch(inputs, _mix(t, t[other], share), weight)

    return augment


def _mix(first: Any, second: Any, share: Any) -> Any:
    share = along_samples(share, first)
    return share * first + (1 - share) * second


def _on_device(array: np.ndarray, like: Any) -> Any:
    return arrays_holding(like).to_device(array)


def _check_images(name: str, images: Any) -> None:
    if images.ndim != 4:
        raise ValueError(
            f"{name}: expected inputs of shape (samples, channels, height, width), got {images.shape}"
        )


def _check_crop(name: str, images: Any, height: int, width: int) -> None:
    _check_images(name, images)
    if not (0 < height <= images.shape[2] and 0 < width <= images.shape[3]):
        raise ValueError(
            f"{name}: a window of {height} by {width} does not fit images of {images.shape[2]} by {images.shape[3]}"
        )


def _random_windows(images: Any, size: tuple[int, int], margin: int, key: Key) -> Any:
    """Return a window of each image at a random place; margins of zeros surround the images."""
    xp, sample = namespace(images), np.arange(len(images))[:, None, None]
    padded = xp.pad(images, ((0, 0), (0, 0), (margin, margin), (margin, margin)))
    rows, columns = (
        key.integers(0, padded.shape[2 + k] - size[k] + 1, len(images))[:, None] + np.arange(size[k])
        for k in range(2)
    )
    index = sample, slice(None), rows[:, :, None], columns[:, None, :]
    windows = padded[tuple(each if isinstance(each, slice) else _on_device(each, images) for each in index)]
    return xp.moveaxis(windows, -1, 1)  # numpy puts the axes of the indices before the slice's
