"""Schemes whose numbers are computed or not shared: hashes, collisions, the control, and what has no order."""

import pickle
from collections import Counter
from unittest import mock

import numpy as np
import pytest

import neat
from neat.evolution import innovation
from neat.evolution.innovation import CollisionError
from neat.evolution.innovation_kernels import Requests, hash_link, hash_split
from neat.genome.genome import GenomeArrays
from neat.io import checkpoint
from tests.support.evolving import BUSY, ends, evolve, make_children, make_config

_64 = 2**64 - 1


def mix(word):
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & _64
    word = (word ^ word >> 27) * 0x94D049BB133111EB & _64
    return word ^ word >> 31


def mix_pair(a, b):
    golden = 0x9E3779B97F4A7C15
    return mix(mix(a + golden & _64) + b + golden & _64)


def hashed(**settings):
    return make_config(**BUSY, **{"innovation": "hashed", **settings})


def test_hashes_are_mixes_of_splitmix64():
    assert mix(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF  # the first output of splitmix64 with the seed 0
    rng = np.random.default_rng(0)
    for bits in (3, 30, 63):
        for a, b in rng.integers(0, 2**bits, (200, 2)).tolist():
            assert hash_link(a, b) == mix_pair(a, b) % 2**63
            assert hash_split(a, b) == mix_pair(a, b) % 2**62 + 2**62


def test_a_million_links_have_different_and_well_spread_numbers():
    source, target = (ids.ravel() for ids in np.meshgrid(np.arange(1000), np.arange(1000)))
    numbers = innovation.make_scheme(hashed()).number_links(source, target)
    assert len(np.unique(numbers)) == 10**6
    for bit in range(63):
        assert abs((numbers >> bit & 1).mean() - 0.5) < 0.003


class Beside:
    """Gives a run its global ids, lets `hashed` assign ids to the same requests, and maps one to the other."""

    def __init__(self, population):
        self.scheme, self.hashes = population.innovations, innovation.make_scheme(hashed())
        self.inputs = population.genomes.input_count
        self.node = {int(id_): int(id_) for id_ in range(population.genomes[0].output_ids[-1] + 1)}
        source, target = (np.unique(np.stack(ends(population.genomes)), axis=1)).astype(np.int64)
        pairs = (scheme.number_links(source, target).tolist() for scheme in (self.scheme, self.hashes))
        self.link = dict(zip(*pairs, strict=True))

    def assign(self, requests, genes, node_count, input_count, splits, links):
        type(self.scheme).assign(self.scheme, requests, genes, node_count, input_count, splits, links)
        other = Requests(*(array.copy() for array in requests))
        self.hashes.assign(*self.translate(other, genes, node_count), node_count, input_count, splits, links)
        asked = requests.split >= 0
        for name, known, chosen in (
            ("node_id", self.node, asked),
            ("in_innovation", self.link, asked),
            ("out_innovation", self.link, asked),
            ("link_innovation", self.link, requests.link_target >= 0),
        ):
            pairs = (getattr(each, name)[chosen].tolist() for each in (requests, other))
            for one, another in zip(*pairs, strict=True):
                assert known.setdefault(one, another) == another

    def translate(self, requests, genes, node_count):
        """Return the requests and genes with hashed ids; the nodes of each child then have another order."""
        own = GenomeArrays(*(array.copy() for array in genes))
        for child in range(len(node_count)):
            if requests.split[child] < 0 and requests.link_target[child] < 0:
                continue
            nodes = slice(genes.node_offset[child], genes.node_offset[child] + node_count[child])
            ids = np.array([self.node[id_] for id_ in genes.node_id[nodes].tolist()])
            order = np.argsort(ids)
            index = np.concatenate([np.arange(self.inputs), self.inputs + np.argsort(order)])
            own.node_id[nodes] = ids[order]
            split = genes.connection_offset[child] + requests.split[child]
            if requests.split[child] >= 0:
                own.connection_innovation[split] = self.link[int(genes.connection_innovation[split])]
                for array in (own.connection_source, own.connection_target):
                    array[split] = index[array[split]]
            if requests.link_target[child] >= 0:
                for array in (requests.link_source, requests.link_target):
                    array[child] = index[array[child]]
        return requests, own


@pytest.mark.parametrize("feed_forward", [True, False])
def test_hashes_beside_a_global_run_map_one_to_one(feed_forward):
    population = neat.Population(make_config(**BUSY).updated(genome={"feed_forward": feed_forward}))
    beside = Beside(population)
    with mock.patch.object(population.innovations, "assign", beside.assign):
        evolve(population, 25)
    ordinals = population.innovations.nodes.second[population.innovations.nodes.value >= 0]
    assert ordinals.max() > 0  # splits were repeated
    for known in (beside.node, beside.link):
        assert len(known) > 150
        assert len(set(known.values())) == len(known)
    assert set(population.genomes.arrays.node_id.tolist()) < set(beside.node)


def changed(population, position, number):
    """Return the genomes with another number for a connection of the first one, which is moved to its place."""
    data = [genome.to_dict() for genome in population.genomes]
    data[0]["connections"][position]["innovation"] = int(number)
    return neat.Genomes.from_list(data)


def test_a_collision_is_noticed_where_a_child_would_have_a_number_twice():
    mutation = {"add_node_rate": 0.0, "add_connection_rate": 1.0}
    config = make_config(innovation="hashed", genome={"feed_forward": False}, mutation=mutation)
    population = neat.Population(config)
    hashes = [hash_link(source, target) for source in (3, 4) for target in (3, 4)]  # all new links
    genomes = changed(population, 0, hashes[0])
    children, _ = make_children(config, genomes, range(1, 60), mutates=True)
    children.check()
    with pytest.raises(
        CollisionError, match=rf"^innovation: two links have the same hashed number {hashes[0]}; use"
    ):
        make_children(config, genomes, [0] * 60, mutates=True)


def test_a_collision_is_noticed_where_mates_have_a_number_for_different_links():
    population = neat.Population(hashed())
    first, second = (gene["innovation"] for gene in population.genomes[0].connections[:2])
    data = [population.genomes[k].to_dict() for k in (0, 1)]
    del data[0]["connections"][0]
    data[0]["connections"][0]["innovation"] = first
    genomes = neat.Genomes.from_list(data)
    assert first != second
    make_children(hashed(), genomes, [0, 1])
    with pytest.raises(CollisionError, match=f"hashed number {first}") as caught:
        make_children(hashed(), genomes, [1, 0], [-1, 1])
    caught.value.add_note("in a worker")
    sent = pickle.loads(pickle.dumps(caught.value))
    assert (str(sent), sent.number, sent.__notes__) == (str(caught.value), first, ["in a worker"])


def test_a_collision_among_the_first_links_is_noticed():
    scheme = innovation.make_scheme(hashed())
    with (
        mock.patch.object(
            innovation.innovation_kernels, "number_links", lambda s, t, number, *_: number.fill(7) or True
        ),
        pytest.raises(CollisionError, match="hashed number 7"),
    ):
        scheme.number_links(np.array([0, 1]), np.array([3, 3]))
    assert scheme.number_links(np.array([0, 1, 0]), np.array([3, 3, 3])).tolist() == [
        hash_link(0, 3), hash_link(1, 3), hash_link(0, 3),
    ]  # fmt: skip


def test_populations_apart_give_equal_ids_by_hashes():
    """Only `hashed` gives a link between the same splits the same number in two runs."""
    for scheme, agree in (("hashed", True), ("global", False)):
        meaning = Counter()
        for seed in range(4):
            population = evolve(neat.Population(hashed(innovation=scheme, seed=seed)), 8, salt=seed)
            source, target = ends(population.genomes)
            links = zip(population.genomes.arrays.connection_innovation, source, target, strict=True)
            meaning.update({tuple(map(int, link)) for link in links})
        several = Counter(number for number, _, _ in meaning)
        assert (max(several.values()) == 1) is agree
        assert max(meaning.values()) == 4


def test_every_mutation_of_the_control_has_ids_of_its_own(tmp_path):
    population = neat.Population(hashed(innovation="unshared"))
    assert len(np.unique(population.genomes.arrays.connection_innovation)) == 6  # shared by all genomes
    given, nodes = list(range(6)), [3, 4]
    for _ in range(8):
        evolve(population, 1)
        requests = population._offspring_maker.requests
        split, link = requests.split >= 0, requests.link_target >= 0
        nodes += requests.node_id[split].tolist()
        given += np.concatenate([requests.in_innovation[split], requests.out_innovation[split]]).tolist()
        given += requests.link_innovation[link].tolist()
        population.genomes.check()
    assert sorted(given) == list(range(len(given)))
    assert population.innovations.count == len(given) > 400
    assert sorted(nodes) == list(range(3, 3 + len(nodes)))
    checkpoint.save(population, tmp_path / "run.npz")
    assert checkpoint.load(tmp_path / "run.npz").innovations.count == len(given)


@pytest.mark.parametrize("scheme", ["global", "generation", "unshared", "pairing", "hashed"])
def test_the_oldest_connection_is_split_whatever_the_order_of_numbers(scheme):
    mutation = {"add_node_rate": 1.0, "add_connection_rate": 0.0, "split_oldest_rate": 1.0}
    config = make_config(innovation=scheme, mutation=mutation | {"enable_rate": 0.0})
    genomes = evolve(neat.Population(config), 5).genomes
    split_later = 0
    for genome in genomes:
        first = [gene["enabled"] for gene in genome.connections if gene["birth"] == 0]
        assert len(first) == 6
        is_later_split = any(not gene["enabled"] for gene in genome.connections if gene["birth"] > 0)
        assert not is_later_split or not any(first)
        split_later += sum(first) < 6
    assert split_later > len(genomes) / 2


def test_hashes_count_nothing(tmp_path):
    population = evolve(neat.Population(hashed()), 4)
    assert population.history.generations["innovations"].tolist() == [-1] * 4
    checkpoint.save(population, tmp_path / "run.npz")
    again = checkpoint.load(tmp_path / "run.npz")
    again.innovations.counters[0] = 6
    with pytest.raises(
        ValueError, match=r"^innovations\.counters: hashes count nothing, got \[6, 0, 0, 0\]$"
    ):
        again.innovations.check()
