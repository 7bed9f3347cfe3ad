"""What `Population.run` refuses, and that it does so before the evaluator is called."""

from pathlib import Path

import numpy as np
import pytest

import neat
from neat.reporting import Progress, Reporter


class Evaluator:
    def __call__(self, genomes):
        raise AssertionError("called")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"evaluator": None}, "evaluator: must take genomes and return their fitness, got None"),
        (
            {"evaluator": Evaluator},
            r"evaluator: .*, got the class Evaluator; make an instance first: Evaluator\(…\)",
        ),
        ({"evaluator": np.zeros(10)}, r"evaluator: .*, got an array of shape \(10,\)"),
        ({"generations": 1e3}, "generations: must be an integer, got 1000.0; write 1000"),
        ({"generations": np.float64(50)}, "generations: must be an integer, got .*; write 50"),
        ({"generations": 1.5}, "generations: must be an integer, got 1.5$"),
        ({"generations": float("inf")}, "generations: must be an integer, got inf$"),
        ({"generations": "3"}, "generations: must be an integer, got '3'"),
        ({"generations": True}, "generations: must be an integer, got True"),
        ({"generations": 0}, "generations: must be at least 1, got 0"),
        ({"generations": -(10**6000)}, "generations: must be at least 1, got an integer of 6001 digits"),
        ({"fitness_target": "0.9"}, "fitness_target: must be a number, got '0.9'"),
        ({"fitness_target": float("nan")}, "fitness_target: must be a number, got nan"),
        ({"fitness_target": True}, "fitness_target: must be a number, got True"),
        ({"fitness_target": np.zeros(2)}, "fitness_target: must be a number, got an array"),
        ({"fitness_target": 10**400}, "fitness_target: must be a number, got an integer of 401 digits"),
        ({"solved": 0.9}, "solved: must take a genome and return whether it solves the task, got 0.9"),
        (
            {"reporters": Progress()},
            r"reporters: .* list .*, got a Progress; write reporters=\[Progress\(…\)\]",
        ),
        ({"reporters": Progress}, "reporters: must be a list of reporters, got <class"),
        ({"reporters": [Progress]}, "reporters: each must have the methods start, generation, finish"),
        ({"reporters": None}, "reporters: must be a list of reporters, got None"),
        (
            {"reporters": (reporter for reporter in ())},
            "reporters: must be a list of reporters, got <generator",
        ),
        ({"reporters": "Progress"}, "reporters: must be a list of reporters, got 'Progress'"),
        ({"reporters": [print]}, "reporters: each must have the methods .*, got <built-in function print>"),
        ({"checkpoint": "/"}, "checkpoint: / is a folder; name a file in it"),
        ({"checkpoint": Path("/none/run.npz")}, "checkpoint: there is no folder /none"),
        ({"checkpoint": 3}, "checkpoint: must be a path, got 3"),
        ({"checkpoint": "a\0b"}, "checkpoint: must hold no NUL"),
        ({"checkpoint": "x" * 300}, "checkpoint: .*File name too long"),
        ({"checkpoint_every": 2.5}, "checkpoint_every: must be an integer, got 2.5"),
        ({"checkpoint_every": 0}, "checkpoint_every: must be at least 1, got 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_bad_arguments_are_refused_before_the_run(arguments, message):
    population = neat.Population(neat.Config(genome={"num_inputs": 2, "num_outputs": 1}, population_size=10))
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        population.run(**{"evaluator": Evaluator(), "generations": 5, **arguments})
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_and_tuples_of_reporters_are_taken():
    population = neat.Population(neat.Config(genome={"num_inputs": 2, "num_outputs": 1}, population_size=10))
    result = population.run(
        lambda genomes: np.arange(10.0), np.int64(3), fitness_target=np.float32(99), reporters=(Reporter(),)
    )
    assert result.generations == 3


def test_the_message_about_fitness_that_is_no_number_stays_short():
    population = neat.Population(neat.Config(genome={"num_inputs": 2, "num_outputs": 1}, population_size=10))
    with pytest.raises(ValueError, match=r"^fitness: expected numbers of shape") as caught:
        population.tell(np.array(["x" * 10**6] * 10, object))
    assert len(str(caught.value)) < 1000
