"""Named arrays in one file, without code in it, checked to the last bit when it is read.

The file is an ordinary npz (a zip of npy files, no pickles). The zip's comment is the SHA-256 digest of all the bytes
before it.
"""

from __future__ import annotations

import hashlib
import io
import math
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from neat.files import as_path, write_whole

_DIGEST_LENGTH = 64  # of SHA-256 in hexadecimal
_LOCAL_HEADER = 30  # bytes before a member's name in a zip
_MOST_HEADER = 2**14  # bytes; numpy reads no longer ones
_MOST_REASON = 200  # characters
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class CheckpointError(ValueError):
    """A file that is no checkpoint, is damaged, or comes from another version."""


def write_arrays(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays and their digest with `neat.files.write_whole`."""
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
    path = as_path(path)
    content = _read(path)
    if not content.startswith(b"PK"):
        raise CheckpointError(f"{path}: is no checkpoint: it does not begin as an npz file")
    view = memoryview(content)
    if hashlib.sha256(view[:-_DIGEST_LENGTH]).hexdigest().encode() != content[-_DIGEST_LENGTH:]:
        raise CheckpointError(f"{path}: is damaged: its {len(content)} bytes do not match their digest")
    name = "its directory"
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
        if sum(member.file_size for member in members) > len(content):
            raise ValueError(f"states more bytes than the {len(content)} of the file")
        for member in members:
            name = ascii(member.filename.removesuffix(".npy"))
            _check_member(member)
            if member.filename.removesuffix(".npy") in arrays:
                raise ValueError("is there twice")
            arrays[member.filename.removesuffix(".npy")] = _array(_data(view, member))
    except Exception as error:  # of many kinds, where somebody has made the zip or a header by hand
        reason = " ".join(str(error).split())[:_MOST_REASON] or type(error).__name__
        raise CheckpointError(f"{path}: is no checkpoint: {name}: {reason}") from None
    return arrays


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise CheckpointError(f"{path}: cannot be read: it is no regular file")
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    except MemoryError:
        raise CheckpointError(f"{path}: cannot be read: it does not fit in the memory") from None


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
    return array


def under(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Those whose names begin with `prefix` and a dot, without these."""
    return {name.removeprefix(f"{prefix}."): a for name, a in arrays.items() if name.startswith(f"{prefix}.")}
