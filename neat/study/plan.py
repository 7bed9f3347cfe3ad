"""Define what a study runs: arms, tasks and seeds."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from neat.config.config import Config, merge
from neat.evolution.evaluator_pool import close_evaluator
from neat.evolution.run_arguments import check_goal
from neat.genome.genome import Genome
from neat.islands import check_islands
from neat.support.messages import find_similar, quote, restate_errors
from neat.support.validation import check_integer

_ISLANDS = ("islands", "migrate_every", "migrants", "topology")

Recorder = Callable[[], Any]
"""Makes a reporter whose `columns` hold a number for each generation, by name: float64 (generations,)."""


@dataclass(frozen=True)
class StudyTask:
    """A task of a study.

    Worker processes import the functions by their names, so they must be defined at the top of a module or a script.

    Attributes:
        make_evaluator: Returns a new evaluator; called for each run. It must know `num_inputs` and `num_outputs`.
        generations: The most generations of a run; None for those of the study.
        fitness_target: A run is solved by a generation whose best fitness reaches this.
        solved: Takes the evaluator and returns a function that tells whether a champion solves the task.
        measures: Takes the champion and the evaluator, and returns further measures by name.
        settings: Settings of the arms without a preset on this task; their own settings override them.
        needs: Settings that the task needs, such as recurrent networks. They override those of the arms.
        margin: The relative difference up to which two arms are equivalent; None for that of the study.
        seeds: Only this number of the study's seeds, the first ones, for a task whose runs are long; None for all.
        identity: Anything that JSON can hold and that tells this task from another, beside the functions' names.
    """

    make_evaluator: Callable[[], Any]
    generations: int | None = None
    fitness_target: float | None = None
    solved: Callable[[Any], Callable[[Genome], bool] | None] | None = None
    measures: Callable[[Genome, Any], dict[str, float]] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs: Mapping[str, Any] = field(default_factory=dict)
    margin: float | None = None
    seeds: int | None = None
    identity: Any = None

    @property
    def has_criterion(self) -> bool:
        """Whether runs can be solved."""
        return self.fitness_target is not None or self.solved is not None

    def describe(self) -> dict[str, Any]:
        """Return what tells this task from another, for JSON."""
        return {
            "evaluator": name_of(self.make_evaluator),
            "fitness_target": self.fitness_target,
            "solved": None if self.solved is None else name_of(self.solved),
            "settings": dict(self.settings),
            "needs": dict(self.needs),
            "generations": self.generations,
            "identity": self.identity,
        }


class Plan(NamedTuple):
    """The checked arguments of a study."""

    arms: dict[str, dict[str, Any]]
    """Settings by the arm's name; "preset" and arguments of `neat.Islands` may be among them."""
    tasks: dict[str, StudyTask]
    """With the generations and the margin of the study where a task has none of its own."""
    seeds: list[int]
    pairs: list[tuple[str, str]]
    """The primary comparisons: an arm and its control."""
    recorder: Recorder | None
    limits: dict[str, int]
    """The evaluations after which a run of a task fails: the fewest that its generations allow any arm."""

    def seeds_of(self, task: str, share: float) -> list[int]:
        """Return a share of a task's seeds, the first ones, at least one."""
        seeds = self.seeds[: self.tasks[task].seeds]
        return seeds[: max(1, math.ceil(share * len(seeds) - 1e-9))]


def build_config(arm: Mapping[str, Any], task: StudyTask, seed: int, evaluator: Any) -> Config:
    """Return the config of a run.

    The settings of the arm override those of its preset or, without one, of the task; the task's needs override all.
    """
    preset = arm.get("preset")
    base = dict(task.settings) if preset is None else Config.preset_settings(preset)
    own = {name: value for name, value in arm.items() if name not in ("preset", *_ISLANDS)}
    return Config.for_task(evaluator, **merge(merge(base, own), {**task.needs, "seed": seed}))


def islands_of(arm: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `neat.Islands` among the settings of an arm; empty for an arm of single populations.

    Raises:
        ValueError: There are some without "islands".
    """
    given = {name: arm[name] for name in _ISLANDS if name in arm}
    if given and "islands" not in given:
        raise ValueError(f"{next(iter(given))}: needs islands, the number of them")
    return given


def make_plan(
    arms: Any,
    tasks: Any,
    seeds: Any,
    generations: Any,
    fitness_target: Any,
    pairs: Any,
    margin: Any,
    recorder: Recorder | None,
) -> Plan:
    """Check the arguments of `Study`, and return its plan.

    Raises:
        ValueError: An argument is invalid. The message names it.
    """
    settings = {name: _settings_of(name, arm) for name, arm in _check_names("arms", arms).items()}
    margin = _check_margin("margin", margin)
    checked = {}
    for name, task in _check_names("tasks", tasks).items():
        task = task if isinstance(task, StudyTask) else StudyTask(task, fitness_target=fitness_target)
        checked[name] = _complete(name, task, generations, margin)
    all_seeds, compared = _check_seeds(seeds), _check_pairs(pairs, list(settings))
    limits = {name: _find_limit(settings, name, task) for name, task in checked.items()}
    if recorder is not None and not callable(recorder):
        raise ValueError(f"recorder: must make a reporter, got {quote(recorder)}")
    if recorder is not None and any(map(islands_of, settings.values())):
        raise ValueError("recorder: records single populations, but an arm has islands")
    return Plan(settings, checked, all_seeds, compared, recorder, limits)


def name_of(function: Any) -> str:
    """Return the name of a function with its module, and the arguments of a partial function."""
    if isinstance(function, functools.partial):
        arguments = [*map(repr, function.args), *(f"{k}={v!r}" for k, v in function.keywords.items())]
        return f"{name_of(function.func)}({', '.join(arguments)})"
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    return f"{module}.{name}" if module and name else repr(function)


def _check_names(field_name: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping) or not given:
        raise ValueError(f"{field_name}: must be a dictionary with at least one entry, got {quote(given)}")
    for name in given:
        if not isinstance(name, str) or not name or not name.isprintable() or len(name) > 100:
            raise ValueError(
                f"{field_name}: a name must be printable text of 1 to 100 characters, got {quote(name)}"
            )
    return given


def _settings_of(name: str, arm: Any) -> dict[str, Any]:
    if isinstance(arm, Config):
        settings = arm.model_dump(mode="json", exclude_unset=True)
    elif isinstance(arm, Mapping):
        settings = dict(arm)
    else:
        raise ValueError(f"arms.{name}: must be a Config or a dictionary of settings, got {quote(arm)}")
    settings.pop("seed", None)
    return settings


def _complete(name: str, task: StudyTask, generations: Any, margin: float) -> StudyTask:
    if task.seeds is not None:
        check_integer(f"tasks.{name}.seeds", task.seeds, 1)
    count = generations if task.generations is None else task.generations
    own = margin if task.margin is None else _check_margin(f"tasks.{name}.margin", task.margin)
    for each, requirement in (
        ("make_evaluator", "return a new evaluator"),
        ("measures", "take a champion and an evaluator"),
    ):
        function = getattr(task, each)
        if not callable(function) and (each == "make_evaluator" or function is not None):
            raise ValueError(f"tasks.{name}.{each}: must {requirement}, got {quote(function)}")
    with restate_errors(f"tasks.{name}: "):
        check_goal(count, task.fitness_target, task.solved)
    return replace(task, generations=count, margin=own)


def _check_margin(name: str, margin: Any) -> float:
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 < margin < math.inf:
        raise ValueError(f"{name}: must be a number above 0, got {quote(margin)}")
    return float(margin)


def _check_seeds(seeds: Any) -> list[int]:
    if isinstance(seeds, bool) or not isinstance(seeds, Iterable) or isinstance(seeds, str):
        raise ValueError(f"seeds: must be a list or a range of integers, got {quote(seeds)}")
    checked = list(seeds)
    for seed in checked:
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
            raise ValueError(f"seeds: must be integers from 0 to {2**63 - 1}, got {quote(seed)}")
    if not checked:
        raise ValueError("seeds: expected at least one, got none")
    if len(set(checked)) < len(checked):
        repeated = next(seed for k, seed in enumerate(checked) if seed in checked[:k])
        raise ValueError(f"seeds: must differ, got {repeated} twice")
    return checked


def _check_pairs(pairs: Any, arms: list[str]) -> list[tuple[str, str]]:
    """Return the comparisons; without any, all arms beside the first."""
    if pairs is None:
        return [(arm, arms[0]) for arm in arms[1:]]
    if not isinstance(pairs, Iterable):
        raise ValueError(f"pairs: must be pairs of two arms, got {quote(pairs)}")
    checked = []
    for pair in pairs:
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2 or pair[0] == pair[1]:
            raise ValueError(f"pairs: must be pairs of two arms, got {quote(pair)}")
        for arm in pair:
            if arm not in arms:
                similar = find_similar(arm, arms)
                hint = f"; did you mean {similar}?" if similar else ""
                raise ValueError(f"pairs: there is no arm {quote(arm)}{hint}")
        checked.append((pair[0], pair[1]))
    return checked


def _find_limit(arms: Mapping[str, dict[str, Any]], name: str, task: StudyTask) -> int:
    """Return the fewest evaluations that the task's generations allow an arm.

    Raises:
        ValueError: The task has no evaluator, or an arm has wrong settings for it.
    """
    evaluator, sizes = task.make_evaluator(), []
    try:
        for arm, settings in arms.items():
            with restate_errors(f"arms.{arm} on tasks.{name}: "):
                config, islands = build_config(settings, task, 0, evaluator), islands_of(settings)
                if islands:
                    check_islands(config, task.make_evaluator, **islands)
                sizes.append(config.population_size * islands.get("islands", 1))
    finally:
        close_evaluator(evaluator)
    return min(sizes) * (task.generations or 0)
