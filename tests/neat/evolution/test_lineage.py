"""The lineage of a run beside a plain-Python record of all genomes."""

import csv
import json

import numpy as np
import pytest

import neat
from neat.evolution.lineage import Lineage
from neat.support.archive import read_arrays, write_arrays
from tests.support.evolving import (
    BUSY,
    ends,
    evolve,
    make_config,
    random_fitness,
    state,
)
from tests.support.marks import every_scheme

SIZE, GENERATIONS = 60, 12


class Reference:
    """Records every genome of a run, and nothing is ever forgotten.

    Attributes:
        parents: By individual, the set of its parents.
        links: By individual, its connections as {number: (source, target)}.
        carriers: By innovation number, (generation, source, target, individual) of the first genome that has it.
        champions: By generation, (index, individual, fitness, genome).
        species: By species, (generation, parent, founder).
    """

    def __init__(self, population):
        self.parents, self.links, self.carriers, self.champions, self.species = {}, {}, {}, {}, {}
        self.living = [None] * SIZE
        self._species_of = None
        self._see(population, [-1] * SIZE, [-1] * SIZE)

    def _see(self, population, first, second):
        """Identify the genomes of the current generation, whose parents have these indices."""
        generation, before = population.generation, self.living
        arrays, (source, target) = population.genomes.arrays, ends(population.genomes)
        self.living, self.made_from = [], first
        for index in range(SIZE):
            number = generation * SIZE + index
            own = slice(arrays.connection_offset[index], arrays.connection_offset[index + 1])
            numbers = arrays.connection_innovation[own].tolist()
            if population.birth[index] < generation:
                number = before[first[index]]
            else:
                self.parents[number] = {before[k] for k in (first[index], second[index]) if k >= 0}
                self.links[number] = dict(
                    zip(numbers, zip(source[own].tolist(), target[own].tolist(), strict=True), strict=True)
                )
            assert numbers == list(self.links[number])
            self.living.append(number)
            for innovation in numbers:
                ends_of = self.links[number][innovation]
                self.carriers.setdefault(innovation, (generation, *ends_of, number))

    def step(self, population, fitness, monkeypatch):
        """Let the population make its next generation."""
        champion = int(np.argmax(fitness))
        genome, before = population.genomes[champion], population.generation
        self.champions[before] = (champion, self.living[champion], fitness[champion], genome)
        seen = []
        add = Lineage.add_children
        with monkeypatch.context() as patch:
            patch.setattr(Lineage, "add_children", lambda self, *a: seen.append(a[0]) or add(self, *a))
            population.tell(fitness)
        species_of = seen[0].id[seen[0].species_of]
        for index, species in enumerate(species_of.tolist()):
            if species not in self.species:
                made_from = self.made_from[index]
                parent = -1 if made_from < 0 else int(self._species_of[made_from])
                self.species[species] = (before, parent, self.living[index])
        self._species_of = species_of
        self._see(population, population.first_parent.tolist(), population.second_parent.tolist())

    def ancestors(self, individuals):
        found, left = set(), list(individuals)
        while left:
            individual = left.pop()
            if individual not in found:
                found.add(individual)
                left += self.parents[individual]
        return found

    def check(self, lineage):
        """Compare the whole lineage."""
        rows = lineage.innovations.tolist()
        assert {number: tuple(rest) for number, *rest in rows} == self.carriers and len(rows) == len(
            self.carriers
        )
        assert {species: tuple(rest) for species, *rest in lineage.species.tolist()} == self.species
        roots = [*self.living, *(individual for _, individual, *_ in self.champions.values())]
        births = {number: {p for p in parents if p >= 0} for number, *parents in lineage.births.tolist()}
        assert births == {number: self.parents[number] for number in self.ancestors(roots)}
        assert lineage.living.individual.tolist() == self.living
        for row, (generation, champion) in zip(lineage.champions, self.champions.items(), strict=True):
            assert row.tolist()[:4] == (generation, *champion[:3])
            assert lineage.champion(generation) == champion[3]


def busy(**settings):
    return (
        make_config(**BUSY)
        .updated(speciation={"threshold": 1.5}, reproduction={"elites": 1, "keep_best": True})
        .updated(**settings)
    )


@every_scheme
@pytest.mark.parametrize("recurrent", [False, True])
def test_everything_beside_a_record_of_all_genomes(scheme, recurrent, monkeypatch):
    population = neat.Population(busy(**scheme, genome={"feed_forward": not recurrent}))
    population.lineage._prune_at = population.lineage._least_pruned = (
        100  # so that lines are forgotten on the way
    )
    reference = Reference(population)
    for _ in range(GENERATIONS):
        reference.step(population, random_fitness(population, 20), monkeypatch)
        reference.check(population.lineage)
    both = [len(parents) for parents in reference.parents.values()]
    assert {0, 1, 2} == set(both) and len(reference.species) > 10
    assert len(population.lineage.births) < 0.8 * len(reference.parents)


@every_scheme
def test_genes_come_from_the_recorded_parents(scheme, monkeypatch):
    """A child has the links of its parents, and at most the three that its own split and its own link add."""
    population = neat.Population(busy(**scheme))
    reference = Reference(population)
    for _ in range(GENERATIONS):
        reference.step(population, random_fitness(population), monkeypatch)
    births = population.lineage.births
    assert len(births) > 200
    for number, first, second in births[births["first"] >= 0].tolist():
        inherited = reference.links[first] | (reference.links[second] if second >= 0 else {})
        own = set(reference.links[number].items()) - set(inherited.items())
        assert len(own) <= 3
        if scheme["innovation"] == "generation":
            assert {reference.carriers[innovation][0] for innovation, _ in own} <= {number // SIZE}
    crossed = births["second"] >= 0
    assert 20 < crossed.sum() < len(births)


@every_scheme
def test_given_genomes_and_replaced_ones_have_no_parents(scheme, monkeypatch):
    given = evolve(neat.Population(busy(**scheme)), 5).genomes.take(np.arange(7))
    population = neat.Population(busy(**scheme), genomes=given)
    reference = Reference(population)
    for _ in range(4):
        reference.step(population, random_fitness(population), monkeypatch)
    reference.check(population.lineage)
    genomes = population.genomes.take(np.arange(SIZE)[::-1])
    population.resume_at(6, genomes.arrays)
    # The replaced generation never was.
    reference.carriers = {number: row for number, row in reference.carriers.items() if row[0] < 4}
    reference._see(population, [-1] * SIZE, [-1] * SIZE)
    reference._species_of = None
    reference.check(population.lineage)
    reference.step(population, random_fitness(population), monkeypatch)
    reference.check(population.lineage)


def run(generations=15, **settings):
    """Return the result of a run whose fitness is the number of connections."""

    def evaluator(genomes):
        return np.minimum(np.diff(genomes.arrays.connection_offset), 12).astype(float)

    return neat.Population(busy(**settings)).run(evaluator, generations)


def test_the_ancestors_of_the_champion():
    result = run()
    line = result.ancestors()
    assert [individual.parents[:1] for individual in line] == [
        (), *((individual.number,) for individual in line[:-1])
    ]  # fmt: skip
    assert line[0].generation == 0 and line[-1].genome == result.champion
    generations = [individual.generation for individual in line]
    assert generations == sorted(set(generations))
    assert all(i.number == i.generation * SIZE + i.index for i in line)
    family = result.ancestors(both=True)
    numbers = [individual.number for individual in family]
    assert {i.number for i in line} < set(numbers) and numbers == sorted(numbers)
    assert all(set(individual.parents) < set(numbers) for individual in family)
    by_number = result.lineage.ancestors(line[-1].number)
    assert [i.number for i in by_number] == [i.number for i in line]
    for generation in (0, 7, 14):
        champion = result.lineage.champion(generation)
        assert result.ancestors(champion)[-1].genome.genomes.generation <= generation


def test_a_champion_among_equally_fit_ones_has_ancestors():
    """The run's best genome is the first of its species, the solution of a target the first of all."""
    found = 0
    for seed in range(12):
        population = neat.Population(busy(seed=seed, speciation={"threshold": 0.3}))
        for _ in range(8):
            population.tell(random_fitness(population, 3, seed) + population.generation)
            line = population.lineage.ancestors(population.best)
            assert line[-1].number // SIZE <= population.best_generation
            row = population.lineage.champions[population.best_generation]
            found += line[-1].number != row["individual"]
    assert found


def test_a_refined_champion_has_the_ancestors_of_the_one_before():
    class Refining:
        def __call__(self, genomes):
            return np.arange(float(SIZE))

        def refine(self, champion):
            genomes = champion.genomes.take([0])
            genomes.arrays.connection_weight[:] += 1
            return neat.Genome(genomes), 99.0

    result = neat.Population(busy()).run(Refining(), 4)
    line = result.ancestors()
    assert line[-1].genome != result.champion
    assert line[-1].genome.to_dict()["nodes"] == result.champion.to_dict()["nodes"]


def test_the_genome_of_a_champion_is_kept_once_unless_it_learns():
    def constant(population, learn):
        fitness = np.zeros(SIZE)
        fitness[np.flatnonzero(population.birth < population.generation)[:1]] = 1.0
        learned = population.genomes.take(np.arange(SIZE))
        learned.arrays.connection_weight[:] += np.float32(0.01 * population.generation)
        population.tell(fitness, learned if learn else None, inherit=False)

    for learn, genomes in ((False, 2), (True, 9)):
        population = neat.Population(busy(crossover={"average_rate": 0.0}))
        evolve(population, 1)
        for _ in range(8):
            constant(population, learn)
        champions = population.lineage.champions
        assert len(set(champions["individual"][1:].tolist())) == 1
        assert len(population.lineage.champion_genomes) in (genomes - 1, genomes)


def test_without_a_lineage_the_run_is_the_same(tmp_path):
    with_it, without = (evolve(neat.Population(busy(), lineage=kept), 6) for kept in (True, False))
    assert without.lineage is None
    assert {**state(with_it), "record": None} == state(without)
    neat.checkpoint.save(without, tmp_path / "without.npz")
    assert not [name for name in read_arrays(tmp_path / "without.npz") if name.startswith("lineage")]
    loaded = evolve(neat.checkpoint.load(tmp_path / "without.npz"), 2)
    assert loaded.lineage is None
    result = loaded.run(lambda genomes: np.zeros(SIZE), 9)
    with pytest.raises(ValueError, match=r"^lineage: this run keeps none; make its"):
        result.ancestors()


def test_a_checkpoint_from_before_lineages_goes_on_without_one(tmp_path):
    neat.checkpoint.save(evolve(neat.Population(busy()), 3), tmp_path / "new.npz")
    arrays = read_arrays(tmp_path / "new.npz")
    old = {name: array for name, array in arrays.items() if not name.startswith("lineage.")}
    write_arrays(tmp_path / "old.npz", old)
    new, old = (evolve(neat.checkpoint.load(tmp_path / f"{name}.npz"), 3) for name in ("new", "old"))
    assert {**state(new), "record": None} == state(old)


def test_the_files(tmp_path):
    result = run()
    result.lineage.save(tmp_path)

    def rows(name):
        return list(csv.DictReader((tmp_path / name).open()))

    phylogeny = rows("phylogeny.csv")
    assert list(phylogeny[0]) == ["id", "ancestor_list", "origin_time"]
    parents = {int(row["id"]): json.loads(row["ancestor_list"].replace("none", "")) for row in phylogeny}
    births = result.lineage.births.tolist()
    assert parents == {number: [p for p in both if p >= 0] for number, *both in births}
    assert set().union(*parents.values()) <= parents.keys()
    assert all(int(row["origin_time"]) == int(row["id"]) // SIZE for row in phylogeny)
    assert {len(each) for each in parents.values()} == {0, 1, 2}
    champions, genomes = rows("champions.csv"), neat.Genomes.load(tmp_path / "champions.npz")
    assert genomes[int(champions[-1]["genome"])] == result.lineage.champion(14)
    assert len(rows("innovations.csv")) == len(result.lineage.innovations)
    assert [int(row["species"]) for row in rows("species_origins.csv")] == result.lineage.species[
        "species"
    ].tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda result: result.ancestors(5), "of: must be a champion, or the number of an individual with"),
        (lambda result: result.lineage.ancestors(-1), "of: must be a champion, .*, got -1"),
        (lambda result: result.lineage.ancestors("x"), "of: must be a champion, .*, got 'x'"),
        (
            lambda result: result.lineage.champion(99),
            "generation: must be a finished one, from 0 to 3, got 99",
        ),
        (
            lambda result: result.ancestors(run(3, seed=4).champion),
            "of: must be a champion of this run, got another genome of generation 2; name an individual",
        ),
        (lambda result: neat.Population(busy(), lineage=1), "lineage: must be True or False, got 1"),
    ],
)
def test_messages(call, message):
    result = run(4)
    if message.startswith("of: must be a champion, or the number of an individual with"):
        births = result.lineage.births["individual"]
        forgotten = int(np.setdiff1d(np.arange(4 * SIZE), births)[0])
        call = lambda result: result.lineage.ancestors(forgotten)  # noqa: E731
    with pytest.raises(ValueError, match=f"^{message}"):
        call(result)
