"""What `run` calls solved is always this call's target, and a run that has nothing to do says so."""

import re

import numpy as np
import pytest

import neat
from neat.evolution.champions import Candidates
from neat.io import checkpoint
from tests.support.evolving import make_config, state


def rising(genomes):
    """The champion's fitness is 59 in generation 0, and one more in each."""
    return np.arange(60.0) + genomes.generation


def solved_run(tmp_path, **target):
    """A population whose run has met a target in generation 4, and its checkpoint."""
    population = neat.Population(make_config())
    result = population.run(rising, 50, checkpoint=tmp_path / "r.npz", **target)
    assert (result.solved, result.generations) == (True, 5)
    return population, checkpoint.load(tmp_path / "r.npz")


def by_generation(number):
    return lambda genome: genome.genomes.generation == number


@pytest.mark.parametrize("loaded", [0, 1], ids=["in memory", "from its checkpoint"])
@pytest.mark.parametrize(
    ("before", "now", "generations"),
    [
        ({"fitness_target": 63}, {"fitness_target": 64}, 6),
        ({"fitness_target": 63}, {"fitness_target": 62}, 6),  # of another task, as far as one can tell
        ({"fitness_target": 63}, {"fitness_target": 1e9}, 9),
        ({"fitness_target": 63}, {"solved": lambda genome: False}, 9),
        ({"fitness_target": 63}, {"solved": by_generation(6)}, 7),
        ({"fitness_target": 63}, {"fitness_target": 1e9, "solved": by_generation(6)}, 7),
        ({"fitness_target": 63}, {}, 9),
        ({"solved": by_generation(4)}, {"solved": by_generation(7)}, 8),
        ({"solved": by_generation(4)}, {"fitness_target": 63}, 6),
        ({"solved": by_generation(4), "fitness_target": 1e9}, {"fitness_target": 1e9}, 9),
    ],
)
def test_solved_means_this_calls_target(before, now, generations, loaded, tmp_path):
    population = solved_run(tmp_path, **before)[loaded]
    result = population.run(rising, 9, **now)
    met = ("solved" in now and generations < 9) or now.get("fitness_target", 1e9) < 1e9
    assert (result.solved, result.generations) == (met, generations)
    assert (population.solution is not None) == met
    assert result.champion_fitness == 58 + generations
    assert result.champion.genomes.generation == generations - 1


@pytest.mark.parametrize("loaded", [0, 1], ids=["in memory", "from its checkpoint"])
@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"fitness_target": 63}, {"fitness_target": 63.0}),
        ({"fitness_target": 63}, {"solved": by_generation(4)}),
        ({"solved": by_generation(4)}, {"solved": by_generation(4)}),
        ({"fitness_target": 63}, {"fitness_target": 63, "solved": lambda genome: False}),
        (
            {"fitness_target": 99, "solved": by_generation(4)},
            {"fitness_target": 99, "solved": by_generation(4)},
        ),
    ],
)
def test_a_run_that_met_the_same_target_has_nothing_to_do_and_says_so(before, now, loaded, tmp_path, caplog):
    population = solved_run(tmp_path, **before)[loaded]
    known = state(population)
    result = population.run(rising, 9, **now)
    assert (result.solved, result.generations, result.champion_fitness) == (True, 5, 63)
    assert result.champion == population.solution.genome
    assert state(population) == known
    assert caplog.messages == ["nothing to run: the champion of generation 4 meets the target"]


@pytest.mark.parametrize("now", [{}, {"fitness_target": 64}, {"solved": lambda genome: False}])
@pytest.mark.parametrize("generations", [5, 3])
def test_a_run_that_has_had_its_generations_says_so(generations, now, tmp_path, caplog):
    """And it is not solved by what another target was met with, which stays known."""
    population, _ = solved_run(tmp_path, fitness_target=63)
    result = population.run(rising, generations, **now)
    assert (result.solved, result.generations) == (False, 5)
    assert caplog.messages == [f"nothing to run: 5 generations are done, {generations} were asked for"]
    assert population.run(rising, 9, fitness_target=63).solved


def test_a_run_with_something_to_do_warns_of_nothing(caplog):
    neat.Population(make_config()).run(rising, 2)
    assert not caplog.messages


def test_a_champion_is_not_chosen_by_a_validation_that_is_not_there():
    """Candidates of a call whose evaluator had one stay; the next evaluator may have none."""

    class Validating:
        def __call__(self, genomes):
            return rising(genomes)

        def validate(self, genomes):
            return np.zeros(len(genomes))

    population = neat.Population(make_config())
    population.run(Validating(), 3)
    assert population.candidates.genomes
    assert population.run(rising, 4).champion == population.best
    assert population.run(rising, 4).champion == population.best


def test_the_champion_is_one_of_those_with_a_fitness_in_new_trials():
    candidates = Candidates()
    genomes = neat.Population(make_config()).genomes
    for k in range(3):
        candidates.add_champion(genomes.take([k]), np.array([1.0]))
    for given, chosen, fitness in (
        ([1.0, 2.0, np.nan], 1, 2.0),
        ([np.nan, -np.inf, 0.0], 2, 0.0),
        ([np.nan] * 3, 2, -np.inf),
    ):
        assert candidates.choose(lambda _, given=given: given, 0) == (genomes[chosen], fitness)
    for wrong, shape in (([1.0], "(1,)"), (np.ones((3, 1)), "(3, 1)"), (1.0, "()")):
        message = f"^validate: expected fitness of shape {re.escape(f'(3,), got {shape}')}$"
        with pytest.raises(ValueError, match=message):
            candidates.choose(lambda _, wrong=wrong: wrong, 0)


def test_there_is_no_result_without_a_generation():
    population = neat.Population(make_config())
    population.resume_at(5, population.ask().arrays)
    with pytest.raises(
        ValueError,
        match=r"^generations: must be large enough to evaluate generation 5, .* whose fitness is unknown, got 5$",
    ):
        population.run(rising, 5)
    assert population.run(rising, 6).generations == 6
