"""`python -m experiments <experiment> …`: runs an experiment; without a name, lists them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 2 for a mistake, 130 if interrupted."""
    command = list(sys.argv[1:] if arguments is None else arguments)
    # Before numpy is loaded. Networks here are small; OpenBLAS's threads spin while they wait, and where others want
    # the cores too, a step of training takes ten times as long.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        _dispatch(command)
    except KeyboardInterrupt as interruption:
        print(f"\n{str(interruption) or 'interrupted'}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever reads the output has seen enough, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (ValueError, OverflowError, ImportError, RuntimeError) as error:
        return _complain(str(error))
    except MemoryError as error:
        return _complain(f"not enough memory: {error}")
    return 0


def _dispatch(command: list[str]) -> None:
    from experiments import experiment, flags
    from neat import parallel

    if not command or command[0] in ("-h", "--help"):
        print("usage: python -m experiments EXPERIMENT [OPTIONS]; EXPERIMENT --help lists its options\n")
        for name in experiment.NAMES:
            print(f"  {name:<16}{(experiment.named(name).__doc__ or '').splitlines()[0]}")
        print(f"  {'compare':<16}Evolution and gradients side by side; --task TASK, --seeds N.")
        return
    name, *rest = command
    if name == "compare":
        from experiments.compare import compare

        return compare(rest, command)
    line = flags.parse(name, experiment.named(name), rest)
    options = flags.Options(**line.options)
    if options.threads is not None:
        parallel.set_threads(options.threads)
    if options.resume is not None:
        from experiments.single import resume as work
    elif options.is_study:
        from experiments.study import study as work
    else:
        from experiments.single import start as work
    work(name, line, command)


def _complain(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
