"""Named arrays in one file, without code in it, checked to the last bit when it is read.

The file is an ordinary npz (a zip of npy files, no pickles). The zip's comment is the SHA-256 digest of all the bytes
before it.
"""

from __future__ import annotations

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

from neat.support.files import write_whole
from neat.support.messages import cut, shown
from neat.support.text_files import read_regular, shorten_path

_DIGEST_LENGTH = 64  # of SHA-256 in hexadecimal
_LOCAL_HEADER = 30  # bytes before a member's name in a zip
_MOST_HEADER = 2**14  # bytes; numpy reads no longer ones
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

# Name, dtype and shape of each array; None for any length. Text may have any number of characters.
Expected = dict[str, tuple[np.dtype[Any], tuple[int | None, ...]]]


class CheckpointError(ValueError):
    """A file that is no checkpoint, is damaged, or comes from another version."""


def write_arrays(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays and their digest with `neat.support.files.write_whole`."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: _portable(array) for name, array in arrays.items()})
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"0" * _DIGEST_LENGTH
    content = buffer.getvalue()[:-_DIGEST_LENGTH]
    write_whole(path, content + hashlib.sha256(content).hexdigest().encode())


def _portable(array: Any) -> np.ndarray:
    """As `read_arrays` takes it: in this machine's byte order, rows first."""
    array = np.asarray(array)
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays that `write_arrays` wrote.

    Raises:
        CheckpointError: The file cannot be read, is damaged, or holds what `write_arrays` does not write, such as
            compressed members, objects or a foreign byte order; the message names the file and the array.
    """
    try:
        content = read_regular(path)
    except ValueError as error:
        raise CheckpointError(str(error)) from None
    if not content.startswith(b"PK"):
        raise CheckpointError(f"{shorten_path(path)}: is no checkpoint: it does not begin as an npz file")
    view = memoryview(content)
    if hashlib.sha256(view[:-_DIGEST_LENGTH]).hexdigest().encode() != content[-_DIGEST_LENGTH:]:
        raise CheckpointError(
            f"{shorten_path(path)}: is damaged: its {len(content)} bytes do not match their digest"
        )
    name = "its directory"
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
        if sum(member.file_size for member in members) > len(content):
            raise ValueError(f"states more bytes than the {len(content)} of the file")
        for member in members:
            name = shown(member.filename.removesuffix(".npy"))
            _check_member(member)
            if member.filename.removesuffix(".npy") in arrays:
                raise ValueError("is there twice")
            arrays[member.filename.removesuffix(".npy")] = _array(_data(view, member))
    except Exception as error:  # of many kinds, where somebody has made the zip or a header by hand
        reason = cut(str(error)) or type(error).__name__
        raise CheckpointError(f"{shorten_path(path)}: is no checkpoint: {name}: {reason}") from None
    return arrays


def _check_member(member: zipfile.ZipInfo) -> None:
    if not member.filename.endswith(".npy"):
        raise ValueError("is no array")
    if member.flag_bits & 1:
        raise ValueError("is encrypted")
    if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
        raise ValueError("is compressed")


def _data(view: memoryview, member: zipfile.ZipInfo) -> memoryview:
    """The bytes of a member, an npy file."""
    header = view[member.header_offset :][:_LOCAL_HEADER] if member.header_offset >= 0 else view[:0]
    if header[:4] != b"PK\x03\x04" or len(header) < _LOCAL_HEADER:
        raise ValueError("is not where the directory says")
    begin = member.header_offset + _LOCAL_HEADER + sum(struct.unpack("<HH", header[-4:]))
    if begin + member.file_size > len(view):
        raise ValueError(f"is said to have {member.file_size} bytes, more than the file holds")
    return view[begin : begin + member.file_size]


def _array(data: memoryview) -> np.ndarray:
    """The array in the bytes of an npy file, in memory of its own."""
    file = io.BytesIO(data[:_MOST_HEADER])
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"has npy format {version}, expected one of {', '.join(map(str, _HEADERS))}")
    shape, is_fortran, dtype = _HEADERS[version](file)
    if dtype.hasobject or not dtype.isnative or dtype.itemsize == 0 or is_fortran:
        raise ValueError(
            f"expected numbers or text of this machine's byte order, rows first, got {dtype.str}"
        )
    if any(isinstance(size, bool) or size < 0 for size in shape):
        raise ValueError(f"has the shape {shape}")
    data = data[file.tell() :]
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"has {len(data)} bytes, but shape {shape} and dtype {dtype.str}")
    array = np.ndarray(shape, dtype, data).copy()
    if dtype == np.bool_ and array.view(np.uint8).max(initial=0) > 1:
        raise ValueError("has a bool that is neither 0 nor 1")
    if dtype.kind == "U" and np.frombuffer(data, np.uint32).max(initial=0) > sys.maxunicode:
        raise ValueError("has text that is no Unicode")
    return array


def under(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Those whose names begin with `prefix` and a dot, without these."""
    return {name.removeprefix(f"{prefix}."): a for name, a in arrays.items() if name.startswith(f"{prefix}.")}


def check_arrays(arrays: Mapping[str, np.ndarray], table: Expected) -> None:
    """Raise ValueError, with the array's name, unless the arrays of a table are there with their dtypes and shapes."""
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
            got = f"{cut(str(array.dtype))} of {cut(str(array.shape))}"
            raise ValueError(f"{name}: expected {kind} of shape {sizes}, got {got}")
