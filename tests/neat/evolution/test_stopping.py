"""Limits that end a run, and what its result says of them."""

import time

import numpy as np
import pytest

import neat
from tests.support.evolving import make_config, random_fitness, state

SIZE = 20


def new(**settings):
    return neat.Population(make_config(population_size=SIZE, **settings))


def evaluator(population):
    return lambda genomes: random_fitness(population)


@pytest.mark.parametrize(
    ("arguments", "stopped_by", "generations"),
    [
        ({}, "generations", 8),
        ({"fitness_target": -100.0}, "target", 1),
        ({"max_evaluations": SIZE}, "max_evaluations", 1),
        ({"max_evaluations": 3 * SIZE}, "max_evaluations", 3),
        ({"max_evaluations": 4 * SIZE - 1}, "max_evaluations", 3),
        ({"max_evaluations": 8 * SIZE}, "generations", 8),
        ({"max_evaluations": 10**30, "max_seconds": 1e9}, "generations", 8),
        ({"max_seconds": 1e-9}, "max_seconds", 1),
        ({"stop": lambda population: len(population.history) == 5}, "stop", 5),
        ({"stop": lambda population: population.history.last["evaluations"] >= 45}, "stop", 3),
        ({"stop": lambda population: None}, "generations", 8),
        ({"stop": lambda population: True, "fitness_target": -100.0}, "target", 1),
        ({"stop": lambda population: True, "max_evaluations": SIZE}, "max_evaluations", 1),
    ],
)
def test_the_result_names_what_ended_the_run(arguments, stopped_by, generations):
    population = new()
    result = population.run(evaluator(population), 8, **arguments)
    assert (result.stopped_by, result.generations) == (stopped_by, generations)
    assert result.evaluations == generations * SIZE
    assert result.solved == (stopped_by == "target")


def test_seconds_are_those_of_one_call_and_checked_between_generations():
    population = new()

    def slow(genomes):
        time.sleep(0.06)
        return random_fitness(population)

    for _ in range(2):
        before = population.generation
        result = population.run(slow, 10**6, max_seconds=0.15)
        assert result.stopped_by == "max_seconds"
        assert 1 <= population.generation - before <= 3


def test_evaluations_count_those_before_a_checkpoint(tmp_path):
    path = tmp_path / "run.npz"
    whole, part = new(), new()
    whole.run(evaluator(whole), 100, max_evaluations=7 * SIZE)
    part.run(evaluator(part), 100, max_evaluations=4 * SIZE, checkpoint=path, checkpoint_every=50)
    resumed = neat.checkpoint.load(path)
    assert resumed.evaluations == 4 * SIZE
    result = resumed.run(evaluator(resumed), 100, max_evaluations=7 * SIZE)
    assert (result.stopped_by, result.evaluations) == ("max_evaluations", 7 * SIZE)
    assert state(resumed) == state(whole)


@pytest.mark.parametrize("arguments", [{"max_evaluations": 3 * SIZE}, {"stop": lambda p: p.generation == 3}])
def test_the_last_generation_is_written_whatever_ends_the_run(arguments, tmp_path):
    path = tmp_path / "run.npz"
    population = new()
    population.run(evaluator(population), 100, checkpoint=path, checkpoint_every=50, **arguments)
    assert state(neat.checkpoint.load(path)) == state(population)
    assert population.generation == 3


def test_a_run_without_evaluations_left_warns(caplog):
    population = new()
    population.run(evaluator(population), 100, max_evaluations=3 * SIZE)
    result = population.run(evaluator(population), 100, max_evaluations=3 * SIZE)
    assert (result.stopped_by, result.generations) == ("max_evaluations", 3)
    assert f"nothing to run: {3 * SIZE} evaluations are done, {3 * SIZE} were asked for" in caplog.text


def test_stop_sees_the_finished_generation_before_reporters_do():
    events = []

    class Reporter(neat.reporting.Reporter):
        def generation(self, population, timings):
            events.append(("reporter", int(population.history.last["generation"])))

        def finish(self, population, result):
            events.append(("finish", result.stopped_by))

    def stop(population):
        events.append(("stop", int(population.history.last["generation"])))
        return population.generation == 2

    population = new()
    population.run(evaluator(population), 9, reporters=[Reporter()], stop=stop)
    assert events == [("stop", 0), ("reporter", 0), ("stop", 1), ("reporter", 1), ("finish", "stop")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_evaluations": SIZE - 1}, "max_evaluations: must be at least the population_size 20, got 19"),
        ({"max_evaluations": 0}, "max_evaluations: must be at least 1, got 0"),
        ({"max_evaluations": 1e3}, "max_evaluations: must be an integer, got 1000.0; write 1000"),
        ({"max_evaluations": True}, "max_evaluations: must be an integer, got True"),
        ({"max_seconds": 0}, "max_seconds: must be a number above 0, got 0"),
        ({"max_seconds": -1.0}, "max_seconds: must be a number above 0, got -1.0"),
        ({"max_seconds": float("nan")}, "max_seconds: must be a number above 0, got nan"),
        ({"max_seconds": "60"}, "max_seconds: must be a number above 0, got '60'"),
        ({"stop": True}, "stop: must take a population and return whether to stop, got True"),
        ({"stop": neat.reporting.Reporter}, "stop: .*, got the class Reporter"),
    ],
)
def test_wrong_limits_are_refused_before_the_run(arguments, message):
    population = new()
    with pytest.raises(ValueError, match=f"^{message}"):
        population.run(lambda genomes: pytest.fail("evaluated"), 5, **arguments)


def test_numbers_of_numpy_are_taken():
    population = new()
    limits = {"max_evaluations": np.int64(2 * SIZE), "max_seconds": np.float32(1e6)}
    assert population.run(evaluator(population), 9, **limits).evaluations == 2 * SIZE


def test_the_terminal_names_the_limit(capsys):
    population = new()
    population.run(
        evaluator(population), 9, max_evaluations=SIZE, reporters=[neat.reporting.Progress(species=False)]
    )
    assert "ended by max_evaluations after 1 generations and 20 evaluations" in capsys.readouterr().out
