"""What holds for all tests of the commands."""

import pytest

from evaluators.pictures import film
from neat import plot
from neat.support.files import write_atomically


@pytest.fixture(scope="module", autouse=True)
def few_frames():
    """Films have a few frames; tests/evaluators/pictures checks whole ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(film.Film, "most_frames", 5)
        yield


@pytest.fixture(scope="module")
def undrawn():
    """Write empty pictures of runs, for tests of all else; drawing takes most of the time of a short run."""

    def write_empty(shown, path, *arguments, **options):
        write_atomically(path, b"<svg/>")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("fitness", "species", "topology"):
            patch.setattr(plot, name, write_empty)
        yield


@pytest.fixture
def in_empty_folder(tmp_path, monkeypatch):
    """Commands write to the current folder, so the test runs in an empty one."""
    monkeypatch.chdir(tmp_path)
