"""Memory of a device that is used again in every generation, and what travels between it and the host."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from evaluators.backend import Arrays, arrays_of
from evaluators.launching import argument, argument_at
from neat.buffers import Fields, in_block, places, size_of

_GATHERED = 2**18  # bytes that the host's processor moves in the time of some copies
_GAPS = 2**20  # bytes that a copy moves in the time of some others


class Workspace:
    """Arrays of one device by name.

    What is sent passes through memory of the host that the next call of the same name writes to: between them the
    device must have been waited for, as `fetch` does.
    """

    def __init__(self, device: str) -> None:
        self.arrays: Arrays = arrays_of(device)
        self._rooms: dict[str, tuple[Any, Any]] = {}
        self._fields: dict[str, Fields] = {}
        # By name: a block, where its fields begin, the fields, and what kernels take for them.
        self._made: dict[str, tuple[Any, list[int], list[Any], Mapping[str, Any]]] = {}
        self._staging: dict[str, np.ndarray] = {}

    def room(self, name: str, size: int, dtype: Any) -> Any:
        """An uninitialised array of this size or more, one-dimensional, as kernels take it."""
        array = self._rooms[name][0] if name in self._rooms else None
        if array is None or len(array) < size or array.dtype != dtype:
            self._rooms.pop(name, None)
            self._keep(name, self.arrays.empty(max(1, size if array is None else size * 5 // 4), dtype))
        return self._rooms[name][1]

    def shaped(self, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        """An uninitialised array of this shape, as kernels take it."""
        if name not in self._rooms or self._rooms[name][0].shape != shape:
            self._rooms.pop(name, None)
            self._keep(name, self.arrays.empty(shape, dtype))
        return self._rooms[name][1]

    def put(self, name: str, array: np.ndarray) -> Any:
        """A copy of an array of the host, with room to spare, one-dimensional."""
        self.room(name, array.size, array.dtype)
        self.arrays.fill(self._rooms[name][0], array)
        return self._rooms[name][1]

    def put_shaped(self, name: str, array: np.ndarray) -> Any:
        """A copy of an array of the host."""
        self.shaped(name, array.shape, array.dtype)
        self.arrays.fill(self._rooms[name][0].reshape(-1), array)
        return self._rooms[name][1]

    def send(self, name: str, sources: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        """Copies of arrays of the host in one block, as kernels take them: by one copy where that is faster."""
        arrays = [np.ascontiguousarray(array) for array in sources.values()]
        common = _common_block(arrays)
        if common is not None:
            whole, begins = common
            block = self._block(name, whole.size)
            self.arrays.fill(block, whole)
        else:
            begins, size = places(array.nbytes for array in arrays)
            block = self._block(name, size)
            if size <= _GATHERED:
                whole = self.staging(name, size)
                for array, place in zip(arrays, begins, strict=True):
                    whole[place : place + array.nbytes] = array.reshape(-1).view(np.uint8)
                self.arrays.fill(block, whole)
            else:
                for array, place in zip(arrays, begins, strict=True):
                    self.arrays.fill(block[place:], array.reshape(-1).view(np.uint8))
        fields = {key: (array.shape, array.dtype) for key, array in zip(sources, arrays, strict=True)}
        return self._arguments(name, fields, begins)

    def staging(self, name: str, size: int) -> np.ndarray:
        """So many bytes of the host's memory, uint8, from which `send` copies at once what lies in them."""
        if name not in self._staging or self._staging[name].size < size:
            self._staging[name] = self.arrays.empty_host(size * 5 // 4)
        return self._staging[name][:size]

    def receive(self, name: str, fields: Fields) -> Mapping[str, Any]:
        """Arrays for `fetch`, in one block, as kernels take them; all their bytes are 255."""
        begins, size = places(map(size_of, fields.values()))
        self.arrays.set_bytes(self._block(name, size), 255, size)
        self._fields[name] = fields
        return self._arguments(name, fields, begins)

    def fetch(self, name: str) -> dict[str, np.ndarray]:
        """What `receive` made room for, in memory of the host's own, once the device is done."""

        def fetched(size: int) -> np.ndarray:
            whole = self.arrays.empty_host(size)
            self.arrays.fetch(whole, self._rooms[name][0])
            return whole

        return in_block(self._fields[name], fetched)

    def argument(self, name: str) -> Any:
        """The array of this name as kernels take it."""
        return self._rooms[name][1]

    def array(self, name: str) -> Any:
        """The array of this name, numpy's or cupy's."""
        return self._rooms[name][0]

    def get(self, name: str) -> np.ndarray:
        """A copy of it for the host."""
        return self.arrays.to_host(self._rooms[name][0])

    @property
    def held_bytes(self) -> int:
        """Memory of all the arrays."""
        return sum(int(array.nbytes) for array, _ in self._rooms.values())

    def forget(self) -> None:
        """Give all memory back."""
        self._rooms.clear()
        self._made.clear()
        self.arrays.release()

    def _keep(self, name: str, array: Any) -> None:
        self._rooms[name] = array, argument(array)

    def _arguments(self, name: str, fields: Fields, begins: list[int]) -> Mapping[str, Any]:
        """Arrays in a block, as kernels take them: those of the last time where nothing has moved."""
        block, made = self._rooms[name][1], self._made.get(name)
        in_order = list(fields.items())
        if made is None or made[0] is not block or made[1:3] != (begins, in_order):
            arguments = {
                key: argument_at(block, place, *field)
                for (key, field), place in zip(in_order, begins, strict=True)
            }
            made = self._made[name] = block, begins, in_order, MappingProxyType(arguments)
        return made[3]

    def _block(self, name: str, size: int) -> Any:
        self.room(name, size, np.dtype(np.uint8))
        return self._rooms[name][0]


def _common_block(arrays: list[np.ndarray]) -> tuple[np.ndarray, list[int]] | None:
    """The part of a block of bytes in which arrays lie close together, and where in it each begins."""
    block = arrays[0].base
    if not isinstance(block, np.ndarray) or block.dtype != np.uint8 or block.ndim != 1:
        return None
    if any(array.base is not block for array in arrays):
        return None
    begins = [_address(array) for array in arrays]
    first = min(begins)
    last = max(begin + array.nbytes for begin, array in zip(begins, arrays, strict=True))
    if last - first > sum(array.nbytes for array in arrays) + _GAPS:
        return None
    if any((begin - first) % array.itemsize for begin, array in zip(begins, arrays, strict=True)):
        return None
    start = first - _address(block)
    return block[start : start + last - first], [begin - first for begin in begins]


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]
