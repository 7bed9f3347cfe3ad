"""Device memory that all generations reuse, and its transfers from and to the host."""

from __future__ import annotations

import contextlib
import operator
import weakref
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from evaluators.devices import Arrays, arrays_of
from evaluators.gpu.launcher import FAILURES, argument, argument_at
from neat.genome.buffers import Block, pack

_GATHERED = 2**18  # bytes up to which gathering on the host is faster than several copies to the device
_GAPS = 2**20  # unused bytes up to which one copy is faster than several

_NOTHING = np.empty(0, np.uint8)


class PendingFetch:
    """Results on a device, fetched when `get` is called, or before the workspace overwrites them."""

    def __init__(self, work: Workspace, name: str) -> None:
        self._work: Workspace | None = work
        self._name = name
        self._arrays: dict[str, np.ndarray] = {}

    def get(self) -> dict[str, np.ndarray]:
        """Return the arrays of `Workspace.fetch`.

        Raises:
            RuntimeError: The GPU failed.
        """
        if self._work is not None:
            with report_failures(self._work.arrays), self._work.arrays.current():
                self._arrays = self._work.fetch(self._name)
            self._work = None
        return self._arrays


@contextlib.contextmanager
def report_failures(arrays: Arrays) -> Iterator[None]:
    """Turn a failure of the GPU within the context into a RuntimeError that tells how to continue."""
    try:
        yield
    except (*arrays.failure, *FAILURES) as error:
        raise RuntimeError(
            f"{arrays.device}: the GPU failed, and this process cannot use it any more: {error}; "
            "continue the run from its last checkpoint in a new process"
        ) from error


class Workspace:
    """Holds arrays of one device by name.

    Sent data passes through host memory that the next call with the same name overwrites. Before that call, the caller
    must wait for the device, as `fetch` does.

    Attributes:
        arrays: The device's Arrays.
        usable: Bytes of memory that were available when `memory.in_parts` measured them; 0 after memory has run out.
    """

    def __init__(self, device: str) -> None:
        self.arrays: Arrays = arrays_of(device)
        self.usable = 0.0
        self._rooms: dict[str, tuple[Any, Any]] = {}
        self._blocks: dict[str, Block] = {}
        # By name: the memory, the Block in it, and the arrays of the Block.
        self._staged: dict[str, tuple[np.ndarray, Block, Mapping[str, np.ndarray]]] = {}
        self._arguments: dict[str, tuple[Any, Block, Mapping[str, Any]]] = {}
        self._sent: dict[str, list[np.ndarray]] = {}
        self._pending: dict[str, weakref.ref[PendingFetch]] = {}

    def room(self, name: str, size: int, dtype: Any) -> Any:
        """Return the argument of an uninitialised one-dimensional array of at least this size."""
        array = self._rooms[name][0] if name in self._rooms else None
        if array is None or len(array) < size or array.dtype != dtype:
            self._rooms.pop(name, None)
            self._keep(name, self.arrays.empty(max(1, size if array is None else size * 5 // 4), dtype))
        return self._rooms[name][1]

    def shaped(self, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return the argument of an uninitialised array of this shape."""
        if name not in self._rooms or self._rooms[name][0].shape != shape:
            self._rooms.pop(name, None)
            self._keep(name, self.arrays.empty(shape, dtype))
        return self._rooms[name][1]

    def put(self, name: str, array: np.ndarray) -> Any:
        """Copy an array of the host to a one-dimensional array of at least its size, and return the argument."""
        self.room(name, array.size, array.dtype)
        self.arrays.fill(self._rooms[name][0], array)
        return self._rooms[name][1]

    def put_shaped(self, name: str, array: np.ndarray) -> Any:
        """Copy an array of the host to an array of its shape, and return the argument."""
        self.shaped(name, array.shape, array.dtype)
        self.arrays.fill(self._rooms[name][0].reshape(-1), array)
        return self._rooms[name][1]

    def send(self, name: str, sources: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        """Copy arrays of the host to one block, by one copy if that is faster, and return their arguments."""
        arrays = [np.ascontiguousarray(array) for array in sources.values()]
        fields = {key: (array.shape, array.dtype) for key, array in zip(sources, arrays, strict=True)}
        common = _common_block(arrays)
        if common is not None:
            whole, begins = common
            block = Block(fields, begins, whole.size)
            self.arrays.fill(self._memory(name, block), whole)
            return self._arguments_in(name, block)
        block = pack(fields)
        if block.size <= _GATHERED:
            for view, array in zip(self.stage(name, block).values(), arrays, strict=True):
                view[...] = array
            return self.send_staged(name)
        memory = self._memory(name, block)
        for begin, array in zip(block.begins, arrays, strict=True):
            self.arrays.fill(memory[begin:], array.reshape(-1).view(np.uint8))
        return self._arguments_in(name, block)

    def send_once(self, name: str, sources: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        """Send arrays unless the same objects were sent last time. Nobody may write to them meanwhile."""
        sent = self._sent.get(name, ())
        if len(sent) != len(sources) or any(map(operator.is_not, sent, sources.values())):
            self._sent.pop(name, None)  # in case an exception interrupts `send`
            self.send(name, sources)
            self._sent[name] = list(sources.values())
        return self._arguments[name][2]

    def stage(self, name: str, block: Block) -> Mapping[str, np.ndarray]:
        """Return host arrays of a Block for `send_staged`, uninitialised or with their last values."""
        memory, known, views = self._staged.get(name, (_NOTHING, None, {}))
        if known is not block:
            if memory.size < block.size:
                memory = self.arrays.empty_host(block.size * 5 // 4)
            views = block.views(memory)
            self._staged[name] = memory, block, views
        return views

    def send_staged(self, name: str) -> Mapping[str, Any]:
        """Copy the arrays that `stage` returned to the device by one copy, and return their arguments."""
        memory, block, _ = self._staged[name]
        self.arrays.fill(self._memory(name, block), memory[: block.size])
        return self._arguments_in(name, block)

    def receive(self, name: str, block: Block) -> Mapping[str, Any]:
        """Return the arguments of arrays that `fetch` will copy; all their bytes are 255."""
        self._fetch_pending(name)
        self.arrays.set_bytes(self._memory(name, block), 255, block.size)
        self._blocks[name] = block
        return self._arguments_in(name, block)

    def fetch(self, name: str) -> dict[str, np.ndarray]:
        """Wait for the device, and return the arrays of `receive` in new host memory."""
        block = self._blocks[name]
        memory = self.arrays.empty_host(block.size)
        self.arrays.fetch(memory, self._rooms[name][0])
        return block.views(memory)

    def fetch_later(self, name: str) -> PendingFetch:
        """Return a PendingFetch for the arrays of `receive`."""
        pending = PendingFetch(self, name)
        self._pending[name] = weakref.ref(pending)
        return pending

    def argument(self, name: str) -> Any:
        """Return the argument of the array with this name."""
        return self._rooms[name][1]

    def array(self, name: str) -> Any:
        """Return the numpy or cupy array with this name."""
        return self._rooms[name][0]

    def get(self, name: str) -> np.ndarray:
        """Return a host copy of the array with this name."""
        return self.arrays.to_host(self._rooms[name][0])

    @property
    def held_bytes(self) -> int:
        """Bytes of all arrays together."""
        return sum(int(array.nbytes) for array, _ in self._rooms.values())

    def forget(self) -> None:
        """Fetch pending results, and free all memory."""
        for name in list(self._pending):
            self._fetch_pending(name)
        self.usable = 0.0
        self._sent.clear()  # before the arrays to which it refers
        self._arguments.clear()
        self._rooms.clear()
        self.arrays.release()

    def _fetch_pending(self, name: str) -> None:
        reference = self._pending.get(name)
        pending = reference() if reference is not None else None
        if pending is not None:
            pending.get()
        self._pending.pop(name, None)  # last, since the fetch may be interrupted

    def _keep(self, name: str, array: Any) -> None:
        self._rooms[name] = array, argument(array)

    def _memory(self, name: str, block: Block) -> Any:
        self.room(name, block.size, np.dtype(np.uint8))
        return self._rooms[name][0]

    def _arguments_in(self, name: str, block: Block) -> Mapping[str, Any]:
        """Return the arguments of arrays in a block; those of the last call if the memory has not moved."""
        memory = self._rooms[name][1]
        made = self._arguments.get(name)
        if made is None or made[0] is not memory or made[1] is not block:
            arguments = {
                key: argument_at(memory, begin, *field)
                for (key, field), begin in zip(block.fields.items(), block.begins, strict=True)
            }
            made = self._arguments[name] = memory, block, MappingProxyType(arguments)
        return made[2]


def _common_block(arrays: list[np.ndarray]) -> tuple[np.ndarray, tuple[int, ...]] | None:
    """Return the part of a common block in which arrays lie close together and their offsets in it, or None."""
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
    return block[start : start + last - first], tuple(begin - first for begin in begins)


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]
