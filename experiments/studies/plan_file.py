"""Read the plan of a study from a TOML file, and make arms from a grid of settings."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from experiments.runs.description import file_digests
from experiments.tasks.experiment import Experiment, cached, find_experiment, suggestion
from neat import Study, StudyTask
from neat.config.config import merge
from neat.study import MatingRecorder
from neat.support.messages import quote, shorten
from neat.support.text_files import MOST_SETTINGS_BYTES, read_text, shorten_path
from neat.support.validation import Model

ARMS = "arms"
"""The name of the factor whose values are the arms of a plan."""
_MOST_ARMS = 1000
_PLANS_OWN = {"experiment", "generations", "margin", "needs", "seeds", "settings"}

Count = Annotated[int, Field(ge=1, lt=2**31)]


class StudyPlan(Model):
    """What a plan's file holds."""

    tasks: dict[str, dict[str, Any]]
    """By name: `experiment`, its fields, `generations`, `seeds`, `margin`, `settings` without preset, `needs`."""
    arms: dict[str, dict[str, Any]] = {}
    """Settings by the arm's name."""
    vary: dict[str, list[Any]] = {}
    """Values by the name of a setting, such as "mutation.add_node_rate"; every combination is an arm."""
    seeds: Count = 20
    """Runs of each arm on each task."""
    first_seed: Annotated[int, Field(ge=0, lt=2**62)] = 0
    """The seeds begin here."""
    generations: Count | None = None
    """The most generations of a run; default: the experiment's own."""
    compare: str | None = None
    """The setting whose values are compared, with the first, or "arms"; default: arms, or the first that varies."""
    record: Literal["mating"] | None = None
    """What else to keep of each generation, see `neat.study.MatingRecorder`."""
    margin: float = 0.1
    """Relative difference of the mean evaluations up to which two arms are equivalent."""


def load_plan(path: Path) -> StudyPlan:
    """Return the plan in a TOML file.

    Raises:
        ValueError: The file cannot be read, or a field is wrong; the message names the file.
    """
    text = read_text(path, MOST_SETTINGS_BYTES)
    try:
        return StudyPlan(**tomllib.loads(text))
    except ValueError as error:
        raise ValueError(f"{shorten_path(path)}: {shorten(str(error), 1000)}") from None


def parse_factor(text: str) -> tuple[str, list[Any]]:
    """Return the name and the values of a factor such as "innovation=global,pairing".

    Raises:
        ValueError: The text has another form.
    """
    name, equals, values = text.partition("=")
    if not equals or not name or not values:
        raise ValueError(
            f"vary: expected NAME=VALUE,VALUE such as innovation=global,pairing, got {quote(text)}"
        )
    return name, [_parse_value(value) for value in values.split(",")]


def make_study(plan: StudyPlan, device: str, folder: Path) -> Study:
    """Return the study of a plan.

    Args:
        plan: The plan.
        device: The device that evaluates networks.
        folder: The folder to which paths in the plan are relative.

    Raises:
        ValueError: The plan is wrong.
    """
    arms, pairs = _make_arms(plan)
    tasks = {name: _make_task(name, fields, plan, device, folder) for name, fields in plan.tasks.items()}
    seeds = range(plan.first_seed, plan.first_seed + plan.seeds)
    recorder = MatingRecorder if plan.record == "mating" else None
    return Study(arms, tasks, seeds, pairs=pairs, margin=plan.margin, recorder=recorder)


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _make_arms(plan: StudyPlan) -> tuple[dict[str, dict[str, Any]], list[tuple[str, str]]]:
    """Return the settings of all arms by name, and the pairs to compare."""
    factors: dict[str, Sequence[Any]] = {ARMS: list(plan.arms)} if plan.arms else {}
    for name, values in plan.vary.items():
        if not values or len({repr(value) for value in values}) < len(values):
            raise ValueError(f"vary.{name}: expected values that differ, got {quote(values)}")
        factors[name] = values
    if not factors:
        return {"default": {}}, []
    count = math.prod(map(len, factors.values()))
    if count > _MOST_ARMS:
        raise ValueError(f"vary: must give at most {_MOST_ARMS} arms, got {count}")
    compared = plan.compare or next(iter(factors))
    if compared not in factors:
        raise ValueError(f"compare: must be one of {', '.join(factors)}, got {quote(compared)}")
    combinations = itertools.product(*(range(len(values)) for values in factors.values()))
    labels = {combination: _label(factors, combination) for combination in combinations}
    arms = {label: _settings(plan, factors, combination) for combination, label in labels.items()}
    place = list(factors).index(compared)
    pairs = [
        (label, labels[(*combination[:place], 0, *combination[place + 1 :])])
        for combination, label in labels.items()
        if combination[place] > 0
    ]
    return arms, pairs


def _label(factors: Mapping[str, Sequence[Any]], combination: tuple[int, ...]) -> str:
    """Return the name of an arm: its values, with the names of settings whose values are no words."""
    words = []
    for (name, values), index in zip(factors.items(), combination, strict=True):
        value = values[index]
        words.append(value if isinstance(value, str) else f"{name.rpartition('.')[2]}={value}")
    return ", ".join(words)


def _settings(
    plan: StudyPlan, factors: Mapping[str, Sequence[Any]], combination: tuple[int, ...]
) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for (name, values), index in zip(factors.items(), combination, strict=True):
        if name == ARMS:
            settings = merge(settings, plan.arms[values[index]])
        elif not (name == "preset" and values[index] == "none"):
            nested = values[index]
            for part in reversed(name.split(".")):
                nested = {part: nested}
            settings = merge(settings, nested)
    return settings


def _make_task(name: str, fields: Mapping[str, Any], plan: StudyPlan, device: str, folder: Path) -> StudyTask:
    """Return the task of an experiment with these fields."""
    try:
        cls = find_experiment(fields.get("experiment", name))
        own = {key: value for key, value in fields.items() if key not in _PLANS_OWN}
        known = {field.name for field in dataclasses.fields(cls)}
        for key in own:
            if key not in known:
                raise ValueError(f"{key}: there is no such field{suggestion(key, known | _PLANS_OWN)}")
        experiment = cls(**own).with_absolute_paths(folder)
        identity = {**dataclasses.asdict(experiment), "files": file_digests(experiment)}
        return StudyTask(
            functools.partial(make_evaluator, experiment, device),
            generations=fields.get("generations", plan.generations or experiment.generations),
            solved=functools.partial(find_solved, experiment) if experiment.has_criterion else None,
            measures=functools.partial(find_measures, experiment),
            settings=merge(experiment.settings, fields.get("settings", {})),
            needs=merge(experiment.needs, fields.get("needs", {})),
            margin=fields.get("margin"),
            seeds=fields.get("seeds"),
            identity=identity,
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"tasks.{name}: {error}") from None


def make_evaluator(experiment: Experiment, device: str) -> Any:
    """Return a new evaluator of an experiment."""
    return cached(experiment).evaluator(device)


def find_solved(experiment: Experiment, evaluator: Any) -> Any:
    """Return the function that tells whether a champion solves the experiment."""
    return cached(experiment).solved(evaluator)


def find_measures(experiment: Experiment, champion: Any, evaluator: Any) -> dict[str, float]:
    """Return the experiment's measures of a champion."""
    return cached(experiment).measures(champion, evaluator)
