"""Test that hand-made checkpoints with a valid digest are refused in one line that names the file and the array.

A subprocess, which runs this file as a script, loads all of them: without the checks, some would crash or hang it.
"""

import json
import re
import sys
from pathlib import Path

import pytest

from neat.io import checkpoint
from neat.support import archive
from tests.support.checkpoint_edits import EDITS, OTHERS, saved
from tests.support.scripts import run_python
from tests.support.zip_edits import DIRECTORIES, ZIPS, write_raw


def refusals(folder):
    """Return the result of loading each file of a folder: the error message, or another outcome."""
    found = {}
    for path in sorted(folder.glob("*.npz")):
        try:
            checkpoint.load(path)
            found[path.stem] = "loaded"
        except checkpoint.CheckpointError as error:
            found[path.stem] = str(error)
        except BaseException as error:
            found[path.stem] = f"{type(error).__name__}: {error}"
    return found


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    arrays = saved(folder / "good.npz")
    for name, (edit, _) in EDITS.items():
        archive.write_arrays(folder / f"{name}.npz", edit(arrays))
    for name, (scheme, recurrent, edit, _) in OTHERS.items():
        archive.write_arrays(folder / f"{name}.npz", edit(saved(folder / "other.npz", scheme, recurrent)))
    for name, (build, _) in ZIPS.items():
        write_raw(folder / f"{name}.npz", build)
    for name, (build, _) in DIRECTORIES.items():
        build(folder / f"{name}.npz")
    return folder, json.loads(run_python(__file__, folder, timeout=100))


CASES = {name: case[-1] for table in (EDITS, OTHERS, ZIPS, DIRECTORIES) for name, case in table.items()}


@pytest.mark.parametrize(("name", "message"), CASES.items(), ids=CASES)
def test_a_checkpoint_made_by_hand_is_refused(name, message, messages):
    folder, found = messages
    text = found[name]
    assert text.startswith(f"{folder / name}.npz: "), text
    assert "\n" not in text
    assert len(text) < 500
    assert re.search(message, text), text


def test_an_unchanged_checkpoint_is_loaded(messages):
    _, found = messages
    assert found["good"] == found["other"] == "loaded"
    assert len(found) == len(CASES) + 2


if __name__ == "__main__":
    print(json.dumps(refusals(Path(sys.argv[1]))))
