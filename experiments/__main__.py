"""The command `batchneat EXPERIMENT …`, or `python -m experiments EXPERIMENT …`, runs an experiment.

Without a name, it lists the experiments.
"""

from __future__ import annotations

import functools
import gc
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

_MAX_MESSAGE = 1900  # characters


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status: 0, 2 after an error, 130 if interrupted."""
    command = list(sys.argv[1:] if arguments is None else arguments)
    # This must precede the import of numpy. OpenBLAS's threads spin while they wait. On a machine whose cores are busy,
    # they make a training step of a small network ten times slower.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        _dispatch(command)
    except KeyboardInterrupt as interruption:
        print(f"\n{_in_one_line(str(interruption) or 'interrupted')}", file=sys.stderr)
        return 130
    except OSError as error:
        return _print_error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (ValueError, OverflowError, ImportError, RuntimeError) as error:
        return _print_error(str(error))
    except MemoryError as error:
        return _print_error(f"not enough memory: {error}")
    return 0


def _dispatch(command: list[str]) -> None:
    from experiments.cli import flags, help
    from experiments.cli.logs import show_logs
    from experiments.tasks import experiment
    from neat.kernels import parallel

    _freeze_modules()
    if not command or help.asks_for_help(command[:1]):
        return help.show_overview(command)
    if command == [help.VERSION]:
        return help.show_version()
    name, *rest = command
    if name == experiment.COMPARE:
        from experiments.comparison.compare import compare

        return compare([help.SHORT if word == help.ALL else word for word in rest], command)
    if name == experiment.EXPORT:
        from experiments.cli.export import export

        return export(rest)
    if name in (experiment.PREDICT, experiment.PLAY, experiment.RECORD):
        from experiments.cli.models import run

        return run(name, rest)
    if name == experiment.SHOW:
        from experiments.report.command import show

        return show(rest)
    if name == experiment.STUDY:
        from experiments.studies.command import study

        return study(rest)
    task = experiment.find_experiment(name)
    if help.asks_for_help(rest):
        return help.show(name, task, rest)
    line = flags.parse(name, task, rest)
    options = flags.Options(**line.options)
    if options.threads is not None:
        parallel.set_threads(options.threads)
    if options.resume is not None:
        from experiments.runs.single import resume as work
    elif options.is_study:
        from experiments.runs.repeated import run_repeatedly as work
    else:
        from experiments.runs.single import start as work
    with show_logs(options.quiet):
        work(name, line, command)


@functools.cache
def _freeze_modules() -> None:
    """Keep Python from looking for garbage among the objects of the modules that every command imports.

    Python would search them again and again, and once more at its end. It still collects what is made later, such as a
    user's environment.
    """
    gc.freeze()


def _print_error(message: str) -> int:
    print(f"error: {_in_one_line(message)}", file=sys.stderr)
    return 2


def _in_one_line(message: str) -> str:
    """Return the message on one line, shortened if it is too long to read."""
    from neat.support.messages import shorten

    return shorten(message, _MAX_MESSAGE)


def _print_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"warning: {_in_one_line(str(message))}", file=sys.stderr)


def run() -> NoReturn:
    """Run the command line of this process, and exit. The installed script `batchneat` calls this too."""
    from experiments.cli import streams

    streams.protect()
    warnings.showwarning = _print_warning
    # A script does not search the current folder, which can have a module that --env names. It is last here, so that
    # no folder of the user's hides a package of ours.
    sys.path.append("")
    sys.exit(main())


if __name__ == "__main__":
    run()
