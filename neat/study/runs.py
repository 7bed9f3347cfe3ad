"""Do the runs of a study, here or in worker processes, or by an executor of the user."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from neat.evaluation import Restorable
from neat.evolution.evaluator_pool import close_evaluator
from neat.evolution.history import History
from neat.evolution.islands_result import IslandsResult
from neat.evolution.result import Result
from neat.islands import Islands
from neat.population import Population
from neat.processes.worker_processes import TaskLost, WorkerProcesses, share_threads
from neat.study.plan import Plan, Recorder, StudyTask, build_config, islands_of

CURVES: dict[str, Callable[..., np.ndarray]] = {
    "best_ever": np.max,
    "mean": np.mean,
    "species": np.sum,
    "hidden_nodes": np.mean,
    "enabled_connections": np.mean,
}
"""Columns of a run's history that a study keeps for each generation, and what joins those of islands."""


class Key(NamedTuple):
    """What names a run."""

    task: str
    arm: str
    seed: int

    def __str__(self) -> str:
        return f"the run of arm {self.arm!r} on task {self.task!r} with seed {self.seed}"


class RunSpec(NamedTuple):
    """All that a worker needs for a run."""

    key: Key
    arm: dict[str, Any]
    task: StudyTask
    recorder: Recorder | None


class RunRecord(NamedTuple):
    """What a study keeps of a run; JSON can hold all of it."""

    task: str
    arm: str
    seed: int
    row: dict[str, Any]
    """Results: solved, generations, evaluations and fitness, then measures of the champion."""
    curves: dict[str, list[float]]
    """A number for each generation, by name."""
    champion: dict[str, Any]
    """The champion, as `Genome.to_dict` returns it."""
    seconds: float

    @property
    def key(self) -> Key:
        """What names the run."""
        return Key(self.task, self.arm, self.seed)


def specs(plan: Plan, share: float) -> Iterator[RunSpec]:
    """Yield a share of all runs, seed by seed, so that an interrupted study has as many runs of each arm."""
    chosen = {name: set(plan.seeds_of(name, share)) for name in plan.tasks}
    for seed in plan.seeds:
        for task_name, task in plan.tasks.items():
            if seed in chosen[task_name]:
                for arm_name, arm in plan.arms.items():
                    yield RunSpec(Key(task_name, arm_name, seed), arm, task, plan.recorder)


def do_run(spec: RunSpec) -> RunRecord:
    """Do one run."""
    start, task = time.perf_counter(), spec.task
    evaluator = task.make_evaluator()
    try:
        recorders = [] if spec.recorder is None else [spec.recorder()]
        result, histories = _evolve(spec, evaluator, recorders)
        measures = {} if task.measures is None else task.measures(result.champion, evaluator)
    finally:
        close_evaluator(evaluator)
    champion, generations = result.champion, [each.generations[: result.generations] for each in histories]
    members = [each.species[each.species["generation"] < result.generations] for each in histories]
    curves = {name: join([each[name] for each in generations], axis=0) for name, join in CURVES.items()}
    row = {
        "solved": result.solved,
        "generations": result.generations,
        "evaluations": result.evaluations,
        "fitness": result.champion_fitness,
        "hidden_nodes": len(champion.hidden_ids),
        "enabled_connections": sum(connection["enabled"] for connection in champion.connections),
        "species": float(curves["species"].mean()),
        "species_size": float(np.concatenate([each["size"] for each in members]).mean()),
        "species_life": sum(map(len, members)) / sum(len(np.unique(each["id"])) for each in members),
    }
    for recorder in recorders:
        curves |= recorder.columns
        row |= {name: _mean(values) for name, values in recorder.columns.items()}
    row |= {name: float(value) for name, value in measures.items()}
    rounded = {name: [_rounded(value) for value in values] for name, values in curves.items()}
    return RunRecord(*spec.key, row, rounded, champion.to_dict(), time.perf_counter() - start)


def _evolve(
    spec: RunSpec, evaluator: Any, recorders: list[Any]
) -> tuple[Result | IslandsResult, list[History]]:
    """Return the result of a run and its histories, one for each island; the evaluator gets the run's state."""
    task, config = spec.task, build_config(spec.arm, spec.task, spec.key.seed, evaluator)
    assert task.generations is not None
    islands = islands_of(spec.arm)
    if not islands:
        solved = None if task.solved is None else task.solved(evaluator)
        result = Population(config).run(
            evaluator, task.generations, task.fitness_target, solved=solved, reporters=recorders
        )
        return result, [result.history]
    archipelago = Islands(config, task.make_evaluator, **islands)
    outcome = archipelago.run(task.generations, task.fitness_target, task.solved)
    state = archipelago.populations[outcome.island].evaluator_state
    if state and isinstance(evaluator, Restorable):
        evaluator.restore(state)
    return outcome, outcome.histories


def do_runs(
    todo: Sequence[RunSpec],
    workers: int,
    executor: concurrent.futures.Executor | None,
    timeout: float | None,
    retries: int | None,
) -> Iterator[RunRecord]:
    """Yield the records of runs as they become known; the arguments are those of `Study.run`.

    Raises:
        RuntimeError: A run lost its worker process in every attempt.
        Exception: What a run raised; a note names the run.
    """
    if executor is not None:
        yield from _do_by_executor(todo, executor)
    elif workers == 1:
        yield from map(_do_named_run, todo)
    else:
        with WorkerProcesses(_do_named_run, workers, timeout, share_threads(workers), retries) as processes:
            yield from processes.map_unordered(todo, [str(spec.key) for spec in todo])


def _do_by_executor(todo: Sequence[RunSpec], executor: concurrent.futures.Executor) -> Iterator[RunRecord]:
    futures = {executor.submit(_do_named_run, spec): spec for spec in todo}
    try:
        for future in concurrent.futures.as_completed(futures):
            try:
                yield future.result()
            except TaskLost as loss:
                raise TaskLost(f"{futures[future].key}: {loss}") from None
    finally:
        for future in futures:
            future.cancel()


def _do_named_run(spec: RunSpec) -> RunRecord:
    try:
        return do_run(spec)
    except Exception as error:
        error.add_note(f"in {spec.key}")
        raise


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _rounded(value: Any) -> float:
    """Return a number with seven significant digits, as float32 has; more only make files larger."""
    return float(f"{value:.7g}")
