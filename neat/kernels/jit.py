"""Compile kernels with numba so that its disk cache never returns a stale build.

When numba decides whether a cached build is up to date, it checks the file of the kernel, but not the functions that
the kernel calls. `kernel` therefore adds a fingerprint of all code and constants that a function reaches to the name
under which the build is cached. A new process finds the build, unless any of that code was edited. `specialise` makes a
kernel from a template by replacing some of its global names.
"""

from __future__ import annotations

import contextlib
import gc
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
from numba.core.runtime import rtsys

from neat.kernels import machine_code, records
from neat.kernels.disk_cache import make_tolerant
from neat.kernels.fingerprint import describe_options, fingerprint
from neat.support.messages import shorten

Inline = Literal["never", "late", "early"]  # see `inner_function`


class _QuickCache(FunctionCache):
    """numba's cache, without the import of all that numba can compile before the first build is loaded.

    That import takes longer than the builds of a run. A compilation begins with it too.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        rtsys.initialize(target_context)  # builds that make arrays need numba's runtime
        return self._load_overload(sig, target_context)


_Cache = make_tolerant(_QuickCache)
_LONGEST = 400  # characters of numba's message in an error message
_LLVM_CALLBACKS = tuple(
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
    """Compile a function that Python and the kernels of every device can call.

    Division by zero returns what IEEE 754 defines, because Python's exception would be a branch in every loop.

    Args:
        python_function: A function of arrays and scalars.
        contract: Allow the compiler to round a product and a sum once instead of twice, and inline the function into
            its callers. Use it for a network's arithmetic only. The build of each caller can round differently, so
            results that are compared must not depend on it.
        **options: numba's options.
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

    numba generates no code that takes arguments from Python, which takes longer to compile for a dozen arrays than the
    function itself. Unless the function allocates, it counts no references to arrays, which would take longer than its
    work.

    Args:
        python_function: A function of arrays and scalars.
        inline: "late": LLVM inlines the function, so that a loop around it can be vectorised; for small functions.
            "early": numba inlines it before it compiles, and the arithmetic then follows the caller's options. For a
            large function with one caller this takes half as long, because it is not compiled twice. "never": for
            large functions with several callers.
        contract: Allow the compiler to round a product and a sum once instead of twice (see `function`).
        reassociate: Allow the compiler to change the order of additions, so that sums can be vectorised. This also
            allows the rounding of `contract`, even if that is False. Use it for gradients only, which nothing compares.
        allocates: Whether the function makes arrays (see `kernel`). If not, its caller passes scratch. Of two functions
            that handle arrays, one can be inlined early into the other only if both allocate or neither does. One that
            allocates must not call one that does not and returns an array, nor the other way round: the array would be
            released once too often, or never.
        saved_as: Save the build on disk under this name, as `kernel` does, so that the kernels of all processes share
            it. A newer build of the same name replaces the older one.
        **options: numba's options.
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
    """Compile a function on first use and save the build on disk; it runs without Python's global lock.

    Args:
        python_function: A function of arrays, scalars and records. Annotate a parameter with the class of its records,
            and calls take less time (see `neat.kernels.records`).
        allocates: Whether the function makes arrays. If not, it counts no references to the arrays that it reads. In a
            loop over genes, counting takes as long as the work.
        **options: numba's options.
    """
    return _decorate(python_function, lambda f: _compile_kernel(f, f.__qualname__, allocates, options))


def _decorate(python_function: Callable[..., Any] | None, decorator: Callable[[Any], Any]) -> Any:
    """Apply a decorator that was written with or without arguments."""
    return decorator if python_function is None else decorator(python_function)


def specialise(
    template: Callable[..., Any], name: str, bind: dict[str, Any], *, allocates: bool = True, **options: Any
) -> Any:
    """Compile a copy of `template` in which the global names in `bind` have the values in `bind`.

    Args:
        template: A plain Python function, whose parameters can be annotated (see `kernel`).
        name: The name of this variant among the template's. A newer build of the same name replaces the older one.
        bind: Jitted functions and constants, by the global name that the template uses.
        allocates: Whether the copy makes arrays (see `kernel`).
        **options: numba's options.
    """
    return _compile_kernel(
        bind_globals(template, **bind), f"{template.__qualname__}-{name}", allocates, options
    )


def specialise_uncompiled(
    template: Callable[..., Any], name: str, bind: dict[str, Any], **options: Any
) -> Any:
    """Return the copy that `specialise` would compile, for another compiler that uses numba's cache.

    Its name contains a hash of all that it reaches and of `options`, which are whatever else its build depends on.
    """
    copy = bind_globals(template, **bind)
    _set_name(copy, f"{template.__qualname__}-{name}", options)
    return copy


def bind_globals(template: Any, /, **values: Any) -> Any:
    """Return a plain copy of a function, plain or jitted, in which these global names have these values.

    The template or its module must have these names. Decorate the copy with `inner_function`, so that kernels can call
    it; their fingerprints cover it. numba's cache finds the build of a kernel that calls such a copy in a new process,
    but not of one that calls a closure.
    """
    template = getattr(template, "py_func", template)
    unknown = values.keys() - template.__globals__.keys() - set(template.__code__.co_names)
    assert not unknown, f"{template.__qualname__} has no global names {sorted(unknown)} to bind"
    names = {**template.__globals__, **values}
    copy = types.FunctionType(template.__code__, names, template.__name__, template.__defaults__)
    copy.__module__, copy.__annotations__ = template.__module__, template.__annotations__
    return copy


def dispatcher_of(kernel: Any) -> Any:
    """Return numba's object of a kernel, which takes the fields of the kernel's records."""
    return getattr(kernel, "dispatcher", kernel)


def is_built(kernel: Any) -> bool:
    """Return whether a build of this kernel's present code is on disk."""
    dispatcher = dispatcher_of(kernel)
    if isinstance(dispatcher, types.FunctionType):  # numba's compiler is disabled
        return True
    return has_build(dispatcher.py_func, Path(dispatcher._cache.cache_path))


def has_build(python_function: Any, folder: Path) -> bool:
    """Return whether numba's cache has a build of the present code of a kernel or a specialised copy."""
    return any(folder.glob(f"{_file_stem(python_function)}.{python_function.__qualname__}-*.nbi"))


def can_be_saved(kernel: Any) -> bool:
    """Return whether a build of this kernel can be written to disk, where other processes find it."""
    try:
        tempfile.TemporaryFile(dir=dispatcher_of(kernel)._cache.cache_path).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def compiling() -> Iterator[None]:
    """Keep Ctrl-C from being lost during a compilation within the context, and collect no garbage meanwhile.

    Python would spend a sixth of a compilation on the search for garbage among numba's many objects.
    """
    with global_compiler_lock:  # a fork waits for it, so that no child is born without the collector
        is_collecting = gc.isenabled()
        gc.disable()
        try:
            with _keeping_interruptions():
                yield
        finally:
            if is_collecting:
                gc.enable()


@contextlib.contextmanager
def _keeping_interruptions() -> Iterator[None]:
    """Keep Ctrl-C from being lost while LLVM compiles.

    LLVM calls Python by ctypes when its work is done. If Ctrl-C came during that work, Python raises KeyboardInterrupt
    in this call, where ctypes drops exceptions. The context handles the signal at its end instead.
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
        if signal.getsignal(signal.SIGINT) is handle:  # the code within may have installed another
            signal.signal(signal.SIGINT, before)
        if late:
            before(*late[0])


def _is_called_by_llvm(frame: types.FrameType | None) -> bool:
    while frame is not None and frame.f_code not in _LLVM_CALLBACKS:
        frame = frame.f_back
    return frame is not None


def summarise_numba_error(error: Exception) -> str:
    """Return the line of numba's message that says what is wrong, cut to a readable length."""
    lines = [line.strip() for line in str(error).splitlines()]
    headings = ("Failed in", "During", "File", "- Resolution")
    message = next((line for line in lines if line and not line.startswith(headings)), repr(error))
    if message.endswith("found for signature:"):  # a later line has the function's name and its types
        message = next(
            (f"No implementation of {line[4:]}" for line in lines if line.startswith(">>> ")), message
        )
    return shorten(message, _LONGEST)


def locate_error(error: Exception, python_function: Any) -> str:
    """Return the file and line where a compiler stopped in a function or in one that it calls.

    Lines of numba and of this library are left out, because users cannot change them. If the error names no other line,
    this is the first line of the function.
    """
    locations = re.findall(r'File "([^"]+)", line (\d+)', str(error))
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        # A compiler that works line by line has `loc`. The static lookup runs no foreign code, which could raise.
        location: Any = inspect.getattr_static(frame.f_locals.get("self"), "loc", None)
        if hasattr(location, "filename"):
            locations.append((location.filename, location.line))
    code = python_function.__code__
    user_locations = (each for each in locations if not _is_library_file(each[0]))
    file, line = next(user_locations, (code.co_filename, code.co_firstlineno))
    return f"{Path(file).name}, line {line}"


def _is_library_file(file: str) -> bool:
    if file.startswith("<"):
        return False
    try:
        return any(map(Path(file).resolve().is_relative_to, _LIBRARIES))
    except (OSError, RuntimeError, ValueError):  # it is no valid path
        return False


def delete_stale_builds(python_function: Any, folder: Path) -> None:
    """Delete builds of earlier versions of a kernel or a specialised copy from numba's cache."""
    name, tag = python_function.__qualname__.rsplit("-", 1)
    prefix = f"{_file_stem(python_function)}.{name}-"
    for file in folder.glob(f"{prefix}*.nb[ic]"):
        rest = file.name[len(prefix) :]
        if not rest.startswith(tag) and rest[16:17] == "-":
            with contextlib.suppress(OSError):  # the folder may be read-only, or another user's
                file.unlink()


def _set_name(python_function: Any, name: str, options: dict[str, Any]) -> None:
    tag = hashlib.sha256(fingerprint(python_function) + describe_options(options).encode())
    python_function.__qualname__ = f"{name}-{tag.hexdigest()[:16]}"


def _compile_kernel(python_function: Any, name: str, allocates: bool, options: dict[str, Any]) -> Any:
    if not allocates:
        options = {"_nrt": False, **options}
    if not records.takes_records(python_function):
        return _compile(python_function, name, options)
    inner = inner_function(inline="early", allocates=allocates)(python_function)
    dispatcher = _compile(records.take_fields(python_function, inner), name, options)
    called = records.pass_fields(python_function, dispatcher)
    vars(called)["dispatcher"] = dispatcher  # see `dispatcher_of`
    return called


def _compile(python_function: Any, name: str, options: dict[str, Any]) -> Any:
    _set_name(python_function, name, options)
    options = {"nogil": True, "no_cfunc_wrapper": True, **options}
    dispatcher = numba.njit(**options)(python_function)
    if dispatcher is not python_function:  # numba's compiler is enabled
        dispatcher._cache = _Cache(python_function)
        delete_stale_builds(python_function, Path(dispatcher._cache.cache_path))
        dispatcher.compile = compiling()(machine_code.on_demand()(dispatcher.compile))
    return dispatcher


def _renumber_functions() -> None:
    """Let numba number functions from a random start, so that different processes use different numbers.

    In builds, the numbers distinguish functions of the same name. A build on disk includes the functions that it calls,
    with numbers from the process that made it.
    """
    FunctionIdentity._unique_ids = itertools.count(secrets.randbits(48))


def _acquire_locks() -> None:
    """Wait until no other thread compiles; otherwise, a forked child would inherit locks that are never released."""
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
