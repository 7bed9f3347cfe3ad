"""Helpers for tests of comparisons: plans with made-up prices, and runs with made-up curves."""

import json
from pathlib import Path

from experiments.comparison.meter import ComparedRun, Point
from experiments.comparison.methods import TASKS, make_methods
from experiments.runs.description import start_entry

PRICES = {
    "generation": 1e-3,
    "gene": 0.0,
    "environment step": 0.0,
    "round": 2e-3,
    "epoch": 5e-4,
    "update": 0.1,
}


def made_up_plan(task):
    """Return the content of a plan with each method's usual settings."""
    methods = {
        name: {
            "settings": {setting: values[0] for setting, values in method.choices.items()},
            "prices": {unit: PRICES[unit] for unit in method.units},
            "tried": [],
        }
        for name, method in make_methods(task).items()
    }
    return {
        "format": 1,
        "task": task,
        "budget": TASKS[task].budget,
        "tuning_share": 1.0,
        "tuning_seeds": [1000],
        "methods": methods,
        "measured": start_entry(["compare", "tune"]),
    }


def write_plan(task, path="plan.json", change=lambda plan: None):
    """Write such a plan after a change, and return its path."""
    plan = made_up_plan(task)
    change(plan)
    Path(path).write_text(json.dumps(plan), "utf-8")
    return str(path)


def run_of(*points, parameters=10):
    """Return a run of a method with these points of its curve."""
    return ComparedRun(parameters, [Point(*point) for point in points])
