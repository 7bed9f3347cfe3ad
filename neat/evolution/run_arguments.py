"""Check the arguments of runs before they start."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from neat.support.messages import quote
from neat.support.validation import check_integer

MOST_GENERATIONS = 2**31 - 1  # so that the number of evaluations fits into an int64
_REPORTER_METHODS = ("start", "generation", "finish")


def check_run(
    evaluator: Any,
    generations: Any,
    fitness_target: Any,
    solved: Any,
    reporters: Any,
    checkpoint_every: Any,
) -> None:
    """Raise ValueError for the first invalid argument of `Population.run`."""
    _check_callable("evaluator", evaluator, "must take genomes and return their fitness")
    _check_end(generations, fitness_target)
    if solved is not None:
        _check_callable("solved", solved, "must take a genome and return whether it solves the task")
    _check_reporters(reporters)
    _check_count("checkpoint_every", checkpoint_every)


def check_goal(generations: Any, fitness_target: Any, solved: Any) -> None:
    """Raise ValueError for the first invalid argument that says when runs with evaluators of their own end."""
    _check_end(generations, fitness_target)
    if solved is not None and not callable(solved):
        raise ValueError(f"solved: must take an evaluator and return a function, got {quote(solved)}")


def check_limits(population_size: int, max_evaluations: Any, max_seconds: Any, stop: Any) -> None:
    """Raise ValueError for the first invalid argument of `Population.run` that ends a run early."""
    if max_evaluations is not None:
        _check_count("max_evaluations", max_evaluations)
        if max_evaluations < population_size:
            raise ValueError(
                f"max_evaluations: must be at least the population_size {population_size}, got {max_evaluations}"
            )
    if max_seconds is not None and not (_is_number(max_seconds) and max_seconds > 0):
        raise ValueError(f"max_seconds: must be a number above 0, got {quote(max_seconds)}")
    if stop is not None:
        _check_callable("stop", stop, "must take a population and return whether to stop")


def _check_end(generations: Any, fitness_target: Any) -> None:
    _check_count("generations", generations)
    if generations > MOST_GENERATIONS:
        raise ValueError(f"generations: must be at most {MOST_GENERATIONS}, got {quote(generations)}")
    if fitness_target is not None and not _is_number(fitness_target):
        raise ValueError(f"fitness_target: must be a number, got {quote(fitness_target)}")


def check_process_count(workers: Any, executor: Any) -> None:
    """Raise ValueError unless this number of processes, or this executor, can do work."""
    check_integer("workers", workers, 1)
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise ValueError(f"executor: must be a concurrent.futures.Executor, got {quote(executor)}")
    if executor is not None and workers > 1:
        raise ValueError(f"workers: cannot be given with executor, got {workers}")


def _check_callable(name: str, value: Any, requirement: str) -> None:
    if isinstance(value, type):
        raise ValueError(
            f"{name}: {requirement}, got the class {value.__name__}; make an instance first: {value.__name__}(…)"
        )
    if not callable(value):
        raise ValueError(f"{name}: {requirement}, got {quote(value)}")


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
        hint = f"; write {value:.0f}" if is_whole else ""
        raise ValueError(f"{name}: must be an integer, got {quote(value)}{hint}")
    if value < 1:
        raise ValueError(f"{name}: must be at least 1, got {quote(value)}")


def _is_number(value: Any) -> bool:
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return not math.isnan(value)
    except OverflowError:  # an integer that is too large for a float
        return False


def _check_reporters(reporters: Any) -> None:
    if not isinstance(reporters, Sequence) or isinstance(reporters, str | bytes):
        hint = f"; write reporters=[{type(reporters).__name__}(…)]" if _is_reporter(reporters) else ""
        raise ValueError(f"reporters: must be a list of reporters, got {quote(reporters)}{hint}")
    for reporter in reporters:
        if not _is_reporter(reporter):
            raise ValueError(
                f"reporters: each must have the methods {', '.join(_REPORTER_METHODS)} of neat.reporting.Reporter, "
                f"got {quote(reporter)}"
            )


def _is_reporter(reporter: Any) -> bool:
    return not isinstance(reporter, type) and all(
        callable(getattr(reporter, name, None)) for name in _REPORTER_METHODS
    )
