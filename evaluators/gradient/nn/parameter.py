"""The parameters of layers: tensors whose initial values are drawn from a stream of random numbers of their own."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from evaluators.devices import HOST, Arrays, arrays_of
from evaluators.gradient.nn.initialisation import Initialiser
from evaluators.gradient.tensor.device_arrays import arrays_holding, to_host
from evaluators.gradient.tensor.tape import Version
from evaluators.gradient.tensor.tensor import Tensor


class Streams:
    """Hands out streams of random numbers to objects without a seed, each once; `initialise` uses lower streams."""

    def __init__(self) -> None:
        self._next = 2**31
        self._lock = threading.Lock()

    def take(self) -> int:
        """Return a stream that nothing else in this process uses."""
        with self._lock:
            self._next += 1
            return self._next - 1

    def exclude(self, stream: int) -> None:
        """Hand out no stream up to `stream` from now on: an object from another process uses it."""
        with self._lock:
            self._next = max(self._next, stream + 1)


streams = Streams()


class Parameter(Tensor):
    """A tensor that is trained. Its initial values are drawn when it is first used.

    Each parameter draws different values; see `Module.initialise` for values that come from a seed.

    `==` between a parameter and a tensor asks whether they are the same object, so that lists of parameters can be
    searched: `weight in model.parameters()`. Compare their `data` for an array of booleans. With arrays and numbers,
    `==` compares element by element, as for every tensor.

    Args:
        shape: Shape of the array.
        initialiser: Draws the initial values.
    """

    __slots__ = ("_device", "_draw_key", "_dtype", "_initialiser", "_norm_limit", "_shape", "name")

    def __init__(self, shape: tuple[int, ...], initialiser: Initialiser) -> None:
        self.name = ""
        self._norm_limit: tuple[float, tuple[int, ...]] | None = None
        self.grad = None
        self.requires_grad = True
        self._node = None
        self._version = Version()
        self._shape = shape
        self._initialiser = initialiser
        self._draw_key = (0, streams.take(), 0)
        self._device = HOST.device
        self._dtype = np.dtype(np.float32)

    def __setstate__(self, state: tuple[dict[str, Any] | None, dict[str, Any]]) -> None:
        attributes, slots = state
        for name, value in {**(attributes or {}), **slots}.items():
            setattr(self, name, value)
        streams.exclude(self._draw_key[1])

    def __getattr__(self, name: str) -> Any:
        # Python calls this only for attributes that are not set.
        if name != "_data":
            raise AttributeError(name)
        drawn = self._initialiser(self._shape, *self._draw_key).astype(self._dtype)
        self._data = self._arrays.to_device(drawn)
        self._keep_limit()
        return self._data

    def __eq__(self, other: object) -> Any:
        return self is other if isinstance(other, Tensor) else super().__eq__(other)

    def __ne__(self, other: object) -> Any:
        return self is not other if isinstance(other, Tensor) else super().__ne__(other)

    __hash__ = object.__hash__

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self._shape

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64."""
        return self._dtype

    @property
    def device(self) -> str:
        """Device of the array: "cpu", "cuda:0", …"""
        return self._device

    @property
    def _arrays(self) -> Arrays:
        return arrays_of(self._device)

    def draw_from(self, seed: int, stream: int, index: int) -> None:
        """Draw the initial values from this seed, stream and index."""
        self._draw_key = (seed, stream, index)
        if self._is_drawn():
            self.data = self._arrays.to_device(self._initialiser(self._shape, *self._draw_key))
            self._keep_limit()

    def limit_norms(self, limit: float | None, axes: tuple[int, ...]) -> None:
        """Keep the norms over these axes at most `limit`, now and after each step of an optimiser; None: no longer."""
        self._norm_limit = None if limit is None else (limit, axes)
        if self._is_drawn():
            self._keep_limit()
            self._version.count += 1

    def _keep_limit(self) -> None:
        if self._norm_limit is not None:
            limit, axes = self._norm_limit
            xp, data = arrays_holding(self._data).xp, self._data
            norm = xp.sqrt((data * data).sum(axis=axes, keepdims=True))
            data *= limit / xp.maximum(norm, limit)

    def to(self, arrays: Arrays, dtype: np.dtype) -> None:
        """Move the values to a device, and round them to a dtype."""
        if self._is_drawn():
            self._data = arrays.to_device(to_host(self._data).astype(dtype))
        self._device, self._dtype = arrays.device, dtype
        self.grad = None
        self._version.count += 1

    def _is_drawn(self) -> bool:
        try:
            object.__getattribute__(self, "_data")
        except AttributeError:
            return False
        return True
