"""The command `compare tune`: choose each method's settings, and measure the prices of its work."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.cli.flags import read
from experiments.comparison.meter import PricedMeter, PricingMeter
from experiments.comparison.methods import TASKS, Method, Settings, check_run_length, check_task, make_methods
from experiments.comparison.plan import MethodPlan, Plan, Tried, read_plan
from experiments.runs.description import Start, start_entry
from experiments.runs.folder import write_json
from neat.kernels import parallel
from neat.support.files import resolve_file

FIRST_SEED = 1000
"""Comparisons have the seeds 0, 1, …"""
_MEASURED = 0.25  # share of the budget, for which work is measured
_LEAST_MEASURED = 0.3  # seconds


@dataclass(frozen=True)
class Tune:
    """Choose each method's settings by runs with other seeds, and measure the prices of its work on one core."""

    task: str = "xor"
    """A task of compare."""
    seeds: int = 3
    """Runs with each combination of settings, with the seeds 1000, 1001, …"""
    share: float = 1.0
    """Share of the task's budget that each run has."""
    only_prices: bool = False
    """Measure the prices of a plan anew, with the settings that it has."""
    output: Path | None = None
    """The plan to write; default: plan-<task>.json."""
    overwrite: bool = False
    """Replace the file if it exists."""

    def __post_init__(self) -> None:
        check_task(self.task)
        check_run_length(self.seeds, self.share)


def tune(arguments: list[str], command: Sequence[str]) -> None:
    """Try all combinations of settings, and write the plan with the best."""
    options = read(Tune, "compare tune", arguments)
    path = options.output or Path(f"plan-{options.task}.json")
    resolve_file(path, "output")  # refuses a path that cannot be written, before hours of runs
    if path.exists() and not (options.overwrite or options.only_prices):
        raise ValueError(f"output: {path} exists; --overwrite replaces it")
    methods = make_methods(options.task)
    parallel.set_threads(1)  # prices are those of one core
    if options.only_prices:
        plan = read_plan(path, options.task, methods)
        plan = _measure_again(plan, methods, command)
    else:
        plan = _choose(options, methods, command)
    write_json(path, plan.model_dump())
    print(f"{path}: the plan")


def _choose(options: Tune, methods: dict[str, Method], command: Sequence[str]) -> Plan:
    budget = TASKS[options.task].budget
    seeds = tuple(range(FIRST_SEED, FIRST_SEED + options.seeds))
    chosen = {
        name: _tune_method(name, method, budget * options.share, seeds) for name, method in methods.items()
    }
    return Plan(
        task=options.task,
        budget=budget,
        tuning_share=options.share,
        tuning_seeds=seeds,
        methods=chosen,
        measured=Start(**start_entry(command)),
    )


class _Trial(NamedTuple):
    """What runs with some settings gave."""

    score: float
    """Mean of the final scores; −inf if it is not finite."""
    work: float
    """Mean work of a run."""
    settings: dict[str, float]
    prices: dict[str, float]


def _tune_method(name: str, method: Method, budget: float, seeds: Sequence[int]) -> MethodPlan:
    """Return the settings with the highest mean final score; of equal ones, those with the least work."""
    trials = []
    for settings in method.combinations:
        trials.append(_try_settings(method, settings, budget, seeds))
        print(f"{name}, {_describe(settings)}: {trials[-1].score:.4g}", flush=True)
    best = max(trials, key=lambda trial: (trial.score, -trial.work))
    tried = tuple(
        Tried(settings=trial.settings, score=trial.score if math.isfinite(trial.score) else None)
        for trial in trials
    )
    return MethodPlan(settings=best.settings, prices=best.prices, tried=tried)


def _try_settings(method: Method, settings: dict[str, float], budget: float, seeds: Sequence[int]) -> _Trial:
    prices = measure_prices(method, settings, budget)
    ends = []
    for seed in seeds:
        meter = PricedMeter(budget, prices)
        method.run(settings, seed, meter)
        ends.append(meter.outcome.end)
    score = float(np.mean([end.score for end in ends]))
    work = float(np.mean([end.work for end in ends]))
    return _Trial(score if math.isfinite(score) else -math.inf, work, settings, prices)


def _measure_again(plan: Plan, methods: dict[str, Method], command: Sequence[str]) -> Plan:
    measured: dict[str, Any] = {}
    for name, method in methods.items():
        own = plan.methods[name]
        prices = measure_prices(method, own.settings, plan.budget)
        measured[name] = {**own.model_dump(), "prices": prices}
        print(f"{name}: {', '.join(f'{price:.3g} s a {unit}' for unit, price in prices.items())}", flush=True)
    return Plan(**{**plan.model_dump(), "methods": measured, "measured": start_entry(command)})


def measure_prices(method: Method, settings: Settings, budget: float) -> dict[str, float]:
    """Return the seconds of processor time of each unit of a method's work, from runs with the seeds of tuning."""
    method.run(settings, FIRST_SEED, PricingMeter(0))  # loads or compiles the kernels
    meter = PricingMeter(max(_MEASURED * budget, min(_LEAST_MEASURED, budget)))
    seeds = itertools.count(FIRST_SEED)
    while not meter.is_spent:
        method.run(settings, next(seeds), meter)
    return meter.prices


def _describe(settings: Settings) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in settings.items())
