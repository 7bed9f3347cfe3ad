"""The profile of a generation: each step of `Population` is timed separately."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from numba.core.dispatcher import Dispatcher

import neat
from benchmarks.parts.generation import INI
from benchmarks.support.report import Table, seconds
from benchmarks.support.xor import Run, default_config
from neat.evolution import breeding, selection, speciation
from neat.io.neat_python import config_from_ini
from neat.kernels import parallel
from neat.kernels.jit import dispatcher_of

POPULATIONS = {150: 200, 1_000: 50, 10_000: 20}  # population size: measured generations
BEFORE = 20


def run(quick: bool) -> dict[str, Any]:
    rows = []
    for population, generations in POPULATIONS.items():
        for name, config in _configs(population).items():
            rows.append({"settings": name, **_measure(config, generations // (4 if quick else 1))})
    return {"rows": rows}


def _configs(population: int) -> dict[str, neat.Config]:
    return {
        "neat-python's": config_from_ini(INI, population_size=population).config,
        "plain": default_config(population),
    }


def _measure(config: neat.Config, generations: int) -> dict[str, Any]:
    run_ = Run(config)
    run_.advance(BEFORE)
    spent: dict[str, float] = defaultdict(float)
    with _timed_steps(run_, spent):
        result = run_.advance(generations)
    return {
        "population": config.population_size,
        "seconds": result["seconds"] / generations,
        "genes": result["nodes"] + result["connections"],
        "species": result["species"],
        "steps": {name: value / generations for name, value in spent.items()},
    }


@contextmanager
def _timed_steps(run_: Run, spent: dict[str, float]) -> Iterator[None]:
    """Patch the kernels that `Population` calls, the evaluator and the innovations to add their time to `spent`."""
    kernels = {  # kernels have a tag in their names, other compiled functions do not
        (module, name): kernel
        for module in (speciation, selection, breeding)
        for name, kernel in vars(module).items()
        if isinstance(dispatcher_of(kernel), Dispatcher) and "-" in dispatcher_of(kernel).py_func.__qualname__
    }
    timed = {key: _timed(key[1], kernel, spent) for key, kernel in kernels.items()}
    untimed = {timed[key]: (key[1], kernel) for key, kernel in kernels.items()}
    over = parallel.over

    def timed_over(kernel: Any, count: int, *arguments: Any, **options: Any) -> None:
        if kernel in untimed:  # time all threads of a kernel together
            name, kernel = untimed[kernel]
            _timed(name, over, spent)(kernel, count, *arguments, **options)
        else:
            over(kernel, count, *arguments, **options)

    innovations = run_.population.innovations
    patches = [mock.patch.object(module, name, timed[module, name]) for module, name in kernels]
    patches.append(mock.patch.object(parallel, "over", timed_over))
    patches.append(mock.patch.object(innovations, "assign", _timed("innovate", innovations.assign, spent)))
    patches.append(mock.patch.object(run_, "evaluator", _timed("evaluate", run_.evaluator, spent)))
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


def _timed(label: str, function: Callable[..., Any], spent: dict[str, float]) -> Callable[..., Any]:
    def timed(*arguments: Any, **options: Any) -> Any:
        begin = time.perf_counter()
        result = function(*arguments, **options)
        spent[label] += time.perf_counter() - begin
        return result

    return timed


def tables(result: dict[str, Any]) -> list[Table]:
    names = dict.fromkeys(row["settings"] for row in result["rows"])
    return [_table(name, [row for row in result["rows"] if row["settings"] == name]) for name in names]


def _table(name: str, rows: list[dict[str, Any]]) -> Table:
    columns = [
        "step",
        *(f"{row['population']:,}" for row in rows),
        *(f"{row['population']:,}: share" for row in rows),
    ]
    lines = [["whole generation", *(seconds(row["seconds"]) for row in rows), *["100 %"] * len(rows)]]
    for step in dict.fromkeys(step for row in rows for step in row["steps"]):
        times = [row["steps"].get(step, 0.0) for row in rows]
        shares = [f"{100 * each / row['seconds']:.0f} %" for each, row in zip(times, rows, strict=True)]
        lines.append([step, *(seconds(each) for each in times), *shares])
    rest = [row["seconds"] - sum(row["steps"].values()) for row in rows]
    shares = [f"{100 * each / row['seconds']:.0f} %" for each, row in zip(rest, rows, strict=True)]
    lines.append(["the rest, in Python", *(seconds(each) for each in rest), *shares])
    lines.append(["genes", *(f"{row['genes']:.1f}" for row in rows), *[""] * len(rows)])
    lines.append(["species", *(str(row["species"]) for row in rows), *[""] * len(rows)])
    return Table(f"Steps of a generation of XOR, {name} settings", columns, lines)
