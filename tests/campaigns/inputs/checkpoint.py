"""Checkpoints with damaged arrays or a damaged zip file, but a correct digest."""

from __future__ import annotations

import hashlib
import io
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from neat.io import checkpoint
from tests.campaigns.inputs import samples
from tests.campaigns.inputs.values import DTYPES, NUMBERS

_DIGEST = 64


def attempt(draw: random.Random, folder: Path) -> Callable[[], None]:
    """Load a damaged checkpoint; if it is accepted, save it, load it again and continue its run."""
    path = folder / "damaged.npz"
    content = samples.checkpoint_bytes(draw.randrange(8))
    damage = _damaged_zip if draw.random() < 0.15 else _damaged_arrays
    path.write_bytes(_with_digest(damage(draw, content)))
    population = checkpoint.load(path)
    evaluator = samples.evaluator_for(population.genomes)
    if population.evaluator_state:
        evaluator = samples.rollout()
        evaluator.restore(population.evaluator_state)

    def use() -> None:
        checkpoint.save(population, path)
        again = checkpoint.load(path)
        again.run(evaluator, generations=again.generation + 1)
        again.evaluator_state = {}
        samples.live_on(again)

    return use


def _with_digest(content: bytes) -> bytes:
    """Return the archive with a correct digest in its comment."""
    end = content.rfind(b"PK\x05\x06")
    if end < 0:
        return content
    body = content[: end + 20] + struct.pack("<H", _DIGEST)
    return body + hashlib.sha256(body).hexdigest().encode()


def _damaged_arrays(draw: random.Random, content: bytes) -> bytes:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays: dict[str, Any] = {name: file[name] for name in file.files}
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        name = draw.choice(list(arrays))
        _change(draw, arrays, name)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=array.dtype.hasobject)
            archive.writestr(f"{name}.npy", member.getvalue())
    return buffer.getvalue()


def _change(draw: random.Random, arrays: dict[str, Any], name: str) -> None:
    array = np.array(arrays[name])  # a copy
    choice = draw.randrange(14)
    if choice <= 4 and array.size and array.dtype.kind in "fiub":
        for _ in range(draw.choice((1, 1, 1, 3, array.size))):
            _set(draw, array, draw.randrange(array.size))
    elif choice == 5:
        dtype = draw.choice(DTYPES)
        with np.errstate(all="ignore"):
            try:
                array = array.astype(dtype)
            except (TypeError, ValueError):
                array = np.zeros(array.shape, "V4")
    elif choice == 6:
        array = array[: len(array) // 2] if array.ndim else array.reshape(1)
    elif choice == 7:
        array = np.concatenate([array, array]) if array.ndim else np.array([array, array])
    elif choice == 8:
        array = (
            array.reshape(-1, 1)
            if array.size % 2 or not array.size
            else np.asfortranarray(array.reshape(2, -1))
        )
    elif choice == 9:
        array = np.flip(array) if array.ndim else array
    elif choice == 10:
        del arrays[name]
        return
    elif choice == 11:
        arrays[draw.choice((f"{name}x", "../x", "genomes", "é", "candidate9.node_id"))] = array
        return
    elif choice == 12:
        other = draw.choice(list(arrays))
        arrays[name], arrays[other] = arrays[other], arrays[name]
        return
    elif array.dtype.kind in "fiu":
        array = np.full_like(array, draw.choice((0, 1, array.flat[0] if array.size else 0)))
    arrays[name] = array


def _set(draw: random.Random, array: Any, position: int) -> None:
    value = array.flat[draw.randrange(array.size)] if draw.random() < 0.5 else draw.choice(NUMBERS)
    with np.errstate(all="ignore"):
        try:
            array.flat[position] = value
        except (OverflowError, ValueError):
            array.flat[position] = 1


def _damaged_zip(draw: random.Random, content: bytes) -> bytes:
    """Compress members, repeat them, or change bytes of headers or of any place."""
    choice = draw.randrange(4)
    if choice == 0:
        buffer = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(content)) as old,
            zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
        ):
            for member in old.namelist():
                new.writestr(member, old.read(member))
        return buffer.getvalue()
    if choice == 1:
        buffer = io.BytesIO(content)
        with zipfile.ZipFile(buffer, "a") as archive:
            names = archive.namelist()
            archive.writestr(
                draw.choice((*names, "x.npy", "x", "genomes.node_id.npy")), archive.read(draw.choice(names))
            )
        return buffer.getvalue()
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 8))):
        if choice == 2:  # in the directory or a header
            spots = [k for k in range(len(content) - 46) if content[k : k + 2] == b"PK"]
            position = draw.choice(spots) + draw.randrange(46)
        else:
            position = draw.randrange(len(content) - _DIGEST)
        changed[position] = draw.choice((0, 1, 127, 128, 255, draw.randrange(256)))
    return bytes(changed)
