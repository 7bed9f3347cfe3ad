"""Memory of a device that is used again in every generation, and what travels between it and the host."""

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
from neat.genome.buffers import Block, packed

_GATHERED = 2**18  # bytes that the host's processor moves in the time of some copies
_GAPS = 2**20  # bytes that a copy moves in the time of some others

_NOTHING = np.empty(0, np.uint8)


class Later:
    """What a device has for the host: fetched when it is asked for, or before something else takes its place."""

    def __init__(self, work: Workspace, name: str) -> None:
        self._work: Workspace | None = work
        self._name = name
        self._arrays: dict[str, np.ndarray] = {}

    def get(self) -> dict[str, np.ndarray]:
        """As `Workspace.fetch` gives it.

        Raises:
            RuntimeError: The GPU failed.
        """
        if self._work is not None:
            with failures_told(self._work.arrays), self._work.arrays.current():
                self._arrays = self._work.fetch(self._name)
            self._work = None
        return self._arrays


@contextlib.contextmanager
def failures_told(arrays: Arrays) -> Iterator[None]:
    """RuntimeError where a GPU fails meanwhile, which says what can be done."""
    try:
        yield
    except (*arrays.failure, *FAILURES) as error:
        raise RuntimeError(
            f"{arrays.device}: the GPU failed, and this process cannot use it any more: {error}; "
            "a run goes on from its last checkpoint in a new process"
        ) from error


class Workspace:
    """Arrays of one device by name.

    What is sent passes through memory of the host that the next call of the same name writes to: between them the
    device must have been waited for, as `fetch` does.

    Attributes:
        arrays: The device's Arrays.
        usable: Bytes of its memory that could be had when `memory.in_parts` asked; 0 after memory has run out.
    """

    def __init__(self, device: str) -> None:
        self.arrays: Arrays = arrays_of(device)
        self.usable = 0.0
        self._rooms: dict[str, tuple[Any, Any]] = {}
        self._blocks: dict[str, Block] = {}
        # By name: where memory is and what lies in it; the arrays there.
        self._staged: dict[str, tuple[np.ndarray, Block, Mapping[str, np.ndarray]]] = {}
        self._arguments: dict[str, tuple[Any, Block, Mapping[str, Any]]] = {}
        self._sent: dict[str, list[np.ndarray]] = {}
        self._later: dict[str, weakref.ref[Later]] = {}

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
        fields = {key: (array.shape, array.dtype) for key, array in zip(sources, arrays, strict=True)}
        common = _common_block(arrays)
        if common is not None:
            whole, begins = common
            block = Block(fields, begins, whole.size)
            self.arrays.fill(self._memory(name, block), whole)
            return self._arguments_in(name, block)
        block = packed(fields)
        if block.size <= _GATHERED:
            for view, array in zip(self.stage(name, block).values(), arrays, strict=True):
                view[...] = array
            return self.send_staged(name)
        memory = self._memory(name, block)
        for begin, array in zip(block.begins, arrays, strict=True):
            self.arrays.fill(memory[begin:], array.reshape(-1).view(np.uint8))
        return self._arguments_in(name, block)

    def send_once(self, name: str, sources: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
        """As `send`, but nothing if these very arrays were sent before: for arrays that nobody writes to."""
        sent = self._sent.get(name, ())
        if len(sent) != len(sources) or any(map(operator.is_not, sent, sources.values())):
            self._sent.pop(name, None)  # whatever comes in between
            self.send(name, sources)
            self._sent[name] = list(sources.values())
        return self._arguments[name][2]

    def stage(self, name: str, block: Block) -> Mapping[str, np.ndarray]:
        """Memory of the host for `send_staged`: the arrays of a Block, uninitialised or as they were."""
        memory, known, views = self._staged.get(name, (_NOTHING, None, {}))
        if known is not block:
            if memory.size < block.size:
                memory = self.arrays.empty_host(block.size * 5 // 4)
            views = block.views(memory)
            self._staged[name] = memory, block, views
        return views

    def send_staged(self, name: str) -> Mapping[str, Any]:
        """Copies of what lies in the arrays that `stage` gave, by one copy, as kernels take them."""
        memory, block, _ = self._staged[name]
        self.arrays.fill(self._memory(name, block), memory[: block.size])
        return self._arguments_in(name, block)

    def receive(self, name: str, block: Block) -> Mapping[str, Any]:
        """Arrays for `fetch`, as kernels take them; all their bytes are 255."""
        self._fetch_what_waits(name)
        self.arrays.set_bytes(self._memory(name, block), 255, block.size)
        self._blocks[name] = block
        return self._arguments_in(name, block)

    def fetch(self, name: str) -> dict[str, np.ndarray]:
        """What `receive` made room for, in memory of the host's own, once the device is done."""
        block = self._blocks[name]
        memory = self.arrays.empty_host(block.size)
        self.arrays.fetch(memory, self._rooms[name][0])
        return block.views(memory)

    def later(self, name: str) -> Later:
        """What `receive` made room for, to be fetched when it is wanted."""
        later = Later(self, name)
        self._later[name] = weakref.ref(later)
        return later

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
        for name in list(self._later):
            self._fetch_what_waits(name)
        self.usable = 0.0
        self._sent.clear()  # before what it speaks of
        self._arguments.clear()
        self._rooms.clear()
        self.arrays.release()

    def _fetch_what_waits(self, name: str) -> None:
        waiting = self._later.get(name)
        later = waiting() if waiting is not None else None
        if later is not None:
            later.get()
        self._later.pop(name, None)  # not before: the fetching may have been interrupted

    def _keep(self, name: str, array: Any) -> None:
        self._rooms[name] = array, argument(array)

    def _memory(self, name: str, block: Block) -> Any:
        self.room(name, block.size, np.dtype(np.uint8))
        return self._rooms[name][0]

    def _arguments_in(self, name: str, block: Block) -> Mapping[str, Any]:
        """Arrays in a block, as kernels take them: those of the last time where nothing has moved."""
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
    return block[start : start + last - first], tuple(begin - first for begin in begins)


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]
