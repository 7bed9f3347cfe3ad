"""Detect neat-python, whose import package is also called `neat`."""

from __future__ import annotations

from importlib import metadata


def refuse_neat_python() -> None:
    """Raise ImportError if neat-python is installed too.

    Its import package has the same name as ours, and pip silently overwrites one with the other.
    """
    try:
        metadata.distribution("neat-python")
    except metadata.PackageNotFoundError:
        return
    raise ImportError(
        "batchneat and neat-python both install a package called neat and overwrite each other: "
        "pip uninstall neat-python, then pip install --force-reinstall --no-deps batchneat, "
        "and keep neat-python in its own environment"
    )
