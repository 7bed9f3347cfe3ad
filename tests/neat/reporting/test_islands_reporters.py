"""Reporters of islands."""

import csv
import io

import numpy as np
from rich.console import Console

from neat import Config, Islands, reporting
from neat.evolution.islands_result import IslandsResult
from tests.support.drawn import genome, history
from tests.support.study_tasks import weights

BEST = [[1.0, 3.0, 2.0], [4.0, 4.5, 4.0], [0.5, 0.25, 0.125]]


def make(checkpoint=None):
    config = Config.for_task(weights(), innovation="hashed", population_size=10, seed=1)
    return Islands(config, weights, islands=3, migrate_every=2, checkpoint=checkpoint)


def console():
    return Console(file=io.StringIO(), width=120, highlight=False)


def test_the_base_does_nothing():
    make().run(2, reporters=[reporting.IslandsReporter()])


def test_order_of_calls():
    calls = []

    class Recorder(reporting.IslandsReporter):
        def start(self, histories, generations):
            calls.append(("start", [len(each) for each in histories], generations))

        def round(self, histories):
            calls.append([len(each) for each in histories])

        def finish(self, result):
            calls.append(("finish", result.generations))

        def close(self):
            calls.append("close")

    make().run(5, reporters=[Recorder()])
    rounds = [[2] * 3, [4] * 3, [5] * 3]
    assert calls == [("start", [0] * 3, 5), *rounds, ("finish", 5), "close"]


def test_progress_shows_islands_side_by_side():
    output, histories = console(), [history(values) for values in BEST]
    progress = reporting.IslandsProgress(output)
    progress.start([history([]) for _ in BEST], 3)
    progress.round(histories)
    line = output.file.getvalue()
    assert line.startswith("generation 3/3  best 4.5  island 0 3  island 1 4.5  island 2 0.5  ")
    progress.finish(IslandsResult(genome(2, 1, 1), 4.5, True, 2, 60, histories, 1))
    shown = output.file.getvalue()[len(line) :].splitlines()
    rows = [row.split()[:3] for row in shown if row.strip()[:1].isdigit()]
    assert rows[-3:] == [["0", "2", "3"], ["1", "4", "4.5"], ["2", "0.125", "0.5"]]
    assert shown[-1] == "solved after 2 generations and 60 evaluations, best fitness 4.5 on island 1"


def test_progress_shows_the_best_of_many_islands():
    output = console()
    progress = reporting.IslandsProgress(output)
    best = np.arange(12) * 7 % 12
    progress.start([history([]) for _ in best], 1)
    progress.round([history([float(value)]) for value in best])
    shown = output.file.getvalue()
    assert [k for k in range(12) if f"island {k} " in shown] == np.flatnonzero(best >= 4).tolist()


def test_metrics_have_a_row_for_each_island_and_generation(tmp_path):
    folders = tmp_path / "whole", tmp_path / "parts"
    for folder in folders:
        folder.mkdir()
    result = make().run(7, reporters=[reporting.IslandsMetrics(folders[0])])
    path, start = tmp_path / "islands.npz", None
    for generations in (1, 5, 7):
        make(start).run(generations, checkpoint=path, reporters=[reporting.IslandsMetrics(folders[1])])
        start = path
    whole, parts = ((folder / "islands.csv").read_bytes() for folder in folders)
    assert whole == parts
    rows = list(csv.DictReader(io.StringIO(whole.decode())))
    assert [(int(row["generation"]), int(row["island"])) for row in rows] == [
        (generation, island) for generation in range(7) for island in range(3)
    ]
    for row in rows:
        own = result.histories[int(row["island"])].generations[int(row["generation"])]
        assert all(float(row[name]) == own[name] for name in own.dtype.names)
