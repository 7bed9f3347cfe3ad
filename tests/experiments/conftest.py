"""What holds for all tests of the commands."""

import pytest

from evaluators.pictures import film


@pytest.fixture(scope="package", autouse=True)
def few_frames():
    """Films have a few frames; tests/evaluators/pictures checks whole ones."""
    choose = film.choose_steps
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(film, "choose_steps", lambda start, stop, most: choose(start, stop, min(most, 5)))
        yield
