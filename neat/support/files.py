"""Write files that survive a kill, a full disk and a second process: atomically, or locked while they grow."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import os
import platform
import secrets
import stat
import sys
import warnings
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from neat.support.messages import quote, shorten

_LONGEST_PATH = 4096  # characters, the limit of Linux
_TEMPORARY = (".neat-", ".new")
_LOCK = (".", ".lock")
_LONGEST_IN_LOCK = 100  # bytes; a longer name is hashed, since some file systems limit names to 143 bytes


class LockedError(ValueError):
    """Raised where another process, or another run in this process, is writing the file."""


if sys.platform == "win32":
    import msvcrt

    def _lock(file: io.FileIO) -> None:
        """Lock the file, or raise BlockingIOError."""
        file.seek(2**30)  # behind the text, because other processes cannot read locked bytes
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            raise BlockingIOError from None
        finally:
            file.seek(0)
else:
    import fcntl

    def _lock(file: io.FileIO) -> None:
        """Lock the file, or raise BlockingIOError."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def as_path(path: Any, name: str = "path") -> Path:
    """Return `path` as a Path; raise ValueError unless it is text or a Path that the system can look up."""
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"{name}: must be a path, got {quote(path)}")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise ValueError(f"{name}: must be text that the system can encode, got {quote(str(path))}") from None
    if len(str(path)) > _LONGEST_PATH:
        raise ValueError(f"{name}: must have at most {_LONGEST_PATH:,} characters, got {len(str(path)):,}")
    if "\0" in str(path):
        raise ValueError(f"{name}: must hold no NUL, got {quote(str(path))}")
    return Path(path)


def resolve_path(path: Any, name: str = "path") -> Path:
    """Return the absolute path with links followed, so that a later change of folder does not matter."""
    return Path(os.path.realpath(as_path(path, name)))


def resolve_file(path: Any, name: str) -> Path:
    """Return the resolved path of a file that a run will write later; raise ValueError if it cannot be written."""
    file = resolve_path(path, name)
    try:
        mode, has_folder = _mode(file), file.parent.is_dir()
    except OSError as error:  # the name is too long, or the folder may not be searched
        raise ValueError(f"{name}: {shorten(str(error))}") from None
    if mode is not None and stat.S_ISDIR(mode):
        raise ValueError(f"{name}: {shorten(str(file))} is a folder; name a file in it")
    if mode is not None and not stat.S_ISREG(mode):
        raise ValueError(f"{name}: {shorten(str(file))} is not a regular file")
    if not has_folder:
        raise ValueError(f"{name}: there is no folder {shorten(str(file.parent))}")
    return file


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Write a temporary file, flush it, and rename it to `path`: a kill or a full disk leaves the old file or the new.

    The new file keeps the old one's permissions. `write_atomically` also deletes temporary files that killed writers
    left in the folder.

    Args:
        path: The file, replaced if it exists. A symbolic link is followed.
        content: Text is written as UTF-8.

    Raises:
        ValueError: `path` is not a regular file (a device or a pipe, for example).
        OSError: The file cannot be written; the error names `path`, and the old file is unchanged.
    """
    path = as_path(path)
    data = content.encode() if isinstance(content, str) else content
    with name_in_errors(path):
        target = resolve_path(path)
        mode = _mode(target)
        if mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise ValueError(f"{shorten(str(path))}: is not a regular file")
        _delete_leftovers(target.parent)
        file, temporary = _open_temporary(target.parent)
        try:
            with file:
                if mode is not None and mode != os.fstat(file.fileno()).st_mode:
                    temporary.chmod(stat.S_IMODE(mode))
                _write(file, data)
                os.fsync(file.fileno())
                if os.name == "nt":  # Windows cannot rename an open file
                    file.close()
                temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def name_in_errors(path: str | Path) -> Iterator[None]:
    """Make every OSError in the context name `path`, not a temporary file or, for a full disk, no file."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        # OSError(…) chooses the subclass that belongs to the number.
        raise OSError(error.errno, error.strerror, str(path)) from error


class Lock:
    """An exclusive lock on a file, against other processes and other locks of this process.

    The kernel releases it when the process ends, even by a kill. A forked child does not hold its parent's locks.
    On a file system without locks, the constructor warns and locks nothing. The context manager releases the lock.

    Args:
        path: The file; its folder must exist. The lock is another file beside it, after links are followed.

    Raises:
        LockedError: Another owner holds the lock; the message names the process.
    """

    def __init__(self, path: str | Path) -> None:
        target = resolve_path(path)
        self._path = target.with_name(_lock_name(target.name))
        self._file: io.FileIO | None = None
        with name_in_errors(path):
            while self._file is None:
                file = open_unbuffered(self._path, "a+")
                try:
                    _lock(file)
                except BlockingIOError:
                    owner = _first_line(file) or "another process"
                    file.close()
                    raise LockedError(f"{path}: {owner} is writing it") from None
                except OSError as error:
                    _delete(self._path, file)
                    warnings.warn(
                        f"{target.parent}: this file system has no locks ({error.strerror}); do not let two processes "
                        "write the same files",
                        stacklevel=2,
                    )
                    return
                if _is_at(file, self._path):
                    self._file = file
                else:  # the previous owner deleted it after it was opened here
                    file.close()
        with contextlib.suppress(OSError):  # on a full disk, messages lack the owner
            self._file.truncate(0)
            _write(self._file, f"process {os.getpid()} on {platform.node()}\n".encode())
        _held.add(self)

    def release(self) -> None:
        """Release the lock; do nothing if it is not held."""
        if self._file is not None:
            _delete(self._path, self._file)
            self._file = None

    def close_in_child(self) -> None:
        """Close a forked child's copy of the file, which would hold the lock until the child ends."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


_held: weakref.WeakSet[Lock] = weakref.WeakSet()


def _close_locks_in_child() -> None:
    for lock in list(_held):
        lock.close_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_locks_in_child)


def lock_if_given(path: str | Path | None) -> contextlib.AbstractContextManager[Any]:
    """Return a context that locks the file, or does nothing if `path` is None."""
    return contextlib.nullcontext() if path is None else Lock(path)


class CsvFile:
    """A CSV file that is locked while it grows. Rows that do not fit on the disk are removed whole.

    Args:
        path: The file, replaced if it exists.
        rows: The first rows, header included, written atomically.

    Raises:
        LockedError: Another process is writing the file.
        ValueError: `path` is not a regular file (a device or a pipe, for example).
    """

    def __init__(self, path: str | Path, rows: Iterable[Iterable[Any]] = ()) -> None:
        self._path = resolve_path(path)
        self._lock = Lock(self._path)
        try:
            write_atomically(self._path, csv_text(rows))
            self._file = open_unbuffered(self._path, "a")
        except BaseException:
            self._lock.release()
            raise

    @property
    def is_empty(self) -> bool:
        """Whether the file has no content, not even a header."""
        return self._file.seek(0, os.SEEK_END) == 0

    def append(self, rows: Iterable[Iterable[Any]]) -> None:
        """Append rows, which other processes can read at once.

        Raises:
            OSError: The disk is full, for example; the error names the file.
        """
        with name_in_errors(self._path):
            append_whole(self._file, csv_text(rows).encode())

    def close(self) -> None:
        """Close the file and release its lock."""
        try:
            self._file.close()
        finally:
            self._lock.release()

    def __enter__(self) -> CsvFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_auxiliary(name: str) -> bool:
    """Whether this is the name of a lock or a temporary file, which a killed process can leave behind."""
    return any(name.startswith(start) and name.endswith(end) for start, end in (_TEMPORARY, _LOCK))


def _mode(path: Path) -> int | None:
    """Return the kind and permissions of a file, or None if it does not exist."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _lock_name(name: str) -> str:
    encoded = os.fsencode(name)
    if len(encoded) > _LONGEST_IN_LOCK:
        name = hashlib.sha256(encoded).hexdigest()
    return name.join(_LOCK)


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows in the format of CSV files."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def open_unbuffered(path: Path, mode: str) -> io.FileIO:
    """Open without a buffer: closing a buffered file would retry to write what did not fit on the disk."""
    return io.FileIO(path, mode)


def append_whole(file: io.FileIO, data: bytes) -> int:
    """Append to a file that this process alone writes, and return where the data begin.

    Raises:
        OSError: The disk is full, for example; the file is then as before.
    """
    end = file.seek(0, os.SEEK_END)  # after a failure, the position is beyond the end
    try:
        _write(file, data)
    except BaseException:
        file.truncate(end)
        raise
    return end


def _write(file: io.FileIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _open_temporary(folder: Path) -> tuple[io.FileIO, Path]:
    """Create a file and lock it, so that no other process deletes it as a leftover."""
    while True:
        path = folder / secrets.token_hex(8).join(_TEMPORARY)
        file = open_unbuffered(path, "x")
        try:
            _lock(file)
        except BlockingIOError:  # another process is already deleting it as a leftover
            pass
        except OSError:  # without locks, no other process deletes it
            return file, path
        else:
            if path.exists():
                return file, path
        file.close()


def _delete_leftovers(folder: Path) -> None:
    for path in folder.glob("*".join(_TEMPORARY)):
        # An error means that the file is in use, already deleted, or belongs to another user.
        with contextlib.suppress(OSError), open_unbuffered(path, "r+") as file:
            _lock(file)
            path.unlink()


def _delete(path: Path, file: io.FileIO) -> None:
    """Delete a lock's file while it is locked; later, it could be another owner's."""
    with contextlib.suppress(OSError):  # Windows cannot delete an open file; leaving it is harmless
        if _is_at(file, path):  # the folder may have been moved and replaced
            path.unlink()
    file.close()


def _is_at(file: io.FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _first_line(file: io.FileIO) -> str:
    file.seek(0)
    line = file.read(200).decode("utf-8", "replace").partition("\n")[0]
    return line if line.isprintable() else quote(line)
