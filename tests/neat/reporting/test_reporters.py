import csv
import io
import re
import sys

import numpy as np
import pytest
from rich.console import Console

from neat import Config, GenomeConfig, Population, reporting
from neat.evolution.history import History


def fitness(genomes):
    """Return a number for each genome that depends on its genes."""
    arrays = genomes.arrays
    weights = np.concatenate([[0.0], np.cumsum(arrays.connection_weight.astype(float))])
    return weights[arrays.connection_offset[1:]] - weights[arrays.connection_offset[:-1]]


def population(size=20, seed=0):
    genome = GenomeConfig(num_inputs=2, num_outputs=1)
    return Population(Config(genome=genome, population_size=size, seed=seed))


def run(reporters, generations=5, of=None, **arguments):
    return (of or population()).run(fitness, generations=generations, reporters=reporters, **arguments)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_base_does_nothing():
    run([reporting.Reporter()])


def test_order_of_calls():
    calls = []

    class Recorder(reporting.Reporter):
        def start(self, population, generations):
            calls.append(("start", population.generation, generations))

        def generation(self, population, timings):
            calls.append((int(population.history.last["generation"]), *sorted(timings)))

        def finish(self, population, result):
            calls.append(("finish", result.generations))

    run([Recorder()], generations=2)
    seconds = ("evaluate", "reproduce")
    assert calls == [("start", 0, 2), (0, *seconds), (1, *seconds), ("finish", 2)]


class Bare:
    """A reporter without the base class, written before `close` existed."""

    def __init__(self):
        self.calls = []

    def start(self, population, generations):
        self.calls.append("start")

    def generation(self, population, timings):
        self.calls.append("generation")

    def finish(self, population, result):
        self.calls.append("finish")


def test_a_reporter_without_close():
    bare, not_callable = Bare(), Bare()
    not_callable.close = None
    run([bare, not_callable], generations=2)
    assert bare.calls == not_callable.calls == ["start", "generation", "generation", "finish"]


def test_metrics_are_the_history(tmp_path):
    result = run([reporting.Metrics(tmp_path)])
    for name, array in (("metrics", result.history.generations), ("species", result.history.species)):
        written = rows(tmp_path / f"{name}.csv")
        assert list(written[0]) == list(array.dtype.names)
        read = np.array([tuple(map(float, row.values())) for row in written])
        expected = np.array([tuple(map(float, row)) for row in array.tolist()])
        assert (read == expected).all()
    timings = rows(tmp_path / "timings.csv")
    assert [int(row["generation"]) for row in timings] == list(range(5))
    assert all(float(row["evaluate"]) >= 0 for row in timings)


def test_metrics_can_be_read_during_the_run(tmp_path):
    lines = []

    class Reader(reporting.Reporter):
        def generation(self, population, timings):
            lines.append(len(rows(tmp_path / "metrics.csv")))

    run([reporting.Metrics(tmp_path), Reader()])
    assert lines == [1, 2, 3, 4, 5]


def test_the_same_run_writes_the_same_bytes_if_it_is_resumed(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
    run([reporting.Metrics(whole), reporting.Lineage(whole)], generations=9)
    going = population()
    for generations in (3, 4, 9):
        run([reporting.Metrics(parts), reporting.Lineage(parts)], generations, going)
    for name in ("metrics.csv", "species.csv", "lineage.npy"):
        assert (whole / name).read_bytes() == (parts / name).read_bytes(), name
    assert len(rows(parts / "timings.csv")) == 9


def test_files_are_cut_back_to_the_checkpoint(tmp_path):
    run([reporting.Metrics(tmp_path), reporting.Lineage(tmp_path)], generations=8)
    expected = {name: (tmp_path / name).read_bytes() for name in ("metrics.csv", "lineage.npy")}
    earlier = population()
    run([], generations=3, of=earlier)
    reporters = [reporting.Metrics(tmp_path), reporting.Lineage(tmp_path)]
    for reporter in reporters:
        reporter.start(earlier, 8)
    assert len(rows(tmp_path / "metrics.csv")) == len(rows(tmp_path / "timings.csv")) == 3
    assert np.load(tmp_path / "lineage.npy").shape == (3, 20, 2)
    run(reporters, generations=8, of=earlier)
    for name, content in expected.items():
        assert (tmp_path / name).read_bytes() == content


def test_lineage(tmp_path):
    current = population()
    parents = []

    class Recorder(reporting.Reporter):
        def generation(self, population, timings):
            parents.append(population.parents.copy())

    run([reporting.Lineage(tmp_path), Recorder()], of=current)
    lineage = np.load(tmp_path / "lineage.npy", mmap_mode="r")
    assert lineage.shape == (5, 20, 2) and lineage.dtype == np.int64
    assert (lineage[0] == -1).all()
    assert (lineage[1:] == parents[:-1]).all()


def test_a_lineage_has_empty_rows_for_skipped_generations(tmp_path):
    current = population()
    run([reporting.Lineage(tmp_path)], 3, current)
    before = np.load(tmp_path / "lineage.npy")
    current.resume_at(6, current.ask().arrays)
    run([reporting.Lineage(tmp_path)], 8, current)
    lineage = np.load(tmp_path / "lineage.npy")
    assert lineage.shape == (8, 20, 2)
    assert (lineage[:3] == before).all() and (lineage[3:7] == -1).all() and (lineage[7, :, 0] >= 0).all()
    run([reporting.Lineage(tmp_path)], 9, current)
    assert (np.load(tmp_path / "lineage.npy")[:8] == lineage).all()


@pytest.mark.parametrize("damage", ["gone", "cut", "other population", "no array"])
def test_a_missing_or_damaged_lineage(tmp_path, damage):
    path = tmp_path / "lineage.npy"
    current = population()
    run([reporting.Lineage(tmp_path)], 4, current)
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-17])
    elif damage == "other population":
        np.save(path, np.zeros((9, 3, 2), np.int64))
    else:
        path.write_text("nothing")
    run([reporting.Lineage(tmp_path)], 6, current)
    lineage = np.load(path)
    assert lineage.shape == (6, 20, 2)
    assert (lineage[:4] == -1).all() and (lineage[5] >= -1).all() and (lineage[5, :, 0] >= 0).all()


def progress(is_terminal, **options):
    text = io.StringIO()
    console = Console(file=text, force_terminal=is_terminal, width=80, highlight=False)
    return reporting.Progress(console=console, **options), text


def test_plain_lines_where_there_is_no_terminal():
    reporter, text = progress(False)
    result = run([reporter], generations=30)
    lines = text.getvalue().splitlines()
    shown = [line for line in lines if line.startswith("generation")]
    assert [line.split()[1] for line in shown] == ["1/30", *(f"{k}/30" for k in range(3, 31, 3))]
    last = result.history.last
    assert f"  best {last['best']:.4g}  mean {last['mean']:.4g}  species {last['species']}  " in shown[-1]
    enabled = sum(connection["enabled"] for connection in result.champion.connections)
    hidden = len(result.champion.hidden_ids)
    assert re.search(f"  champion {hidden} hidden nodes?, {enabled} connections?  evaluations/s ", shown[-1])
    assert "\x1b" not in text.getvalue()
    assert lines[-1].startswith("ended after 30 generations and 600 evaluations, best fitness ")
    assert any("stagnation" in line for line in lines)


def test_a_champion_of_new_trials_is_reported_as_such():
    class Noisy:
        def __call__(self, genomes):
            return fitness(genomes)

        def validate(self, genomes):
            return np.full(len(genomes), 0.125)

    reporter, text = progress(False)
    result = population().run(Noisy(), generations=3, reporters=[reporter])
    assert result.validated and result.champion_fitness == 0.125
    words = " ".join(text.getvalue().split())
    assert words.endswith("60 evaluations, the champion's fitness in new trials is 0.125")
    assert ">0.125 in new trials</td>" in result._repr_html_()
    solved = population().run(Noisy(), generations=3, fitness_target=-1e9)
    assert solved.solved and not solved.validated


def test_a_display_in_place_on_a_terminal():
    reporter, text = progress(True)
    run([reporter])
    assert "generation 5/5" in text.getvalue() and "species in generation 4" in text.getvalue()
    assert "evaluations/s" in text.getvalue()


def test_the_terminal_is_released_when_a_run_fails():
    def fail(genomes):
        raise ValueError("mine")

    reporter, text = progress(True)
    with pytest.raises(ValueError, match="mine"):
        population().run(fail, 5, reporters=[reporter])
    assert text.getvalue().endswith("\x1b[?25h"), "the cursor is shown again"


def test_a_run_that_ends_early_shows_its_last_generation():
    reporter, text = progress(False, species=False)
    run([reporter], generations=100, fitness_target=-100.0)
    assert [line.split()[:2] for line in text.getvalue().splitlines()] == [
        ["generation", "1/100"],
        ["solved", "after"],
    ]
    reporter, text = progress(False, species=False)
    run([reporter], generations=100, stop=lambda population: population.generation == 7)
    assert [line.split()[1] for line in text.getvalue().splitlines()[:2]] == ["1/100", "7/100"]


def test_the_generations_of_a_run_that_max_evaluations_ends():
    reporter, text = progress(False, species=False)
    run([reporter], generations=100, max_evaluations=65)
    shown = text.getvalue().splitlines()
    assert [line.split()[1] for line in shown if line.startswith("generation")] == ["1/3", "2/3", "3/3"]


def test_an_interrupted_run_goes_on_with_the_same_reporter():
    reporter, text = progress(False, species=False)
    going = population()
    countdown = iter(range(4))

    def interrupted(genomes):
        if next(countdown) == 3:
            raise KeyboardInterrupt
        return fitness(genomes)

    with pytest.raises(KeyboardInterrupt):
        going.run(interrupted, 5, reporters=[reporter])
    result = run([reporter], of=going)
    assert result.champion == run([]).champion
    shown = [line.split()[1] for line in text.getvalue().splitlines() if line.startswith("generation")]
    assert shown == ["1/5", "2/5", "3/5", "4/5", "5/5"]


def test_verbose_shows_the_species_during_the_run():
    reporter, text = progress(False, verbose=True, species=False)
    run([reporter], generations=4)
    assert text.getvalue().count("species in generation") == 4


def test_close_without_start():
    progress(True)[0].close()


def test_long_tables_are_cut():
    result = run([])
    species = np.repeat(result.history.last_species[:1], 40)
    species["id"] = np.arange(40)
    history = History()
    history.append(result.history.generations[-1:], species)
    text = io.StringIO()
    Console(file=text, width=100).print(reporting.species_table(history))
    assert "28 smaller ones not shown" in text.getvalue()


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboardX")
    run([reporting.TensorBoard(tmp_path)])
    assert any(path.stat().st_size > 100 for path in tmp_path.glob("events*"))


def test_tensorboard_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install 'batchneat\[tensorboard\]'"):
        reporting.TensorBoard(tmp_path)


def test_a_missing_folder_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run([reporting.Metrics(tmp_path / "nowhere")])
