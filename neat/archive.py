"""Named arrays in one file, without code in it, checked to the last bit when it is read.

The file is an ordinary npz (a zip of npy files, no pickles). The zip's comment is the SHA-256 digest of all the bytes
before it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

from neat.files import write_whole

_DIGEST_LENGTH = 64  # of SHA-256 in hexadecimal


class CheckpointError(ValueError):
    """A file that is no checkpoint, is damaged, or comes from another version."""


def write_arrays(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays and their digest with `neat.files.write_whole`."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"0" * _DIGEST_LENGTH
    content = buffer.getvalue()[:-_DIGEST_LENGTH]
    write_whole(path, content + hashlib.sha256(content).hexdigest().encode())


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays that `write_arrays` wrote.

    Raises:
        CheckpointError: The file cannot be read or is damaged; the message names it.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    if not content.startswith(b"PK"):
        raise CheckpointError(f"{path}: is no checkpoint: it does not begin as an npz file")
    if hashlib.sha256(content[:-_DIGEST_LENGTH]).hexdigest().encode() != content[-_DIGEST_LENGTH:]:
        raise CheckpointError(f"{path}: is damaged: its {len(content)} bytes do not match their digest")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def under(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Those whose names begin with `prefix` and a dot, without these."""
    return {name.removeprefix(f"{prefix}."): a for name, a in arrays.items() if name.startswith(f"{prefix}.")}
