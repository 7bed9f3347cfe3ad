"""Helpers for tests run command lines, and check their errors and their files."""

import contextlib
import resource
import subprocess
import sys
from pathlib import Path

from experiments.__main__ import main
from tests.support.paths import ROOT

# Options of a short run, and the files that have the same bytes in each such run.
FEW = ["--generations", "4", "--population-size", "20", "--quiet"]
LINEAGE = ("champions.csv", "champions.npz", "innovations.csv", "phylogeny.csv", "species_origins.csv")
SAME = ("metrics.csv", "species.csv", "lineage.npy", *LINEAGE, "champion.json", "model.json", "fitness.svg")


def contents(where):
    """Return the bytes of the files in a folder, by name."""
    return {path.name: path.read_bytes() for path in Path(where).iterdir() if path.is_file()}


def refused(line, capsys, message):
    """Check that the command fails with an error of one line that contains the message."""
    capsys.readouterr()
    assert main(line) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1 and len(err) <= 2000
    assert message in err, err


@contextlib.contextmanager
def largest_file(size):
    """Limit the files of this process to `size` bytes, as if the disk were full."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def start_command(*arguments, **environment):
    """Start a process that runs `python -m experiments` with these arguments and environment variables."""
    return subprocess.Popen(
        [sys.executable, "-m", "experiments", *arguments],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
