"""The recorder of mates against plain Python, and what a study keeps of it."""

import csv
import json
import math

import numpy as np
import pytest

import neat
from neat.study import MatingRecorder
from tests.support import study_tasks
from tests.support.evolving import BUSY, evolve, make_config, random_fitness
from tests.support.marks import every_scheme


def compare(first, second):
    """Return the numbers of matching, disjoint and excess genes, and whether a link has two numbers."""
    ours, theirs = (
        {gene["innovation"]: (gene["source"], gene["target"]) for gene in genome["connections"]}
        for genome in (first, second)
    )
    matching = len(ours.keys() & theirs.keys())
    limit = min(max(ours, default=-1), max(theirs, default=-1))
    unmatched = ours.keys() ^ theirs.keys()
    excess = sum(number > limit for number in unmatched)
    number_of = {ends: number for number, ends in ours.items()}
    doubled = any(number_of.get(ends, number) != number for number, ends in theirs.items())
    return matching, len(unmatched) - excess, excess, doubled


def share(part, whole):
    return part / whole if whole else math.nan


def expected_mating(parents, population, fitness):
    pairs = [(a, b) for a, b in population.parents.tolist() if b >= 0]
    compared = [(*compare(parents[a], parents[b]), fitness[a] == fitness[b]) for a, b in pairs]
    genes = sum(sum(each[:3]) for each in compared)
    equal = [each for each in compared if each[4]]
    return (
        *(share(sum(each[k] for each in compared), genes) for k in range(3)),
        share(len(equal), len(pairs)),
        share(sum(each[3] for each in compared), len(pairs)),
        share(sum(each[3] for each in equal), len(equal)),
    )


def list_added(children, requests):
    """Return the ends of links that were added, and of those that were split."""
    added, split = set(), set()
    for k, child in enumerate(children):
        gene = {each["innovation"]: each for each in child["connections"]}
        if requests.link_target[k] >= 0:
            new = gene[requests.link_innovation[k]]
            added.add((new["source"], new["target"]))
        if requests.split[k] >= 0:
            split.add((gene[requests.in_innovation[k]]["source"], gene[requests.out_innovation[k]]["target"]))
    return added, split


@every_scheme
def test_columns_are_those_of_plain_python(scheme):
    config = make_config(**BUSY, **scheme)
    population, recorder = neat.Population(config), MatingRecorder()
    assert all(len(column) == 0 for column in recorder.columns.values())
    recorder.start(population, 12)
    parents = [genome.to_dict() for genome in population.genomes]
    known = [{(g["source"], g["target"]) for genome in parents for g in genome["connections"]}, set()]
    expected = []
    for _ in range(12):
        fitness = random_fitness(population, levels=4)
        population.tell(fitness)
        recorder.generation(population, {})
        children = [genome.to_dict() for genome in population.genomes]
        row = expected_mating(parents, population, fitness)
        for before, born in zip(known, list_added(children, population.requests), strict=True):
            row += (share(len(born & before), len(born)),)
            before |= born
        expected.append(row)
        parents = children
    np.testing.assert_allclose(np.array(list(recorder.columns.values())).T, expected, rtol=1e-14)
    mean = {name: np.nanmean(column) for name, column in recorder.columns.items()}
    assert 0 < mean["matching"] < 1 and 0.1 < mean["equal_crossovers"] < 0.8
    assert mean["links_reborn"] > 0 and mean["splits_reborn"] > 0
    assert (mean["doubled"] > 0) == (scheme["innovation"] in ("generation", "unshared"))


def test_without_crossover_there_is_nothing_to_compare():
    population = neat.Population(make_config(reproduction={"mutate_only_rate": 1.0}))
    recorder = MatingRecorder()
    recorder.start(population, 1)
    evolve(population, 1)
    recorder.generation(population, {})
    assert math.isnan(recorder.columns["matching"][0]) and math.isnan(recorder.columns["doubled"][0])


def test_a_study_keeps_the_columns_and_the_lives_of_species(tmp_path):
    arms = {"global": {"population_size": 30}, "unshared": {"population_size": 30, "innovation": "unshared"}}
    tasks = {"xor": neat.StudyTask(study_tasks.xor, generations=5)}
    neat.Study(arms, tasks, range(2), recorder=MatingRecorder).run(tmp_path / "study")
    with (tmp_path / "study" / "runs.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["arm"] == "unshared" and row["seed"] == "1")
    config = neat.Config.for_task(study_tasks.xor(), seed=1, **arms["unshared"])
    recorder, population = MatingRecorder(), neat.Population(config)
    history = population.run(study_tasks.xor(), generations=5, reporters=[recorder]).history
    for name, column in recorder.columns.items():
        assert len(column) == 5
        known = column[np.isfinite(column)]
        assert float(row[name] or "nan") == pytest.approx(known.mean() if len(known) else np.nan, nan_ok=True)
    ids = history.species["id"].tolist()
    assert float(row["species_life"]) == pytest.approx(np.mean([ids.count(id_) for id_ in set(ids)]))
    assert float(row["species_size"]) == pytest.approx(history.species["size"].mean())
    assert json.loads((tmp_path / "study" / "plan.json").read_text())["recorder"] == "MatingRecorder"
