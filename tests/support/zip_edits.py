"""Zips of arrays that are not as the library writes them, with a part of the message that refuses each."""

import hashlib
import io
import struct
import zipfile

import numpy as np
import pytest


def write_raw(path, build):
    """Write a zip that `build` fills, with its digest."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        build(file)
        file.comment = b"0" * 64
    sign(path, buffer.getvalue()[:-64])


def sign(path, content):
    path.write_bytes(content + hashlib.sha256(content).hexdigest().encode())


def npy(array, **changes):
    """Return the bytes of an npy file, with `changes` to its header."""
    buffer = io.BytesIO()
    header = {**np.lib.format.header_data_from_array_1_0(array), **changes}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + array.tobytes()


def members(*files, **options):
    def build(archive_):
        for name, content in files:
            archive_.writestr(name, content, **options)

    return build


ZEROS = np.zeros(10_000)
ZIPS = {
    "compressed": (
        members(("a.npy", npy(np.zeros(3))), compress_type=zipfile.ZIP_DEFLATED),
        "'a': is compressed",
    ),
    "objects": (members(("a.npy", npy(np.zeros(3), descr="|O"))), "'a': expected numbers or text"),
    "rows last": (
        members(("a.npy", npy(np.zeros((3, 2)), fortran_order=True))),
        "'a': expected .* C order",
    ),
    "big-endian": (members(("a.npy", npy(np.zeros(3, ">i8")))), "'a': expected .*byte order"),
    "more than there is": (members(("a.npy", npy(np.zeros(3), shape=(2**40,)))), "'a': has 24 bytes"),
    "less than there is": (members(("a.npy", npy(np.zeros(3), shape=(2,)))), "'a': has 24 bytes"),
    "negative sizes": (members(("a.npy", npy(np.zeros(6), shape=(-2, -3)))), "'a': has the impossible shape"),
    "elements of no size": (
        members(("a.npy", npy(np.zeros(0), shape=(2**62,), descr="|V0"))),
        "'a': expected",
    ),
    "no header": (members(("a.npy", b"nothing")), "'a': "),
    "nested header": (members(("a.npy", b"\x93NUMPY\x01\x00\x00\x20" + b"(" * 8192)), "'a': "),
    "another file": (members(("a.txt", b"text")), "'a.txt': is not an array"),
    "line feed": (members(("a\nb.txt", b"text")), "is not an array"),
}


def directory_edit(offset, form, *values):
    """Return a builder of a valid zip with one change to the first member's directory entry."""

    def build(path):
        write_raw(path, members(("a.npy", npy(ZEROS)), ("b.npy", npy(ZEROS))))
        content = bytearray(path.read_bytes()[:-64])
        struct.pack_into(form, content, content.index(b"PK\x01\x02") + offset, *values)
        sign(path, bytes(content))

    return build


def overlapping(path):
    """Write a zip of forty members that share the same bytes."""
    write_raw(path, members(*((f"{k:02}.npy", npy(ZEROS)) for k in range(40))))
    content = path.read_bytes()[:-64]
    second = content.index(b"PK\x03\x04", 1)
    directory, end = bytearray(content[content.index(b"PK\x01\x02") : -22]), bytearray(content[-22:])
    for entry in range(0, len(directory), len(directory) // 40):
        struct.pack_into("<I", directory, entry + 42, 0)
    struct.pack_into("<I", end, 16, second)
    sign(path, content[:second] + directory + end)


def twice(path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        write_raw(path, members(("a.npy", npy(ZEROS)), ("a.npy", npy(ZEROS))))


DIRECTORIES = {
    "encrypted": (directory_edit(8, "<H", 1), "'a': is encrypted"),
    "stated size": (directory_edit(24, "<I", 2**31), "claims more than"),
    "both sizes": (directory_edit(20, "<II", 2**31, 2**31), "claims more than"),
    "place": (directory_edit(42, "<I", 77), "'a': is not where the zip directory says"),
    "place beyond": (directory_edit(42, "<I", 2**31), "'a': is not where the zip directory says"),
    "overlapping": (overlapping, "claims more than"),
    "twice": (twice, "'a': occurs twice"),
}
