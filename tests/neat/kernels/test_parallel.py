"""Threads process each genome once, errors reach the caller, and threads that wait do not spin."""

import copy
import os
import pickle
import signal
import threading
import time
import weakref

import numpy as np
import pytest

import evaluators
import neat
from neat.kernels import parallel
from neat.kernels.jit import kernel
from neat.kernels.work_pieces import claimed
from tests.support.scripts import run_python
from tests.support.waiting import wait_until

PATIENCE = 30.0  # seconds, for steps that take less than two
COUNT = 10_000  # genomes, enough for several threads


@pytest.fixture(params=[1, 2, 5])
def workers(request):
    return parallel.Workers(request.param)


@kernel(allocates=False)
def count_up(pieces, out):
    for place in claimed(pieces):
        out[place] += place


def counted(workers, count=COUNT, **options):
    out = np.zeros(count, np.int64)
    workers.over(count_up, count, out, **options)
    return out


# ---------------------------------------------------------------- work


def test_threads_that_wait_keep_no_arrays():
    workers, out = parallel.Workers(2), np.zeros(COUNT, np.int64)
    workers.over(count_up, COUNT, out)
    kept = weakref.ref(out)
    del out
    wait_until(lambda: kept() is None, PATIENCE)  # the other thread may still be about to wait


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, COUNT])
def test_each_genome_is_processed_once(workers, count):
    for _ in range(20):
        np.testing.assert_array_equal(counted(workers, count), np.arange(count))


def test_each_thread_has_scratch_of_its_own():
    made, meeting = [], threading.Barrier(3)

    def scratch():
        made.append(threading.get_ident())
        return (len(made),)

    def kernel(pieces, own):
        meeting.wait(PATIENCE)
        for _ in claimed(pieces):
            pass

    parallel.Workers(3).over(kernel, COUNT, scratch=scratch)
    assert len(set(made)) == 3


def test_little_work_stays_on_the_callers_thread():
    used = set()
    workers = parallel.Workers(5)
    workers.over(lambda pieces: used.add(threading.get_ident()), 2 * parallel.MIN_GENOMES_PER_THREAD - 1)
    workers.over(lambda pieces: used.add(threading.get_ident()), COUNT, cost=0.01)
    assert used == {threading.get_ident()}


def test_the_caller_does_not_wait_for_a_thread_that_has_claimed_nothing():
    late, end = threading.Event(), threading.Event()

    def kernel(pieces):
        if threading.current_thread() is not threading.main_thread():
            late.set()
            end.wait(PATIENCE)
        else:
            assert late.wait(PATIENCE)
        for _ in claimed(pieces):
            pass

    begin = time.monotonic()
    parallel.Workers(2).over(kernel, COUNT)
    assert time.monotonic() - begin < PATIENCE / 2
    end.set()


def test_the_caller_waits_for_a_thread_that_has_claimed_a_piece():
    out, claims = [], threading.Event()

    def kernel(pieces):
        if threading.current_thread() is threading.main_thread():
            assert claims.wait(PATIENCE)
        for place in claimed(pieces):
            claims.set()
            if threading.current_thread() is not threading.main_thread():
                time.sleep(0.001)
            out.append(place)

    parallel.Workers(2).over(kernel, COUNT)
    assert sorted(out) == list(range(COUNT))


def test_several_callers_share_the_threads():
    workers, wrong = parallel.Workers(3), []

    def call():
        for _ in range(200):
            if (counted(workers) != np.arange(COUNT)).any():
                wrong.append(True)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(PATIENCE)
    assert not wrong and not any(caller.is_alive() for caller in callers)


def test_a_kernel_may_call_kernels():
    workers, sums = parallel.Workers(3), []

    def kernel(pieces):
        for place in claimed(pieces):
            if place % 1_000 == 0:
                sums.append(counted(workers).sum())

    workers.over(kernel, COUNT)
    assert sums == [COUNT * (COUNT - 1) // 2] * 10


def test_calls_that_no_helper_joins_leave_nothing_behind():
    """While its only helper is blocked, a caller makes many calls."""
    workers, end = parallel.Workers(2), threading.Event()
    held = threading.Event()

    def hold(pieces):
        if threading.current_thread() is not threading.main_thread():
            held.set()
            end.wait(PATIENCE)
        assert held.wait(PATIENCE)
        for _ in claimed(pieces):
            pass

    workers.over(hold, COUNT)
    for _ in range(100):
        counted(workers)
    assert workers._helpers._requests.qsize() <= 1
    assert not workers._helpers._jobs
    end.set()


def test_on_a_busy_machine_the_caller_does_short_work_alone():
    """This begins after it has waited for a suspended thread, here one that sleeps."""
    workers, used, claims = parallel.Workers(2), set(), threading.Event()

    def sleep(pieces):
        if threading.current_thread() is threading.main_thread():
            assert claims.wait(PATIENCE)
        for _ in claimed(pieces):
            claims.set()
            if threading.current_thread() is not threading.main_thread():
                time.sleep(0.001)

    def note(pieces):
        used.add(threading.get_ident())
        time.sleep(0.01)
        list(claimed(pieces))

    workers.over(sleep, 1_000)
    workers.over(note, 1_000)
    assert used == {threading.get_ident()}
    workers.over(note, 20_000)
    assert len(used) == 2


@pytest.mark.parametrize(("waited", "expected"), [(0.001, 0.04), (0.01, 0.4), (5.0, 1.0)])
def test_the_time_alone_is_in_proportion_to_the_wait(waited, expected, monkeypatch):
    """A short wait, such as that for a thread that starts, must not cost a short run its threads."""
    workers = parallel.Workers(2)
    monkeypatch.setattr(workers._helpers, "share", lambda job, helpers: waited)
    begin = time.perf_counter()
    workers.over(count_up, 1_000, np.zeros(1_000, np.int64))
    alone = workers._alone_until - begin  # beside the time that the call took
    assert expected <= alone < expected + 0.5


# ---------------------------------------------------------------- errors


def fail_in_helper(pieces):
    """Raise an exception in the thread that is not the caller's."""
    is_helper = threading.current_thread() is not threading.main_thread()
    for place in claimed(pieces):
        if is_helper:
            raise ZeroDivisionError(f"{place}")
        time.sleep(0.001)


def fail_in_caller(pieces):
    is_helper = threading.current_thread() is not threading.main_thread()
    for place in claimed(pieces):
        if not is_helper:
            raise ZeroDivisionError(f"{place}")
        time.sleep(0.001)


@pytest.mark.parametrize("kernel", [fail_in_helper, fail_in_caller])
def test_an_error_reaches_the_caller(kernel):
    workers = parallel.Workers(2)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            workers.over(kernel, COUNT)
        np.testing.assert_array_equal(counted(workers), np.arange(COUNT))


def test_after_an_error_no_thread_is_at_work():
    at_work = []

    def kernel(pieces):
        if threading.current_thread() is threading.main_thread():
            while not at_work:
                time.sleep(0.001)
            raise ZeroDivisionError
        at_work.append(True)
        for _ in claimed(pieces):
            time.sleep(0.002)
        at_work.clear()

    with pytest.raises(ZeroDivisionError):
        parallel.Workers(2).over(kernel, COUNT)
    assert not at_work


def test_scratch_that_does_not_fit_in_memory():
    def scratch():
        raise MemoryError

    with pytest.raises(MemoryError):
        parallel.Workers(3).over(count_up, COUNT, np.zeros(COUNT, np.int64), scratch=scratch)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals")
@pytest.mark.parametrize("in_caller", [True, False], ids=["in the caller's piece", "while the caller waits"])
def test_control_c_ends_a_call(in_caller):
    workers, is_sent = parallel.Workers(2), threading.Event()

    def kernel(pieces):
        if (threading.current_thread() is threading.main_thread()) != in_caller:
            return
        for _ in claimed(pieces):
            if not is_sent.is_set():
                is_sent.set()
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.05)

    with pytest.raises(KeyboardInterrupt):
        workers.over(kernel, COUNT)
    np.testing.assert_array_equal(counted(workers), np.arange(COUNT))


# ---------------------------------------------------------------- waiting and ending


def test_threads_that_wait_take_no_cpu_time():
    workers = parallel.Workers(4)
    counted(workers)
    time.sleep(0.05)
    begin = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - begin < 0.01


def started(before):
    """Return the running threads of workers that are not in `before`."""
    return {thread for thread in threading.enumerate() if thread.name == "neat"} - before


def test_threads_end_with_their_workers():
    before, workers = started(set()), parallel.Workers(4)
    assert not started(before)
    counted(workers)
    assert len(started(before)) == 3
    del workers
    wait_until(lambda: not started(before), PATIENCE)


def test_copies_have_threads_of_their_own(workers):
    counted(workers)
    for other in (copy.copy(workers), copy.deepcopy(workers), pickle.loads(pickle.dumps(workers))):
        assert other.threads == workers.threads
        assert other._helpers is not workers._helpers
        np.testing.assert_array_equal(counted(other), np.arange(COUNT))


@pytest.mark.parametrize("program", ["", "import threading; threading.Thread(target=work).start()"])
def test_the_interpreter_ends_while_threads_wait_or_work(program):
    printed = run_python("-c", AT_THE_END + program, timeout=PATIENCE, silent=True)
    assert printed == "10000\n" * (2 if program else 1)


def test_without_the_compiler_the_caller_works_alone():
    """Python has no counterpart to the atomic operations on pieces."""
    printed = run_python("-c", AT_THE_END, timeout=PATIENCE, silent=True, NUMBA_DISABLE_JIT="1")
    assert printed == "10000\n"


AT_THE_END = """
import time
from neat import parallel
from neat.kernels.work_pieces import claimed

workers = parallel.Workers(3)

def work():
    done = []
    workers.over(lambda pieces: [done.append(place) for place in claimed(pieces)], 10_000)
    print(len(done))

work()
"""


# ---------------------------------------------------------------- shared workers


def test_the_number_of_threads_changes_for_the_shared_workers_only(monkeypatch):
    monkeypatch.setattr(parallel, "_shared", parallel.Workers(2))
    workers = parallel.Workers(3)
    parallel.set_threads(4)
    assert (workers.threads, parallel.get_threads()) == (3, 4)


def test_a_population_uses_the_workers_that_it_is_given(monkeypatch):
    config = neat.Config(genome={"num_inputs": 2, "num_outputs": 1}, population_size=3_000, seed=1)

    def evolved(workers):
        population = neat.Population(config, workers)
        for _ in range(3):
            population.tell(np.arange(3_000.0) % 7)
        return population.genomes.arrays.connection_weight.copy()

    monkeypatch.setattr(parallel, "_shared", parallel.Workers(1))
    before, expected = started(set()), evolved(None)
    assert not started(before)
    workers = parallel.Workers(3)
    np.testing.assert_array_equal(evolved(workers), expected)
    assert len(started(before)) == 2


def test_results_do_not_depend_on_the_number_of_threads(workers, monkeypatch):
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    score = evaluators.Supervised(x, x[:, :1])
    config = neat.Config(genome={"num_inputs": 2, "num_outputs": 1}, population_size=1_000, seed=1)
    histories = []
    for number in (1, workers.threads):
        monkeypatch.setattr(parallel, "_shared", parallel.Workers(number))
        population = neat.Population(config)
        for _ in range(5):
            population.tell(score(population.ask()))
        histories.append(
            (population.history.generations.tobytes(), population.genomes.arrays.node_bias.tobytes())
        )
    assert histories[0] == histories[1]
