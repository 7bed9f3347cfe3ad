"""Tests of copies and of arrays that stay on a device; test_simulator.py runs them in the simulator."""

import contextlib
from collections import Counter

import numpy as np
import pytest

import evaluators
from evaluators import devices
from evaluators.gpu import kernels, launcher, memory, workspace
from neat.genome import buffers
from tests.gpu.device_cases import genomes, numbers
from tests.gpu.in_simulator import Serial, supervised
from tests.support.random_walks import Walk

ARRAYS = devices.arrays_of("cuda:0")


def count_calls(monkeypatch):
    """Return a Counter, by name, of the calls that the driver would get from now on."""
    calls = Counter()

    def count(where, name):
        original = getattr(where, name)

        def counting(*arguments):
            calls[name] += 1
            return original(*arguments)

        monkeypatch.setattr(where, name, counting)

    for name in ("fill", "set_bytes", "fetch", "to_host"):
        count(ARRAYS, name)
    count(launcher, "start")
    return calls


@pytest.mark.parametrize("task", ["supervised", "episodes"])
def test_copies_and_launches_of_a_generation(task, monkeypatch):
    """A generation needs two copies to the device, three launches and one copy back.

    The copies are the genes, the layout of their programs, and the fitness with the steps of episodes. The parameters
    of episodes are copied once, and their records only when they are read.
    """
    evaluator, batch = supervised()
    if task == "episodes":
        evaluator = evaluators.Rollout(Walk(time_limit=3), episodes=2, device="cuda")
        batch = genomes(6, (1, 3))
    genes = buffers.empty(len(batch), len(batch.arrays.node_id), len(batch.arrays.connection_weight))
    for array, source in zip(genes, batch.arrays, strict=True):
        array[...] = source
    evaluator(batch)
    monkeypatch.setattr(workspace, "_GATHERED", 1_000)  # only the genes, in one block, are larger
    calls = count_calls(monkeypatch)
    evaluator(batch.with_arrays(genes))
    assert calls == {"fill": 2, "set_bytes": 2, "start": 3, "fetch": 1}
    if task == "episodes":
        for _ in range(2):
            assert evaluator.last.reward.shape == (6, 2)
            assert calls["fetch"] == 2


def test_arrays_are_sent_and_fetched(monkeypatch):
    """Small arrays, and arrays in one block, are copied at once, others one by one."""
    rng = np.random.default_rng(0)
    shapes = {
        "a": ((3, 5), "f4"),
        "b": ((0,), "i8"),
        "c": ((7,), "u1"),
        "d": ((2, 1, 3), "f8"),
        "e": ((4,), "?"),
    }
    apart = {name: rng.integers(0, 2, shape).astype(dtype) for name, (shape, dtype) in shapes.items()}
    apart["a"] = np.asfortranarray(apart["a"])
    genes = buffers.empty(3, 8, 9)
    for array in genes:
        array[...] = rng.integers(0, 2, array.shape)
    together = {name: getattr(genes, name) for name in kernels.Genes._fields}
    space = workspace.Workspace("cuda:0")
    calls = count_calls(monkeypatch)
    for arrays, gathered, copies in ((apart, 10**6, 1), (apart, 0, 5), (together, 0, 1)):
        monkeypatch.setattr(workspace, "_GATHERED", gathered)
        calls.clear()
        for name, array in space.send("some", arrays).items():
            np.testing.assert_array_equal(array, arrays[name])
            assert array.dtype == arrays[name].dtype
        assert calls["fill"] == copies
    room = space.receive(
        "back", buffers.pack({name: (array.shape, array.dtype) for name, array in apart.items()})
    )
    assert (room["c"] == 255).all()
    for name, array in room.items():
        array[...] = apart[name]
    calls.clear()
    for name, array in space.fetch("back").items():
        np.testing.assert_array_equal(array, apart[name])
        array[...] = 0  # does not change the device's array
    assert calls == {"fetch": 1}
    np.testing.assert_array_equal(room["d"], apart["d"])


def test_a_part_of_a_population_is_sent(monkeypatch):
    """With several GPUs, the arrays of a part begin in the middle of the population's."""
    monkeypatch.setattr(workspace, "_GATHERED", 0)
    genes = buffers.empty(2, 6, 10)
    batch = genomes(2, (3, 2))
    space = workspace.Workspace("cuda:0")
    for gaps in (0, 10**6):
        monkeypatch.setattr(workspace, "_GAPS", gaps)
        for begin in (0, 1, 3):
            part = {"node_bias": genes.node_bias[begin:5], "node_activation": genes.node_activation[begin:5]}
            for array in part.values():
                array[...] = np.arange(array.size)
            for name, array in space.send("part", part).items():
                np.testing.assert_array_equal(array, part[name])
    whole = memory.DeviceGenes(space, batch, 0, 2)
    second = memory.DeviceGenes(space, batch, 1, 2)
    assert second.node_offset[0] == 0 and second.node_offset[-1] == np.diff(whole.node_offset)[1]


def episodes(device, **options):
    return evaluators.Rollout(Walk(time_limit=9), episodes=3, starts="genome", device=device, **options)


def check_same(got, expected):
    for name in expected._fields:
        np.testing.assert_allclose(getattr(got, name), getattr(expected, name), rtol=1e-5, err_msg=name)


def test_records_of_episodes_can_be_read_later(monkeypatch):
    """Other trials and generations, parts of a population and memory that runs out do not change them."""
    on_cpu, on_gpu = episodes("cpu"), episodes("cuda")
    batch, other = genomes(30, (1, 3)), genomes(12, (1, 3), seed=1)
    assert on_gpu.last is None
    on_cpu(batch), on_gpu(batch)
    held, expected = on_gpu.last, on_cpu.last
    on_cpu(other), on_gpu(other)
    on_gpu.play(batch, 5)
    on_gpu.validate(batch, 2)
    check_same(on_gpu.last, on_cpu.last)
    check_same(held, expected)
    assert on_gpu.steps == on_cpu.steps

    space = on_gpu._player._spaces["cuda:0"]
    space.forget()
    monkeypatch.setattr(ARRAYS, "free_bytes", lambda: 6_000)
    on_cpu(batch), on_gpu(batch)
    check_same(on_gpu.last, on_cpu.last)
    monkeypatch.undo()

    made = memory.DeviceGenes

    def short_of_memory(work, whole, begin, end):
        if end - begin > 12:
            raise MemoryError("full")
        return made(work, whole, begin, end)

    space.forget()
    on_cpu(batch), on_gpu(batch)
    monkeypatch.setattr(memory, "DeviceGenes", short_of_memory)
    on_gpu(batch)
    check_same(on_gpu.last, on_cpu.last)


def test_an_interruption_while_episodes_are_fetched(monkeypatch):
    """Records are fetched before other records overwrite them."""
    on_cpu, on_gpu = episodes("cpu"), episodes("cuda")
    batch = genomes(6, (1, 3))
    on_cpu(batch), on_gpu(batch)
    fetch = ARRAYS.fetch

    def interrupted(*arguments):
        monkeypatch.setattr(ARRAYS, "fetch", fetch)
        raise KeyboardInterrupt

    monkeypatch.setattr(ARRAYS, "fetch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        on_gpu.play(batch, 3)
    on_gpu.play(batch, 3)
    check_same(on_gpu.last, on_cpu.last)


def test_an_interruption_while_arrays_are_sent(monkeypatch):
    space = workspace.Workspace("cuda:0")
    one, two = {"a": numbers(3)}, {"a": numbers(9) + 1}
    space.send_once("some", one)
    made = workspace.Workspace._arguments_in

    def interrupted(*arguments):
        monkeypatch.setattr(workspace.Workspace, "_arguments_in", made)
        raise KeyboardInterrupt

    monkeypatch.setattr(workspace.Workspace, "_arguments_in", interrupted)
    with pytest.raises(KeyboardInterrupt):
        space.send_once("some", two)
    np.testing.assert_array_equal(space.send_once("some", one)["a"], one["a"])


def test_a_gpu_that_fails_when_a_record_is_fetched(monkeypatch):
    evaluator = episodes("cuda")
    evaluator(genomes(3, (1, 3)))

    def fails(*arguments):
        raise launcher.FAILURES[0](719, "unspecified launch failure")

    monkeypatch.setattr(ARRAYS, "fetch", fails)
    with pytest.raises(RuntimeError, match=r"^cuda:0: the GPU failed, .* checkpoint"):
        _ = evaluator.last


def test_a_gpu_that_fails_again_when_its_context_ends(monkeypatch):
    evaluator, batch = episodes("cuda"), genomes(3, (1, 3))

    def fails(*arguments):
        raise launcher.FAILURES[0](700, "an illegal memory access was encountered")

    @contextlib.contextmanager
    def current():
        try:
            yield
        finally:
            fails()

    monkeypatch.setattr(ARRAYS, "current", current)
    monkeypatch.setattr(launcher, "start", fails)
    with pytest.raises(RuntimeError, match=r"^cuda:0: the GPU failed, .* checkpoint"):
        evaluator(batch)


def test_the_gpu_with_the_least_memory_determines_the_parts(monkeypatch):
    """The population is split evenly among several GPUs."""
    monkeypatch.setattr(devices, "_simulated_gpus", 2)
    evaluator = episodes("cuda:*")
    monkeypatch.setattr(memory, "ThreadPoolExecutor", Serial)
    space = evaluator._player._spaces["cuda:1"]
    monkeypatch.setattr(space.arrays, "free_bytes", lambda: 3_000 - space.held_bytes)
    ranges, fitting = [], memory._run_range
    monkeypatch.setattr(memory, "_run_range", lambda *a: ranges.append(a[1:3]) or fitting(*a))
    batch = genomes(20, (1, 3))
    for _ in range(2):
        np.testing.assert_allclose(evaluator(batch), episodes("cpu")(batch), rtol=1e-5)
        assert len(ranges) > 2
        ranges.clear()


def test_last_is_none_after_a_failed_call(monkeypatch):
    evaluator, batch = episodes("cuda"), genomes(5, (1, 3))
    evaluator(batch)
    monkeypatch.setattr(launcher, "start", lambda *_: None)
    with pytest.raises(RuntimeError, match=r"^Walk: a function raised an error in episode 0 of genome 0$"):
        evaluator(batch)
    assert evaluator.last is None
    monkeypatch.undo()
    evaluator(batch)
    with pytest.raises(ValueError, match=r"^genomes: "):
        evaluator("nonsense")
    assert evaluator.last is None


def test_send_once_sends_changed_and_forgotten_arrays_again():
    space = workspace.Workspace("cuda:0")
    one, two = {"a": numbers(3), "b": numbers(2, 2)}, {"a": numbers(3) + 1, "b": numbers(2, 2)}
    for sources in (one, one, two, one):
        for name, array in space.send_once("some", sources).items():
            np.testing.assert_array_equal(array, sources[name])
    space.forget()
    np.testing.assert_array_equal(space.send_once("some", one)["a"], one["a"])


def test_free_memory_is_measured_only_when_needed(monkeypatch):
    """It is measured again if the last value is too small, or after memory has run out."""
    asked = []
    monkeypatch.setattr(ARRAYS, "free_bytes", lambda: asked.append(True) or 10_000)
    evaluator = episodes("cuda")
    for count, times in ((5, 1), (6, 1), (60, 2), (5, 2)):
        evaluator(genomes(count, (1, 3), hidden=0))
        assert len(asked) == times
    evaluator._player._spaces["cuda:0"].forget()
    evaluator(genomes(5, (1, 3)))
    assert len(asked) == 3
