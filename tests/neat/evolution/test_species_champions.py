"""`SpeciesChampions` tests the champions of species in turn, also after a checkpoint."""

import numpy as np
import pytest

import neat
from neat.evolution.history import GENERATION, SPECIES, History
from neat.io import checkpoint
from tests.support.evolving import make_config


def history_of(*generations):
    """Return a history of generations, each a dictionary of the best fitness by the species' id."""
    history = History()
    for number, best in enumerate(generations):
        species = np.zeros(len(best), SPECIES)
        species["generation"], species["id"], species["best"] = number, list(best), list(best.values())
        row = np.zeros(1, GENERATION)
        row["generation"] = number
        history.append(row, species)
    return history


# (best fitness by species, the id of the species whose champion is asked about)
STEPS = [
    ({1: 5.0, 2: 3.0, 3: 4.0}, 1),
    ({1: 5.0, 2: 3.0, 3: 4.0}, 3),  # 1 has not improved
    ({1: 5.0, 2: 3.0, 3: 4.0}, 2),
    ({1: 5.0, 2: 3.0, 3: 4.0}, 1),  # none has: the best
    ({1: 5.0, 2: 3.0, 3: 4.5}, 3),
    ({1: 5.0, 3: 2.0}, 1),
    ({1: 5.0, 3: 4.5, 4: 1.0}, 4),  # 3 is back at what it had
    ({1: 6.0, 3: 4.6, 4: 7.0}, 4),
    ({1: 6.0, 3: 4.6, 4: 7.0}, 1),
    ({3: 4.7, 5: -np.inf}, 3),  # 5 has no valid fitness
    ({3: 4.7, 5: -np.inf}, 3),
]


@pytest.mark.parametrize("first", range(len(STEPS)))
def test_species_are_chosen_in_turn(first):
    """The choices are the same if the object sees the history only from a later generation on."""
    criterion = neat.SpeciesChampions(lambda genome: False)
    for count in range(first + 1, len(STEPS) + 1):
        history = history_of(*(best for best, _ in STEPS[:count]))
        best, expected = STEPS[count - 1]
        assert list(best)[criterion.choose_species(history)] == expected
    growing, criterion = history_of(STEPS[0][0]), neat.SpeciesChampions(lambda genome: False)
    criterion.choose_species(growing)
    for count in range(2, len(STEPS) + 1):
        later = history_of(*(best for best, _ in STEPS[:count]))
        growing.append(later.generations[-1:], later.last_species)
        assert list(STEPS[count - 1][0])[criterion.choose_species(growing)] == STEPS[count - 1][1]


def make_population():
    return neat.Population(make_config(speciation={"threshold": 0.5, "threshold_mode": "fixed"}))


def fitness_by_weights(genomes):
    return np.array([abs(genome.connections[0]["weight"]) for genome in genomes])


def ask_and_refuse(asked):
    def refuse(genome):
        asked.append(genome)
        return False

    return neat.SpeciesChampions(refuse)


def test_each_genome_asked_about_is_the_champion_of_the_species_chosen():
    asked = []
    population = make_population()
    solved = ask_and_refuse(asked)
    for generation in range(1, 9):
        genomes = [population.ask()[k] for k in range(60)]
        population.run(fitness_by_weights, generation, solved=solved)
        fitness = fitness_by_weights(genomes)
        members = [
            fitness[population.parent_species == k] for k in range(len(population.history.last_species))
        ]
        assert [each.max() for each in members] == population.history.last_species["best"].tolist()
        (place,) = [k for k in range(60) if genomes[k] == asked[-1]][:1]
        species = population.parent_species[place]
        assert fitness[place] == population.history.last_species["best"][species]
    assert len({str(genome.to_dict()) for genome in asked}) == len(asked) == 8


def test_a_run_ends_by_a_genome_that_is_not_the_fittest():
    """Without it, the run tests the fittest genome only, and does not end."""
    genomes = []

    def fitness(batch):
        genomes[:] = [batch[k] for k in range(60)]
        return np.arange(60.0)

    def is_another(genome):
        return genome != genomes[59]

    assert not make_population().run(fitness, 5, solved=is_another).solved
    result = make_population().run(fitness, 5, solved=neat.SpeciesChampions(is_another))
    assert (result.solved, result.stopped_by, result.generations) == (True, "target", 2)
    assert result.champion == genomes[int(result.champion_fitness)]
    assert result.history.last["best"] == 59 > result.champion_fitness


def test_a_fitness_target_is_met_by_the_fittest():
    solved = neat.SpeciesChampions(lambda genome: pytest.fail("asked"))
    result = make_population().run(fitness_by_weights, 20, fitness_target=0.1, solved=solved)
    assert result.champion_fitness == result.history.last["best"]


def test_a_run_from_a_checkpoint_asks_about_the_same(tmp_path):
    through, parts = [], []
    make_population().run(fitness_by_weights, 12, solved=ask_and_refuse(through))
    make_population().run(
        fitness_by_weights, 5, solved=ask_and_refuse(parts), checkpoint=tmp_path / "run.npz"
    )
    checkpoint.load(tmp_path / "run.npz").run(fitness_by_weights, 12, solved=ask_and_refuse(parts))
    assert parts == through


def test_a_criterion_needs_a_function():
    with pytest.raises(ValueError, match=r"^is_solved: must take a genome .* got 3$"):
        neat.SpeciesChampions(3)
