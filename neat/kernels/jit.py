"""Compiling kernels with numba so that its disk cache can be trusted.

numba looks at the file of a kernel when it decides whether a cached build is still good, not at the functions that
the kernel calls. `kernel` therefore puts a fingerprint of all the code and constants that a function can reach
into the name under which the build is cached: a new process finds it, an edit anywhere below misses it.
`specialise` makes a kernel out of a template by giving it other functions for some of its global names.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import itertools
import os
import re
import secrets
import signal
import tempfile
import threading
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numba
from llvmlite.binding import ExecutionEngine, ffi
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import FunctionCache
from numba.core.compiler_lock import global_compiler_lock

from neat.kernels import machine_code
from neat.kernels.disk_cache import tolerant
from neat.kernels.fingerprint import describe_options, fingerprint
from neat.support.messages import cut

Inline = Literal["never", "late", "early"]  # see `inner_function`

_Cache = tolerant(FunctionCache)
_READABLE = 400  # characters of what numba says, in a message
_LLVMS_CALLBACKS = tuple(
    getattr(ExecutionEngine, name).__code__
    for name in ("_raw_object_cache_notify", "_raw_object_cache_getbuffer")
    if hasattr(ExecutionEngine, name)
)
_LIBRARIES = [
    Path(package).resolve().parents[levels] / name
    for package, levels, name in (
        (numba.__file__, 1, "numba"),
        (numba.__file__, 1, "numba_cuda"),
        (__file__, 2, "neat"),
        (__file__, 2, "evaluators"),
    )
]


def function(
    python_function: Callable[..., Any] | None = None, /, *, contract: bool = False, **options: Any
) -> Any:
    """Compile a function that Python and kernels of every device call.

    Division by zero gives what IEEE 754 says; Python's exception would be a branch in every loop.

    Args:
        python_function: A function of arrays and scalars.
        contract: The compiler may round a product and a sum once instead of twice, and puts the function into its
            caller. For a network's arithmetic only: each caller's build may round differently, so results that are
            compared must not depend on it.
        **options: numba's.
    """
    if contract:
        options = {
            "fastmath": {"contract"},
            "forceinline": True,
            "no_cfunc_wrapper": True,
            "_nrt": False,
            **options,
        }
    return _decorate(python_function, numba.njit(error_model="numpy", **options))


def inner_function(
    python_function: Callable[..., Any] | None = None,
    /,
    *,
    inline: Inline = "late",
    contract: bool = False,
    reassociate: bool = False,
    allocates: bool = False,
    saved_as: str | None = None,
    **options: Any,
) -> Any:
    """Compile a function that only kernels call; a call from Python crashes.

    numba makes no code that takes arguments from Python, which for a dozen arrays takes longer to compile than the
    function itself. Unless it allocates, it counts no references to arrays, which would take longer than the work.

    Args:
        python_function: A function of arrays and scalars.
        inline: "late": LLVM makes it part of its caller, so that a loop around it can become vector code; for small
            functions. "early": numba does so before it compiles, which takes half as long for a large function that
            one place calls (it is not compiled twice); its arithmetic then follows the caller's rules. "never": for
            large functions that several places call.
        contract: See `function`.
        reassociate: The compiler may also add up sums in another order, the one that vectors like; for gradients,
            which nothing compares.
        allocates: See `kernel`. Otherwise, scratch is an argument. Must not be inlined early in a function that does
            not allocate, nor the other way round.
        saved_as: Keep the build on disk under this name, as `kernel` does, so that several kernels share it in every
            process. A newer build of the same name replaces the older.
        **options: numba's.
    """
    options = {
        "error_model": "numpy",
        "no_cpython_wrapper": True,
        "no_cfunc_wrapper": True,
        "_nrt": allocates,
        **options,
    }
    if inline != "never":
        options["forceinline"] = True
    if inline == "early":
        options["inline"] = "always"
    if contract or reassociate:
        options["fastmath"] = {"contract"} | ({"reassoc"} if reassociate else set())
    if saved_as is not None:
        return _decorate(python_function, lambda f: _compile(f, saved_as, options))
    return _decorate(python_function, numba.njit(**options))


def kernel(
    python_function: Callable[..., Any] | None = None, /, *, allocates: bool = True, **options: Any
) -> Any:
    """Compile a function on first use and keep the build on disk; it runs without Python's global lock.

    Args:
        python_function: A function of arrays and scalars.
        allocates: Whether it makes arrays. If not, it counts no references to those that it reads, which in a loop
            over genes takes as long as the work.
        **options: numba's.
    """
    if not allocates:
        options["_nrt"] = False
    return _decorate(python_function, lambda f: _compile(f, f.__qualname__, options))


def _decorate(python_function: Callable[..., Any] | None, decorator: Callable[[Any], Any]) -> Any:
    """Apply a decorator that was written with or without arguments."""
    return decorator if python_function is None else decorator(python_function)


def specialise(
    template: Callable[..., Any], name: str, bind: dict[str, Any], *, allocates: bool = True, **options: Any
) -> Any:
    """Compile a copy of `template` in which the global names of `bind` mean what `bind` says.

    Args:
        template: A plain Python function.
        name: Tells this variant from the template's others; a newer build of the same name replaces the older.
        bind: Jitted functions and constants, by the global name that the template uses.
        allocates: See `kernel`.
        **options: numba's.
    """
    if not allocates:
        options["_nrt"] = False
    return _compile(_clone(template, bind), f"{template.__qualname__}-{name}", options)


def variant(template: Callable[..., Any], name: str, bind: dict[str, Any], **options: Any) -> Any:
    """The copy that `specialise` compiles, for another compiler with numba's cache.

    It is named after all that it can reach, and after the options, whatever else its build depends on.
    """
    clone = _clone(template, bind)
    _name(clone, f"{template.__qualname__}-{name}", options)
    return clone


def bound(template: Callable[..., Any], **values: Any) -> Any:
    """Copy a plain function so that these global names mean these functions and constants.

    Decorate the copy with `inner_function`: kernels call it, and their fingerprints reach through it. numba's cache
    finds the build of a kernel that calls a copy again, which it does not for closures.
    """
    return _clone(template, values)


def is_built(dispatcher: Any) -> bool:
    """Whether a build of this kernel, as its code is now, lies on disk."""
    if isinstance(dispatcher, types.FunctionType):  # numba's compiler is switched off
        return True
    return has_build(dispatcher.py_func, Path(dispatcher._cache.cache_path))


def has_build(python_function: Any, folder: Path) -> bool:
    """Whether numba's cache holds a build of a kernel or a variant, as its code is now."""
    return any(folder.glob(f"{_file_stem(python_function)}.{python_function.__qualname__}-*.nbi"))


def can_be_saved(dispatcher: Any) -> bool:
    """Whether a build of this kernel can be written to disk, where another process finds it."""
    try:
        tempfile.TemporaryFile(dir=dispatcher._cache.cache_path).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def keeping_interruptions() -> Iterator[None]:
    """While something is compiled here, Ctrl-C is not lost.

    LLVM calls Python when it has done its work, by ctypes, which drops what is raised there: and that is where an
    interruption arrives that came meanwhile. It is raised at the end instead.
    """
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    late: list[tuple[int, types.FrameType | None]] = []

    def handle(number: int, frame: types.FrameType | None) -> None:
        if _is_called_by_llvm(frame):
            late.append((number, frame))
        else:
            before(number, frame)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is handle:  # and not one that was installed meanwhile
            signal.signal(signal.SIGINT, before)
        if late:
            before(*late[0])


def _is_called_by_llvm(frame: types.FrameType | None) -> bool:
    while frame is not None and frame.f_code not in _LLVMS_CALLBACKS:
        frame = frame.f_back
    return frame is not None


def cause(error: Exception) -> str:
    """The line of numba's message that says what is wrong, of readable length."""
    lines = [line.strip() for line in str(error).splitlines()]
    headings = ("Failed in", "During", "File", "- Resolution")
    return cut(
        next((line for line in lines if line and not line.startswith(headings)), repr(error)), _READABLE
    )


def where(error: Exception, python_function: Any) -> str:
    """Where a compiler stopped, in this function or in one that it calls: file and line, as far as the error tells.

    Not in what it calls of numba or of this library, whose lines nobody can change.
    """
    told = re.findall(r'File "([^"]+)", line (\d+)', str(error))
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        # Of what makes code line by line. Looked up without code of others, which may raise an error.
        location: Any = inspect.getattr_static(frame.f_locals.get("self"), "loc", None)
        if hasattr(location, "filename"):
            told.append((location.filename, location.line))
    code = python_function.__code__
    theirs = (each for each in told if not _is_in_a_library(each[0]))
    file, line = next(theirs, (code.co_filename, code.co_firstlineno))
    return f"{Path(file).name}, line {line}"


def _is_in_a_library(file: str) -> bool:
    if file.startswith("<"):
        return False
    try:
        return any(map(Path(file).resolve().is_relative_to, _LIBRARIES))
    except (OSError, RuntimeError, ValueError):  # the path leads nowhere
        return False


def prune(python_function: Any, folder: Path) -> None:
    """Delete the builds of earlier versions of a kernel or a variant from numba's cache."""
    name, tag = python_function.__qualname__.rsplit("-", 1)
    prefix = f"{_file_stem(python_function)}.{name}-"
    for file in folder.glob(f"{prefix}*.nb[ic]"):
        rest = file.name[len(prefix) :]
        if not rest.startswith(tag) and rest[16:17] == "-":
            with contextlib.suppress(OSError):  # the folder may be read-only, or the file another user's
                file.unlink()


def _clone(template: Any, bind: dict[str, Any]) -> Any:
    clone = types.FunctionType(
        template.__code__, {**template.__globals__, **bind}, template.__name__, template.__defaults__
    )
    clone.__module__ = template.__module__
    return clone


def _name(python_function: Any, name: str, options: dict[str, Any]) -> None:
    tag = hashlib.sha256(fingerprint(python_function) + describe_options(options).encode())
    python_function.__qualname__ = f"{name}-{tag.hexdigest()[:16]}"


def _compile(python_function: Any, name: str, options: dict[str, Any]) -> Any:
    _name(python_function, name, options)
    options = {"nogil": True, "no_cfunc_wrapper": True, **options}
    dispatcher = numba.njit(**options)(python_function)
    if dispatcher is not python_function:  # numba's compiler is switched on
        dispatcher._cache = _Cache(python_function)
        prune(python_function, Path(dispatcher._cache.cache_path))
        dispatcher.compile = keeping_interruptions()(machine_code.on_demand()(dispatcher.compile))
    return dispatcher


def _renumber_functions() -> None:
    """Let numba number functions from a number that no other process begins with.

    It tells functions of one name apart by it in builds; and a build on disk brings the functions that it calls along,
    numbered by the process that made it.
    """
    FunctionIdentity._unique_ids = itertools.count(secrets.randbits(48))


def _acquire_locks() -> None:
    """Wait until no other thread compiles, whose locks a forked child would otherwise find taken for ever."""
    global_compiler_lock.acquire()
    ffi.lib._lock.__enter__()


def _release_locks() -> None:
    ffi.lib._lock.__exit__()
    global_compiler_lock.release()


_renumber_functions()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_acquire_locks, after_in_parent=_release_locks, after_in_child=_release_locks)
    os.register_at_fork(after_in_child=_renumber_functions)


def _file_stem(python_function: Any) -> str:
    return Path(python_function.__code__.co_filename).stem
