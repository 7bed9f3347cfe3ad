"""Define `Config`, all settings of a run: presets, reading and writing TOML, and records of numbers for kernels."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from enum import IntEnum
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Unpack

import numpy as np
import tomli_w
from pydantic import Field, model_validator

from neat.config.data_settings import check_outputs, choose_settings, log_choices
from neat.config.explanation import extend_docstring, format_table, list_settings
from neat.config.models import (
    CrossoverConfig,
    GenomeConfig,
    MutationConfig,
    NonNegative,
    ReproductionConfig,
    Settings,
    SpeciationConfig,
    StagnationConfig,
)
from neat.config.section_dicts import SettingsDict
from neat.evaluation import Task
from neat.support.messages import quote, restate_errors, shorten
from neat.support.text_files import MOST_SETTINGS_BYTES, read_text, shorten_path
from neat.support.validation import NOT_TEXT, Model, check_integer

_PRESETS = resources.files("neat.config") / "presets"
_MOST_DOTS = 100  # in a line of TOML; settings are nested three deep


class Config(Settings):
    """All settings of a run. A section can be given as a dictionary."""

    genome: GenomeConfig
    """Possible genomes and the first population."""
    population_size: Annotated[int, Field(ge=2, lt=2**31), NOT_TEXT] = 150
    """Number of genomes in each generation. Raise it for hard tasks; lower it if an evaluation takes long."""
    seed: Annotated[int, Field(ge=0, lt=2**63), NOT_TEXT] = 0
    """Seed of all random numbers; the same config and seed give the same run. Change it to repeat a run with other
    random numbers. Compare settings over many seeds."""
    innovation: Literal["global", "generation", "pairing", "hashed", "unshared"] = "global"
    """Scheme that assigns innovation numbers. Use "generation" to repeat the paper, and "hashed" where genomes that
    evolve apart shall match. "unshared" is a control for studies: equal mutations get different numbers."""
    pairing: Literal["szudzik", "cantor"] = "szudzik"
    """Pairing function for `innovation` "pairing". Keep "szudzik", which allows larger node ids, unless you compare the
    two."""
    mutation: MutationConfig = MutationConfig()
    """Mutation."""
    crossover: CrossoverConfig = CrossoverConfig()
    """Crossover."""
    speciation: SpeciationConfig = SpeciationConfig()
    """Speciation."""
    stagnation: StagnationConfig = StagnationConfig()
    """Stagnation."""
    reproduction: ReproductionConfig = ReproductionConfig()
    """Reproduction."""

    if TYPE_CHECKING:

        def __init__(self, **settings: Unpack[SettingsDict]) -> None: ...

    def _change_hint(self, name: str, value: str) -> str:
        return f"use config.updated({name}={value})"

    @model_validator(mode="after")
    def _check_coefficients(self) -> Config:
        excess, disjoint = self.speciation.excess_coefficient, self.speciation.disjoint_coefficient
        if not self.has_order and excess != disjoint:
            raise ValueError(
                f"speciation.excess_coefficient: must equal disjoint_coefficient {disjoint} where innovation is "
                f'"{self.innovation}" (its numbers have no order in time), got {excess}'
            )
        return self

    @property
    def has_order(self) -> bool:
        """Whether later innovations have higher numbers."""
        return self.innovation not in ("pairing", "hashed")

    @classmethod
    def for_task(cls, task: Task, **settings: Unpack[SettingsDict]) -> Config:
        """Return a config with the task's numbers of inputs and outputs; `settings` are those of Config.

        For a data set whose targets the default activation cannot return, such as logits or values outside 0 to 1,
        the activations, the initial weights and biases and the steps of their mutation are chosen to suit it, unless
        they are among `settings`. The log tells what was chosen (`logging.getLogger("neat.settings")`).

        Raises:
            ValueError: The task is not an evaluator with `num_inputs` and `num_outputs`, a setting is wrong, or the
                output activation cannot return the targets of the task.
        """
        sizes = {"num_inputs": _read_size(task, "num_inputs"), "num_outputs": _read_size(task, "num_outputs")}
        chosen = choose_settings(task, settings)
        config = cls(**merge(merge({"genome": sizes}, chosen), settings))
        check_outputs(task, config.genome)
        log_choices(chosen, settings)
        return config

    @classmethod
    def preset(cls, name: str, **settings: Unpack[SettingsDict]) -> Config:
        """Return a published configuration with `settings` merged into its sections.

        Args:
            name: One of `Config.presets()`.
            **settings: Those of Config. At least `genome.num_inputs` and `num_outputs` are not in the preset.

        Raises:
            ValueError: The preset does not exist, or a setting is wrong.
        """
        return cls(**merge(cls.preset_settings(name), settings))

    @staticmethod
    def preset_settings(name: str) -> dict[str, Any]:
        """Return the settings of a preset as nested dictionaries."""
        if name not in Config.presets():
            raise ValueError(f"preset: must be one of {', '.join(Config.presets())}, got {quote(name)}")
        return tomllib.loads((_PRESETS / f"{name}.toml").read_text("utf-8"))

    @staticmethod
    def presets() -> list[str]:
        """Return the names of the presets."""
        names = (file.name for file in _PRESETS.iterdir())
        return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))

    def updated(self, **settings: Unpack[SettingsDict]) -> Config:
        """Return a copy of this config with `settings` merged into its sections."""
        return Config(**merge(self.model_dump(exclude_unset=True), settings))

    def describe(self, width: int = 120) -> str:
        """Return a table of all settings: name, value, its default where it differs, and meaning.

        `help(neat.Config)` also tells the allowed values.

        Args:
            width: The number of characters of a line.

        Raises:
            ValueError: The width is not an integer from 100 to 1000.
        """
        check_integer("width", width, 100, 1000)
        return format_table(list_settings(Config, defaults_of(self)), self, width)

    def to_toml(self) -> str:
        """Return all settings as TOML, from which `from_toml` makes an equal config."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    @classmethod
    def from_toml(cls, text: str) -> Config:
        """Return a config from the text of a TOML file; missing settings have their defaults.

        Raises:
            ValueError: The text is not TOML, or a setting is wrong.
        """
        return cls(**_parse_toml(text))

    @classmethod
    def load(cls, path: str | Path) -> Config:
        """Return a config from a TOML file; missing settings have their defaults.

        Raises:
            ValueError: The file is missing or not TOML, or a setting is wrong; the message names the file.
        """
        settings = load_settings(path)
        with restate_errors(f"{shorten_path(path)}: "):
            return cls(**settings)


extend_docstring(Config)


def defaults_of(config: Config) -> Config:
    """Return the default settings for the inputs and outputs of a config."""
    genome = config.genome
    return Config(genome=GenomeConfig(num_inputs=genome.num_inputs, num_outputs=genome.num_outputs))


def load_settings(path: str | Path) -> dict[str, Any]:
    """Return the settings of a TOML file without validating them.

    Raises:
        ValueError: The file is missing or not TOML.
    """
    text = read_text(path, MOST_SETTINGS_BYTES)
    with restate_errors(f"{shorten_path(path)}: "):
        return _parse_toml(text)


def _parse_toml(text: str) -> dict[str, Any]:
    if not isinstance(text, str):
        raise ValueError(f"TOML: must be a string, got {quote(text)}")
    # tomllib needs quadratic time and memory in the number of a key's parts; a key cannot span lines.
    if any(line.count(".") > _MOST_DOTS and not line.lstrip().startswith("#") for line in text.split("\n")):
        raise ValueError(f"not valid TOML for settings: a line has more than {_MOST_DOTS} dots")
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise ValueError("not valid TOML for settings: it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"not valid TOML: {shorten(str(error))}") from None


def _read_size(task: Any, name: str) -> Any:
    """Return a size from an evaluator; raise ValueError for any other object."""
    wanted = (
        f"task: must be an evaluator with {name}, such as evaluators.Supervised(X, y) or "
        "evaluators.Rollout(environment)"
    )
    if isinstance(task, type):
        raise ValueError(f"{wanted}, got the class {task.__name__}; create an instance: {task.__name__}(…)")
    if not hasattr(task, name):
        instead = "Config(genome={'num_inputs': …, 'num_outputs': …})"
        raise ValueError(f"{wanted}, got {quote(task)}; without an evaluator, write {instead}")
    return getattr(task, name)


def merge(base: dict[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `settings` merged into it section by section; `settings` take precedence.

    If they change an activation that is the only one of its options, as `Config.to_toml` writes it, the options of
    `base` are dropped; likewise those of an aggregation.
    """
    merged = dict(base)
    for name in ("activation", "aggregation"):
        if name in settings and base.get(f"{name}_options") in ([base.get(name)], (base.get(name),)):
            del merged[f"{name}_options"]
    for name, value in settings.items():
        if isinstance(value, Model):
            value = value.model_dump()
        old = merged.get(name)
        merged[name] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def to_record(section: Model) -> np.ndarray:
    """Return a section's numbers for kernels as a structured array of shape (1,), with a field for each setting.

    Numbers become float32 or int64, None becomes -1, and a word becomes the number that `neat.config.choices` gives it.
    Sections are nested. Other settings, such as names of activations, are omitted.
    """
    dtype, values = _record_fields(section)
    return np.array([values], _shared(np.dtype(dtype, align=True)))


@functools.cache
def _shared(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the first dtype equal to this one. In each call, numba takes 3 µs to see that two objects are equal."""
    return dtype


def _record_fields(section: Model) -> tuple[list[tuple[str, Any]], tuple[Any, ...]]:
    fields: list[tuple[str, Any]] = []
    values: list[Any] = []
    for name, info in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Model):
            dtype, value = _record_fields(value)
            fields.append((name, np.dtype(dtype, align=True)))
        elif numbers := [
            kind for kind in info.metadata if isinstance(kind, type) and issubclass(kind, IntEnum)
        ]:
            fields.append((name, np.int64))
            value = int(numbers[0][value.upper()])
        elif value is None and info.annotation == NonNegative | None:
            fields.append((name, np.float32))
            value = -1.0
        elif isinstance(value, bool | int | float):
            fields.append((name, {bool: np.bool_, int: np.int64, float: np.float32}[type(value)]))
        else:
            continue
        values.append(value)
    return fields, tuple(values)
