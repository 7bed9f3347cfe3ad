"""numba's cache of builds, with which a fault of the disk costs a compilation and never a run."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

from numba.core.sigutils import normalize_signature

_warned = False
_is_deferred = False
_deferred: str | None = None


def tolerant(cache: type[Any]) -> type[Any]:
    """A subclass of one of numba's caches that survives what it cannot read or write.

    A build that is damaged, or that belongs to another signature, is compiled anew. A build that cannot be saved stays
    in memory, and the first one in a process is warned about.
    """
    implementation = cache._impl_class

    class Implementation(implementation):  # type: ignore[valid-type, misc]
        _locator_classes = (
            *implementation._locator_classes,
            *map(_without_writing, implementation._locator_classes),
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


def _without_writing(locator: type[Any]) -> type[Any]:
    """A locator that takes a folder though it cannot be written to: builds may lie there that can be read."""
    return type(locator.__name__, (locator,), {"ensure_cache_path": lambda self: None})


def _report(reason: str) -> None:
    global _deferred
    if _is_deferred:
        _deferred = reason
    else:
        warn_once(reason)


def warn_once(reason: str) -> None:
    """Warn that builds cannot be saved, unless this process has done so."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "compiled code cannot be saved, so each process compiles in memory what it needs; set NUMBA_CACHE_DIR to "
            f"a folder with free space that can be written to ({reason})",
            RuntimeWarning,
            stacklevel=2,
        )


def defer_warning() -> None:
    """Do not warn in this process, which is a worker: its parent asks for `deferred_reason`, and warns once for all."""
    global _is_deferred
    _is_deferred = True


def deferred_reason() -> str | None:
    """Why a build could not be saved, which this process has not warned about."""
    return _deferred
