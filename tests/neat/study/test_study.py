"""Studies: the same files for any number of workers and after any interruption, and refused plans."""

import csv
import gzip
import json
import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import neat
from neat.processes import worker_processes
from neat.study import Study, StudyTask
from neat.study.runs import do_run, specs
from neat.study.store import Store
from tests.support import study_tasks
from tests.support.processes import largest_file

ARMS = {"global": {"population_size": 20}, "pairing": {"population_size": 20, "innovation": "pairing"}}
TASKS = {
    "xor": StudyTask(study_tasks.xor, generations=6, fitness_target=-0.2),
    "weights": StudyTask(study_tasks.weights, generations=3, measures=study_tasks.count_links),
}


def study(seeds=3, arms=ARMS, tasks=TASKS, **arguments):
    return Study(arms, tasks, range(seeds), **arguments)


def files(folder):
    """Return the content of all files that must not depend on the way."""
    skipped = {"times.csv", "journal.jsonl"}
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.name not in skipped and not path.name.startswith(".")
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "one"
    return folder, study().run(folder)


def test_a_run_is_that_of_a_population(finished):
    folder, _ = finished
    with (folder / "runs.csv").open() as file:
        rows = {(row["task"], row["arm"], row["seed"]): row for row in csv.DictReader(file)}
    assert len(rows) == 12
    config = neat.Config.for_task(study_tasks.xor(), seed=2, **ARMS["pairing"])
    result = neat.Population(config).run(study_tasks.xor(), generations=6, fitness_target=-0.2)
    row = rows["xor", "pairing", "2"]
    assert float(row["fitness"]) == result.champion_fitness
    assert int(row["evaluations"]) == result.evaluations
    assert bool(int(row["solved"])) == result.solved
    assert float(row["species"]) == pytest.approx(result.history.generations["species"].mean())
    assert row["links"] == "" and rows["weights", "global", "0"]["links"] != ""
    with gzip.open(folder / "champions.jsonl.gz", "rt") as file:
        champions = [json.loads(line) for line in file]
    kept = next(
        each for each in champions if (each["task"], each["arm"], each["seed"]) == ("xor", "pairing", 2)
    )
    assert neat.Genome.from_dict(kept["genome"]).to_dict() == result.champion.to_dict()
    with gzip.open(folder / "curves.csv.gz", "rt") as file:
        curve = [
            row
            for row in csv.DictReader(file)
            if (row["task"], row["arm"], row["seed"]) == ("xor", "pairing", "2")
        ]
    assert [float(row["best_ever"]) for row in curve] == pytest.approx(
        result.history.generations["best_ever"]
    )


def test_the_report_has_every_cell(finished):
    folder, report = finished
    assert [(row.task, row.arm) for row in report.arms] == [(t, a) for t in TASKS for a in ARMS]
    assert [(row.task, row.arm, row.control) for row in report.comparisons] == [
        (t, "pairing", "global") for t in TASKS
    ]
    assert report.arms[0].runs == 3
    assert {
        "report.md",
        "report.json",
        "effects.svg",
        "solved-xor.svg",
        "curves-xor.svg",
        "curves-weights.svg",
    } <= {path.name for path in folder.iterdir()}
    assert not (folder / "solved-weights.svg").exists()  # it has no criterion


def test_workers_executors_and_resumption_give_the_same_bytes(finished, tmp_path):
    expected = files(finished[0])
    study().run(tmp_path / "two", workers=2)
    assert files(tmp_path / "two") == expected
    with ThreadPoolExecutor(2) as executor:
        study().run(tmp_path / "threads", executor=executor)
    assert files(tmp_path / "threads") == expected
    study(seeds=1).run(tmp_path / "grown")
    fewer = {"global": ARMS["global"]}
    study(seeds=2, arms=fewer).run(tmp_path / "arms", share=0.5)
    for folder in ("grown", "arms"):
        study().run(tmp_path / folder)
        assert files(tmp_path / folder) == expected


def test_a_finished_run_is_not_repeated(tmp_path):
    seen = []
    study().run(tmp_path / "s", share=0.34, progress=seen.append)
    assert [(p.done, p.total) for p in seen] == [(k, 8) for k in range(1, 9)]
    assert seen[-1].remaining == 0
    seen.clear()
    study().run(tmp_path / "s", progress=seen.append)
    assert [(p.done, p.total) for p in seen] == [(k, 12) for k in range(9, 13)]
    study().run(tmp_path / "s", progress=pytest.fail)


def test_a_task_can_have_fewer_seeds(finished, tmp_path):
    few = StudyTask(study_tasks.weights, generations=3, measures=study_tasks.count_links, seeds=1)
    report = study(tasks={**TASKS, "weights": few}).run(tmp_path / "s")
    assert [row.runs for row in report.arms] == [3, 3, 1, 1]
    report = study().run(tmp_path / "s")
    assert [row.runs for row in report.arms] == [3, 3, 3, 3]
    assert files(tmp_path / "s") == files(finished[0])


def test_a_torn_line_of_the_journal_is_done_again(finished, tmp_path):
    study().run(tmp_path / "s")
    journal = tmp_path / "s" / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-40])
    seen = []
    study().run(tmp_path / "s", progress=seen.append)
    assert len(seen) == 1
    assert files(tmp_path / "s") == files(finished[0])


def test_functions_of_a_task_can_be_classes(tmp_path):
    class Solved:
        def __init__(self, evaluator):
            assert isinstance(evaluator, study_tasks.Weights)

        def __call__(self, genome):
            return True

    task = StudyTask(study_tasks.Weights, generations=3, solved=Solved)
    report = study(seeds=1, tasks={"one": task}).run(tmp_path / "s")
    assert all(arm.success.estimate == 1 for arm in report.arms)


def test_a_dead_worker_is_replaced(tmp_path, monkeypatch):
    flag = tmp_path / "flag"
    monkeypatch.setenv("DIE_ONCE", str(flag))
    flag.write_text(str(os.getpid()))
    tasks = {"weights": StudyTask(study_tasks.die_once, generations=2)}
    report = study(tasks=tasks).run(tmp_path / "s", workers=2)
    assert not flag.exists()
    assert [row.runs for row in report.arms] == [3, 3]
    flag.write_text(str(os.getpid()))
    with pytest.raises(RuntimeError, match=r"on task 'weights' with seed 0: a worker process was killed"):
        study(tasks=tasks).run(tmp_path / "t", workers=2, retries=0)


def test_an_arm_can_have_islands(tmp_path):
    islands = {"innovation": "hashed", "population_size": 10, "islands": 2, "migrate_every": 3, "migrants": 1}
    made = study(arms={"one": ARMS["global"], "islands": islands})
    assert made.plan.limits == {"xor": 6 * 20, "weights": 3 * 20}
    made.run(tmp_path / "s")
    with (tmp_path / "s" / "runs.csv").open() as file:
        rows = {(row["task"], row["arm"], row["seed"]): row for row in csv.DictReader(file)}
    config = neat.Config.for_task(study_tasks.xor(), seed=2, innovation="hashed", population_size=10)
    alone = neat.Islands(config, study_tasks.xor, islands=2, migrate_every=3, migrants=1)
    result = alone.run(6, fitness_target=-0.2)
    row = rows["xor", "islands", "2"]
    assert float(row["fitness"]) == result.champion_fitness
    assert (int(row["evaluations"]), bool(int(row["solved"]))) == (result.evaluations, result.solved)
    kept = [history.generations[: result.generations] for history in result.histories]
    assert float(row["species"]) == pytest.approx(sum(each["species"].mean() for each in kept))
    with gzip.open(tmp_path / "s" / "curves.csv.gz", "rt") as file:
        key = ("xor", "islands", "2")
        curve = [row for row in csv.DictReader(file) if (row["task"], row["arm"], row["seed"]) == key]
    for name, join in (("best_ever", np.max), ("mean", np.mean), ("enabled_connections", np.mean)):
        expected = join([each[name] for each in kept], axis=0)
        assert [float(row[name]) for row in curve] == pytest.approx(expected)


def test_an_error_names_its_run_and_keeps_the_others(tmp_path):
    tasks = {"weights": TASKS["weights"], "bad": StudyTask(study_tasks.raise_error, generations=1)}
    with pytest.raises(RuntimeError, match="no such luck") as caught:
        study(tasks=tasks).run(tmp_path / "s")
    assert "in the run of arm 'global' on task 'bad' with seed 0" in caught.value.__notes__
    assert len((tmp_path / "s" / "journal.jsonl").read_text().splitlines()) == 2


def test_files_have_no_date(finished):
    for name in ("curves.csv.gz", "champions.jsonl.gz"):
        assert (finished[0] / name).read_bytes()[4:8] == b"\0\0\0\0"


def test_plain_functions_take_the_generations_and_the_target_of_the_study(tmp_path):
    plain = Study(ARMS, {"xor": study_tasks.xor}, range(2), generations=4, fitness_target=-10)
    report = plain.run(tmp_path / "s")
    assert [row.success.estimate for row in report.arms] == [1, 1]
    assert [row.median.estimate for row in report.arms] == [20, 20]


def test_arms_are_configs_or_settings_with_a_preset():
    config = neat.Config.for_task(study_tasks.xor(), population_size=30, seed=9)
    plan = study(arms={"config": config, "paper": {"preset": "stanley2002"}}).plan
    assert plan.arms["config"]["population_size"] == 30 and "seed" not in plan.arms["config"]
    assert plan.limits == {"xor": 6 * 30, "weights": 3 * 30}


WRONG = {
    "arms: must be a dictionary with at least one entry, got {}": {"arms": {}},
    "tasks: must be a dictionary with at least one entry, got []": {"tasks": []},
    "arms: a name must be printable text of 1 to 100 characters, got ''": {"arms": {"": {}}},
    "arms.a: must be a Config or a dictionary of settings, got 3": {"arms": {"a": 3}},
    "arms.a on tasks.xor: poplation_size: there is no such field; did you mean population_size?": {
        "arms": {"a": {"poplation_size": 3}}
    },
    "arms.a on tasks.xor: population_size: input should be greater than or equal to 2, got 1": {
        "arms": {"a": {"population_size": 1}}
    },
    "preset: must be one of stanley2002, stanley2002-large, got 'x'": {"arms": {"a": {"preset": "x"}}},
    "tasks.t.make_evaluator: must return a new evaluator, got 3": {"tasks": {"t": 3}},
    "tasks.t: solved: must take an evaluator and return a function, got 3": {
        "tasks": {"t": StudyTask(study_tasks.xor, solved=3)}
    },
    "tasks.t.measures: must take a champion and an evaluator, got 3": {
        "tasks": {"t": StudyTask(study_tasks.xor, measures=3)}
    },
    "recorder: must make a reporter, got 3": {"recorder": 3},
    "tasks.t: generations: must be at least 1, got 0": {"tasks": {"t": StudyTask(study_tasks.xor, 0)}},
    "margin: must be a number above 0, got -1": {"margin": -1},
    "tasks.t.margin: must be a number above 0, got nan": {
        "tasks": {"t": StudyTask(study_tasks.xor, margin=math.nan)}
    },
    "tasks.t.seeds: must be an integer from 1, got 0": {"tasks": {"t": StudyTask(study_tasks.xor, seeds=0)}},
    "arms.a on tasks.xor: migrants: needs islands, the number of them": {"arms": {"a": {"migrants": 2}}},
    'arms.a on tasks.xor: innovation: must be "hashed" for islands, since they': {
        "arms": {"a": {"islands": 2}}
    },
    "arms.a on tasks.xor: islands: must be an integer from 1 to 10000, got 0": {
        "arms": {"a": {"islands": 0, "innovation": "hashed"}}
    },
    "recorder: records single populations, but an arm has islands": {
        "arms": {"a": {"islands": 2, "innovation": "hashed"}},
        "recorder": neat.study.MatingRecorder,
    },
    "pairs: must be pairs of two arms, got ('global', 'global')": {"pairs": [("global", "global")]},
    "pairs: there is no arm 'globl'; did you mean global?": {"pairs": [("pairing", "globl")]},
    "pairs: there is no arm 3": {"pairs": [("pairing", 3)]},
    "pairs: must be pairs of two arms, got 5": {"pairs": 5},
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_plans_are_refused(message):
    with pytest.raises(ValueError) as caught:
        study(**WRONG[message])
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ([], "seeds: expected at least one, got none"),
        ([1, 2, 1], "seeds: must differ, got 1 twice"),
        ([-1], "seeds: must be integers from 0 to 9223372036854775807, got -1"),
        (5, "seeds: must be a list or a range of integers, got 5"),
    ],
)
def test_wrong_seeds_are_refused(seeds, message):
    with pytest.raises(ValueError) as caught:
        Study(ARMS, TASKS, seeds)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"workers": 0}, "workers: must be an integer from 1, got 0"),
        ({"share": 0}, "share: must be above 0 and at most 1, got 0"),
        ({"executor": 3}, "executor: must be a concurrent.futures.Executor, got 3"),
        ({"timeout": 3}, "timeout: needs workers of at least 2, since only processes can be ended, got 1"),
        ({"retries": 3}, "retries: needs workers of at least 2, since only processes can be ended, got 1"),
        ({"retries": -1, "workers": 2}, "retries: must be an integer from 0, got -1"),
        ({"retries": 0, "executor": ThreadPoolExecutor(1)}, "retries: cannot be given with executor, got 0"),
        ({"timeout": -3, "workers": 2}, "timeout: must be a number of seconds above 0, got -3"),
    ],
)
def test_wrong_arguments_of_a_run_are_refused(arguments, message, tmp_path):
    with pytest.raises(ValueError) as caught:
        study().run(tmp_path / "s", **arguments)
    assert str(caught.value) == message
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("name", ["make_evaluator", "solved", "measures", "recorder"])
def test_functions_that_workers_cannot_import_are_refused(name, tmp_path):
    functions = {"make_evaluator": study_tasks.xor}
    functions[name] = {
        "make_evaluator": lambda: study_tasks.xor(),
        "solved": lambda evaluator: None,
        "measures": lambda champion, evaluator: {},
        "recorder": lambda: neat.study.MatingRecorder(),
    }[name]
    recorder = functions.pop("recorder", None)
    one = study(seeds=1, tasks={"one": StudyTask(**functions, generations=1)}, recorder=recorder)
    field = name if name == "recorder" else f"tasks.one.{name}"
    with pytest.raises(
        ValueError, match=f"^{field}: workers need one .* at the top of a module, got .*lambda"
    ):
        one.run(tmp_path / "s", workers=2)
    assert not (tmp_path / "s").exists()


def test_a_folder_of_another_study_is_refused(tmp_path):
    folder, plan = tmp_path / "s", tmp_path / "s" / "plan.json"
    study(seeds=1).run(folder)
    before = files(folder)
    changed = {"global": {"population_size": 30}, "pairing": ARMS["pairing"]}
    for other, message in (
        (
            study(arms=changed),
            f"arms.global: {plan} has another population_size: 20, got 30; choose another folder",
        ),
        (
            study(arms={"global": ARMS["global"]}),
            f"arms: {plan} has 'pairing', which is missing here; choose another folder",
        ),
        (
            study(tasks={**TASKS, "xor": StudyTask(study_tasks.xor, 7, -0.2)}),
            f"tasks.xor: {plan} has another generations: 6, got 7; choose another folder",
        ),
    ):
        with pytest.raises(ValueError) as caught:
            other.run(folder)
        assert str(caught.value) == message
    assert files(folder) == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").touch()
    with pytest.raises(ValueError, match="is not empty and holds no study"):
        study().run(tmp_path / "other")
    plan.write_text("{}")
    with pytest.raises(ValueError, match="does not describe a study"):
        study().run(folder)


def test_a_damaged_journal_is_refused(tmp_path):
    study(seeds=1).run(tmp_path / "s")
    journal = tmp_path / "s" / "journal.jsonl"
    first, rest = journal.read_text().split("\n", 1)
    journal.write_text(first[:-9] + "\n" + rest)
    with pytest.raises(ValueError, match=r"journal.jsonl: line 1 is damaged"):
        study(seeds=1).run(tmp_path / "s")


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path):
    """However often it is full; then the folder can be opened again, also while it is still full."""
    plan, folder = study(seeds=1).plan, tmp_path / "s"
    journal = folder / "journal.jsonl"
    records = [do_run(spec) for spec in specs(plan, 1.0)]
    with Store(folder, plan) as store:
        store.add(records[0])
        before = journal.read_bytes()
        for _ in range(2):
            with largest_file(len(before) + 9), pytest.raises(OSError, match=r"journal\.jsonl"):
                store.add(records[1])
            assert journal.read_bytes() == before
        store.add(records[2])
        assert list(store.records(record.key for record in records)) == [records[0], records[2]]
    whole = journal.read_bytes()
    assert whole.startswith(before)
    with largest_file(len(whole) + 9):
        for _ in range(2):
            with pytest.raises(OSError), Store(folder, plan) as store:
                store.add(records[1])
    assert journal.read_bytes() == whole


def test_results_of_workers_come_as_they_are_known():
    from tests.support import worker_tasks

    with worker_processes.WorkerProcesses(worker_tasks.double, 2) as workers:
        assert sorted(workers.map_unordered(range(9), [str(k) for k in range(9)])) == list(range(0, 18, 2))
