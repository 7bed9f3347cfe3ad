"""Change numba's cache of builds so that an error of the disk costs a compilation but never ends a run."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

from numba.core.sigutils import normalize_signature

_warned = False
_is_deferred = False
_deferred: str | None = None


def make_tolerant(cache: type[Any]) -> type[Any]:
    """Return a subclass of one of numba's caches that tolerates errors when builds are read or saved.

    A damaged build, or one of another signature, is compiled again. A build that cannot be saved stays in memory, and
    the first one in a process causes a warning.
    """
    implementation = cache._impl_class

    class Implementation(implementation):  # type: ignore[valid-type, misc]
        _locator_classes = (
            *implementation._locator_classes,
            *map(_allow_read_only, implementation._locator_classes),
        )

    class Tolerant(cache):
        _impl_class = Implementation

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            try:
                found = super().load_overload(sig, target_context)
            except Exception:
                with contextlib.suppress(OSError):
                    self.flush()
                return None
            arguments, _ = normalize_signature(sig)
            return found if found is not None and tuple(found.signature.args) == tuple(arguments) else None

        def save_overload(self, sig: Any, data: Any) -> None:
            try:
                super().save_overload(sig, data)
            except Exception as error:
                _report(f"{type(error).__name__}: {error}")

    return Tolerant


def _allow_read_only(locator: type[Any]) -> type[Any]:
    """Return a subclass of a locator that also accepts read-only folders, so that their builds are loaded."""
    return type(locator.__name__, (locator,), {"ensure_cache_path": lambda self: None})


def _report(reason: str) -> None:
    global _deferred
    if _is_deferred:
        _deferred = reason
    else:
        warn_once(reason)


def warn_once(reason: str) -> None:
    """Warn that builds cannot be saved, unless this process has already warned."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "compiled code cannot be saved, so each process compiles it again in memory; set NUMBA_CACHE_DIR to a "
            f"writable folder with free space ({reason})",
            RuntimeWarning,
            stacklevel=2,
        )


def defer_warning() -> None:
    """Suppress the warning in this worker process; its parent gets `deferred_reason` and warns once for all workers."""
    global _is_deferred
    _is_deferred = True


def deferred_reason() -> str | None:
    """Return why a build could not be saved if `defer_warning` suppressed the warning; None if all were saved."""
    return _deferred
