import copy
import pickle
import random
import threading

import numpy as np
import pytest

import evaluators
import neat
from evaluators.cpu.kernels import activate_range
from neat.genome.genome import Genome, Genomes
from neat.kernels.jit import dispatcher_of
from tests.support.reference import Reference, random_genome
from tests.support.refusals import refused

PLAIN = {
    "num_inputs": 2,
    "num_outputs": 1,
    "nodes": [{"id": id_, "activation": "identity"} for id_ in (2, 3, 4, 5)],
    "connections": [
        {"innovation": 0, "source": 0, "target": 2, "weight": 1.0},
        {"innovation": 1, "source": 1, "target": 3, "weight": 1.0},
        {"innovation": 2, "source": 3, "target": 2, "weight": 2.0},
        {"innovation": 3, "source": 1, "target": 4, "weight": 1.0},
        {"innovation": 4, "source": 4, "target": 2, "weight": 1.0, "enabled": False},
        {"innovation": 5, "source": 3, "target": 5, "weight": 1.0},
    ],
}


def networks(**changes):
    return evaluators.compile(Genome.from_dict({**PLAIN, **changes}))


def test_many_wrong_indices_are_told_shortly():
    networks = evaluators.compile(Genome.from_dict(PLAIN))
    with pytest.raises(ValueError, match=r"^genomes: expected indices from 0 to 0, got \[") as caught:
        networks.reset(np.arange(5_000) - 1)
    assert len(str(caught.value)) < 300


def test_what_no_output_can_see_is_left_out():
    programs = networks().programs
    # Nodes 4 (behind a disabled connection) and 5 (dead end) are not in the program.
    assert programs.node_count.tolist() == [2]
    assert programs.link_end[:2].tolist() == [1, 3]
    assert programs.output_slot.tolist() == [[3]]
    np.testing.assert_array_equal(networks().activate([[1.0, 10.0]])[0], [[21.0]])


def test_sources_come_before_targets():
    rng = random.Random(0)
    genomes = [Genome.from_dict(random_genome(rng, hidden=15)) for _ in range(100)]
    for genome in genomes:
        programs = evaluators.compile(genome).programs
        begin = 0
        for node in range(programs.node_count[0]):
            assert (programs.link_source[begin : programs.link_end[node]] < genome.num_inputs + node).all()
            begin = programs.link_end[node]


@pytest.fixture(scope="module")
def batch():
    rng = random.Random(3)
    data = []
    while len(data) < 700:
        one = random_genome(rng, activations=["tanh", "relu", "sigmoid"])
        if one["num_inputs"] == 2 and one["num_outputs"] == 2:
            data.append(one)
    return data


def test_a_batch_is_each_of_its_genomes(batch):
    x = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)  # enough for several threads
    outputs = evaluators.compile(Genomes.from_list(batch)).activate(x)
    assert outputs.shape == (700, 50, 2)
    assert outputs.dtype == np.float32
    for index in range(0, 700, 23):
        alone = evaluators.compile(Genome.from_dict(batch[index])).activate(x)
        np.testing.assert_array_equal(outputs[index], alone[0])
        expected = [Reference(batch[index]).activate(row) for row in x.tolist()]
        np.testing.assert_allclose(outputs[index], expected, rtol=1e-3, atol=1e-4)


def test_networks_outlive_the_arrays_of_their_generation():
    population = neat.Population(neat.Config(genome={"num_inputs": 3, "num_outputs": 2}, population_size=150))
    rng, x = np.random.default_rng(1), np.ones((4, 3), np.float32)
    kept, expected = [], []
    for _ in range(12):
        population.tell(rng.normal(size=150))
        kept.append(evaluators.compile(population.ask()))
        expected.append(evaluators.compile(population.ask()).activate(x))
    for networks, outputs in zip(kept, expected, strict=True):
        np.testing.assert_array_equal(networks.activate(x), outputs)


def test_genomes_whose_arrays_are_used_again_are_refused():
    population = neat.Population(neat.Config(genome={"num_inputs": 3, "num_outputs": 2}, population_size=150))
    population.tell(np.arange(150.0))
    genomes = population.ask()
    copy = genomes.take(np.arange(150))
    before = evaluators.compile(genomes).activate(np.ones((1, 3)))
    for _ in range(10):
        population.tell(np.arange(150.0))
    for use in (evaluators.compile, evaluators.Supervised(np.ones((1, 3)), np.ones((1, 2)))):
        with pytest.raises(
            ValueError, match="genomes: a later generation has overwritten the arrays of generation 1; keep"
        ):
            use(genomes)
    np.testing.assert_array_equal(evaluators.compile(copy).activate(np.ones((1, 3))), before)


def test_inputs_of_each_genome(batch):
    compiled = evaluators.compile(Genomes.from_list(batch))
    x = np.random.default_rng(0).normal(size=(700, 3, 2)).astype(np.float32)
    outputs = compiled.activate(x)
    for index in (0, 350, 699):
        np.testing.assert_array_equal(outputs[index], compiled.activate(x[index])[index])


def test_sequence_is_successive_calls(batch):
    recurrent = Genomes.from_list([{**data, "feed_forward": False} for data in batch[:20]])
    shared = np.random.default_rng(0).normal(size=(4, 3, 2))
    own = np.random.default_rng(0).normal(size=(20, 4, 3, 2))
    for x in (shared, own):
        one, other = evaluators.compile(recurrent), evaluators.compile(recurrent)
        outputs = one.activate_sequence(x)
        assert outputs.shape == (20, 4, 3, 2)
        steps = [other.activate(x[t] if x.ndim == 3 else x[:, t]) for t in range(4)]
        np.testing.assert_array_equal(outputs, np.stack(steps, axis=1))
        again = [
            one.activate(x[0] if x.ndim == 3 else x[:, 0]),
            other.activate(x[0] if x.ndim == 3 else x[:, 0]),
        ]
        np.testing.assert_array_equal(*again)


def test_chosen_networks_give_what_they_give_among_all(batch):
    compiled = evaluators.compile(Genomes.from_list(batch))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(700, 50, 2)).astype(np.float32)
    everything = compiled.activate(x)
    for chosen in (rng.permutation(700), rng.permutation(700)[:90], [699], np.uint8([3, 1]), []):
        rows = np.asarray(chosen, np.int64)
        outputs = compiled.activate(x[rows], genomes=chosen)
        assert outputs.shape == (len(rows), 50, 2)
        np.testing.assert_array_equal(outputs, everything[rows])
        shared = compiled.activate(x[0], genomes=chosen)
        np.testing.assert_array_equal(shared, compiled.activate(x[0])[rows])
    mask = rng.random(700) < 0.3
    np.testing.assert_array_equal(compiled.activate(x[mask], genomes=mask), everything[mask])


def test_only_chosen_networks_advance(batch):
    recurrent = Genomes.from_list([{**data, "feed_forward": False} for data in batch[:20]])
    compiled = evaluators.compile(recurrent)
    alone = [evaluators.compile(recurrent[index]) for index in range(20)]
    rng = np.random.default_rng(0)
    compiled.reset(genomes=[0])  # before the first activation
    for _ in range(15):
        chosen = rng.permutation(20)[: rng.integers(1, 20)]
        x = rng.normal(size=(len(chosen), 3, 2)).astype(np.float32)
        outputs = compiled.activate(x, genomes=chosen)
        expected = [alone[index].activate(x[place])[0] for place, index in enumerate(chosen)]
        np.testing.assert_array_equal(outputs, expected)
        forgotten = rng.permutation(20)[:3]
        compiled.reset(genomes=forgotten)
        for index in forgotten:
            alone[index].reset(genomes=[0])
    x = rng.normal(size=(3, 2))
    np.testing.assert_array_equal(compiled.activate(x), [one.activate(x)[0] for one in alone])


def test_bad_inputs_are_refused():
    n = networks()
    shapes = "(samples, inputs) or (genomes, samples, inputs)"
    refused(lambda: n.activate([1.0, 2.0]), f"x: expected shape {shapes}, got (2,)")
    refused(lambda: n.activate([[1.0, 2.0, 3.0]]), "x: expected 2 inputs, got 3")
    refused(
        lambda: n.activate(np.zeros((2, 1, 2))), f"x: expected 1 genomes in shape {shapes}, got (2, 1, 2)"
    )
    refused(lambda: n.activate([[1.0, np.nan]]), "x: expected finite float32 numbers, got nan at (0, 1)")
    refused(lambda: n.activate([[1.0, 1e39]]), "x: expected finite float32 numbers, got 1e+39 at (0, 1)")
    refused(lambda: n.activate([["a", "b"]]), "x: expected an array of numbers, got dtype <U1")
    refused(
        lambda: n.activate([[1.0], [1.0, 2.0]]),
        "x: expected an array of numbers, got rows of different lengths",
    )
    refused(
        lambda: n.activate_sequence([[1.0, 2.0]]),
        "x: expected shape (times, samples, inputs) or (genomes, times, samples, inputs), got (1, 2)",
    )


def test_no_samples_give_no_outputs():
    assert networks().activate(np.zeros((0, 2))).shape == (1, 0, 1)


def test_the_number_of_samples_is_fixed_until_a_reset():
    n = networks(feed_forward=False)
    n.activate(np.zeros((3, 2)))
    refused(
        lambda: n.activate(np.zeros((4, 2))),
        "x: expected 3 samples, as in the step before, got 4; reset() first",
    )
    n.reset(genomes=[0])
    refused(
        lambda: n.activate(np.zeros((4, 2))),
        "x: expected 3 samples, as in the step before, got 4; reset() first",
    )
    n.reset()
    assert n.activate(np.zeros((4, 2))).shape == (1, 4, 1)


@pytest.mark.parametrize(
    "use",
    [lambda n, genomes: n.reset(genomes), lambda n, genomes: n.activate([[0.0, 0.0]], genomes)],
    ids=["reset", "activate"],
)
def test_bad_choices_of_genomes_are_refused(use):
    n = networks(feed_forward=False)
    refused(lambda: use(n, [1]), "genomes: expected indices from 0 to 0, got [1]")
    refused(lambda: use(n, [-1]), "genomes: expected indices from 0 to 0, got [-1]")
    refused(lambda: use(n, [0.5]), "genomes: expected a bool mask or integers, got dtype float64")
    refused(lambda: use(n, np.ones(2, bool)), "genomes: expected a mask of shape (1,), got (2,)")
    refused(lambda: use(n, [0, 0]), "genomes: expected each index at most once, got 0 2 times")
    use(n, [])


def test_chosen_networks_have_the_number_of_samples_of_all():
    n = evaluators.compile(Genomes.from_list([{**PLAIN, "feed_forward": False}] * 2))
    n.activate(np.zeros((3, 2)), genomes=[0])
    refused(
        lambda: n.activate(np.zeros((4, 2)), genomes=[1]),
        "x: expected 3 samples, as in the step before, got 4; reset() first",
    )
    shapes = "(samples, inputs) or (genomes, samples, inputs)"
    refused(
        lambda: n.activate(np.zeros((2, 3, 2)), genomes=[0]),
        f"x: expected 1 genomes in shape {shapes}, got (2, 3, 2)",
    )


def test_programs_cannot_be_written_and_kernels_get_others_that_can():
    """For read-only arrays numba would compile every kernel anew."""
    n = networks()
    before = n.activate([[1.0, 10.0]])
    signatures = len(dispatcher_of(activate_range()).signatures)
    for array in n.programs:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 99
    np.testing.assert_array_equal(n.activate([[1.0, 10.0]]), before)
    assert evaluators.PerGenome(lambda network: network.activate([1.0, 10.0])[0])(
        Genome.from_dict(PLAIN).genomes
    ) == [21.0]
    assert len(dispatcher_of(activate_range()).signatures) == signatures


@pytest.mark.parametrize("name", ["num_inputs", "num_outputs", "bias_input", "feed_forward"])
def test_what_networks_are_cannot_be_changed(name):
    with pytest.raises(AttributeError):
        setattr(networks(), name, 7)


@pytest.mark.parametrize(
    "use",
    [lambda n: n.activate(np.zeros((5, 2))), lambda n: n.reset(), lambda n: n.reset([0])],
    ids=["activate", "reset", "reset of some"],
)
def test_threads_that_share_a_recurrent_network_are_refused(use, monkeypatch):
    """While one is in the kernel; and what comes before and after it works, from whatever thread."""
    n, errors = networks(feed_forward=False), []

    def attempt():
        try:
            use(n)
        except RuntimeError as error:
            errors.append(str(error))

    def in_another_thread():
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()

    kernel = n._activator.activate

    def activate(*arguments):
        in_another_thread()
        return kernel(*arguments)

    n.activate(np.ones((3, 2)))
    with monkeypatch.context() as context:
        context.setattr(n._activator, "activate", activate)
        second = n.activate(np.ones((3, 2)))
    assert len(errors) == 1 and errors[0].startswith(
        "networks: another thread is using these recurrent networks"
    )
    alone = networks(feed_forward=False)
    alone.activate(np.ones((3, 2)))
    np.testing.assert_array_equal(alone.activate(np.ones((3, 2))), second)
    n.reset()
    in_another_thread()
    assert len(errors) == 1


def test_threads_may_share_feed_forward_networks(monkeypatch):
    n, outputs = networks(), []
    kernel = n._activator.activate

    def activate(*arguments):
        if not outputs:
            outputs.append(None)
            thread = threading.Thread(target=lambda: outputs.append(n.activate(np.ones((5, 2)))))
            thread.start()
            thread.join()
        return kernel(*arguments)

    monkeypatch.setattr(n._activator, "activate", activate)
    assert n.activate(np.ones((3, 2))).shape == (1, 3, 1)
    assert outputs[1].shape == (1, 5, 1)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_a_copy_has_a_state_of_its_own(duplicate):
    n = networks(feed_forward=False)
    n.activate(np.ones((3, 2)))
    other = duplicate(n)
    expected = n.activate(np.ones((3, 2)))
    n.activate(np.full((3, 2), 9.0))
    np.testing.assert_array_equal(other.activate(np.ones((3, 2))), expected)
    other.reset()
    assert other.activate(np.zeros((5, 2))).shape == (1, 5, 1)


def test_bad_devices_and_genomes_are_refused():
    genome = Genome.from_dict(PLAIN)
    for device in ("auto", "cpu"):
        evaluators.compile(genome, device=device)
    refused(
        lambda: evaluators.compile(genome, device="tpu"),
        "device: expected 'auto', 'cpu', 'cuda', 'cuda:1' or 'cuda:*', got 'tpu'",
    )
    refused(lambda: evaluators.compile([genome]), "genomes: expected neat.Genomes or neat.Genome, got list")
