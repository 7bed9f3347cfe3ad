"""Genomes come back from files as they were, and other files are refused."""

import json

import numpy as np
import pytest

import neat
from neat import activations
from neat.genome.genome import GenomeError
from neat.support.archive import read_arrays, write_arrays
from tests.support.evolving import BUSY, as_bytes, evolve, make_config


@pytest.fixture(scope="module")
def population():
    return evolve(neat.Population(make_config(**BUSY).updated(seed=5, genome={"bias_input": True})), 5)


def test_a_genome_comes_back_from_json(population, tmp_path):
    path = tmp_path / "genome.json"
    for genome in population.genomes:
        genome.save(path)
        assert neat.Genome.load(path) == genome
    assert neat.Genome.from_dict(json.loads(path.read_text("utf-8"))) == genome


def test_a_batch_comes_back_bit_for_bit(population, tmp_path):
    path = tmp_path / "genomes.npz"
    genomes = population.ask()
    genomes.save(path)
    loaded = neat.Genomes.load(path)
    assert as_bytes(loaded.arrays) == as_bytes(genomes.arrays)
    for name in ("description", "generation", "seed", "bounds"):
        assert getattr(loaded, name) == getattr(genomes, name), name
    loaded.arrays.node_bias[:] = 1  # its own memory, writable
    with np.load(path, allow_pickle=False) as arrays:
        assert "genomes.node_id" in arrays


def test_functions_are_found_by_name_not_by_position(tmp_path, monkeypatch):
    monkeypatch.setattr(activations, "ACTIVATIONS", list(activations.ACTIVATIONS))
    genomes = neat.Population(make_config(genome={"activation": "tanh"}, population_size=2)).ask()
    path = tmp_path / "genomes.npz"
    genomes.save(path)
    arrays = read_arrays(path)
    names = arrays["activations"].tolist()
    tanh = names.index("tanh")
    names[0], names[tanh] = names[tanh], names[0]  # a process with another order
    arrays["activations"], arrays["genomes.node_activation"][:] = np.array(names), 0
    write_arrays(path, arrays)
    assert {node["activation"] for node in neat.Genomes.load(path)[0].nodes} == {"tanh"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no genome: "),
        (b"[1, 2]", "no genome: genome: expected a dictionary, got list"),
        (b"{", "no genome: "),
        (b"[" * 100_000, "no genome: "),
        (b'{"num_inputs": NaN}', "no genome: NaN is not a JSON number"),
        (b'{"num_inputs": 1}', "no genome: genome: num_outputs: must be given"),
        (b"\xff\xfe", "must be UTF-8 text"),
    ],
)
def test_json_that_is_no_genome_is_refused(content, message, tmp_path):
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(GenomeError, match=f"mine\\.json: {message}") as caught:
        neat.Genome.load(path)
    assert "\n" not in str(caught.value)


def damaged(name, change):
    def write(path, arrays):
        arrays[name] = change(arrays[name])
        write_arrays(path, arrays)

    return write


BAD = [
    (lambda path, arrays: write_arrays(path, {"a": np.zeros(3)}), "holds no genomes$"),
    (lambda path, arrays: path.write_bytes(path.read_bytes()[:-3]), "is damaged"),
    (lambda path, arrays: path.write_text("no zip"), "does not begin like an npz file"),
    (damaged("genomes_format", lambda a: a + 1), "is of format 3; this version reads format 2"),
    (damaged("genomes_format", lambda a: a.astype(float)), "genomes_format: expected int64"),
    (damaged("num_inputs", lambda a: a - 5), "num_inputs: expected an integer from 1"),
    (damaged("bias_input", lambda a: ~a), "genome 0: the first nodes must be the outputs"),
    (damaged("bounds", lambda a: a[:, ::-1].copy()), "bounds: a minimum must not exceed its maximum"),
    (damaged("bounds", lambda a: a * np.float32(np.nan)), "bounds: a minimum"),
    (damaged("seed", lambda a: -1 - a), "seed: must not be negative"),
    (damaged("activations", lambda a: a[:1]), r"genomes\.node_activation: must be below 1"),
    (damaged("activations", lambda a: np.char.add(a, "x")), "activation"),
    (damaged("genomes.connection_source", lambda a: a + 1000), "genome 0: the source"),
    (damaged("genomes.node_bias", lambda a: a.astype(np.float64)), r"genomes\.node_bias: expected float32"),
    (damaged("genomes.node_offset", lambda a: a * 2), "node_offset: must rise"),
]


@pytest.mark.parametrize(
    ("damage", "message"), BAD, ids=lambda value: value if isinstance(value, str) else ""
)
def test_files_that_hold_no_valid_genomes_are_refused(damage, message, population, tmp_path):
    path = tmp_path / "mine.npz"
    population.ask().save(path)
    damage(path, read_arrays(path))
    with pytest.raises(GenomeError, match=f"mine\\.npz: .*{message}") as caught:
        neat.Genomes.load(path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_is_named(population, tmp_path):
    path = tmp_path / "run.npz"
    neat.checkpoint.save(population, path)
    with pytest.raises(
        GenomeError, match=r"run\.npz: holds no genomes; neat\.checkpoint\.load reads the checkpoint"
    ):
        neat.Genomes.load(path)
    population.ask().save(path)
    with pytest.raises(ValueError, match=r"run\.npz: is no checkpoint of a run"):
        neat.checkpoint.load(path)


def test_missing_files_and_wrong_genomes_are_refused(population, tmp_path):
    for load in (neat.Genome.load, neat.Genomes.load):
        with pytest.raises(GenomeError, match=r"none: cannot be read: No such file"):
            load(tmp_path / "none")
    broken = population.genomes.take([0, 1])
    broken.arrays.connection_source[0] = 10**6
    with pytest.raises(GenomeError, match=r"^genome 0: the source"):
        broken.save(tmp_path / "broken.npz")
    assert not list(tmp_path.iterdir())


def test_batches_are_joined_in_order(population):
    genomes = population.genomes
    parts = [genomes.take([3, 1]), genomes.take([]), genomes.take([7])]
    joined = neat.Genomes.concatenate(parts)
    assert list(joined) == [genomes[3], genomes[1], genomes[7]]
    assert joined.seed == genomes.seed and joined.bounds == genomes.bounds
    assert not any(map(np.shares_memory, joined.arrays, parts[0].arrays))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda g: [], "batches: expected at least one, got an empty list"),
        (lambda g: g, "batches: expected a list of Genomes, got Genomes"),
        (lambda g: [g, g[0]], "batches: expected a list of Genomes, got "),
        (lambda g: [g, g.with_inputs(9)], "batch 1: num_inputs is 9, batch 0 has 3"),
        (lambda g: [g, g.with_outputs(5)], "batch 1: num_outputs is 5, batch 0 has 2"),
    ],
)
def test_other_things_are_not_joined(make, message, population):
    with pytest.raises(ValueError, match=f"^{message}"):
        neat.Genomes.concatenate(make(population.genomes.take([0, 1])))
