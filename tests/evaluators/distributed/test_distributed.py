import functools
import inspect
import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

import evaluators
import neat
from evaluators import Distributed, environments
from evaluators.distributed.backend import Admission
from evaluators.distributed.worker import Introduction, Job, WorkerEvaluators, pickle_factory, versions
from neat.genome.genome import Genome, Genomes
from tests.support import distributed_tasks as tasks

FACTORIES = (tasks.learning, tasks.scoring, tasks.acting, tasks.balancing, tasks.walking, tasks.drawing)


def config_for(evaluator, population_size=23):
    sizes = {"num_inputs": 1, "num_outputs": 1}
    if hasattr(evaluator, "num_inputs"):
        sizes = {name: getattr(evaluator, name) for name in sizes}
    return neat.Config(population_size=population_size, seed=5, genome=sizes)


def everything(evaluator, generations=3, **settings):
    """All that a run returns or its evaluator keeps, as plain data."""
    result = neat.Population(config_for(evaluator, **settings)).run(evaluator, generations=generations)
    kept = {name: getattr(evaluator, name) for name in ("steps", "gain") if hasattr(evaluator, name)}
    state = evaluator.state() if hasattr(evaluator, "state") else {}
    arrays = [*state.values(), *(getattr(evaluator, "last", None) or ()), result.history.generations]
    learned = getattr(evaluator, "learned", None)
    genes = () if learned is None else learned.arrays
    data = result.champion.to_dict(), result.champion_fitness, result.validated
    return repr(data), [np.asarray(each).tobytes() for each in (*kept.values(), *arrays, *genes)]


@functools.cache
def alone(factory):
    return everything(factory())


@pytest.mark.parametrize("workers, chunk_size", [(0, None), (1, 1), (2, None), (7, 5)])
@pytest.mark.parametrize("factory", FACTORIES, ids=lambda factory: factory.__name__)
def test_workers_and_chunks_do_not_matter(factory, workers, chunk_size):
    with (
        ThreadPoolExecutor(max(1, workers)) as executor,
        Distributed(factory, executor=executor, workers=workers, chunk_size=chunk_size) as distributed,
    ):
        assert everything(distributed) == alone(factory)


class Repeating:
    """An evaluator without a state."""

    def __call__(self, genomes):
        return np.zeros(len(genomes))

    def validate(self, genomes, episodes=1, seed=2, *, method="mean"):
        return np.full(len(genomes), episodes + 10.0 * seed + 100 * (method == "sum"))


def test_arguments_of_validate_go_by_their_names(genomes):
    with ThreadPoolExecutor(1) as executor, Distributed(Repeating, executor=executor) as distributed:
        for arguments in ({"seed": 5, "episodes": 3}, {"method": "sum"}, {}):
            expected = Repeating().validate(genomes, **arguments)
            np.testing.assert_array_equal(distributed.validate(genomes, **arguments), expected)


def test_a_wrapper_may_have_an_attribute_evaluator(genomes):
    class Wrapper(Repeating):
        def __init__(self):
            self.evaluator, self.status, self.note = Repeating(), "idle", "a note"

    with ThreadPoolExecutor(1) as executor, Distributed(Wrapper, executor=executor) as distributed:
        assert distributed(genomes).tolist() == [0.0] * 30
        assert isinstance(distributed.evaluator, Wrapper) and distributed.note == "a note"
        assert distributed.status.workers == 1


def processes(count):
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


def test_processes_and_a_restored_state():
    """A run that is resumed with workers goes on like one in this process."""
    whole = tasks.acting()
    population = neat.Population(config_for(whole))
    for _ in range(2):
        population.tell(whole(population.ask()))
    state, genomes = whole.state(), population.ask()
    with processes(2) as executor, Distributed(tasks.acting, executor=executor) as distributed:
        distributed.restore(state)
        assert distributed(genomes).tobytes() == whole(genomes).tobytes()
        for name, array in whole.state().items():
            assert distributed.state()[name].tobytes() == array.tobytes()
        expected = whole.validate(genomes, episodes=4)
        assert distributed.validate(genomes, episodes=4).tobytes() == expected.tobytes()
        assert distributed.validate(genomes, 4).tobytes() == expected.tobytes()
        assert distributed.status.workers == 2 and distributed.status.deaths == 0


@pytest.fixture
def genomes():
    single = {"num_inputs": 1, "num_outputs": 1, "nodes": [{"id": 1}], "connections": []}
    return Genomes.from_list([Genome.from_dict(single)] * 30)


def hazard(folder, **arguments):
    executor = ThreadPoolExecutor(2)
    return Distributed(lambda: tasks.Hazard(folder), executor=executor, chunk_size=8, **arguments)


def test_failures_name_the_genome(genomes, tmp_path):
    (tmp_path / "raise-13").touch()
    with hazard(tmp_path) as distributed, pytest.raises(RuntimeError) as caught:
        distributed(genomes)
    assert "genome 13 failed on " in str(caught.value) and "KeyError: 'no wheel on 13'" in str(caught.value)
    assert "in _meet" in "".join(caught.value.__cause__.__notes__)


def test_failures_get_the_worst_fitness(genomes, tmp_path, caplog):
    for place in (0, 13, 29):
        (tmp_path / f"raise-{place}").touch()
    with hazard(tmp_path, on_error="worst") as distributed:
        fitness = distributed(genomes)
    expected = np.arange(30.0)
    expected[[0, 13, 29]] = -np.inf
    np.testing.assert_array_equal(fitness, expected)
    assert "genome 13 failed on" in caplog.text and "no wheel on 13" in caplog.text


class Broken(evaluators.Rollout):
    """Episodes fail."""

    def play_part(self, *arguments):
        raise KeyError("no wheel")


def test_a_single_genome_that_fails():
    def make():
        return Broken(environments.CartPole(), device="cpu")

    genome = neat.Population(neat.Config.for_task(make(), seed=0)).genomes[0]
    with (
        ThreadPoolExecutor(1) as executor,
        Distributed(make, executor=executor, on_error="worst", probe=0) as distributed,
        pytest.raises(RuntimeError, match=r"^all genomes failed, genome 0 with KeyError: 'no wheel'$"),
    ):
        distributed(genome)


class Clumsy(evaluators.Supervised):
    """Genomes whose bias is in `scored` fail when they are scored, those whose bias is in `trained` when they learn."""

    scored, trained = (), ()

    def score_part(self, genomes):
        self._meet(genomes, self.scored)
        return super().score_part(genomes)

    def train_part(self, genomes):
        self._meet(genomes, self.trained)
        return super().train_part(genomes)

    def _meet(self, genomes, biases):
        for bias in genomes.arrays.node_bias.tolist():
            if bias in biases:
                raise KeyError(f"no wheel on {bias:g}")


@pytest.mark.parametrize("scored, trained", [([0, 3], []), ([], [1, 2]), ([3], [1]), ([], [0, 1, 2, 3, 4])])
def test_genomes_that_fail_and_learn(genomes, scored, trained, caplog):
    """Those that fail get the worst fitness; those that only fail to learn keep theirs."""

    def make():
        evaluator = Clumsy(x, np.full_like(x, 2.5), learn_steps=4, learn_best=1.0, device="cpu")
        evaluator.scored, evaluator.trained = scored, trained
        return evaluator

    x = np.zeros((3, 1), np.float32)
    genomes = genomes.take(range(5))
    genomes.arrays.node_bias[:] = range(5)
    alone = make()
    fitness, gain, bias = alone(genomes), alone.gain, alone.learned.arrays.node_bias
    unlearned = scored + trained
    fitness[unlearned] -= gain[unlearned]
    fitness[scored], gain[unlearned], bias[unlearned] = -np.inf, 0, unlearned
    with (
        ThreadPoolExecutor(2) as executor,
        Distributed(make, executor=executor, chunk_size=2, on_error="worst", probe=0) as distributed,
    ):
        np.testing.assert_allclose(distributed(genomes), fitness)
        np.testing.assert_array_equal(distributed.gain, gain)
        np.testing.assert_array_equal(distributed.learned.arrays.node_bias, bias)
    assert ("genome 1 of the 5 that train_part got failed on" in caplog.text) == (1 in trained)


def test_an_executor_waits_no_longer_than_the_timeout(genomes, tmp_path, monkeypatch):
    """A genome hangs once; then another worker evaluates its chunk."""
    (tmp_path / "hang-20").write_text("once")
    over = threading.Event()
    monkeypatch.setattr(tasks.time, "sleep", over.wait)
    with hazard(tmp_path, timeout=0.05) as distributed:
        np.testing.assert_array_equal(distributed(genomes), np.arange(30.0))
        assert distributed.status.workers == 1, "the other one still hangs"
    over.set()


def test_a_broken_executor_says_so(genomes, tmp_path):
    (tmp_path / "kill-3").touch()
    make = functools.partial(tasks.Hazard, tmp_path)
    with (
        processes(1) as executor,
        Distributed(make, executor=executor, probe=0) as distributed,
        pytest.raises(RuntimeError, match="executor: a worker process died, and an executor does not"),
    ):
        distributed(genomes)


def draw_at_random():
    return lambda genomes: np.random.default_rng().normal(size=len(genomes))


def test_the_probe_refuses_other_bytes(genomes):
    admission = Admission()
    introduction = Introduction("one", versions(), "a")
    assert admission.find_refusal(introduction) is None
    assert admission.find_refusal(introduction._replace(name="two")) is None
    refusal = admission.find_refusal(introduction._replace(name="three", digest="b"))
    assert refusal.startswith("three computes another fitness than one: ") and "probe=0" in refusal
    old = introduction._replace(versions={**versions(), "numba": "0.1"})
    assert "one has numba 0.1, the driver" in admission.find_refusal(old)

    first, second = (
        WorkerEvaluators(pickle_factory(draw_at_random), Job("__call__", genomes, (), True)) for _ in "12"
    )
    assert first.introduction.digest != second.introduction.digest
    first, second = (
        WorkerEvaluators(pickle_factory(tasks.drawing), Job("__call__", genomes, (), True)) for _ in "12"
    )
    assert first.introduction.digest == second.introduction.digest


@pytest.mark.parametrize(("work", "told"), [(1.0, True), (3.0, False)])
def test_workers_that_do_not_pay_are_told(caplog, work, told):
    """After the first generations, in which workers compile, and once."""
    with (
        ThreadPoolExecutor(2) as executor,
        Distributed(tasks.scoring, executor=executor) as distributed,
    ):
        for _ in range(4):
            distributed._tell_if_slower(work, 2.0)
    assert [record.message.rpartition(": ")[2] for record in caplog.records] == told * [
        "one process is faster (workers=0, or no --cluster)"
    ]


class Counting:
    """An evaluator whose state workers cannot share."""

    def __call__(self, genomes):
        return np.zeros(len(genomes))

    def state(self):
        return {}


def thread():
    return ThreadPoolExecutor(1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((3, "local"), "make_evaluator: expected a function, got 3"),
        ((lambda: 3, "local"), "make_evaluator: expected a function that returns an evaluator, got 3"),
        (
            (Counting, "local"),
            "make_evaluator: Counting has a state, which workers cannot share; define call_divided",
        ),
        ((tasks.scoring, "local", thread()), "cluster: cannot be given with executor, got 'local'"),
        (
            (tasks.scoring,),
            "cluster: expected 'auto', 'local' or an address, unless executor is given, got None",
        ),
        ((tasks.scoring, None, 3), "executor: expected a concurrent.futures.Executor, got 3"),
        ((tasks.scoring, None, thread(), -1), "workers: expected an integer from 0"),
        ((tasks.scoring, None, thread(), 1, 2), "slots_per_worker: must be 1 with executor, got 2"),
        ((tasks.scoring, None, thread(), 1, 1, 0), "chunk_size: expected an integer from 1"),
        ((tasks.scoring, None, thread(), 1, 1, 1, -1), "retries: expected an integer from 0"),
        ((tasks.scoring, None, thread(), 1, 1, 1, 1, 0), "timeout: "),
        (
            (tasks.scoring, None, thread(), 1, 1, 1, 1, 1, "skip"),
            "on_error: must be one of 'raise', 'worst'",
        ),
        (
            (tasks.scoring, None, None, 0, 1, 1, 1, 2.5),
            "timeout: needs workers, since this process cannot be ended, got workers 0 and 2.5",
        ),
        (
            (tasks.scoring, None, None, 0, 1, 1, 1, None, "worst"),
            "on_error: needs workers, since an exception here ends the call, got workers 0 and 'worst'",
        ),
    ],
)
def test_messages(arguments, message):
    make_evaluator, *values = arguments
    names = inspect.signature(Distributed).parameters
    options = dict(zip(list(names)[1:], values, strict=False))
    with pytest.raises(ValueError) as caught:
        Distributed(make_evaluator, **options)
    assert str(caught.value).startswith(message)


def test_what_cannot_be_sent_is_named():
    lock = threading.Lock()
    with pytest.raises(
        ValueError, match=r"make_evaluator: cannot be sent to workers .*lock.*let the function"
    ):
        Distributed(lambda: lambda genomes: np.zeros(len(genomes) + lock.locked()), executor=thread())


def test_an_executor_that_does_not_say_how_many_workers_it_has():
    with pytest.raises(ValueError, match="workers: must be given, since SimpleNamespace does not say"):
        Distributed(tasks.scoring, executor=SimpleNamespace(submit=print))
