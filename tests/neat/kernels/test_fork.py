"""A forked child has none of its parent's threads. It starts its own, and does not wait for locks of the others."""

import multiprocessing
import os
import signal
import threading
import time
import traceback

import numpy as np
import pytest
from numba import types
from numba.extending import overload

import evaluators
import neat
from neat.kernels import jit, parallel
from neat.kernels.work_pieces import claimed
from tests.support.scripts import run_python
from tests.support.waiting import wait_until

if not hasattr(os, "fork"):
    pytest.skip("this system does not fork", allow_module_level=True)

# Python 3.12 and later warn about every fork of a process with threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

PATIENCE = 30.0  # seconds, for steps that take less than two
COUNT = 10_000  # genomes, enough for several threads


@pytest.fixture(autouse=True)
def several_threads(set_threads):
    set_threads(3)


def check_in_child(check):
    """Call `check` in a forked child, which must end by itself."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            check()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child waits for ever")


def count_up(pieces, out):
    for place in claimed(pieces):
        out[place] = place


def check_threads():
    out = np.zeros(COUNT, np.int64)
    parallel.over(count_up, COUNT, out)
    np.testing.assert_array_equal(out, np.arange(COUNT))


def start_threads():
    """Start all threads by a kernel in which they wait for each other."""
    meeting = threading.Barrier(parallel.get_threads())

    def meet(pieces):
        meeting.wait(PATIENCE)
        list(claimed(pieces))

    parallel.over(meet, COUNT)


def check_compiler():
    assert jit.function(lambda x: 3 * x)(14) == 42


def return_sum():
    """Run the task of a pool's process."""
    check_threads()
    return 42


# ---------------------------------------------------------------- threads


def test_a_child_makes_its_own_threads():
    start_threads()
    check_in_child(check_threads)
    check_threads()


def test_a_pool_of_forked_processes():
    start_threads()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.apply_async(return_sum).get(PATIENCE) == 42


def test_joblib_with_forked_processes():
    joblib = pytest.importorskip("joblib")
    start_threads()
    work = joblib.Parallel(n_jobs=2, backend="multiprocessing", timeout=PATIENCE)
    assert work(joblib.delayed(return_sum)() for _ in range(4)) == [42] * 4


def test_a_generation_in_a_child():
    config = neat.Config(genome=neat.GenomeConfig(num_inputs=2, num_outputs=1), population_size=2_000, seed=3)

    def weights(population):
        for _ in range(2):
            population.tell(np.arange(2_000.0))
        return population.ask().arrays.connection_weight.copy()

    expected, forked = weights(neat.Population(config)), neat.Population(config)
    start_threads()
    check_in_child(lambda: np.testing.assert_array_equal(weights(forked), expected))


class Busy:
    """A context in which another thread runs a kernel with the help of others."""

    def __enter__(self):
        self._begun, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=parallel.over, args=(self._wait, COUNT))
        self._thread.start()
        assert self._begun.wait(PATIENCE)

    def _wait(self, pieces):
        for _ in claimed(pieces):
            self._begun.set()
            self._end.wait(PATIENCE)

    def __exit__(self, *exception):
        self._end.set()
        self._thread.join()


def test_a_fork_while_another_thread_evaluates():
    with Busy():
        check_in_child(check_threads)


def test_the_number_of_threads_changes_while_others_evaluate():
    with Busy():
        changing = threading.Thread(target=parallel.set_threads, args=(2,))
        changing.start()
        changing.join(0.2)  # it must not wait for the others
        check_threads()
        changing.join()


def test_threads_that_are_not_needed_end():
    def helpers():
        return [each for each in threading.enumerate() if each.name == "neat" and each not in others]

    others = [each for each in threading.enumerate() if each.name == "neat"]  # threads of other tests
    for count in (2, 5, 3, 4) * 5:
        parallel.set_threads(count)
        check_threads()
    parallel.set_threads(1)
    wait_until(lambda: not helpers(), PATIENCE)


AFTER_THE_MAIN_THREAD = """
import threading, time
from neat import parallel
from neat.kernels.work_pieces import claimed

parallel.set_threads(3)

def work():
    threading.main_thread().join()
    done = []
    parallel.over(lambda pieces: done.extend(claimed(pieces)), 10_000)
    print(len(done))

threading.Thread(target=work).start()
"""


def test_a_thread_goes_on_when_the_main_thread_has_ended():
    assert run_python("-c", AFTER_THE_MAIN_THREAD, timeout=PATIENCE, silent=True) == "10000\n"


# ---------------------------------------------------------------- compilers


def compile_slowly():
    """Do nothing. A kernel that calls this takes a while to compile."""


compiling = threading.Event()


@overload(compile_slowly)
def _compile_slowly():
    compiling.set()
    time.sleep(0.3)
    return lambda: None


def test_a_fork_while_another_thread_compiles():
    def slow(x):
        compile_slowly()
        return x

    compiling.clear()
    thread = threading.Thread(target=jit.function(slow), args=(1,))
    thread.start()
    assert compiling.wait(PATIENCE)
    check_in_child(check_compiler)
    thread.join()


def test_a_fork_in_the_middle_of_a_compilation():
    """A function that the compiler calls forks, in a thread that holds the locks itself."""
    statuses = []

    def forks():
        pass

    @overload(forks)
    def _forks():
        check_in_child(check_compiler)
        statuses.append(True)
        return lambda: None

    def calls():
        forks()
        return 42

    assert jit.function(calls)() == 42
    assert statuses


def test_threads_that_fork_at_once():
    failures = []

    def fork():
        try:
            check_in_child(check_compiler)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=fork) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    check_compiler()


def test_a_fork_while_another_thread_compiles_for_a_gpu():
    pytest.importorskip("numba_cuda")
    from evaluators.gpu import launcher

    held = threading.Event()

    def hold():
        with launcher._compiling:
            held.set()
            time.sleep(0.3)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(PATIENCE)

    def check():
        assert launcher.unsupported_reason(lambda x: 3 * x, (types.int64,)) is None

    check_in_child(check)
    thread.join()


# ---------------------------------------------------------------- worker processes


def one(network):
    return 1.0


def ask(population_size=8, inputs=4, outputs=2):
    genome = neat.GenomeConfig(num_inputs=inputs, num_outputs=outputs)
    return neat.Population(neat.Config(genome=genome, population_size=population_size)).ask()


def test_a_child_starts_workers_of_its_own():
    genomes = ask()
    with evaluators.PerGenome(one, workers=2) as evaluator:
        assert evaluator(genomes).sum() == 8

        def check():
            assert evaluator(genomes).sum() == 8
            evaluator.close()

        check_in_child(check)
        check_in_child(evaluator.close)
        assert evaluator(genomes).sum() == 8


def test_a_child_starts_environments_of_its_own():
    pytest.importorskip("gymnasium")
    genomes = ask()
    with evaluators.Gymnasium("CartPole-v1", slots=2, vectorization_mode="async") as evaluator:
        expected = evaluator(genomes)

        def check():
            np.testing.assert_array_equal(evaluator(genomes), expected)
            evaluator.close()

        check_in_child(check)
        check_in_child(evaluator.close)
        np.testing.assert_array_equal(evaluator(genomes), expected)
