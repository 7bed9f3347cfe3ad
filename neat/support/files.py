"""Files that survive a kill, a full disk and a second process: written whole, or locked while they grow."""

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

from neat.support.messages import cut, shown

_LONGEST_PATH = 4096  # characters; Linux looks up no longer ones
_TEMPORARY = (".neat-", ".new")
_LOCK = (".", ".lock")
_LONGEST_IN_LOCK = 100  # bytes of a file's name that its lock's name repeats; some file systems allow 143


class LockedError(ValueError):
    """Another process, or another run of this one, is writing the file."""


if sys.platform == "win32":
    import msvcrt

    def _lock(file: io.FileIO) -> None:
        """Lock the file, or raise BlockingIOError."""
        file.seek(2**30)  # behind the text, since nobody else can read what is locked
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
    """A file's path; ValueError unless it is text or a Path, and one that the system can look up."""
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"{name}: must be a path, got {shown(path)}")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise ValueError(f"{name}: must be text that the system can encode, got {shown(str(path))}") from None
    if len(str(path)) > _LONGEST_PATH:
        raise ValueError(f"{name}: must have at most {_LONGEST_PATH:,} characters, got {len(str(path)):,}")
    if "\0" in str(path):
        raise ValueError(f"{name}: must hold no NUL, got {shown(str(path))}")
    return Path(path)


def resolve_path(path: Any, name: str = "path") -> Path:
    """A path's absolute form, links followed: the same file whatever becomes of the current folder."""
    return Path(os.path.realpath(as_path(path, name)))


def resolve_file(path: Any, name: str) -> Path:
    """`resolve_path` of a file that a run will write when it has worked for long; ValueError where it cannot."""
    file = resolve_path(path, name)
    try:
        mode, has_folder = _mode(file), file.parent.is_dir()
    except OSError as error:  # a name that is too long, or a folder that may not be searched
        raise ValueError(f"{name}: {cut(str(error))}") from None
    if mode is not None and stat.S_ISDIR(mode):
        raise ValueError(f"{name}: {cut(str(file))} is a folder; name a file, such as {file / 'run.npz'}")
    if mode is not None and not stat.S_ISREG(mode):
        raise ValueError(f"{name}: {cut(str(file))} is not a regular file")
    if not has_folder:
        raise ValueError(f"{name}: there is no folder {cut(str(file.parent))}")
    return file


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write a temporary file, flush it, and rename it to `path`: a kill or a full disk leaves the old file or the new.

    The new file has the old one's permissions. `write_whole` also deletes temporary files that killed writers have
    left in the folder.

    Args:
        path: The file, replaced if it exists; of a symbolic link, the file that it leads to.
        content: Text is written as UTF-8.

    Raises:
        ValueError: `path` is a device, a pipe or the like, which must not be replaced.
        OSError: The file cannot be written; the error names `path`, and the old file is as it was.
    """
    path = as_path(path)
    data = content.encode() if isinstance(content, str) else content
    with name_in_errors(path):
        target = resolve_path(path)
        mode = _mode(target)
        if mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise ValueError(f"{cut(str(path))}: is not a regular file")
        _delete_leftovers(target.parent)
        file, temporary = _open_temporary(target.parent)
        try:
            with file:
                if mode is not None and mode != os.fstat(file.fileno()).st_mode:
                    temporary.chmod(stat.S_IMODE(mode))
                _write(file, data)
                os.fsync(file.fileno())
                if os.name == "nt":  # which renames no open file
                    file.close()
                temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def name_in_errors(path: str | Path) -> Iterator[None]:
    """A context in which errors name this file: that of a full disk names none, and others name a temporary one."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        # OSError makes an error of the class that belongs to the number.
        raise OSError(error.errno, error.strerror, str(path)) from error


class Lock:
    """A lock that its owner holds on a file: another process, or a second lock of this one, is refused.

    The kernel releases it when the process ends, however it ends. A forked child does not hold its parent's locks.
    Where the file system has no locks, there is a warning and no lock. As a context manager it releases at the end.

    Args:
        path: The file, which need not exist; its folder must. The lock is a file beside the one that links lead to.

    Raises:
        LockedError: Somebody else holds it; the message names the process.
    """

    def __init__(self, path: str | Path) -> None:
        target = resolve_path(path)
        self._path = target.with_name(_lock_name(target.name))
        self._file: io.FileIO | None = None
        with name_in_errors(path):
            while self._file is None:
                file = _open(self._path, "a+")
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
                else:  # its owner has deleted it since it was opened
                    file.close()
        with contextlib.suppress(OSError):  # a full disk; the text is only for messages
            self._file.truncate(0)
            _write(self._file, f"process {os.getpid()} on {platform.node()}\n".encode())
        _held.add(self)

    def release(self) -> None:
        """Let others have it; without effect where it is not held."""
        if self._file is not None:
            _delete(self._path, self._file)
            self._file = None

    def forget(self) -> None:
        """Close a forked child's copy, by which it would hold the lock for as long as it lives."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


_held: weakref.WeakSet[Lock] = weakref.WeakSet()


def _forget_all() -> None:
    for lock in list(_held):
        lock.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def locked(path: str | Path | None) -> contextlib.AbstractContextManager[Any]:
    """A context that holds the lock of a file, if there is one."""
    return contextlib.nullcontext() if path is None else Lock(path)


class Rows:
    """A CSV file that grows, locked while it does. A row that does not fit on the disk leaves no part of itself.

    Args:
        path: The file, replaced if it exists.
        rows: What it holds at first, the header included; written whole.

    Raises:
        LockedError: Another process is writing it.
        ValueError: It is a device, a pipe or the like.
    """

    def __init__(self, path: str | Path, rows: Iterable[Iterable[Any]] = ()) -> None:
        self._path = resolve_path(path)
        self._lock = Lock(self._path)
        try:
            write_whole(self._path, _csv(rows))
            self._file = _open(self._path, "a")
        except BaseException:
            self._lock.release()
            raise

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it, no header either."""
        return self._file.tell() == 0

    def append(self, rows: Iterable[Iterable[Any]]) -> None:
        """Add rows, which others can read at once.

        Raises:
            OSError: There is no room; the error names the file.
        """
        with name_in_errors(self._path):
            end = self._file.tell()
            try:
                _write(self._file, _csv(rows).encode())
            except OSError:
                self._file.truncate(end)
                raise

    def close(self) -> None:
        """Close the file and release its lock."""
        self._file.close()
        self._lock.release()

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_auxiliary(name: str) -> bool:
    """Whether this is the name of a lock or a temporary file, which may be left by a process that was killed."""
    return any(name.startswith(start) and name.endswith(end) for start, end in (_TEMPORARY, _LOCK))


def _mode(path: Path) -> int | None:
    """Kind and permissions of the file at a path, None where there is none."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _lock_name(name: str) -> str:
    encoded = os.fsencode(name)
    if len(encoded) > _LONGEST_IN_LOCK:
        name = hashlib.sha256(encoded).hexdigest()
    return name.join(_LOCK)


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _open(path: Path, mode: str) -> io.FileIO:
    """Without a buffer, which would try to write once more what did not fit, when the file is closed."""
    return io.FileIO(path, mode)


def _write(file: io.FileIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _open_temporary(folder: Path) -> tuple[io.FileIO, Path]:
    """A new file, locked while it is open, so that nobody takes it for a leftover."""
    while True:
        path = folder / secrets.token_hex(8).join(_TEMPORARY)
        file = _open(path, "x")
        try:
            _lock(file)
        except BlockingIOError:  # somebody takes it for a leftover already
            pass
        except OSError:  # nobody can lock it to delete it
            return file, path
        else:
            if path.exists():
                return file, path
        file.close()


def _delete_leftovers(folder: Path) -> None:
    for path in folder.glob("*".join(_TEMPORARY)):
        # An error says that it is in use, was deleted, or is not ours to delete.
        with contextlib.suppress(OSError), _open(path, "r+") as file:
            _lock(file)
            path.unlink()


def _delete(path: Path, file: io.FileIO) -> None:
    """Delete a lock's file while it is locked, or somebody else's could be deleted."""
    with contextlib.suppress(OSError):  # Windows deletes no open file; what stays there does no harm
        if _is_at(file, path):  # its folder may have been moved, and another one made in its place
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
    return line if line.isprintable() else shown(line)
