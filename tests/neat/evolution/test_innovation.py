"""Innovation schemes: which mutations share an id, and ids beyond 2^24 and 2^31."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neat
from neat.evolution import innovation
from neat.evolution.innovation_kernels import CANTOR_MAXIMUM, SZUDZIK_MAXIMUM, cantor, szudzik
from neat.io import checkpoint
from neat.kernels import hash_table
from tests.support.evolving import BUSY, SCHEME_NAMES, SCHEMES, ends, evolve, make_children, make_config

LARGEST = 2**63 - 1
IDS = st.integers(0, 2**33)
SHARING = SCHEMES[:-1]  # all but "unshared"
every_scheme = pytest.mark.parametrize("settings_", SCHEMES, ids=SCHEME_NAMES)


def exact_szudzik(a, b):
    return a * a + a + b if a >= b else b * b + a


def exact_cantor(a, b):
    return (a + b) * (a + b + 1) // 2 + b


PAIRINGS = [(szudzik, exact_szudzik), (cantor, exact_cantor)]


@pytest.mark.parametrize(("pairing", "exact"), PAIRINGS, ids=["szudzik", "cantor"])
def test_pairings_number_all_pairs_without_gaps(pairing, exact):
    size = 60
    if pairing is szudzik:
        pairs = [(a, b) for a in range(size) for b in range(size)]
    else:
        pairs = [(a, b) for a in range(size) for b in range(size - a)]
    assert sorted(pairing(a, b) for a, b in pairs) == list(range(len(pairs)))


@pytest.mark.parametrize(("pairing", "exact"), PAIRINGS, ids=["szudzik", "cantor"])
@given(a=IDS, b=IDS)
@settings(max_examples=300, deadline=None)
def test_pairings_are_exact_or_refuse(pairing, exact, a, b):
    number = pairing(a, b)
    assert number in (exact(a, b), -1)
    if exact(a, b) > LARGEST:
        assert number == -1
    if exact(a, b) < 0.99 * LARGEST:
        assert number >= 0


@pytest.mark.parametrize(
    ("pairing", "exact", "last"),
    [
        (szudzik, exact_szudzik, (SZUDZIK_MAXIMUM, SZUDZIK_MAXIMUM)),
        (szudzik, exact_szudzik, (0, SZUDZIK_MAXIMUM)),
        (cantor, exact_cantor, (0, CANTOR_MAXIMUM)),
        (cantor, exact_cantor, (CANTOR_MAXIMUM, 0)),
        (cantor, exact_cantor, (CANTOR_MAXIMUM // 2, CANTOR_MAXIMUM // 2)),
    ],
)
def test_the_last_pairs_are_exact_and_the_next_refused(pairing, exact, last):
    assert pairing(*last) == exact(*last) <= LARGEST
    assert pairing(last[0], last[1] + 1) == -1
    for far in (2**32, 2**62, LARGEST):
        assert pairing(far, last[1]) == pairing(last[0], far) == pairing(far, far) == -1


def start_at(population, number):
    """Let node ids and innovation numbers go on from here."""
    population.innovations.counters[:2] = number
    return population


@pytest.mark.parametrize("recurrent", [False, True], ids=["feed-forward", "recurrent"])
@pytest.mark.parametrize("start", [2**24 - 20, 2**31 - 20, 2**53 - 20])
@pytest.mark.parametrize("name", ["global", "generation"])
def test_mistake_1_ids_past_2_24_and_2_31_stay_exact(name, start, recurrent, tmp_path):
    config = make_config(**BUSY).updated(innovation=name, genome={"feed_forward": not recurrent})
    population = start_at(neat.Population(config), start)
    born = {}  # ends of each number
    for _ in range(15):
        evolve(population, 1)
        population.genomes.check()
        for genome in population.genomes:
            for gene in genome.connections:
                ends = gene["source"], gene["target"]
                assert born.setdefault(gene["innovation"], ends) == ends
    ids = np.unique(population.genomes.arrays.node_id)
    assert ids[-1] > start + 40
    # A float32 or float64 would hold even ones alone.
    assert len({id_ % 2 for id_ in ids[-20:].tolist()}) == 2
    new = sorted(number for number in born if number >= start)
    assert new[0] == start
    assert len(new) > 40
    if name == "global":
        assert len(set(born.values())) == len(born)
    checkpoint.save(population, tmp_path / "run.npz")
    again = checkpoint.load(tmp_path / "run.npz")
    assert np.array_equal(np.unique(again.genomes.arrays.node_id), ids)


@pytest.mark.parametrize(
    ("name", "start"),
    [  # beyond 2^31, Cantor's pairing of two new ids leaves int64
        ("szudzik", 2**24 - 20),
        ("szudzik", 2**31 - 20),
        ("cantor", 2**24 - 20),
        ("cantor", 2**31 - 1000),
    ],
)
def test_mistake_1_pairings_of_ids_past_2_24_and_2_31_stay_exact(name, start):
    population = neat.Population(make_config(**BUSY).updated(innovation="pairing", pairing=name))
    population.innovations.counters[0] = start
    evolve(population, 12)
    population.genomes.check()
    exact = exact_szudzik if name == "szudzik" else exact_cantor
    genes = [gene for genome in population.genomes for gene in genome.connections]
    assert max(gene["source"] for gene in genes) > start + 40
    assert all(gene["innovation"] == exact(gene["source"], gene["target"]) for gene in genes)


@pytest.mark.parametrize(
    ("name", "start"), [("szudzik", SZUDZIK_MAXIMUM - 3), ("cantor", CANTOR_MAXIMUM - 3), ("cantor", 2**62)]
)
def test_a_pairing_that_leaves_int64_is_an_error(name, start):
    population = neat.Population(make_config(**BUSY).updated(innovation="pairing", pairing=name))
    population.innovations.counters[0] = start
    with pytest.raises(OverflowError, match=r"innovation: .* exceeds int64; use the scheme global"):
        evolve(population, 5)


SPLIT_ONLY = {"add_node_rate": 1.0, "add_connection_rate": 0.0}
ONE_LINK = {"num_inputs": 1, "num_outputs": 1}


every_sharing_scheme = pytest.mark.parametrize("settings_", SHARING, ids=SCHEME_NAMES[:-1])


@every_sharing_scheme
def test_mistake_2_identical_splits_share_an_id(settings_):
    config = make_config(genome=ONE_LINK, mutation=SPLIT_ONLY, population_size=50, **settings_)
    population = neat.Population(config)
    genomes = population.genomes
    children, _ = make_children(config, genomes, range(50), mutates=True, scheme=population.innovations)
    children.check()
    ids = set(children.arrays.node_id.tolist())
    assert len(ids) == 2
    assert ids == {1, 2} or (settings_["innovation"] == "hashed" and max(ids) >= 2**62)
    shapes = {tuple((g["innovation"], g["source"], g["target"]) for g in c.connections) for c in children}
    assert len(shapes) == 1
    assert len(shapes.pop()) == 3
    assert [gene["enabled"] for gene in children[0].connections].count(False) == 1


@every_sharing_scheme
def test_splitting_again_gives_a_new_node(settings_):
    config = make_config(genome=ONE_LINK, mutation=SPLIT_ONLY, population_size=50, **settings_)
    population = neat.Population(config)
    scheme, genomes = population.innovations, population.genomes
    for generation in range(1, 5):
        children, _ = make_children(
            config, genomes, range(50), mutates=True, scheme=scheme, generation=generation
        )
        children.check()
        assert (np.diff(children.arrays.node_offset) == generation + 1).all()
        # One node more for each genome: of the same id, since all split the one enabled connection 0 → 1.
        assert len(np.unique(children.arrays.node_id)) == generation + 1
        enabled = (children.arrays.connection_source == 0) & (children.arrays.connection_target == 1)
        children.arrays.connection_enabled[:] = enabled
        genomes = children


@every_sharing_scheme
def test_the_same_link_in_one_generation_has_one_number(settings_):
    config = make_config(population_size=300, **settings_).updated(
        genome={"initial_connections": "none", "hidden_layers": (2,)},
        mutation={"add_node_rate": 0.0, "add_connection_rate": 1.0},
    )
    population = neat.Population(config)
    children, _ = make_children(
        config, population.genomes, range(300), mutates=True, scheme=population.innovations
    )
    children.check()
    numbers = {}
    for child in children:
        (gene,) = child.connections
        numbers.setdefault((gene["source"], gene["target"]), set()).add(gene["innovation"])
    assert len(numbers) == 3 * 4 + 4 * 3  # any node from any input or other node
    assert all(len(of_link) == 1 for of_link in numbers.values())
    assert len(set.union(*numbers.values())) == len(numbers)


@every_sharing_scheme
def test_the_same_link_in_two_generations(settings_):
    name = settings_["innovation"]
    scheme = innovation.make_scheme(make_config(**settings_, genome={"initial_connections": "none"}))
    scheme.next_generation()
    source, target = np.array([0, 1, 0]), np.array([3, 3, 3])
    before = scheme.number_links(source, target)
    scheme.next_generation()
    after = scheme.number_links(source, target)
    if name in ("global", "generation"):
        assert before.tolist() == [0, 1, 0]
        assert scheme.count == (2 if name == "global" else 4)
    assert before[0] == before[2] != before[1]
    assert after.tolist() == ([2, 3, 2] if name == "generation" else before.tolist())


@every_sharing_scheme
def test_the_same_split_in_two_generations(settings_):
    """Genomes without the first split's node get a new one under `generation`, and the same under the others."""
    name = settings_["innovation"]
    config = make_config(genome=ONE_LINK, mutation=SPLIT_ONLY, population_size=10, **settings_)
    population = neat.Population(config)
    ids = []
    for generation in (1, 2):
        children, _ = make_children(
            config, population.genomes, range(10), mutates=True, scheme=population.innovations,
            generation=generation,
        )  # fmt: skip
        ids.append(sorted(set(children.arrays.node_id.tolist())))
    assert ids[0] == [1, 2] or (name == "hashed" and ids[0][1] >= 2**62)
    assert ids[1] == ([1, 3] if name == "generation" else ids[0])


@pytest.mark.parametrize("name", ["global", "pairing", "hashed"])
def test_a_known_node_enters_before_greater_ones_beside_a_new_link(name):
    """The genomes get a node with an id below their own, so that the ends of the new link move."""
    config = make_config(
        population_size=2000,
        innovation=name,
        genome={"feed_forward": False},
        mutation={"add_node_rate": 1.0, "add_connection_rate": 1.0},
    )
    population = neat.Population(config)
    scheme, first = population.innovations, population.genomes
    numbers = scheme.number_links(np.array([0, 1]), np.array([3, 3]))
    parents = []
    for number in numbers.tolist():  # the first split of 0 → 3 comes before that of 1 → 3
        alone = first.take([0])
        alone.arrays.connection_enabled[:] = alone.arrays.connection_innovation == number
        parents.append(make_children(config, alone, [0, 0], mutates=True, scheme=scheme)[0][0].to_dict())
    added = [{node["id"] for node in parent["nodes"]} - {3, 4} for parent in parents]
    less, greater = sorted((0, 1), key=lambda k: max(added[k]))  # hashes have no order in time
    assert max(added[less]) < min(added[greater])
    assert (less, greater) == (0, 1) or name == "hashed"
    for gene in parents[greater]["connections"]:
        gene["enabled"] = gene["innovation"] == numbers[less]
    genomes = neat.Genomes.from_list([parents[greater]])
    children, _ = make_children(config, genomes, [0] * 2000, mutates=True, scheme=scheme, generation=2)
    children.check()
    assert all(added[less] < {node["id"] for node in child.nodes} for child in children)
    assert np.array_equal(scheme.number_links(*ends(children)), children.arrays.connection_innovation)
    assert len(np.unique(children.arrays.connection_innovation)) == 20  # 3 · 2 given, 4 of the splits, 10 new


def test_mistake_11_splits_are_remembered_for_the_whole_run():
    config = make_config(genome=ONE_LINK, mutation=SPLIT_ONLY, population_size=2)
    population = neat.Population(config)
    first, _ = make_children(config, population.genomes, [0, 1], mutates=True, scheme=population.innovations)
    links = np.random.default_rng(0).integers(0, 2**40, (2, 200_000))
    population.innovations.number_links(links[0], links[1])
    again, _ = make_children(config, population.genomes, [0, 1], mutates=True, scheme=population.innovations)
    assert set(first.arrays.node_id) == set(again.arrays.node_id)
    assert np.array_equal(first.arrays.connection_innovation, again.arrays.connection_innovation)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=300), max_size=6
    ),
    st.sampled_from([0, 2**31, 2**40]),
)
@settings(max_examples=50, deadline=None)
def test_tables_number_links_as_a_dictionary_would(batches, shift):
    for name in ("global", "generation"):
        scheme = innovation.make_scheme(make_config(innovation=name))
        known, count = {}, 0
        for batch in batches:
            scheme.next_generation()
            if name == "generation":
                known = {}
            expected = []
            for pair in batch:
                if pair not in known:
                    known[pair] = count
                    count += 1
                expected.append(known[pair])
            links = np.array(batch, np.int64) + shift
            assert scheme.number_links(links[:, 0].copy(), links[:, 1].copy()).tolist() == expected
        assert scheme.count == count


def test_tables_grow_without_losing_anything():
    scheme = innovation.make_scheme(make_config())
    links = np.unique(np.random.default_rng(0).integers(0, 1000, (100_000, 2)), axis=0)
    source, target = links[:, 0].copy(), links[:, 1].copy()
    for part in np.array_split(np.arange(len(links)), 40):
        assert (scheme.number_links(source[part], target[part]) == part).all()
    assert (scheme.number_links(source, target) == np.arange(len(links))).all()
    assert len(scheme.links.value) >= 2 * len(links)


@every_scheme
def test_restored_schemes_go_on_alike(settings_):
    config = make_config(**BUSY, **settings_)
    population = evolve(neat.Population(config), 6)
    copy = innovation.make_scheme(config)
    copy.restore({name: array.copy() for name, array in population.innovations.state().items()})
    results = [
        make_children(config, population.genomes, range(60), mutates=True, scheme=scheme)[0].arrays
        for scheme in (population.innovations, copy)
    ]
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(copy.counters, population.innovations.counters)


@every_scheme
def test_initial_ids_are_those_of_the_layers(settings_):
    config = make_config(genome={"hidden_layers": (2, 3), "bias_input": True}, **settings_)
    population = neat.Population(config)
    genome = population.genomes[0]
    population.genomes.check()
    assert (genome.input_ids, genome.output_ids, genome.hidden_ids) == (
        [0, 1, 2, 3],
        [4, 5],
        [6, 7, 8, 9, 10],
    )
    links = {(gene["source"], gene["target"]) for gene in genome.connections}
    layers = [[0, 1, 2, 3], [6, 7], [8, 9, 10], [4, 5]]
    assert links == {(s, t) for a, b in pairwise(layers) for s in a for t in b}
    assert population.innovations.counters[0] == 11


def test_entries_of_a_table_lie_near_their_places():
    """Far nearer than where a checkpoint is taken for one made by hand."""
    size = 2**19
    first, second = np.divmod(np.arange(size), 700)
    for one, other in (
        (first, second),
        (second, first),
        (first, np.zeros(size, np.int64)),
        (second + first**2, first),
    ):
        table = hash_table.Table(*(np.full(2 * size, value, np.int64) for value in (0, 0, -1)))
        entries = hash_table.Table(one.astype(np.int64), other.astype(np.int64), np.arange(size))
        hash_table._rehash(entries, table)
        used = np.count_nonzero(table.value >= 0)
        hash_table.check_table("link", table, used, 0, size)
        free = np.flatnonzero(table.value < 0)
        assert np.diff(free).max() < hash_table.LONGEST_RUN / 5
