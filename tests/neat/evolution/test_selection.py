"""Reproduction: ranking, shares of offspring, who the parents are, and what survives."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import neat
from neat.evolution import selection
from neat.evolution.selection import Ranking
from tests.support.evolving import BUSY, as_bytes, evolve, make_config, random_fitness

INVALID = -np.inf
FITNESS = st.one_of(
    st.floats(-100, 100, allow_subnormal=False),  # halves of the smallest numbers are 0
    st.integers(-3, 3).map(float),
    st.integers(0, 4).map(lambda steps: -3 + steps * 2**-51),  # neighbours among the numbers
    st.just(INVALID),
    st.floats(-1e308, 1e308, allow_subnormal=False),
)


def ranked(fitness, species):
    """(Ranking, summary) of these genomes; species are renumbered from 0 without gaps."""
    species = np.unique(species, return_inverse=True)[1].astype(np.int64)
    *ranking, summary = selection.rank(np.array(fitness, float), species, int(species.max()) + 1)
    return Ranking(*ranking), summary, species


@st.composite
def populations(draw, fitness=FITNESS):
    size = draw(st.integers(2, 60))
    values = draw(st.lists(fitness, min_size=size, max_size=size))
    assume(max(values) > INVALID)
    return values, draw(st.lists(st.integers(0, 5), min_size=size, max_size=size))


@given(populations())
@settings(max_examples=100, deadline=None)
def test_members_are_ordered_by_fitness_then_index(population):
    fitness, species = population
    ranking, (mean, std, median, valid), species = ranked(fitness, species)
    assert sorted(ranking.member.tolist()) == list(range(len(fitness)))
    for kind in range(species.max() + 1):
        members = ranking.member[ranking.offset[kind] : ranking.offset[kind + 1]].tolist()
        expected = sorted(
            np.flatnonzero(species == kind).tolist(), key=lambda genome: (-fitness[genome], genome)
        )
        assert members == expected
        values = [Fraction(fitness[genome]) for genome in members if fitness[genome] > INVALID]
        assert ranking.best[kind] == fitness[members[0]]
        close(ranking.mean[kind], sum(values) / len(values) if values else INVALID, values)
    values = [Fraction(value) for value in fitness if value > INVALID]
    exact = sum(values) / len(values)
    assert valid == len(values)
    close(mean, exact, values)
    variance = sum((value - exact) ** 2 for value in values) / len(values)
    scale = max(abs(value) for value in values) or 1
    assert std / float(scale) == pytest.approx(math.sqrt(variance / scale**2), abs=1e-7)
    close(median, (sorted(values)[len(values) // 2] + sorted(values)[(len(values) - 1) // 2]) / 2, values)


def close(value, exact, values):
    """To within rounding, at the scale of the values."""
    if not values:
        assert value == exact
    else:
        assert math.isfinite(value)
        assert abs(Fraction(value) - exact) <= max(abs(v) for v in values) / 10**12


def exact_quotas(fitness, species, allowed, size):
    """Offspring as fractions: shifted by the least of the species that may reproduce, shared, in proportion."""
    members = [[Fraction(f) if f > INVALID else None for f, s in zip(fitness, species, strict=True) if s == kind]
               for kind in range(len(allowed))]  # fmt: skip
    values = [f for kind, of in enumerate(members) if allowed[kind] for f in of if f is not None]
    shift = min([*values, Fraction(0)])
    shares = [
        sum((f - shift for f in of if f is not None), Fraction(0)) / len(of) if allowed[kind] else Fraction(0)
        for kind, of in enumerate(members)
    ]
    total = sum(shares)
    if total == 0:
        shares, total = [Fraction(int(a)) for a in allowed], sum(map(int, allowed))
    return [share / total * size for share in shares]


@given(populations(), st.lists(st.booleans(), min_size=6, max_size=6), st.integers(0, 500))
@example(([-3, -3 + 2**-51, -3 + 2**-50], [0, 1, 2]), [True] * 6, 57)  # 0, 20, 40
@settings(max_examples=200, deadline=None)
def test_offspring_by_largest_remainder(population, allowed, more):
    fitness, species = population
    ranking, _, species = ranked(fitness, species)
    allowed = np.array(allowed[: len(ranking.best)])
    assume(allowed.any())
    size = len(fitness) + more
    offspring = selection.allocate(np.array(fitness, float), ranking, allowed, size)
    assert offspring.sum() == size
    assert (offspring >= 0).all()
    assert (offspring[~allowed] == 0).all()
    quotas = exact_quotas(fitness, species, allowed, size)
    slack = Fraction(1, 10**9)  # what float64 may make of a remainder
    extra = []
    for given_, quota in zip(offspring.tolist(), quotas, strict=True):
        assert quota - 1 - slack < given_ < quota + 1 + slack
        extra.append((given_ > quota, quota - math.floor(quota)))
    up = [remainder for raised, remainder in extra if raised]
    down = [remainder for raised, remainder in extra if not raised]
    assert not up or not down or min(up) >= max(down) - slack or min(up) == 0


def allocated(fitness, species, allowed=None):
    ranking, _, _ = ranked(fitness, species)
    allowed = np.ones(len(ranking.best), np.bool_) if allowed is None else np.array(allowed)
    return selection.allocate(np.array(fitness, float), ranking, allowed, len(fitness)).tolist()


@pytest.mark.parametrize(
    ("fitness", "species", "allowed", "expected"),
    [
        ([4, 4, 2, 2, 2, 2], [0, 0, 1, 1, 1, 1], None, [4, 2]),  # by the means, whatever the sizes
        # 3 3/7, four times 1 1/7
        ([3, 1, 1, 1, 1, 1, 1, 1], [0, 1, 2, 3, 4, 4, 4, 4], None, [4, 1, 1, 1, 1]),
        ([1, 1, 1, 1], [0, 1, 2, 2], None, [2, 1, 1]),  # equal remainders: by id
        ([0, 0, 0, 0], [0, 0, 0, 1], None, [2, 2]),  # no fitness: equal shares
        ([-5, -5, -5, -5], [0, 0, 0, 1], None, [2, 2]),
        ([-1, -2, -3, -3], [0, 1, 2, 2], None, [3, 1, 0]),  # shifted by the least, -3: 2, 1, 0
        ([5, 1, 9, 9], [0, 1, 2, 2], [True, True, False], [3, 1, 0]),
        ([-1, -2, -30, -30], [0, 1, 2, 2], [True, True, False], [4, 0, 0]),  # the least of those that survive
        ([INVALID, 6, 3, 3], [0, 0, 1, 1], None, [2, 2]),  # invalid counts as 0, and as a member
        ([INVALID, -1, -3, INVALID], [0, 0, 1, 1], None, [4, 0]),
        ([INVALID, INVALID, 1, 1], [0, 1, 2, 2], [True, True, False], [2, 2, 0]),
        ([1e308, 1e308, 1e308, 1e308], [0, 0, 0, 1], None, [2, 2]),
        ([1e308, -1e308, 0, 0], [0, 1, 2, 2], None, [3, 0, 1]),
        ([5e-324, 5e-324, 0, 0], [0, 0, 1, 1], None, [4, 0]),
    ],
)
def test_offspring_by_example(fitness, species, allowed, expected):
    assert allocated(fitness, species, allowed) == expected


def planned(species, offspring, kept=-1, fitness=None, generation=1, **rule):
    """(plan as rows of first, second, mutates; ranking) for genomes in these species."""
    size = len(species)
    config = make_config(population_size=size, reproduction=rule)
    fitness = np.arange(size, 0, -1.0) if fitness is None else np.array(fitness, float)
    ranking, _, species = ranked(fitness, species)
    population = neat.Population(config)
    population.resume_at(generation - 1, population.genomes.arrays)
    seen = []
    original = selection.plan_offspring
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "plan_offspring", lambda *a: seen.append(original(*a)) or seen[-1])
        population.kept = kept
        population._reproduce(fitness, ranking, np.array(offspring))
    first, second, mutates = seen[0][:3]
    return list(zip(first.tolist(), second.tolist(), mutates.tolist(), strict=True)), species


def test_mistake_3_a_species_smaller_than_the_number_of_elites_takes_no_outsider():
    rule = {"elites": 4, "elite_species_size": 0, "interspecies_rate": 0.0}
    species = [0, 0, 1, 1, 1, 2] + [3] * 14
    rows, species = planned(species, [5, 5, 5, 5], **rule)
    elites = [first for first, second, mutates in rows if second < 0 and not mutates]
    assert sorted(elites) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]  # genome 0 is the fittest
    for first, second, _ in rows:
        assert second < 0 or species[first] == species[second]


@pytest.mark.parametrize(("size", "elites"), [(4, 0), (5, 0), (6, 2), (7, 2)])
def test_elites_of_large_species_only(size, elites):
    rows, _ = planned([0] * size, [size], elites=2, elite_species_size=5)
    unchanged = [first for first, second, mutates in rows if second < 0 and not mutates]
    assert unchanged == list(range(elites))


def test_no_more_elites_than_offspring():
    rows, _ = planned([0] * 10 + [1] * 10, [3, 17], elites=8, elite_species_size=0)
    unchanged = [first for first, second, mutates in rows if second < 0 and not mutates]
    assert unchanged == [0, 1, 2, *range(10, 18)]


@pytest.mark.parametrize("rate", [0.01, 0.15, 0.2, 0.35, 0.55, 0.6, 0.7, 1.0])
def test_survivors_only_are_parents(rate):
    """One more than the share, exactly: the product of rate and size is not to be taken in float32."""
    for size in (1, 7, 100, 380):
        rows, _ = planned(
            [0] * size + [1] * (2000 - size), [2000, 0], survival_rate=rate, interspecies_rate=0.0
        )
        survivors = min(size, math.floor(Fraction(str(rate)) * size) + 1)
        parents = {first for first, _, _ in rows} | {second for _, second, _ in rows if second >= 0}
        assert parents == set(range(survivors))


@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0])
def test_mistake_6_interspecies_mating(rate):
    """Also where a species has no offspring, or one member."""
    species = [0] * 3 + [1] + [2] * 996
    rule = {"interspecies_rate": rate, "mutate_only_rate": 0.0, "survival_rate": 1.0, "elites": 0}
    rows, species = planned(species, [0, 500, 500], **rule)
    mated = [(first, second) for first, second, _ in rows if second >= 0]
    between = [species[a] != species[b] for a, b in mated]
    own = [row for row in rows if row[1] < 0]
    if rate == 1:
        assert all(between)
        assert not own
        assert {species[genome] for pair in mated for genome in pair} == {0, 1, 2}
    elif rate == 0:
        assert not any(between)
        assert {first for first, _, _ in own} >= {3}
    else:
        assert abs(sum(between) / 1000 - 0.5) < 5 * 0.5 / 1000**0.5


@pytest.mark.parametrize("rate", [0.5, 1.0])
def test_mistake_6_runs_with_much_interspecies_mating(rate):
    for seed in range(5):
        config = make_config(**BUSY, seed=seed).updated(
            reproduction={"interspecies_rate": rate}, speciation={"threshold": 0.8}
        )
        population = evolve(neat.Population(config), 10, levels=3)
        population.genomes.check()
        assert population.history.generations["species"].max() > 5


def test_a_lone_species_mates_with_itself_whatever_the_rate():
    rows, _ = planned([0] * 50, [50], interspecies_rate=1.0, mutate_only_rate=0.0)
    assert all(second <= 10 for _, second, _ in rows)


def test_rates_of_mating_and_mutating():
    rule = {"mutate_only_rate": 0.3, "mate_only_rate": 0.4, "survival_rate": 1.0, "elites": 0}
    rows, _ = planned([0] * 4000, [4000], **rule)
    alone = sum(second < 0 for _, second, _ in rows) / 4000
    unmutated = sum(not mutates for _, _, mutates in rows) / 4000
    assert abs(alone - 0.3) < 5 * (0.3 * 0.7 / 4000) ** 0.5
    assert abs(unmutated - 0.7 * 0.4) < 5 * (0.28 * 0.72 / 4000) ** 0.5
    assert all(mutates for _, second, mutates in rows if second < 0)


def test_the_primary_parent_is_the_fitter_then_the_smaller_then_the_former():
    config = make_config(**BUSY, population_size=200).updated(
        reproduction={"mutate_only_rate": 0.0, "survival_rate": 1.0}, speciation={"threshold": 100.0}
    )
    population = evolve(neat.Population(config), 8)
    for levels in (2, None):
        genes = np.diff(population.genomes.arrays.connection_offset)
        fitness = random_fitness(population, levels)
        population.tell(fitness)
        mated = population.parents[population.parents[:, 1] >= 0]
        assert len(mated) > 100
        for a, b in mated.tolist():
            assert (-fitness[a], genes[a], a) < (-fitness[b], genes[b], b)


def test_children_are_in_the_order_of_the_first_parent():
    population = evolve(neat.Population(make_config(**BUSY)), 3)
    assert (np.diff(population.parents[:, 0]) >= 0).all()


def test_elites_go_on_unchanged_bit_for_bit():
    config = make_config(**BUSY, population_size=100).updated(
        speciation={"threshold": 5.0}, reproduction={"elites": 2, "elite_species_size": 5}
    )
    population = evolve(neat.Population(config), 5)
    for _ in range(6):
        before, births, fitness = population.genomes, population.birth.copy(), random_fitness(population)
        before = before.take(np.arange(100))
        population.tell(fitness)
        rows = population.history.last_species
        expected = sum(min(2, r["offspring"]) for r in rows if r["size"] > 5)
        elite = np.flatnonzero(population.birth < population.generation)
        assert len(elite) == expected > 0
        parents = population.parents[elite]
        assert (parents[:, 1] == -1).all()
        chosen = before.take(parents[:, 0])
        assert as_bytes(population.genomes.take(elite).arrays) == as_bytes(chosen.arrays)
        assert (population.birth[elite] == births[parents[:, 0]]).all()
        assert np.argmax(fitness) in parents[:, 0] or rows["size"][np.argmax(rows["best"])] <= 5


WILD = {
    "normal": lambda r, n: r.normal(size=n),
    "equal": lambda r, n: np.zeros(n),
    "negative": lambda r, n: -1 - r.random(n),
    "equal and negative": lambda r, n: np.full(n, -3.0),
    "huge": lambda r, n: r.choice([1e308, -1e308, 1.7e308], n),
    "huge and equal": lambda r, n: np.full(n, 1.7e308),
    "tiny": lambda r, n: r.random(n) * 1e-310,
    "NaN": lambda r, n: np.where(r.random(n) < 0.5, np.nan, r.normal(size=n)),
    "nearly all NaN": lambda r, n: np.where(np.arange(n) == n // 2, 1.0, np.nan),
    "-inf": lambda r, n: np.where(r.random(n) < 0.5, -np.inf, -r.random(n)),
    "mixed": lambda r, n: r.choice([np.nan, -np.inf, 0.0, -1e308, 1e308, 5e-324, -0.0, 1.0], n),
    "one far ahead": lambda r, n: np.where(np.arange(n) == 3, 1e300, r.random(n)),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("measure", ["max", "mean"])
@pytest.mark.parametrize("kind", WILD)
def test_the_population_size_is_exact_whatever_the_fitness(kind, measure):
    config = make_config(**BUSY, population_size=47).updated(
        speciation={"threshold": 1.0},
        stagnation={
            "species_generations": 2,
            "population_generations": 5,
            "protected_species": 1,
            "measure": measure,
        },
    )
    population = neat.Population(config)
    generator = np.random.default_rng(0)
    for generation in range(15):
        fitness = WILD[kind](generator, 47)
        fitness[generation % 47] = 1.0  # one of them is valid
        population.tell(fitness)
        row, species = population.history.last, population.history.last_species
        assert len(population.genomes) == 47
        assert species["size"].sum() == species["offspring"].sum() == 47
        assert row["invalid"] == (~np.isfinite(fitness)).sum()
        assert row["best"] == np.nanmax(fitness)
        assert all(math.isfinite(row[name]) for name in ("mean", "std", "median", "best_ever", "threshold"))
        assert not np.isnan(species["mean"]).any()
        population.genomes.check()


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_small_populations_keep_their_size(size):
    for seed in range(5):
        config = make_config(**BUSY, population_size=size, seed=seed).updated(
            speciation={"threshold": 0.5}, stagnation={"species_generations": 1}
        )
        population = evolve(neat.Population(config), 15)
        assert len(population.genomes) == size
        population.genomes.check()


def test_the_population_survives_the_extinction_of_every_species():
    config = make_config(**BUSY).updated(
        speciation={"threshold": 0.5}, stagnation={"species_generations": 1, "protected_species": 1}
    )
    population = neat.Population(config)
    for generation in range(20):
        population.tell(random_fitness(population) - 10 * generation)  # nobody ever improves
        rows = population.history.last_species
        assert rows["offspring"].sum() == 60
        best = int(np.argmax(rows["best"]))
        assert population.history.last["species"] > 1
        assert rows["offspring"][best] > 0 or rows["stagnation"].min() == 0
    assert population.best_generation == 0


def test_the_best_genome_is_never_lost_under_noisy_fitness():
    config = make_config(**BUSY).updated(speciation={"threshold": 1.0})
    population = neat.Population(config)
    best, genome = -np.inf, None
    for _ in range(25):
        fitness = random_fitness(population)
        fitness[::5] = np.nan
        champion = int(np.nanargmax(fitness))
        if fitness[champion] > best:
            best, genome, born = (
                fitness[champion],
                population.genomes[champion].to_dict(),
                population.generation,
            )
        population.tell(fitness)
        assert population.best_fitness == best == population.history.last["best_ever"]
        assert population.best.to_dict() == genome
        assert population.best_generation == born
    assert born < 24


@pytest.mark.parametrize("keep", [True, False])
def test_the_best_genome_is_put_back_if_asked_for(keep):
    config = make_config(**BUSY).updated(
        reproduction={"keep_best": keep, "elites": 0}, speciation={"threshold": 1.0}
    )
    population = neat.Population(config)
    there = []
    for _ in range(15):
        population.tell(random_fitness(population))
        best = population.best.to_dict()
        there.append(any(genome.to_dict() == best for genome in population.genomes))
        assert len(population.genomes) == 60
    assert all(there) if keep else not all(there)
