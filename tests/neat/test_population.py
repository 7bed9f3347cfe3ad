"""A run as a whole: the same bytes however it is made, and what tell and run refuse."""

import copy
import pickle
import re

import numpy as np
import pytest

import neat
from neat import reporting
from neat.io import checkpoint
from neat.kernels import parallel
from neat.support.files import Lock, LockedError
from tests.support.evolving import BUSY, as_bytes, evolve, make_config, state
from tests.support.marks import every_scheme

every_kind = pytest.mark.parametrize("recurrent", [False, True], ids=["feed-forward", "recurrent"])


@every_scheme
@every_kind
def test_one_and_two_threads_give_the_same_bytes(scheme, recurrent, set_threads):
    config = make_config(**BUSY, **scheme, population_size=4 * parallel.MIN_GENOMES_PER_THREAD).updated(
        genome={"feed_forward": not recurrent}, speciation={"threshold": 1.5}
    )
    states = []
    for count in (1, 2, 3):
        set_threads(count)
        population = neat.Population(config)
        for _ in range(5):
            evolve(population, 1, levels=20)
        states.append(state(population))
    assert states[0] == states[1] == states[2]
    population.genomes.check()


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    runs = [evolve(neat.Population(make_config(**BUSY, seed=seed)), 5) for seed in (3, 3, 4)]
    assert state(runs[0]) == state(runs[1])
    assert state(runs[0])["genomes"] != state(runs[2])["genomes"]


def test_no_global_generator_matters():
    states = []
    for seed in (1, 2):
        np.random.seed(seed)
        before = np.random.get_state()[1].tobytes()
        states.append(state(evolve(neat.Population(make_config(**BUSY)), 3)))
        assert np.random.get_state()[1].tobytes() == before
    assert states[0] == states[1]


@every_scheme
@every_kind
def test_mistake_7_saving_changes_nothing_and_resumed_runs_are_the_same(scheme, recurrent, tmp_path):
    """At every generation, the first and the last included."""
    config = make_config(**BUSY, **scheme).updated(
        genome={"feed_forward": not recurrent, "bias_input": recurrent},
        speciation={"threshold": 1.0, "threshold_mode": "adjusted"},
        stagnation={"species_generations": 3, "population_generations": 5},
        reproduction={"keep_best": recurrent},
    )
    generations = 9
    end = state(evolve(neat.Population(config), generations, levels=10))
    saved = neat.Population(config)
    for generation in range(generations + 1):
        before = state(saved)
        checkpoint.save(saved, tmp_path / f"{generation}.npz")
        assert state(saved) == before
        loaded = checkpoint.load(tmp_path / f"{generation}.npz")
        assert loaded.config == config
        assert state(loaded) == before
        evolve(loaded, generations - generation, levels=10)
        assert state(loaded) == end
        if generation < generations:
            evolve(saved, 1, levels=10)
    assert state(saved) == end


class Noisy:
    """An evaluator with a state of its own, and noise that depends on the generation and the seed alone."""

    def __init__(self):
        self.total = np.zeros(2)

    def __call__(self, genomes):
        generator = np.random.default_rng((genomes.seed, genomes.generation))
        self.total += generator.normal(size=2)
        offset = genomes.arrays.connection_offset
        weights = np.add.reduceat(np.append(genomes.arrays.connection_weight, 0), offset[:-1])
        return self.total[0] + generator.normal(size=len(genomes)) + 0.1 * weights

    def state(self):
        return {"total": self.total.copy()}

    def restore(self, arrays):
        self.total = arrays["total"].copy()


@pytest.mark.parametrize("stop", [1, 3, 7])
def test_a_stopped_run_goes_on_with_its_evaluators_state(stop, tmp_path):
    config = make_config(seed=11, mutation=BUSY["mutation"])
    whole = neat.Population(config)
    expected = whole.run(Noisy(), 10)
    neat.Population(config).run(Noisy(), stop, checkpoint=tmp_path / "run.npz", checkpoint_every=100)
    resumed = checkpoint.load(tmp_path / "run.npz")
    assert resumed.generation == stop
    result = resumed.run(Noisy(), 10)
    assert state(resumed) | {"evaluator": None} == state(whole) | {"evaluator": None}
    assert result.champion == expected.champion
    assert result.champion.genomes.generation == expected.champion.genomes.generation
    assert (result.generations, result.evaluations) == (10, 600)


class Unstartable(reporting.Reporter):
    def start(self, population, generations):
        raise PermissionError("mine")


class Interrupted(Noisy):
    """Fails in its first generation, when its state has changed already."""

    def __call__(self, genomes):
        super().__call__(genomes)
        raise KeyboardInterrupt


@pytest.mark.parametrize("failure", ["lock", "reporter", "evaluator", "nothing to run"])
def test_a_call_that_told_no_generation_does_not_cost_the_evaluators_state(failure, tmp_path):
    config, path = make_config(seed=11, mutation=BUSY["mutation"]), tmp_path / "run.npz"
    whole = neat.Population(config)
    whole.run(Noisy(), 6)
    neat.Population(config).run(Noisy(), 3, checkpoint=path)
    resumed = checkpoint.load(path)
    if failure == "lock":
        with Lock(path), pytest.raises(LockedError):
            resumed.run(Noisy(), 6, checkpoint=path)
    elif failure == "reporter":
        with pytest.raises(PermissionError):
            resumed.run(Noisy(), 6, reporters=[Unstartable()])
    elif failure == "evaluator":
        with pytest.raises(KeyboardInterrupt):
            resumed.run(Interrupted(), 6)
    else:
        resumed.run(Noisy(), 3)
    resumed.run(Noisy(), 6)
    assert state(resumed) == state(whole)


def test_ask_and_tell_is_what_run_does():
    config = make_config(**BUSY)
    by_hand, run, evaluator = neat.Population(config), neat.Population(config), Noisy()
    for _ in range(6):
        by_hand.tell(evaluator(by_hand.ask()))
    result = run.run(Noisy(), 6)
    assert state(by_hand) == state(run)
    assert result.champion == by_hand.best
    assert result.champion_fitness == by_hand.best_fitness
    assert not result.solved
    assert len(result.history) == 6


def test_asking_again_gives_the_same():
    population = evolve(neat.Population(make_config()), 2)
    assert as_bytes(population.ask().arrays) == as_bytes(population.ask().arrays)
    assert (population.ask().generation, population.ask().seed) == (2, 0)


def test_run_stops_at_the_target_and_a_resumed_run_stays_stopped(tmp_path):
    population = neat.Population(make_config())
    result = population.run(
        lambda genomes: np.arange(60.0) + genomes.generation,
        50,
        fitness_target=63,
        checkpoint=tmp_path / "r.npz",
    )
    assert (result.solved, result.generations, result.champion_fitness) == (True, 5, 63)
    again = checkpoint.load(tmp_path / "r.npz")
    assert state(again) == state(population)
    result_again = again.run(lambda genomes: pytest.fail("called"), 50, fitness_target=63)
    assert (result_again.solved, result_again.generations) == (True, 5)
    assert result_again.champion == result.champion


def test_the_solution_is_the_champion_that_solves_not_the_best_by_fitness():
    population = neat.Population(make_config())
    champions = []

    def solved(genome):
        champions.append(genome)
        return len(champions) == 3

    def fitness(genomes):
        return np.arange(60) - 100.0 * genomes.generation

    result = population.run(fitness, 50, solved=solved)
    assert (result.solved, result.generations, result.champion_fitness) == (True, 3, 59 - 200)
    assert result.champion == champions[-1]
    assert population.best_fitness == 59


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("fitness", "message"),
    [
        (np.zeros(59), r"fitness: expected shape \(population_size,\) = \(60,\), got \(59,\)"),
        (np.zeros((60, 1)), r"fitness: expected shape .* got \(60, 1\)"),
        (np.zeros(0), r"fitness: expected shape .* got \(0,\)"),
        (1.0, r"fitness: expected shape .* got one number, 1\.0; wrap "),
        (None, r"fitness: expected "),
        (["high"] * 60, r"fitness: expected "),
        ([[1.0], [1.0, 2.0]] * 30, r"fitness: expected "),
        (np.ones(60, complex), r"fitness: expected "),
        (["1"] * 60, r"fitness: expected .* got dtype <U1"),
        ([10**400] * 60, r"fitness: expected "),
        (np.full(60, np.nan), "fitness: every value is NaN or -inf"),
        (np.full(60, -np.inf), "fitness: every value is NaN or -inf"),
        ([None] * 60, "fitness: expected numbers of .* got None"),
        (np.where(np.arange(60) == 7, np.inf, 0), "fitness: must be below infinity, got inf for genome 7"),
        (np.where(np.arange(60) == 7, np.inf, -np.inf), "fitness: must be below .* for genome 7"),
        (np.where(np.arange(60) == 7, np.inf, np.nan), "fitness: must be below .* for genome 7"),
    ],
)
def test_bad_fitness_is_refused_and_changes_nothing(fitness, message):
    population = evolve(neat.Population(make_config(**BUSY)), 2)
    before = state(population)
    with pytest.raises(ValueError, match=message) as caught:
        population.tell(fitness)
    assert "\n" not in str(caught.value)
    assert state(population) == before
    evolve(population, 1)


@pytest.mark.parametrize("number", [0.5, 3, np.float32(0.5), np.array(0.5)])
def test_a_function_of_one_network_is_told_of_per_genome(number):
    population = neat.Population(make_config())
    expected = f"shape (population_size,) = (60,), got one number, {number}"
    message = rf"^fitness: expected {re.escape(expected)}; wrap .* in evaluators\.PerGenome$"
    with pytest.raises(ValueError, match=message):
        population.run(lambda network: number, generations=1)
    for genomes in (population.ask(), population.ask()[0]):
        kind = type(genomes).__name__
        message = (
            rf"^'{kind}' object has no attribute 'activate': .* wrap .* in evaluators\.PerGenome, or compile"
        )
        with pytest.raises(AttributeError, match=message):
            (lambda network: float(network.activate([1.0])[0]))(genomes)
        with pytest.raises(AttributeError, match=f"^'{kind}' object has no attribute 'weights'$"):
            genomes.weights  # noqa: B018
        assert copy.copy(genomes).num_inputs == pickle.loads(pickle.dumps(genomes)).num_inputs
    assert population.generation == 0


def test_fitness_is_not_written_to_and_can_be_a_list_of_integers():
    fitness = np.full(60, np.nan)
    fitness[3] = 1
    population = neat.Population(make_config())
    population.tell(fitness)
    assert np.isnan(fitness).sum() == 59
    assert population.history.last["invalid"] == 59
    population.tell(list(range(60)))
    assert population.best_fitness == 59


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"generations": 0}, "generations: must be at least 1, got 0"),
        ({"generations": 2.5}, "generations: must be an integer, got 2.5"),
        ({"generations": -3}, "generations: must be at least 1, got -3"),
        ({"generations": 3, "checkpoint_every": 0}, "checkpoint_every: must be at least 1, got 0"),
        ({"generations": 3, "checkpoint": "/nowhere/at/all/run.npz"}, "checkpoint: .*/nowhere/at/all"),
    ],
)
def test_bad_arguments_of_run_are_refused_before_the_work(arguments, message):
    population = neat.Population(make_config())
    with pytest.raises(ValueError, match=message):
        population.run(lambda genomes: pytest.fail("evaluated"), **arguments)
    assert population.generation == 0


@pytest.mark.parametrize("wrong", [{}, None, neat.Config])
def test_a_population_needs_a_config(wrong):
    with pytest.raises(ValueError, match=r"^config: must be a Config, got "):
        neat.Population(wrong)


@pytest.mark.parametrize("count", [0, -1, 5000])
def test_threads_must_be_a_number_that_can_be(count):
    with pytest.raises(ValueError, match=f"threads: must be from 1 to 1024, got {count}"):
        parallel.set_threads(count)


@pytest.mark.parametrize("count", [2.5, "2", None, True])
def test_threads_must_be_an_integer(count):
    with pytest.raises(ValueError, match="threads: must be an integer, got "):
        parallel.set_threads(count)


def test_fitness_that_rewards_hidden_nodes_makes_them_grow():
    """Selection works at all: the fittest are the parents."""
    population = neat.Population(make_config(population_size=100))
    for _ in range(30):
        population.tell(np.diff(population.genomes.arrays.node_offset).astype(float))
    rows = population.history.generations
    assert rows["hidden_nodes"][-1] > 8
    drifting = evolve(neat.Population(make_config(population_size=100)), 30)
    assert drifting.history.last["hidden_nodes"] < rows["hidden_nodes"][-1] / 2


def test_genes_lie_in_one_block():
    """What is evaluated of them lies together, so that one copy takes it to a device."""
    population = neat.Population(make_config(population_size=60))
    for _ in range(12):
        population.tell(np.diff(population.genomes.arrays.connection_offset).astype(float))
    genes = population.genomes.arrays
    assert len({id(array.base) for array in genes}) == 1
    begin = {name: array.ctypes.data for name, array in genes._asdict().items()}
    end = {name: begin[name] + array.nbytes for name, array in genes._asdict().items()}
    unread = ("node_id", "connection_innovation", "connection_birth")
    read = [name for name in begin if name not in unread]
    first, last = min(begin[name] for name in read), max(end[name] for name in read)
    assert all(end[name] <= first or begin[name] >= last for name in unread)
    assert last - first < 1.5 * sum(getattr(genes, name).nbytes for name in read) + 64 * len(read)
    assert all(address % 8 == begin["node_offset"] % 8 for address in begin.values())
