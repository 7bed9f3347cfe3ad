"""The other package called `neat`."""

from __future__ import annotations

from importlib import metadata


def refuse_neat_python() -> None:
    """Raise ImportError where neat-python is installed beside us.

    Its import package has the same name as ours, and pip lays one over the other without a word.
    """
    try:
        metadata.distribution("neat-python")
    except metadata.PackageNotFoundError:
        return
    raise ImportError(
        "batchneat and neat-python both install a package called neat, here one over the other: "
        "pip uninstall neat-python, then pip install --force-reinstall --no-deps batchneat, "
        "and keep neat-python in an environment of its own"
    )
