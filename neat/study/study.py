"""Define `Study`, which compares arms on tasks over many seeds."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neat.config.config import Config
from neat.evolution.run_arguments import check_process_count
from neat.processes.worker_processes import check_importable
from neat.study.plan import Plan, Recorder, StudyTask, make_plan
from neat.study.runs import Key, do_runs, specs
from neat.study.store import Store
from neat.support.files import as_path, write_atomically
from neat.support.messages import quote
from neat.support.validation import check_integer

if TYPE_CHECKING:
    from neat.study.report import Report


class StudyProgress(NamedTuple):
    """How far a study is."""

    done: int
    """Finished runs, those of earlier calls included."""
    total: int
    seconds: float
    """Since this call began."""
    remaining: float
    """Expected seconds until the end."""


class Study:
    """Runs every arm on every task with every seed, and compares the arms.

    Args:
        arms: Settings by the arm's name: a `Config`, or a dictionary of settings, of which "preset" names a preset.
            With "islands", a run is one of so many islands, to which "migrate_every", "migrants" and "topology" apply
            as in `neat.Islands`; population_size is then that of each island.
        tasks: By the task's name, a function that returns a new evaluator, or a `StudyTask`.
        seeds: The seeds. Runs of two arms diverge in the first generations, so equal seeds do not make them similar.
        generations: The most generations of a run, where a task has none of its own.
        fitness_target: A run is solved when its best fitness reaches this, where a task is just a function.
        pairs: The primary comparisons, each an arm and its control; None for all arms beside the first.
        margin: The relative difference of the mean evaluations up to which two arms are equivalent.
        recorder: Makes a reporter for each run whose `columns` a study keeps, such as
            `neat.study.MatingRecorder`; see `neat.study.plan.Recorder`.

    Raises:
        ValueError: An argument is wrong, or an arm's settings do not fit a task.
    """

    def __init__(
        self,
        arms: Mapping[str, Config | Mapping[str, Any]],
        tasks: Mapping[str, Callable[[], Any] | StudyTask],
        seeds: Iterable[int],
        generations: int = 100,
        fitness_target: float | None = None,
        pairs: Sequence[tuple[str, str]] | None = None,
        margin: float = 0.1,
        recorder: Recorder | None = None,
    ) -> None:
        self.plan = make_plan(arms, tasks, seeds, generations, fitness_target, pairs, margin, recorder)

    def run(
        self,
        folder: str | Path,
        workers: int = 1,
        executor: concurrent.futures.Executor | None = None,
        share: float = 1.0,
        timeout: float | None = None,
        progress: Callable[[StudyProgress], object] | None = None,
        retries: int | None = None,
    ) -> Report:
        """Do the runs that the folder lacks, and write its tables, report and figures.

        Every finished run is kept at once, so that a later call goes on after an interruption. It can have more seeds,
        arms and tasks. Files other than times.csv and the journal do not depend on the number of workers.

        Args:
            folder: The folder of the study. It gets runs.csv, curves.csv.gz, champions.jsonl.gz, times.csv, plan.json,
                report.md, report.json and figures.
            workers: Processes that share the runs. One that dies is replaced, and its run is repeated.
            executor: Does the runs instead, such as one of Dask or mpi4py, or an
                `evaluators.distributed.ray_executor.RayExecutor`, which has a timeout and retries of its own.
            share: Do only this share of the seeds, the first ones, at least one.
            timeout: Seconds that a run may take in a worker process.
            progress: Called after each run.
            retries: The most repetitions of a run that lost its worker process; None: 2.

        Returns:
            The tables of the report.

        Raises:
            ValueError: An argument is wrong, or the folder holds another study.
            RuntimeError: A run lost its worker process in every attempt. Finished runs are kept.
        """
        _check_run_arguments(workers, executor, share, timeout, retries)
        if workers > 1:
            _check_functions(self.plan)
        wanted = list(specs(self.plan, share))
        with Store(as_path(folder, "folder"), self.plan) as store:
            todo = [spec for spec in wanted if spec.key not in store]
            start = time.perf_counter()
            for count, record in enumerate(do_runs(todo, workers, executor, timeout, retries), 1):
                store.add(record)
                if progress is not None:
                    seconds = time.perf_counter() - start
                    remaining = seconds / count * (len(todo) - count)
                    done = len(wanted) - len(todo) + count
                    progress(StudyProgress(done, len(wanted), seconds, remaining))
            return self._write(store, share)

    def _write(self, store: Store, share: float) -> Report:
        """Write everything that follows from the runs, and return the report."""
        # SciPy's statistics take half a second to import.
        from neat.study.figures import draw
        from neat.study.report import make_cell, make_report

        keys = {
            (task, arm): [Key(task, arm, seed) for seed in self.plan.seeds_of(task, share)]
            for task in self.plan.tasks
            for arm in self.plan.arms
        }
        store.write_tables([key for own in keys.values() for key in own])
        cells, curves = {}, {}
        for (task, arm), own in keys.items():
            records = list(store.records(own))
            limit = self.plan.limits[task] if self.plan.tasks[task].has_criterion else None
            cells[task, arm] = make_cell([record.row for record in records], limit)
            curves[task, arm] = [np.array(record.curves["best_ever"]) for record in records]
        margins = {name: task.margin or 0.0 for name, task in self.plan.tasks.items()}
        report = make_report(cells, self.plan.pairs, margins)
        pictures = draw(store.folder, report, cells, curves)
        write_atomically(store.folder / "report.json", report.to_json())
        write_atomically(store.folder / "report.md", report.to_markdown(pictures))
        return report


def _check_functions(plan: Plan) -> None:
    """Raise ValueError unless worker processes can import the functions of a plan."""
    functions = {
        f"tasks.{name}.{each}": getattr(task, each)
        for name, task in plan.tasks.items()
        for each in ("make_evaluator", "solved", "measures")
    }
    for name, function in {**functions, "recorder": plan.recorder}.items():
        if function is not None:
            check_importable(name, function, ", or use workers=1")


def _check_run_arguments(workers: Any, executor: Any, share: Any, timeout: Any, retries: Any) -> None:
    check_process_count(workers, executor)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise ValueError(f"share: must be above 0 and at most 1, got {quote(share)}")
    if timeout is not None and (
        isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0
    ):
        raise ValueError(f"timeout: must be a number of seconds above 0, got {quote(timeout)}")
    if retries is not None:
        check_integer("retries", retries, 0)
    for name, value in (("timeout", timeout), ("retries", retries)):
        if value is not None and executor is not None:
            raise ValueError(f"{name}: cannot be given with executor, got {value}")
        if value is not None and workers == 1:
            raise ValueError(f"{name}: needs workers of at least 2, since only processes can be ended, got 1")
