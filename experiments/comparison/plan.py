"""The plan of a comparison: the budget, and the settings and prices of each method, chosen and measured once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from experiments.comparison.methods import Method
from experiments.runs.description import Start
from neat.support.messages import quote, shorten
from neat.support.text_files import read_text, shorten_path
from neat.support.validation import Model

_MOST_BYTES = 2**20

Seconds = Annotated[float, Field(gt=0, le=1e6)]
Price = Annotated[float, Field(ge=0, le=1e6)]
Values = dict[str, int | float]


class Tried(Model):
    """Settings that were tried, and their mean final score."""

    settings: Values
    score: float | None
    """None if it is not finite."""


class MethodPlan(Model):
    """What is fixed of a method."""

    settings: Values
    """Those of `tried` with the highest score."""
    prices: dict[str, Price]
    """Seconds of one core for each unit of work, with these settings."""
    tried: tuple[Tried, ...]


class Plan(Model):
    """The content of plan.json, by which a comparison repeats."""

    format: Literal[1] = 1
    task: str
    budget: Seconds
    """Seconds of one core for each run, at the prices below."""
    tuning_share: Seconds
    """Share of the budget that each run of the tuning had."""
    tuning_seeds: tuple[int, ...]
    """Seeds by which the settings were chosen."""
    methods: dict[str, MethodPlan]
    measured: Start
    """Command, time, versions and machine of the tuning."""


def shipped_path(task: str) -> Path:
    """Return the path of the plan that comes with this package."""
    return Path(__file__).parent / "plans" / f"{task}.json"


def read_plan(path: Path, task: str, methods: Mapping[str, Method]) -> Plan:
    """Read a plan.

    Args:
        path: The file.
        task: The task that is compared.
        methods: Its methods.

    Raises:
        ValueError: The file is missing or damaged, or is not a plan for this task and these methods. The message names
            the file and the field.
    """
    try:
        text = read_text(path, _MOST_BYTES)
    except ValueError as error:
        raise ValueError(f"plan: {error}") from None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"plan: {shorten_path(path)}: not valid JSON: {shorten(str(error))}") from None
    return parse_plan(content, f"plan: {shorten_path(path)}", task, methods)


def parse_plan(content: Any, source: str, task: str, methods: Mapping[str, Method]) -> Plan:
    """Return the plan that plain data describe.

    Args:
        content: The data.
        source: Where they are from, for messages.
        task: The task that is compared.
        methods: Its methods.

    Raises:
        ValueError: They are not a plan for this task and these methods.
    """
    try:
        if not isinstance(content, dict):
            raise ValueError(f"expected an object, got {quote(content)}")
        plan = Plan(**content)
        if plan.task != task:
            raise ValueError(f"task: must be {quote(task)}, got {quote(plan.task)}")
        _check_names("methods", plan.methods, methods)
        for name, method in methods.items():
            _check_method(f"methods.{name}", plan.methods[name], method)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    return plan


def _check_method(field: str, plan: MethodPlan, method: Method) -> None:
    _check_names(f"{field}.settings", plan.settings, method.choices)
    for name, value in plan.settings.items():
        if value not in method.choices[name]:
            allowed = ", ".join(f"{choice:g}" for choice in method.choices[name])
            raise ValueError(f"{field}.settings.{name}: must be one of {allowed}, got {quote(value)}")
    _check_names(f"{field}.prices", plan.prices, method.units)
    if not any(plan.prices.values()):
        raise ValueError(f"{field}.prices: at least one must be above 0")


def _check_names(field: str, given: Mapping[str, Any], expected: Any) -> None:
    if set(given) != set(expected):
        raise ValueError(f"{field}: must name {', '.join(expected)}, got {', '.join(given) or 'none'}")
