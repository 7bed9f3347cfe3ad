"""Write named arrays to one file, and read them back with every byte checked.

The file is an ordinary npz: a zip of npy files without pickles, so reading it runs no code. The zip's comment is the
SHA-256 digest of all bytes before it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import struct
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neat.support.files import write_atomically
from neat.support.messages import quote, restate_errors, shorten
from neat.support.text_files import read_regular, shorten_path

_DIGEST_LENGTH = 64  # characters of a SHA-256 digest in hexadecimal
_LOCAL_HEADER = 30  # bytes of a zip before a member's name
_MOST_HEADER = 2**14  # bytes; NumPy reads no longer header
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

# Dtype and shape of each array by name. None in a shape allows any length; text may have any number of characters.
Expected = dict[str, tuple[np.dtype[Any], tuple[int | None, ...]]]


class CheckpointError(ValueError):
    """Raised for a file that is not a checkpoint, is damaged, or comes from another version."""


def write_arrays(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays and their digest with `neat.support.files.write_atomically`."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: _to_native(array) for name, array in arrays.items()})
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"0" * _DIGEST_LENGTH
    content = buffer.getvalue()[:-_DIGEST_LENGTH]
    write_atomically(path, content + hashlib.sha256(content).hexdigest().encode())


def _to_native(array: Any) -> np.ndarray:
    """Return the array in this machine's byte order and C order, which `read_arrays` expects."""
    array = np.asarray(array)
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Return the arrays that `write_arrays` wrote.

    Raises:
        CheckpointError: The file cannot be read, is damaged, or contains what `write_arrays` never writes, such as
            compressed members, objects or a foreign byte order. The message names the file and the array.
    """
    with restate_errors(kind=CheckpointError):
        content = read_regular(path)
    where = shorten_path(path)
    if not content.startswith(b"PK"):
        raise CheckpointError(f"{where}: is no checkpoint: it does not begin like an npz file")
    view = memoryview(content)
    if hashlib.sha256(view[:-_DIGEST_LENGTH]).hexdigest().encode() != content[-_DIGEST_LENGTH:]:
        raise CheckpointError(f"{where}: is damaged: its {len(content)} bytes do not match their digest")
    name = "its directory"
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
        if sum(member.file_size for member in members) > len(content):
            raise ValueError(f"claims more than the {len(content)} bytes of the file")
        for member in members:
            key = member.filename.removesuffix(".npy")
            name = quote(key)
            _check_member(member)
            if key in arrays:
                raise ValueError("occurs twice")
            arrays[key] = _parse_npy(_member_bytes(view, member))
    except Exception as error:  # zipfile and NumPy raise many kinds for a zip or a header made by hand
        reason = shorten(str(error)) or type(error).__name__
        raise CheckpointError(f"{where}: is no checkpoint: {name}: {reason}") from None
    return arrays


def _check_member(member: zipfile.ZipInfo) -> None:
    if not member.filename.endswith(".npy"):
        raise ValueError("is not an array")
    if member.flag_bits & 1:
        raise ValueError("is encrypted")
    if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
        raise ValueError("is compressed")


def _member_bytes(view: memoryview, member: zipfile.ZipInfo) -> memoryview:
    header = view[member.header_offset :][:_LOCAL_HEADER] if member.header_offset >= 0 else view[:0]
    if header[:4] != b"PK\x03\x04" or len(header) < _LOCAL_HEADER:
        raise ValueError("is not where the zip directory says")
    begin = member.header_offset + _LOCAL_HEADER + sum(struct.unpack("<HH", header[-4:]))
    if begin + member.file_size > len(view):
        raise ValueError(f"claims {member.file_size} bytes, more than the file holds")
    return view[begin : begin + member.file_size]


def _parse_npy(data: memoryview) -> np.ndarray:
    """Return a copy of the array in the bytes of an npy file."""
    file = io.BytesIO(data[:_MOST_HEADER])
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"has npy format {version}, expected one of {', '.join(map(str, _HEADERS))}")
    shape, is_fortran, dtype = _HEADERS[version](file)
    if dtype.hasobject or not dtype.isnative or dtype.itemsize == 0 or is_fortran:
        raise ValueError(
            f"expected numbers or text in this machine's byte order and C order, got {dtype.str}"
        )
    if any(isinstance(size, bool) or size < 0 for size in shape):
        raise ValueError(f"has the impossible shape {shape}")
    data = data[file.tell() :]
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"has {len(data)} bytes, which do not match shape {shape} and dtype {dtype.str}")
    array = np.ndarray(shape, dtype, data).copy()
    if dtype == np.bool_ and array.view(np.uint8).max(initial=0) > 1:
        raise ValueError("has a bool that is neither 0 nor 1")
    if dtype.kind == "U" and np.frombuffer(data, np.uint32).max(initial=0) > sys.maxunicode:
        raise ValueError("has text that is not Unicode")
    return array


def as_checkpoint_error(path: str | Path) -> contextlib.AbstractContextManager[None]:
    """Return a context that raises its ValueErrors as CheckpointErrors that name the file."""
    return restate_errors(f"{shorten_path(path)}: ", CheckpointError, 500)


def join_groups(groups: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the arrays of groups, whose names then begin with their group's and a dot (see `select_group`)."""
    return {f"{group}.{name}": array for group, arrays in groups.items() for name, array in arrays.items()}


def select_group(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with `prefix` and a dot, by the rest of their names."""
    return {name.removeprefix(f"{prefix}."): a for name, a in arrays.items() if name.startswith(f"{prefix}.")}


def check_arrays(arrays: Mapping[str, np.ndarray], table: Expected) -> None:
    """Raise ValueError, which names the array, unless each array of `table` exists with its dtype and shape."""
    missing = [name for name in table if name not in arrays]
    if missing:
        raise ValueError(f"is no checkpoint of a run: {missing[0]} is missing")
    for name, (dtype, shape) in table.items():
        array, is_text = arrays[name], dtype.kind == "U"
        fits = len(shape) == array.ndim and all(
            size in (None, got) for size, got in zip(shape, array.shape, strict=True)
        )
        if not fits or (array.dtype.kind != "U" if is_text else array.dtype != dtype):
            kind = "text" if is_text else "rows of the history" if dtype.names else str(dtype)
            sizes = str(shape).replace("None", "any length")
            got = f"{shorten(str(array.dtype))} of {shorten(str(array.shape))}"
            raise ValueError(f"{name}: expected {kind} of shape {sizes}, got {got}")
