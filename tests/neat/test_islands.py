"""Islands: migration, the same results for any number of workers and after interruptions, and refused arguments."""

import math
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import neat
from neat import Islands
from neat.state.arrays import from_arrays, to_arrays
from neat.support.archive import read_arrays, write_arrays
from tests.support import study_tasks
from tests.support.distributed_tasks import acting
from tests.support.study_tasks import xor

SMALL = {"innovation": "hashed", "population_size": 20, "seed": 3}


def config(**settings):
    return neat.Config.for_task(xor(), **{**SMALL, **settings})


def islands(**arguments):
    return Islands(config(), xor, **{"islands": 3, "migrate_every": 4, **arguments})


def genes(population):
    return [genome.to_dict() for genome in population.genomes]


def same(first, second):
    assert first._replace(champion=None, histories=None) == second._replace(champion=None, histories=None)
    assert first.champion.to_dict() == second.champion.to_dict()
    for a, b in zip(first.histories, second.histories, strict=True):
        assert np.array_equal(a.generations, b.generations) and np.array_equal(a.species, b.species)


def test_without_migrants_islands_are_populations_of_their_own():
    run = islands(migrants=0)
    result = run.run(6)
    assert len({population.config.seed for population in run.populations}) == 3
    for population, history in zip(run.populations, result.histories, strict=True):
        alone = neat.Population(population.config, lineage=False)
        expected = alone.run(xor(), generations=6)
        assert np.array_equal(expected.history.generations, history.generations)
        assert genes(alone) == genes(population)
    assert (result.generations, result.evaluations) == (6, 6 * 60)
    assert result.champion_fitness == max(history.last["best_ever"] for history in result.histories)


@pytest.mark.parametrize("topology", ["ring", "complete", "random"])
def test_the_best_of_other_islands_replace_the_last_children(topology):
    run = islands(topology=topology, migrants=2)
    seen = []
    original = Islands._migrate

    def migrate(self, best):
        before = [genes(population) for population in self.populations]
        sources = [self._sources(island) for island in range(3)]
        original(self, best)
        seen.append((before, [genes(p) for p in self.populations], best, sources))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Islands, "_migrate", migrate)
        run.run(8)
    assert len(seen) == 2
    for before, after, best, sources in seen:
        for island in range(3):
            assert island not in sources[island] and len(sources[island]) == 2
            expected = [
                best[source][sources[island][:k].count(source)].to_dict()
                for k, source in enumerate(sources[island])
            ]
            assert after[island][-2:] == expected
            stayed = after[island][:-2]
            assert len(stayed) == 18 and all(genome in before[island] for genome in stayed)
    ring = [[2, 2], [0, 0], [1, 1]]
    assert topology != "ring" or [sources for *_, sources in seen] == [ring, ring]


def test_the_best_genomes_of_an_island_migrate():
    run = islands(migrants=3)
    task = neat.islands._RoundTask(
        "run", xor, neat.islands._Target(None, None), 4, 3, neat.islands.to_arrays(run.populations[0])
    )
    done = neat.islands.do_round(task)
    alone = neat.Population(run.populations[0].config, lineage=False)
    alone.run(xor(), generations=3)
    fitness = xor()(alone.genomes)
    order = sorted(range(20), key=lambda k: -fitness[k])[:3]
    assert [genome.to_dict() for genome in done.best] == [alone.genomes[k].to_dict() for k in order]


def test_workers_and_interruptions_do_not_change_the_result(tmp_path):
    expected = islands().run(11)
    same(islands().run(11, workers=2), expected)
    path = tmp_path / "islands.npz"
    for generations in (2, 4, 7):
        start = path if path.exists() else None
        islands(checkpoint=start).run(generations, checkpoint=path)
    same(islands(checkpoint=path).run(11), expected)


def test_a_solution_ends_the_run_and_counts_the_generations_of_all_islands():
    run = islands()
    result = run.run(200, fitness_target=-0.2)
    first, island = min(
        (int(np.argmax(history.generations["best"] >= -0.2)), k)
        for k, history in enumerate(result.histories)
        if history.last["best_ever"] >= -0.2
    )
    assert result.solved and result.champion_fitness == result.histories[island].generations["best"][first]
    assert (result.generations, result.evaluations) == (first + 1, 60 * (first + 1))
    assert result.island == island
    assert {len(history) for history in result.histories} == {run.round * 4}
    same(run.run(200, fitness_target=-0.2), result)


def test_another_target_is_looked_for_beyond_the_first(tmp_path):
    run, path = islands(), tmp_path / "islands.npz"
    first = run.run(200, fitness_target=-0.24, checkpoint=path)
    second = run.run(200, fitness_target=-0.1)
    assert first.champion_fitness < -0.1 <= second.champion_fitness
    same(islands(checkpoint=path).run(200, fitness_target=-0.1), second)
    same(islands().run(200, fitness_target=-0.1), second)


def has_nodes(evaluator):
    assert evaluator.num_inputs == 2
    return lambda champion: len(champion.hidden_ids) >= 1


def test_a_criterion_gets_the_evaluator_of_the_island(tmp_path):
    path = tmp_path / "islands.npz"
    result = islands().run(100, solved=has_nodes, checkpoint=path)
    assert result.solved and len(result.champion.hidden_ids) >= 1
    same(islands(checkpoint=path).run(100, solved=has_nodes), result)
    same(islands().run(100, solved=has_nodes, workers=2), result)


def test_islands_that_share_an_evaluator_have_states_of_their_own():
    """Statistics of observations; the populations are evaluated in turn by the evaluator of this process."""
    evaluator = acting()
    config = neat.Config.for_task(evaluator, **SMALL)
    made = []

    def make():
        made.append(acting())
        return made[-1]

    run = Islands(config, make, islands=3, migrate_every=2, migrants=0)
    result = run.run(4)
    assert len(made) == 2  # one to check the arguments
    for population, history in zip(run.populations, result.histories, strict=True):
        alone = neat.Population(population.config, lineage=False).run(acting(), generations=4)
        assert np.array_equal(alone.history.generations, history.generations)


def test_evaluators_are_closed_at_the_end():
    open_now = []

    class Open(study_tasks.Weights):
        def __init__(self):
            open_now.append(self)

        def close(self):
            open_now.remove(self)

    Islands(config(), Open, islands=3, migrate_every=2).run(5)
    assert not open_now
    with ThreadPoolExecutor(2) as executor:
        Islands(config(), Open, islands=3, migrate_every=2).run(5, executor=executor)
    assert not open_now


def test_one_island_is_a_population():
    result = islands(islands=1).run(5)
    assert len(result.histories[0]) == 5


class Forgetful(study_tasks.Weights):
    def state(self):
        return {}


WRONG = {
    "innovation: must be \"hashed\" for islands, since they share no table of numbers, got 'global'": {
        "config": config(innovation="global")
    },
    "config: must be a Config, got 3": {"config": 3},
    "islands: must be an integer from 1 to 10000, got 0": {"islands": 0},
    "migrate_every: must be an integer from 1 to 1000000000, got 2.5": {"migrate_every": 2.5},
    "migrants: must be an integer from 0 to 10, got 11": {"migrants": 11},
    "topology: must be ring, complete or random, got 'star'": {"topology": "star"},
    "make_evaluator: must return a new evaluator, got 3": {"make_evaluator": 3},
    "make_evaluator: the evaluator has a state, but no restore(), which each round needs": {
        "make_evaluator": Forgetful
    },
    "genome.num_outputs: must be 1, as the evaluator has, got 2": {
        "config": neat.Config(genome={"num_inputs": 2, "num_outputs": 2}, innovation="hashed")
    },
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_arguments_are_refused(message):
    with pytest.raises(ValueError) as caught:
        Islands(**{"config": config(), "make_evaluator": xor, **WRONG[message]})
    assert str(caught.value) == message


def test_wrong_checkpoints_are_refused(tmp_path):
    path, other = tmp_path / "islands.npz", tmp_path / "population.npz"
    islands().run(3, checkpoint=path)
    for name, kept, value in (
        ("islands", 3, 2), ("migrate_every", 4, 5), ("migrants", 2, 1), ("topology", "ring", "random")
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"{name}: the checkpoint has {kept}, got {value}"):
            islands(checkpoint=path, **{name: value})
    with pytest.raises(ValueError, match=r"config: differs from the config of .*islands\.npz"):
        Islands(config(seed=4), xor, islands=3, migrate_every=4, checkpoint=path)
    neat.checkpoint.save(neat.Population(config()), other)
    with pytest.raises(
        neat.checkpoint.CheckpointError, match=r"population\.npz: is not a checkpoint of islands"
    ):
        islands(checkpoint=other)
    arrays = read_arrays(path)
    for number in ([1, 2], -5, 7, 1, 0.0, "0"):
        write_arrays(path, {**arrays, "round": np.array(number)})
        message = f"round: must be 0, since the islands are in generation 3, got {re.escape(repr(number))}$"
        with pytest.raises(neat.checkpoint.CheckpointError, match=message):
            islands(checkpoint=path)
    islands().run(4, checkpoint=other)
    ahead = {name: array for name, array in read_arrays(other).items() if name.startswith("island1.")}
    write_arrays(path, {**arrays, **ahead})
    message = r"generation: must be the same on all islands, got \[3, 4, 3\]"
    with pytest.raises(neat.checkpoint.CheckpointError, match=message):
        islands(checkpoint=path)
    assert islands(checkpoint=other).round == 1
    arrays["island1.birth"] = arrays["island1.birth"][:-1]
    write_arrays(path, arrays)
    with pytest.raises(neat.checkpoint.CheckpointError, match=r"islands\.npz: birth: "):
        islands(checkpoint=path)
    with pytest.raises(ValueError, match="generations: must be at least 1, got 0"):
        islands().run(0)
    for arguments, message in (
        ({"solved": 3}, "solved: must take an evaluator and return a function, got 3"),
        ({"workers": 0}, "workers: must be an integer from 1, got 0"),
        ({"executor": 3}, r"executor: must be a concurrent\.futures\.Executor, got 3"),
    ):
        with pytest.raises(ValueError, match=message):
            islands().run(1, **arguments)
    for name, archipelago, arguments in (
        ("make_evaluator", Islands(config(), lambda: xor()), {}),
        ("solved", islands(), {"solved": lambda evaluator: None}),
    ):
        with pytest.raises(
            ValueError, match=f"^{name}: workers need one .* at the top of a module, got .*lambda"
        ):
            archipelago.run(1, workers=2, **arguments)
        archipelago.run(1, **arguments)
    for wrong, message in (
        (3, "reporters: must be a list of reporters, got 3"),
        ([neat.reporting.Progress()], "reporters: each must be a neat.reporting.IslandsReporter"),
    ):
        with pytest.raises(ValueError, match=message):
            islands().run(1, reporters=wrong)


def test_populations_refuse_migrants_that_do_not_fit():
    population = neat.Population(config(), lineage=False)
    migrants = neat.Population(config(seed=5)).genomes
    for wrong, message in (
        (migrants, "genomes: expected from 1 to 19 migrants, got 20"),
        (migrants.take([]), "genomes: expected from 1 to 19 migrants, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            population.immigrate(wrong)
    with pytest.raises(ValueError, match="lineage: cannot follow migrants"):
        neat.Population(config()).immigrate(migrants.take([0]))
    population.immigrate(migrants.take([0, 1]))
    assert genes(population)[-2:] == [migrants[k].to_dict() for k in (0, 1)]
    assert population.first_parent[-2:].tolist() == [-1, -1]


def test_without_keep_best_migrants_replace_the_last_genomes():
    """Also in a population from a checkpoint with the number of a genome that was the best in an earlier generation."""
    population = neat.Population(config(), lineage=False)
    population.run(study_tasks.weights(), generations=3)
    assert population.best is not None and population.kept == -1
    arrays = to_arrays(population)
    arrays["counters"][-1] = 19
    restored = from_arrays(arrays, neat.Population._without_genomes)
    migrants = neat.Population(config(seed=5)).genomes.take([0, 1])
    for each in (population, restored):
        before = genes(each)
        each.immigrate(migrants)
        assert genes(each) == before[:-2] + [genome.to_dict() for genome in migrants]
        assert each.kept == -1


def test_the_best_genome_stays_when_migrants_come():
    settings = {"reproduction": {"keep_best": True}}
    population = neat.Population(config(**settings), lineage=False)
    population.run(study_tasks.weights(), generations=3)
    kept = population.genomes[population.kept].to_dict()
    population.immigrate(neat.Population(config(seed=5)).genomes.take(np.arange(19)))
    assert population.genomes[population.kept].to_dict() == kept
    assert population.kept == 0 and math.isfinite(population.best_fitness)
