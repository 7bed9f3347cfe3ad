"""Environments in worker processes: their errors, and workers that end, stop or are interrupted."""

import contextlib
import functools
import logging
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

import evaluators
from evaluators.gymnasium.evaluator import Gymnasium
from tests.support.gymnasium_genomes import population
from tests.support.refusals import refused

pytest.importorskip("gymnasium")

from tests.support import gymnasium_environments as own


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_errors_of_an_environment_name_the_place(mode):
    def failing(environment):
        with Gymnasium(environment, episodes=2, slots=2, vectorization_mode=mode) as evaluator:
            evaluator(population(evaluator, size=3))

    place = "step 3 of episode 0 of genome 0"
    with pytest.raises(RuntimeError) as error:
        failing(functools.partial(own.Spoiled, own.raises))
    assert str(error.value) == f"Spoiled: KeyError: 'no such thing', in {place}"
    assert "in raises" in error.value.__notes__[0]
    spoiled = functools.partial(own.Spoiled, own.without_reward)
    refused(lambda: failing(spoiled), f"Spoiled: expected finite rewards, got nan in {place}")
    spoiled = functools.partial(own.Spoiled, own.without_observation)
    refused(lambda: failing(spoiled), f"Spoiled: expected finite observations, got nan in {place}")
    message = "Unwilling: OSError: the door is locked, in step 0 of episode 0 of genome 0"
    refused(lambda: failing(own.Unwilling), message, RuntimeError)
    assert not multiprocessing.active_children()


def test_episodes_are_repeated_when_a_worker_was_killed(tmp_path, caplog):
    flag = tmp_path / "flag"
    with Gymnasium(functools.partial(own.Ends, flag), slots=2, vectorization_mode="async") as evaluator:
        genomes = population(evaluator, size=5)
        expected = evaluator(genomes)
        assert not caplog.records
        flag.touch()
        np.testing.assert_array_equal(evaluator(genomes), expected)
        assert [record[:2] for record in caplog.record_tuples] == [("neat", logging.WARNING)]
        multiprocessing.active_children()[0].kill()  # between two calls
        np.testing.assert_array_equal(evaluator(genomes), expected)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("environment", [own.Ends, own.EndsSlowly])
def test_episodes_are_repeated_a_limited_number_of_times(environment, tmp_path, monkeypatch):
    monkeypatch.setattr("neat.processes.worker_processes.RETRIES", 1)
    with Gymnasium(
        functools.partial(environment, tmp_path), slots=2, vectorization_mode="async"
    ) as evaluator:
        genomes = population(evaluator, size=5)
        reason = rf"^{environment.__name__}: a worker process was killed by SIGKILL.*, 2 times in a row"
        with pytest.raises(RuntimeError, match=reason):
            evaluator(genomes)
        assert not multiprocessing.active_children()


def test_episodes_are_repeated_when_a_worker_has_stopped(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("evaluators.gymnasium.vector.END_TIMEOUT", 0.5)
    flag = tmp_path / "flag"
    flag.touch()
    stops = functools.partial(own.Stops, flag)
    with Gymnasium(stops, slots=2, vectorization_mode="async", timeout=2.0) as evaluator:
        genomes = population(evaluator, size=5)
        fitness = evaluator(genomes)
        assert "Stops: a worker process took more than 2 s (timeout); its work is repeated" in caplog.text
        children = multiprocessing.active_children()
        os.kill(children[0].pid, signal.SIGSTOP)
    assert not any(child.is_alive() for child in children)  # closing does not wait forever
    np.testing.assert_array_equal(fitness, Gymnasium(own.Walk)(genomes))


def test_an_environment_that_workers_cannot_make(caplog, capfd):
    make = functools.partial(own.Unmakeable, os.getpid())
    with Gymnasium(make, slots=2, vectorization_mode="async") as evaluator:
        with pytest.raises(
            RuntimeError, match=r"^Unmakeable: a worker process ended with status 1 while it started, see its"
        ):
            evaluator(population(evaluator, size=2))
        assert not caplog.records and not multiprocessing.active_children()
    assert "OSError: there is no such device" in capfd.readouterr().err


def test_worker_processes_are_light():
    with Gymnasium(own.Counts, slots=1, vectorization_mode="async", time_limit=1) as evaluator:
        assert evaluator(population(evaluator, size=1)) == 0


def test_an_interrupt_ends_the_workers(tmp_path):
    flag = tmp_path / "flag"
    flag.touch()
    with Gymnasium(functools.partial(own.Interrupts, flag), slots=2, vectorization_mode="async") as evaluator:
        genomes = population(evaluator, size=5)
        # Compiles before the time is measured.
        evaluators.compile(genomes).activate(np.zeros((1, evaluator.num_inputs)))
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            evaluator(genomes)
        assert not multiprocessing.active_children()
        assert time.monotonic() - start < 30
        assert np.isfinite(evaluator(genomes)).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_has_its_own_processes():
    with Gymnasium(own.Walk, slots=1, vectorization_mode="async") as evaluator:
        genomes = population(evaluator, size=2)
        expected = evaluator(genomes)
        child = os.fork()
        if child == 0:
            status = 1
            with contextlib.suppress(BaseException), evaluator:
                status = int((evaluator(genomes) != expected).any())
            os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        np.testing.assert_array_equal(evaluator(genomes), expected)
