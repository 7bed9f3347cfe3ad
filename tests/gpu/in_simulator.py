"""Tests of launches when memory is short or a GPU fails; test_simulator.py runs them in the simulator."""

import contextlib
import gc
import weakref

import numpy as np
import pytest

import evaluators
from evaluators import devices
from evaluators.cpu.compilation import as_compiled
from evaluators.engine import engine_for
from evaluators.environments import CartPole
from evaluators.gpu import gradients, launcher, memory, workspace
from evaluators.gradient import fit_weights, optim
from evaluators.samples import as_samples
from neat.genome import buffers
from tests.gpu.device_cases import genomes, numbers
from tests.support.random_walks import Hot, Walk

ARRAYS = devices.arrays_of("cuda:0")


def supervised(count=30, feed_forward=True):
    evaluator = evaluators.Supervised(numbers(6, 3), numbers(6, 2), device="cuda")
    return evaluator, genomes(count, (3, 2), feed_forward=feed_forward)


def test_scratch_in_device_memory(monkeypatch):
    """If networks are too large for shared memory, a block handles several of their slices."""
    evaluator, batch = supervised(40, feed_forward=False)
    rollout, players = evaluators.Rollout(Walk(time_limit=5), episodes=2, device="cuda"), genomes(20, (1, 3))
    networks = evaluators.compile(batch, "cuda")
    expected = evaluator(batch), rollout(players), networks.activate(numbers(6, 3))
    monkeypatch.setattr(ARRAYS, "shared_bytes", 0)
    monkeypatch.setattr(memory, "_BLOCKS", 1)
    again = evaluators.compile(batch, "cuda")
    for got, whole in zip(
        (evaluator(batch), rollout(players), again.activate(numbers(6, 3))), expected, strict=True
    ):
        np.testing.assert_array_equal(got, whole)


def test_a_population_larger_than_the_memory_is_evaluated_in_parts(monkeypatch):
    evaluator, batch = supervised(50)
    rollout = evaluators.Rollout(Walk(time_limit=5), episodes=2, starts="genome", device="cuda")
    players = genomes(30, (1, 3))
    expected, reward = evaluator(batch), rollout(players)
    ranges = []
    original = memory._run_range
    monkeypatch.setattr(memory, "_run_range", lambda *a: ranges.append(a[1:3]) or original(*a))
    evaluator._scorer._spaces["cuda:0"].forget()
    rollout._player._spaces["cuda:0"].forget()
    monkeypatch.setattr(ARRAYS, "free_bytes", lambda: 10_000)
    np.testing.assert_array_equal(evaluator(batch), expected)
    np.testing.assert_array_equal(rollout(players), reward)
    assert len(ranges) > 4
    assert max(end - begin for begin, end in ranges) < 20


def test_programs_are_evaluated_in_parts_too(monkeypatch):
    batch = as_compiled(genomes(50, (3, 2), feed_forward=False))
    samples = as_samples(numbers(6, 3), numbers(6, 2), "squared_error", 3)
    scorer = engine_for(("cuda:0",)).scorer(samples)
    expected = scorer.score(batch)
    ranges = []
    original = memory._run_range
    monkeypatch.setattr(memory, "_run_range", lambda *a: ranges.append(a[1:3]) or original(*a))
    scorer._spaces["cuda:0"].forget()
    monkeypatch.setattr(ARRAYS, "free_bytes", lambda: 10_000)
    np.testing.assert_array_equal(scorer.score(batch), expected)
    assert len(ranges) > 4


def test_memory_that_runs_out_in_the_middle(monkeypatch):
    evaluator, batch = supervised(40)
    expected = evaluator(batch)
    sizes = []
    genes = memory.DeviceGenes

    def short_of_memory(work, genomes, begin, end):
        sizes.append(end - begin)
        if end - begin > 12:
            raise MemoryError("full")
        return genes(work, genomes, begin, end)

    monkeypatch.setattr(memory, "DeviceGenes", short_of_memory)
    np.testing.assert_array_equal(evaluator(batch), expected)
    assert sizes == [40, 20, 10, 10, 20, 10, 10]
    assert set(evaluator._scorer._spaces["cuda:0"]._rooms) >= {"program", "fitness"}
    monkeypatch.setattr(memory, "DeviceGenes", lambda *a: (_ for _ in ()).throw(MemoryError("full")))
    with pytest.raises(MemoryError, match=r"^cuda:0: genome 0 does not fit in its memory: full$"):
        evaluator(batch)


def test_memory_of_a_failed_range_is_freed_before_its_halves_run(monkeypatch):
    evaluator, batch = supervised(40)
    spaces = evaluator._scorer._spaces["cuda:0"]
    alive, waited = [], []
    launch = memory.launch
    monkeypatch.setattr(ARRAYS, "synchronize", lambda: waited.append(True))

    def short_of_memory(work, kernel_for, blocks, words, dtype, part, *arguments):
        here = work.array("genes")
        if part.end - part.begin > 12:
            alive.append(weakref.ref(here))
            waited.clear()
            raise MemoryError("full")
        assert all(array() is None for array in alive)
        assert waited  # copies from memory that is overwritten must have ended
        launch(work, kernel_for, blocks, words, dtype, part, *arguments)

    expected = evaluator(batch)
    spaces.forget()
    monkeypatch.setattr(memory, "launch", short_of_memory)
    gc.disable()
    try:
        np.testing.assert_array_equal(evaluator(batch), expected)
    finally:
        gc.enable()
    assert len(alive) == 3


def test_a_user_defined_function_is_called_for_parts_when_memory_is_short(monkeypatch):
    sizes = []

    def fitness(outputs, targets):
        sizes.append(len(outputs))
        return -((outputs - targets) ** 2).sum(axis=(1, 2))

    def greedy(outputs, targets):
        if len(outputs) > 5:
            raise MemoryError("full")
        return fitness(outputs, targets)

    batch = genomes(12, (3, 2), feed_forward=False)
    data = numbers(6, 3), numbers(6, 2)
    own = evaluators.Supervised(*data, fitness=fitness, device="cuda")
    expected = own(batch)
    assert sizes == [12]
    np.testing.assert_array_equal(
        evaluators.Supervised(*data, fitness=greedy, device="cuda")(batch), expected
    )
    assert max(sizes[1:]) <= 5
    monkeypatch.setattr(ARRAYS, "free_bytes", lambda: 4_000)
    sizes.clear()
    np.testing.assert_array_equal(own(batch), expected)
    assert len(sizes) > 2 and sum(sizes) == 12


def test_pieces_are_added_in_the_same_order_for_one_genome_and_for_several():
    inputs, targets = numbers(1300, 2), numbers(1300, 1)
    evaluator = evaluators.Supervised(inputs, targets, device="cuda")
    batch = genomes(2, (2, 1), hidden=0)
    alone = [evaluator(batch.take(np.array([k])))[0] for k in range(2)]
    np.testing.assert_array_equal(evaluator(batch), alone)


@pytest.mark.parametrize("feed_forward", [True, False])
def test_networks_outlive_the_arrays_of_their_genomes(feed_forward):
    """A population overwrites these arrays."""
    batch = genomes(5, (3, 2), feed_forward=feed_forward)
    expected = evaluators.compile(batch).activate(numbers(6, 3))
    networks = evaluators.compile(batch, "cuda")
    for array in batch.to_kernel():
        array[...] = 0
    for _ in range(2):
        np.testing.assert_allclose(networks.activate(numbers(6, 3)), expected, rtol=2e-4, atol=2e-5)
        networks.reset()


def test_a_device_is_the_current_one_during_its_operations(monkeypatch):
    """Otherwise a device other than the first would get the wrong memory."""
    monkeypatch.setattr(devices, "_simulated_gpus", 2)
    arrays = devices.arrays_of("cuda:1")
    depth, outside = [0], []

    @contextlib.contextmanager
    def current():
        depth[0] += 1
        yield
        depth[0] -= 1

    monkeypatch.setattr(arrays, "current", current)
    for name in ("empty", "fill", "set_bytes", "fetch", "to_host", "stream"):
        original = getattr(arrays, name)

        def watched(*arguments, name=name, original=original):
            if not depth[0]:
                outside.append(name)
            return original(*arguments)

        monkeypatch.setattr(arrays, name, watched)
    batch = genomes(5, (3, 2))
    evaluators.Supervised(numbers(6, 3), numbers(6, 2), device="cuda:1")(batch)
    own = evaluators.Supervised(
        numbers(6, 3), numbers(6, 2), fitness=lambda z, t: z.sum(axis=(1, 2)), device="cuda:1"
    )
    own(batch)
    rollout = evaluators.Rollout(Walk(time_limit=3), device="cuda:1")
    rollout(genomes(3, (1, 3)))
    assert rollout.last is not None
    networks = evaluators.compile(genomes(4, (3, 2), feed_forward=False), "cuda:1")
    networks.activate(numbers(6, 3))
    networks.reset([1])
    networks.reset([0, 1, 2])
    assert not outside


def test_networks_are_compiled_for_the_cpu_by_default():
    batch = genomes(3, (3, 2))
    assert evaluators.compile(batch).device == "cpu"
    with pytest.raises(ValueError, match=r"^programs: .*, got cuda:0$"):
        _ = evaluators.compile(batch, "cuda").programs


def test_a_kernel_that_fails(monkeypatch):
    evaluator, batch = supervised()

    def fails(*arguments):
        raise launcher.FAILURES[0](700, "an illegal memory access was encountered")

    monkeypatch.setattr(launcher, "start", fails)
    with pytest.raises(
        RuntimeError, match=r"^cuda:0: the GPU failed, .* illegal memory access .* checkpoint"
    ):
        evaluator(batch)


class Serial:
    def __init__(self, workers):
        assert workers == 2

    __enter__ = lambda self: self  # noqa: E731
    __exit__ = lambda self, *error: None  # noqa: E731
    map = staticmethod(map)


def test_several_gpus(monkeypatch):
    """The simulator has one GPU. Here two names stand for it, and are used one after the other."""
    monkeypatch.setattr(devices, "_simulated_gpus", 2)

    evaluator, batch = supervised(33)
    expected = evaluator(batch)
    monkeypatch.setattr(memory, "ThreadPoolExecutor", Serial)
    used = []
    original = memory._run_range
    monkeypatch.setattr(
        memory, "_run_range", lambda *a: used.append((a[0].arrays.device, *a[1:3])) or original(*a)
    )
    both = evaluators.Supervised(numbers(6, 3), numbers(6, 2), device="cuda:*")
    assert both.devices == ("cuda:0", "cuda:1")
    np.testing.assert_array_equal(both(batch), expected)
    assert [device for device, *_ in used] == ["cuda:0", "cuda:1"]
    # The split is even in genes.
    assert [end - begin for _, begin, end in used] == pytest.approx([16.5, 16.5], abs=6)
    with pytest.raises(
        ValueError, match=r"^device: networks must be on one device, got 'cuda:\*', which are 2$"
    ):
        evaluators.compile(batch, "cuda:*")


def test_nan_weights():
    evaluator, batch = supervised(6)
    evaluator(batch)  # the first call checks the weights
    batch.arrays.connection_weight[batch.arrays.connection_offset[2] : batch.arrays.connection_offset[3]] = (
        np.nan
    )
    fitness = evaluator(batch)
    assert np.isfinite(fitness[[0, 1, 3, 4, 5]]).all()


def test_an_error_in_a_function_of_an_environment(monkeypatch):
    """The error only ends the GPU's thread. The CPU replays the episode and raises it."""

    def stops(*arguments):  # as a kernel does
        return None

    rollout = evaluators.Rollout(Hot(time_limit=300), episodes=2, device="cuda")
    monkeypatch.setattr(launcher, "start", stops)
    with pytest.raises(RuntimeError, match=r"^Hot: ValueError: the motor is hot$"):
        rollout(genomes(3, (1, 3)))
    walk = evaluators.Rollout(Walk(time_limit=5), episodes=2, device="cuda")
    with pytest.raises(RuntimeError, match=r"^Walk: a function raised an error in episode 0 of genome 0$"):
        walk(genomes(3, (1, 3)))


def test_genomes_of_all_sizes_side_by_side():
    """Each level of sizes has its own launches."""
    sizes = [0, 3, 40, 1, 90, 5]
    batch = [genomes(1, (3, 2), seed=k, hidden=0)[0].to_dict() for k in range(len(sizes))]
    for one, hidden in zip(batch, sizes, strict=True):
        for k in range(hidden):
            node = {"id": 100 + k, "bias": 0.1, "response": 1.0, "activation": "tanh", "aggregation": "sum"}
            one["nodes"].append(node)
            ends = [(0, 100 + k), (100 + k, 3)]
            for source, target in ends:
                link = {"source": source, "target": target, "weight": 0.3, "enabled": True}
                one["connections"].append({"innovation": 1000 + len(one["connections"]), **link})
    batch = evaluators.network.Genomes.from_list(batch)
    for samples, width, levels in ((6, 16, 1), (70, 1, 3)):
        evaluator = evaluators.Supervised(numbers(samples, 3), numbers(samples, 2), device="cuda")
        alone = [evaluator(batch.take(np.array([k])))[0] for k in range(len(sizes))]
        np.testing.assert_array_equal(evaluator(batch), alone)
        offsets = batch.arrays.node_offset, batch.arrays.connection_offset
        assert memory.WARP // memory.threads_per_network(samples) == width
        assert len(memory.lay_out(*offsets, 2, width, False, buffers.Block.empty).levels) == levels


def test_devices_are_checked():
    with pytest.raises(
        ValueError, match=r"^device: expected cuda:0 to cuda:0, which this machine has, got 'cuda:3'$"
    ):
        evaluators.Rollout(CartPole(), device="cuda:3")
    assert devices.resolve_device("auto") == ("cpu",)
    networks = evaluators.compile(genomes(2, (3, 2)), "cuda")
    assert networks.device == "cuda:0"
    with pytest.raises(ValueError, match=r"^x: expected finite float32 numbers, got nan at \(0, 1\)$"):
        networks.activate([[0.0, np.nan, 1.0]])


def test_learning_in_parts_and_with_scratch_in_device_memory(monkeypatch):
    batch = genomes(9, (3, 2), activations=["tanh"], aggregations=["sum", "max"], hidden=3)

    def learned():
        make = lambda parameters: optim.Adam(parameters, 0.01)  # noqa: E731
        return fit_weights(batch, numbers(5, 3), numbers(5, 2), make, 2, device="cuda")

    whole = learned()
    assert (whole.fitness > whole.fitness_before).all()
    monkeypatch.setattr(ARRAYS, "shared_bytes", 0)
    monkeypatch.setattr(gradients, "_BLOCKS", 2)  # each handles several networks
    ranges = []
    original = memory._run_range
    monkeypatch.setattr(memory, "_run_range", lambda *a: ranges.append(a[1:3]) or original(*a))
    monkeypatch.setattr(ARRAYS, "free_bytes", lambda: 4_000)
    again = learned()
    assert len(ranges) > 2
    np.testing.assert_array_equal(again.fitness, whole.fitness)
    for name in ("node_bias", "connection_weight"):
        np.testing.assert_array_equal(
            getattr(again.genomes.arrays, name), getattr(whole.genomes.arrays, name)
        )


def test_learning_within_evolution():
    evaluator = evaluators.Supervised(
        numbers(4, 3), numbers(4, 2), device="cuda", learn_steps=2, learn_best=1.0
    )
    batch = genomes(4, (3, 2), activations=["tanh"], aggregations=["sum"], hidden=2)
    before = evaluators.Supervised(numbers(4, 3), numbers(4, 2), device="cuda")(batch)
    after = evaluator(batch)
    assert (after >= before).all() and (after > before).any()
    assert (evaluator.learned.arrays.connection_weight != batch.arrays.connection_weight).any()


def test_a_launch_with_another_type_of_array_is_refused():
    _, batch = supervised(3)
    space = workspace.Workspace("cuda:0")
    genes = memory.DeviceGenes(space, batch, 0, 3)
    genes.genes = genes.genes._replace(node_bias=np.zeros(9))
    with pytest.raises(TypeError, match=r"^expected array\(float32, 1d, C\), got array\(float64, 1d, C\)$"):
        memory.DevicePrograms(genes, 1, by_size=True)
