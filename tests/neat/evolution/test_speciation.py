"""Species: the distance against float64, assignment against a naive loop, thresholds, stagnation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neat
from neat.config.config import to_record
from neat.evolution import speciation
from neat.evolution.speciation import adjusted_threshold, compatibility_distance
from neat.kernels.work_pieces import pieces_of
from tests.support.compatibility import reference_distance
from tests.support.evolving import BUSY, as_bytes, evolve, make_config, random_fitness

COEFFICIENT = st.floats(0, 4, width=32)


@st.composite
def alike_genomes(draw):
    """A few genomes that share some of their genes."""
    weight = st.floats(-8, 8, width=32)
    pool = draw(st.lists(st.integers(0, 60), min_size=1, max_size=40, unique=True))
    hidden = draw(st.lists(st.integers(120, 140), max_size=4, unique=True))
    genomes = []
    for _ in range(draw(st.integers(2, 6))):
        numbers = draw(st.lists(st.sampled_from(pool), unique=True))
        ids = [61, *([id_ for id_ in hidden if draw(st.booleans())])]
        genomes.append(
            {
                "num_inputs": 61,
                "num_outputs": 1,
                "nodes": [
                    {
                        "id": id_,
                        "bias": draw(weight),
                        "response": draw(weight),
                        "activation": draw(st.sampled_from(["tanh", "relu"])),
                        "aggregation": draw(st.sampled_from(["sum", "max"])),
                    }
                    for id_ in ids
                ],
                "connections": [
                    {"innovation": number, "source": number, "target": 61, "weight": draw(weight)}
                    for number in numbers
                ],
            }
        )
    return genomes


@given(
    alike_genomes(), COEFFICIENT, COEFFICIENT, COEFFICIENT, st.just(0.0) | COEFFICIENT, st.integers(1, 30),
    st.sampled_from(["size", "continuous"]), st.floats(0.125, 20, width=32),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_the_distance_is_the_papers(plain, c1, c2, c3, nodes, normalise_from, normalisation, threshold):
    config = make_config(
        speciation={
            "excess_coefficient": c1,
            "disjoint_coefficient": c2,
            "weight_coefficient": c3,
            "node_coefficient": nodes,
            "normalise_from": normalise_from,
            "normalisation": normalisation,
        }
    )
    genomes = neat.Genomes.from_list(plain)
    rule = to_record(config.speciation)
    expected = [[reference_distance(a, b, config.speciation) for a in plain] for b in plain]
    for a in range(len(plain)):
        for b in range(len(plain)):
            delta = compatibility_distance(genomes[a], genomes[b], config)
            assert delta == pytest.approx(expected[a][b], rel=1e-5, abs=1e-6)
            assert delta == compatibility_distance(genomes[b], genomes[a], config)
        assert expected[a][a] == compatibility_distance(genomes[a], genomes[a], config) == 0
    # Where the distance stops early, the comparison with the threshold comes out the same.
    species = np.empty(len(plain), np.int64)
    for b in range(len(plain)):
        speciation.assign(
            pieces_of(len(plain), len(plain)),
            genomes.to_kernel(),
            genomes.take([b]).to_kernel(),
            rule,
            np.float32(threshold),
            species,
        )
        for a in range(len(plain)):
            if not math.isclose(expected[a][b], threshold, rel_tol=1e-5):
                assert (species[a] == 0) == (expected[a][b] < threshold)


def test_the_threshold_itself_is_too_far():
    """Nearer than, not as near as."""
    config = make_config(speciation={"threshold": 2.0, "weight_coefficient": 1.0})
    link = {"innovation": 0, "source": 0, "target": 3}
    genomes = neat.Genomes.from_list(
        [
            {
                "num_inputs": 3,
                "num_outputs": 2,
                "nodes": [{"id": 3}, {"id": 4}],
                "connections": [{**link, "weight": weight}],
            }
            for weight in (0.0, 1.75, 2.0, 2.25)
        ]
    )
    species = np.empty(4, np.int64)
    rule = to_record(config.speciation)
    speciation.assign(
        pieces_of(4, 4), genomes.to_kernel(), genomes.take([0]).to_kernel(), rule, np.float32(2), species
    )
    assert species.tolist() == [0, 0, -1, -1]
    assert speciation.found_species(genomes.to_kernel(), 1, rule, np.float32(2), species) == 1
    assert species.tolist() == [0, 0, 1, 1]


def first_fit(genomes, representatives, threshold, rule):
    """(species of each genome, the species' representatives): the first, in order of id, that is near enough."""
    representatives = list(representatives)
    species = []
    for genome in genomes:
        distances = [reference_distance(genome, other, rule) for other in representatives]
        assert all(abs(delta - threshold) > 1e-5 for delta in distances)  # else float32 may differ
        near = [position for position, delta in enumerate(distances) if delta < threshold]
        if not near:
            representatives.append(genome)
        species.append(near[0] if near else len(representatives) - 1)
    return species, representatives


@pytest.mark.parametrize("mode", ["fixed", "adjusted"])
def test_genomes_join_the_first_species_that_is_near_enough(mode):
    config = make_config(**BUSY).updated(
        speciation={"threshold": 1.7, "threshold_mode": mode, "target_species": 6, "node_coefficient": 0.3}
    )
    population = neat.Population(config)
    seen = set()
    for _ in range(12):
        plain = [genome.to_dict() for genome in population.genomes]
        known = population.species.id.tolist()
        representatives = population.genomes.with_arrays(population.species.representative)
        next_species, threshold = population.next_species, population.threshold
        species, all_representatives = first_fit(
            plain, [genome.to_dict() for genome in representatives], threshold, config.speciation
        )
        founded = len(all_representatives) - len(known)
        ids = known + list(range(next_species, next_species + founded))
        evolve(population, 1)

        rows = population.history.last_species
        members = {ids[position]: species.count(position) for position in set(species)}
        assert dict(zip(rows["id"].tolist(), rows["size"].tolist(), strict=True)) == members
        assert (np.diff(rows["id"]) > 0).all()
        assert population.next_species == next_species + founded
        assert not seen & set(ids[len(known) :])  # ids are never used again
        seen |= set(ids)
        # The next representatives are members of this generation, each of its species.
        of_species = {
            id_: [g for g, s in zip(plain, species, strict=True) if ids[s] == id_] for id_ in members
        }
        offspring = dict(zip(rows["id"].tolist(), rows["offspring"].tolist(), strict=True))
        assert population.species.id.tolist() == [id_ for id_ in sorted(members) if offspring[id_] > 0]
        next_representatives = population.genomes.with_arrays(population.species.representative)
        for id_, representative in zip(population.species.id.tolist(), next_representatives, strict=True):
            assert representative.to_dict() in of_species[id_]
    assert len(seen) > 8


def test_mistake_4_no_genome_lies_beyond_its_species_threshold():
    """Species have no cap: with a low threshold, there are as many as it takes."""
    config = make_config(**BUSY, population_size=200).updated(speciation={"threshold": 0.35})
    population = evolve(neat.Population(config), 3)
    rule, threshold = to_record(config.speciation), np.float32(population.threshold)
    representatives = population.species.representative
    species = np.empty(200, np.int64)
    genomes = population.genomes
    speciation.assign(pieces_of(200, 200), genomes.to_kernel(), representatives, rule, threshold, species)
    known = len(population.species.id)
    founders = speciation.found_species(genomes.to_kernel(), known, rule, threshold, species)
    assert founders > 50
    assert sorted(set(species.tolist()) - set(range(known))) == list(range(known, known + founders))
    old = genomes.with_arrays(representatives)
    for member in range(200):
        kind = int(species[member])
        chief = old[kind] if kind < known else genomes[int(np.argmax(species == kind))]
        assert compatibility_distance(genomes[member], chief, config) < threshold
    evolve(population, 1)
    assert population.history.last["species"] == len(set(species.tolist()))


def test_representatives_are_drawn_evenly():
    config = make_config(speciation={"threshold": 1000.0})
    drawn = []
    for seed in range(300):
        population = neat.Population(config.updated(seed=seed))
        weights = [genome.genomes.arrays.connection_weight.tobytes() for genome in population.genomes]
        population.tell(np.arange(60.0))
        drawn.append(weights.index(population.species.representative.connection_weight.tobytes()))
    counts = np.bincount(np.array(drawn) // 10, minlength=6)  # not the fittest alone
    assert np.abs(counts - 50).max() < 5 * (300 / 6 * 5 / 6) ** 0.5


def test_a_fixed_threshold_stays():
    config = make_config(**BUSY).updated(speciation={"threshold_mode": "fixed"})
    population = evolve(neat.Population(config), 5)
    assert (population.history.generations["threshold"] == 3.0).all()


@pytest.mark.parametrize(
    ("species", "threshold"), [(10, 3.0), (20, 3.3), (5, 3 / 1.1), (40, 3 * 1.21), (10_000, 3 * 1.1**5)]
)
def test_a_threshold_is_adjusted_by_a_step_for_each_doubling(species, threshold):
    config = make_config(speciation={"target_species": 10, "threshold_step": 0.1})
    assert adjusted_threshold(3.0, species, config) == pytest.approx(threshold)


def test_an_adjusted_threshold_keeps_its_least_value():
    config = make_config(
        speciation={"threshold_mode": "adjusted", "target_species": 10, "minimum_threshold": 0.5}
    )
    assert adjusted_threshold(0.52, 1, config) == 0.5
    assert adjusted_threshold(0.5, 1, config) == 0.5


@pytest.mark.parametrize("start", [0.3, 30.0])
def test_an_adjusted_threshold_moves_toward_its_number_of_species(start):
    config = make_config(**BUSY, population_size=200).updated(
        speciation={"threshold": start, "threshold_mode": "adjusted", "target_species": 8}
    )
    population = evolve(neat.Population(config), 60)
    rows = population.history.generations
    assert rows["species"][-20:].min() <= 8 <= rows["species"][-20:].max()
    assert 4 <= np.median(rows["species"][-20:]) <= 16
    too_many, threshold = rows["species"][:-1] > 8, rows["threshold"]
    assert (np.diff(threshold)[too_many] > 0).all()
    assert (np.diff(threshold)[rows["species"][:-1] < 8] < 0).all()


def stagnate(best, record, improved, generation, mean=None, population_stagnates=False, **rule):
    """What `speciation.stagnate` makes of these species: (allowed, improved, record), as lists."""
    improved, record = np.array(improved), np.array(record, float)
    best = np.array(best, float)
    section = to_record(make_config(stagnation=rule).stagnation)
    mean = best if mean is None else np.array(mean, float)
    allowed = speciation.stagnate(improved, record, best, mean, section, population_stagnates, generation)
    return allowed.tolist(), improved.tolist(), record.tolist()


def test_stagnant_species_do_not_reproduce():
    rule = {"species_generations": 5, "protected_species": 1}
    best, record = [9, 3, 2, 1], [9, 3, 2, 0]
    allowed, improved, record = stagnate(best, record, [0, 10, 6, 0], 10, **rule)
    assert allowed == [True, True, True, True]
    assert improved == [0, 10, 6, 10]
    assert record == [9, 3, 2, 1]
    allowed, improved, _ = stagnate(best, record, improved, 11, **rule)
    assert allowed == [True, True, False, True]  # the first is the best, the third has had 5 generations
    assert improved == [0, 10, 6, 10]


def test_the_best_species_are_protected_and_survive_when_all_stagnate():
    for protected in (1, 2, 3, 9):
        allowed, _, _ = stagnate([1, 4, 2, 3], [9] * 4, [0] * 4, 100, protected_species=protected)
        expected = [rank < protected for rank in (3, 0, 2, 1)]
        assert allowed == expected


def test_the_mean_can_be_what_has_to_improve():
    arguments = {"best": [5, 5], "record": [3, 3], "improved": [0, 0], "generation": 20, "mean": [2, 4]}
    _, improved, record = stagnate(**arguments, measure="mean")
    assert (improved, record) == ([0, 20], [3, 4])
    _, improved, record = stagnate(**arguments)
    assert (improved, record) == ([20, 20], [5, 5])


def test_when_the_population_stagnates_the_two_best_species_reproduce():
    allowed, improved, _ = stagnate(
        [1, 4, 2, 3], [9] * 4, [1, 2, 3, 4], 100, population_stagnates=True, protected_species=4
    )
    assert allowed == [False, True, False, True]
    assert improved == [1, 100, 3, 100]


def test_a_species_of_invalid_genomes_does_not_improve():
    _, improved, record = stagnate([-np.inf, 1], [-np.inf, 0], [3, 3], 7)
    assert improved == [3, 7]
    assert record == [-np.inf, 1]


def test_a_run_that_never_improves_is_cut_to_its_two_best_species():
    config = make_config(**BUSY, population_size=100).updated(
        speciation={"threshold": 1.5},
        stagnation={"species_generations": 1000, "population_generations": 6},
        reproduction={"interspecies_rate": 0.0},
    )
    population = neat.Population(config)
    population.tell(np.arange(100) == 50)
    cut, uncut = [], []
    for _ in range(1, 20):
        population.tell(0.5 * (random_fitness(population) > 1))
        rows = population.history.last_species
        parents = rows["offspring"] > 0
        if population.generation - 1 in (6, 12, 18):
            assert len(rows) > 2
            best = sorted(range(len(rows)), key=lambda row: (-rows["best"][row], row))
            assert parents.sum() <= 2
            assert set(np.flatnonzero(parents)) <= set(best[:2])
            cut.append(parents.sum())
        else:
            uncut.append(parents.sum())
    assert max(cut) == 2
    assert max(uncut) > 2
    assert population.best_fitness == 1.0
    assert population.best_generation == 0


def test_stagnation_counts_in_the_history():
    config = make_config(speciation={"threshold": 1000.0}, stagnation={"protected_species": 1})
    population = neat.Population(config)
    for value in (1, 1, 2, 2, 2, 3):
        population.tell(np.full(60, float(value)))
    assert population.history.species["stagnation"].tolist() == [0, 1, 0, 1, 2, 0]
    assert population.history.species["age"].tolist() == [0, 1, 2, 3, 4, 5]
    assert (population.history.species["id"] == 0).all()


def test_species_do_not_change_the_genomes():
    population = neat.Population(make_config())
    before = as_bytes(population.genomes.arrays)
    told = population.genomes
    population.tell(np.arange(60.0))
    assert as_bytes(told.arrays) == before
