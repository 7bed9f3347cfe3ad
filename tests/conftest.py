"""What holds for all tests."""

import signal

import pytest

# Files that take longest. They come first, so that none of them is left for one worker at the end. The first two begin
# side by side, and have few kernels in common that both workers would compile.
SLOW = (
    "test_docs.py",
    "gpu/test_kernels.py",
    "experiments/runs/test_experiments.py",
    "gpu/test_simulator.py",
    "evaluators/test_per_genome.py",
    "test_campaigns.py",
    "evaluators/estimators/test_checks.py",
    "gpu/test_episodes.py",
    "neat/processes/test_worker_processes.py",
    "test_examples.py",
)


def pytest_configure():
    """Ctrl-C works, though a shell's background jobs ignore it and hand that on to what they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Put the slowest files first."""
    places = {f"tests/{name}": place for place, name in enumerate(SLOW)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(SLOW)))


@pytest.fixture
def set_threads():
    """Return the function that sets the number of threads; the test's end restores the number."""
    from neat.kernels import parallel  # the process that only hands out tests does not compile

    before = parallel.get_threads()
    yield parallel.set_threads
    parallel.set_threads(before)
