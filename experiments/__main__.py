"""`python -m experiments <experiment> …`: runs an experiment; without a name, lists them."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

_LONGEST = 1900  # characters of a message


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 2 for a mistake, 130 if interrupted."""
    command = list(sys.argv[1:] if arguments is None else arguments)
    # Before numpy is loaded. Networks here are small; OpenBLAS's threads spin while they wait, and where others want
    # the cores too, a step of training takes ten times as long.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        _dispatch(command)
    except KeyboardInterrupt as interruption:
        print(f"\n{_in_one_line(str(interruption) or 'interrupted')}", file=sys.stderr)
        return 130
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (ValueError, OverflowError, ImportError, RuntimeError) as error:
        return _complain(str(error))
    except MemoryError as error:
        return _complain(f"not enough memory: {error}")
    return 0


def _dispatch(command: list[str]) -> None:
    from experiments.cli import flags
    from experiments.tasks import experiment
    from neat.kernels import parallel

    if not command or command[0] in ("-h", "--help"):
        print("usage: python -m experiments EXPERIMENT [OPTIONS]; EXPERIMENT --help lists its options\n")
        for name in experiment.NAMES:
            print(f"  {name:<16}{(experiment.named(name).__doc__ or '').splitlines()[0]}")
        print(f"  {experiment.COMPARE:<16}Evolution and gradients side by side; --task TASK, --seeds N.")
        return
    name, *rest = command
    if name == experiment.COMPARE:
        from experiments.comparison.compare import compare

        return compare(rest, command)
    line = flags.parse(name, experiment.named(name), rest)
    options = flags.Options(**line.options)
    if options.threads is not None:
        parallel.set_threads(options.threads)
    if options.resume is not None:
        from experiments.runs.single import resume as work
    elif options.is_study:
        from experiments.runs.study import study as work
    else:
        from experiments.runs.single import start as work
    work(name, line, command)


def _complain(message: str) -> int:
    print(f"error: {_in_one_line(message)}", file=sys.stderr)
    return 2


def _in_one_line(message: str) -> str:
    """The message on one line, of a length that can be read."""
    from neat.support.messages import cut

    return cut(message, _LONGEST)


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"warning: {_in_one_line(str(message))}", file=sys.stderr)


if __name__ == "__main__":
    from experiments.cli import streams

    streams.protect()
    warnings.showwarning = _warn
    sys.exit(main())
