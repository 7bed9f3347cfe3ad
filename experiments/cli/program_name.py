"""The words by which the user called this command, for messages that name it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

SCRIPT = "batchneat"


def program_words() -> list[str]:
    """Return `batchneat` if the installed script was called, otherwise the words that run the package."""
    if Path(sys.argv[0]).stem == SCRIPT:
        return [SCRIPT]
    return [Path(sys.executable or "python").name, "-m", "experiments"]


def program_name() -> str:
    """Return the words as text."""
    return " ".join(program_words())


def resume_command(name: str, folder: Path) -> str:
    """Return the command line that resumes what a command wrote to a folder."""
    return f"{program_name()} {name} --resume {shlex.quote(str(folder))}"
