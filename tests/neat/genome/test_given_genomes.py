"""Genomes that people make are checked once, before compiled code reads them; a population's are read-only."""

import copy
import gc
import json
import pickle
import sys

import numpy as np
import pytest
from numba.core.caching import NullCache
from numba.core.dispatcher import Dispatcher

import evaluators
import neat
from evaluators.environments import CartPole
from neat.evolution.speciation import compatibility_distance
from neat.genome.genome import GenomeArrays, GenomeError, Genomes
from tests.support.evolving import BUSY, as_bytes, evolve, make_config, state
from tests.support.made_genomes import changed, remade
from tests.support.scripts import run_python

DATA = np.random.default_rng(0).normal(size=(8, 3)), np.zeros((8, 2))


def batch(count=5, **genome):
    """Genomes of one's own, with hidden nodes."""
    population = evolve(neat.Population(make_config(**BUSY).updated(genome=genome)), 5)
    return population.genomes.take(np.arange(count))


BROKEN = {
    "source": (lambda g: changed(g, "connection_source", 0, 10**6), "genome 0: the source"),
    "target": (lambda g: changed(g, "connection_target", 3, -(10**6)), "genome .: the target"),
    "activation": (lambda g: changed(g, "node_activation", 0, 250), "genome 0: activations"),
    "offset": (lambda g: changed(g, "node_offset", -1, 10**9), "node_offset: must rise"),
    "falling offset": (lambda g: changed(g, "connection_offset", 1, -5), "connection_offset: must rise"),
    "dtype": (lambda g: remade(g, node_id=g.arrays.node_id.astype(np.int32)), "node_id: expected a int64"),
    "bytes": (
        lambda g: remade(g, node_bias=g.arrays.node_bias.astype(">f4")),
        "node_bias: expected a float32",
    ),
    "shape": (lambda g: remade(g, node_bias=g.arrays.node_bias[:, None]), "node_bias: expected a float32"),
    "length": (lambda g: remade(g, node_bias=g.arrays.node_bias[:-1]), "node_bias: expected shape"),
    "no offsets": (lambda g: remade(g, node_offset=np.zeros(0, np.int64)), "node_offset|connection_offset"),
    "list": (
        lambda g: remade(g, node_bias=g.arrays.node_bias.tolist()),
        "node_bias: expected a numpy array, got list",
    ),
    "mask": (
        lambda g: remade(g, node_bias=np.ma.array(g.arrays.node_bias, mask=False)),
        "node_bias: expected a numpy array, got MaskedArray",
    ),
    "inputs": (lambda g: remade(g, (30, 2, False, True)), "genome 0: the first nodes"),
    "outputs": (lambda g: remade(g, (3, 99, False, True)), "genome 0: the first nodes"),
    "negative inputs": (lambda g: remade(g, (-3, 2, False, True)), "num_inputs: expected an integer from 1"),
    "many inputs": (lambda g: remade(g, (2**40, 2, False, True)), "num_inputs: expected an integer from 1"),
    "half an output": (lambda g: remade(g, (3, 2.5, False, True)), "num_outputs: expected an integer from 1"),
    "a flag": (lambda g: remade(g, (3, 2, False, "no")), "feed_forward: expected True or False, got 'no'"),
}
USES = {
    "iteration": list,
    "compile": evaluators.compile,
    "Supervised": lambda genomes: evaluators.Supervised(*DATA, device="cpu")(genomes),
    "fit_weights": lambda genomes: trained(genomes),
    "PerGenome": lambda genomes: evaluators.PerGenome(lambda network: 0.0)(genomes),
    "to_kernel": lambda genomes: genomes.to_kernel(),
}


def trained(genomes):
    from evaluators.gradient import fit_weights, optim

    return fit_weights(genomes, *DATA, lambda parameters: optim.SGD(parameters, 0.01), 1)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(("make", "message"), BROKEN.values(), ids=BROKEN)
def test_genomes_made_wrong_are_refused_before_compiled_code_reads_them(make, message, use):
    genomes = make(batch())
    for _ in range(2):  # not only the first time
        with pytest.raises(ValueError, match=f"^({message})") as caught:
            USES[use](genomes)
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value, GenomeError) or use in ("Supervised", "PerGenome")


def test_genomes_without_an_offset_are_refused_when_they_are_gone_through():
    arrays = batch().arrays
    with pytest.raises(GenomeError, match=r"^(node|connection)_offset: expected shape"):
        list(neat.Genomes(arrays._replace(node_offset=np.zeros(0, np.int64)), 3, 2))


def test_rollouts_and_distances_check_too():
    rollout = evaluators.Rollout(CartPole(), device="cpu")
    config = neat.Config.for_task(rollout, population_size=5)
    wrong = changed(neat.Population(config).ask().take(np.arange(5)), "connection_source", 0, 99)
    for use in (rollout, rollout.play, rollout.validate):
        with pytest.raises(GenomeError, match=r"^genome 0: the source"):
            use(wrong)
    genome = neat.Genome(wrong.take([0]))
    with pytest.raises(GenomeError, match=r"^genome 0: the source"):
        rollout.trace(genome)
    single = changed(batch(1), "connection_offset", -1, 10**9)
    with pytest.raises(GenomeError, match=r"^connection_offset: must rise"):
        compatibility_distance(neat.Genome(single), neat.Genome(batch(1)), make_config())


@pytest.mark.parametrize("make", [lambda g: tuple(g.arrays), lambda g: g.arrays._asdict(), lambda g: None])
def test_other_things_are_no_arrays(make):
    with pytest.raises(GenomeError, match=r"^arrays: expected GenomeArrays, got "):
        Genomes(make(batch()), 3, 2)


def test_wrong_offsets_do_not_fill_the_memory():
    with pytest.raises(GenomeError, match=r"^node_offset: must rise"):
        changed(batch(), "node_offset", 1, 2**40).take([0])


def test_the_check_is_made_once_for_each_object(monkeypatch):
    genomes, checks = batch(), []
    monkeypatch.setattr(Genomes, "check", lambda self: checks.append(self))
    for _ in range(3):
        evaluators.compile(genomes)
    assert checks == [genomes]
    population = neat.Population(make_config())
    for _ in range(2):
        evaluators.compile(population.ask())
        evolve(population, 1)
    assert checks == [genomes]


def test_another_description_is_checked_anew():
    """num_inputs and the like can be set; with others the indices of the same arrays mean something else."""
    genomes = batch()
    evaluators.compile(genomes)
    genomes.num_inputs = 40
    with pytest.raises(GenomeError, match=r"^genome 0: the first nodes must be the outputs"):
        evaluators.compile(genomes)
    genomes.num_inputs = 3
    evaluators.compile(genomes)


def test_once_checked_only_numbers_can_be_written_to():
    genomes = batch()
    genomes.arrays.connection_source[0] = genomes.arrays.connection_source[0]  # not yet
    supervised = evaluators.Supervised(*DATA, device="cpu")
    before = supervised(genomes)
    for name in GenomeArrays._fields:
        array = getattr(genomes.arrays, name)
        if name in (
            "node_bias",
            "node_response",
            "connection_weight",
            "connection_enabled",
            "connection_birth",
        ):
            array[0] = array[0]
        else:
            with pytest.raises(ValueError, match="read-only"):
                array[0] = array[0]
    genomes.arrays.node_bias[:] += 1
    assert (supervised(genomes) != before).any()
    assert (supervised(remade(genomes)) == supervised(genomes)).all()


def test_arrays_that_kernels_cannot_take_are_copied():
    """Read-only, with gaps, or not aligned: the result is that of the same numbers."""
    genomes = batch()
    supervised = evaluators.Supervised(*DATA, device="cpu")
    expected = supervised(genomes)

    def read_only(array):
        array = array.copy()
        array.flags.writeable = False
        return array

    def unaligned(array):
        memory = np.zeros(array.nbytes + 1, np.uint8)[1:]
        memory[:] = array.view(np.uint8)
        return memory.view(array.dtype)

    for change in (read_only, unaligned, lambda array: np.repeat(array, 2)[::2]):
        own = Genomes(GenomeArrays(*map(change, genomes.arrays)), *genomes.description)
        assert (supervised(own) == expected).all()
        assert as_bytes(own.arrays) == as_bytes(genomes.arrays)


def test_a_populations_genomes_are_read_only():
    population = evolve(neat.Population(make_config(**BUSY)), 2)
    before = state(population)
    for genomes in (population.ask(), population.genomes):
        for array in genomes.arrays:
            with pytest.raises(ValueError, match="read-only"):
                array[0] = array[0]
        for name in (
            "num_inputs",
            "num_outputs",
            "bias_input",
            "feed_forward",
            "generation",
            "seed",
            "bounds",
        ):
            with pytest.raises(AttributeError, match=rf"^{name}: .* change a copy: genomes\.take\(range"):
                setattr(genomes, name, getattr(genomes, name))
            setattr(genomes.take(range(3)), name, getattr(genomes, name))
    with pytest.raises(AttributeError):
        population.genomes = batch()

    def vandal(genomes):
        genomes.arrays.connection_source[:] = 10**6

    with pytest.raises(ValueError, match="read-only"):
        population.run(vandal, 5)
    assert state(population) == before


def test_copies_are_ones_own():
    population = evolve(neat.Population(make_config(**BUSY)), 2)
    genomes = population.ask()
    for own in (
        genomes.take(np.arange(3)),
        genomes[0].genomes,
        Genomes.from_list([genomes[0], genomes[1]]),
        copy.deepcopy(genomes),
        pickle.loads(pickle.dumps(genomes)),
        pickle.loads(pickle.dumps(genomes, 5)),
    ):
        for array in own.arrays:
            array[:1] = array[:1]
        own.arrays.connection_weight[:] += 1
        evaluators.compile(own)
    assert as_bytes(population.ask().arrays) == as_bytes(genomes.arrays)
    evolve(population, 1)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_copies_of_genomes_and_populations_go_on_alike(again):
    population = evolve(neat.Population(make_config(**BUSY)), 3)
    genome = again(population.best)
    assert genome == population.best
    assert genome.genomes.generation == population.best.genomes.generation
    evaluators.compile(population.best)
    other = again(population)
    assert state(other) == state(population)
    assert not any(array.flags.writeable for array in other.ask().arrays)
    assert state(evolve(other, 3)) == state(evolve(population, 3))


def test_a_genome_is_one():
    with pytest.raises(GenomeError, match=r"^genomes: expected a batch of one, got 5; genomes"):
        neat.Genome(batch())
    with pytest.raises(
        GenomeError, match=r"^genomes: expected Genomes, got dict; Genome.from_dict reads data"
    ):
        neat.Genome({})


# What the last test runs in a process of its own: this file, as a script.


def use_all():
    """Every way in which genomes reach kernels, with those of a population and with one's own."""
    supervised = evaluators.Supervised(*DATA, device="cpu")
    weighted = evaluators.Supervised(*DATA, device="cpu", sample_weight=np.ones(len(DATA[0])))
    population = neat.Population(make_config())
    weighted(population.ask())
    for _ in range(3):
        genomes = population.ask()
        own = genomes.take(np.arange(len(genomes)))
        for each in (genomes, own, own, remade(own), pickle.loads(pickle.dumps(own)), genomes[0].genomes):
            supervised(each)
            evaluators.compile(each).activate(DATA[0])
            trained(each)
            each.check()
        compatibility_distance(genomes[0], own[1], population.config)
        population.tell(supervised(genomes), trained(genomes).genomes)
    neat.checkpoint.save(population, sys.argv[1])
    evolve(neat.checkpoint.load(sys.argv[1]), 1)
    evolve(copy.deepcopy(population), 1)
    population.resume_at(5, population.ask().arrays)
    evolve(population, 2)
    rollout = evaluators.Rollout(CartPole(), device="cpu", observations="normalised")
    acting = neat.Population(neat.Config.for_task(rollout, population_size=10))
    acting.run(rollout, 2)
    rollout.play(acting.ask()[0])


def signatures():
    """How many signatures every kernel has been compiled for, by name."""
    found = [item for item in gc.get_objects() if isinstance(item, Dispatcher)]
    kernels = [
        kernel
        for kernel in found
        if not isinstance(kernel._cache, NullCache) and "no_cpython_wrapper" not in kernel.targetoptions
    ]
    return {kernel.py_func.__qualname__: len(kernel.signatures) for kernel in kernels}


def test_every_kernel_is_compiled_for_one_signature(tmp_path):
    """numba compiles a kernel anew for read-only arrays, which takes seconds."""
    counts = json.loads(run_python(__file__, tmp_path / "run.npz"))
    assert {name: count for name, count in counts.items() if count > 1} == {}
    used = {name.partition("-")[0] for name, count in counts.items() if count}
    assert used >= {
        "compile_range",
        "origins_range",
        "first_broken_rule",
        "assign",
        "breed",
        "write_children",
        "_distance",
    }
    assert used >= {"_score_range", "_activate_range", "_gradient_range", "_play_range"}


if __name__ == "__main__":
    use_all()
    print(json.dumps(signatures()))
