"""The settings of a run: all sections together, presets, TOML in and out, and a record of the numbers for kernels."""

from __future__ import annotations

import tomllib
from enum import IntEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tomli_w
from pydantic import Field, model_validator

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
from neat.evaluation import Task
from neat.support.messages import cut, shown
from neat.support.text_files import MOST_SETTINGS_BYTES, read_text, shorten_path
from neat.support.validation import NOT_TEXT, Model

_MOST_DOTS = 100  # in a line of TOML; settings are three deep


class Config(Settings):
    """All settings of a run. A section can be given as a dictionary."""

    genome: GenomeConfig
    """Genomes and the first population."""
    population_size: Annotated[int, Field(ge=2, lt=2**31), NOT_TEXT] = 150
    """Genomes in every generation."""
    seed: Annotated[int, Field(ge=0, lt=2**63), NOT_TEXT] = 0
    """The same config and seed give the same run."""
    innovation: Literal["global", "generation", "pairing"] = "global"
    """Scheme of the innovation numbers."""
    pairing: Literal["szudzik", "cantor"] = "szudzik"
    """Pairing function of the scheme "pairing"."""
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

    def _change_hint(self, name: str, value: str) -> str:
        return f"use config.updated({name}={value})"

    @model_validator(mode="after")
    def _order_in_time(self) -> Config:
        excess, disjoint = self.speciation.excess_coefficient, self.speciation.disjoint_coefficient
        if self.innovation == "pairing" and excess != disjoint:
            raise ValueError(
                f"speciation.excess_coefficient: must equal disjoint_coefficient {disjoint} where innovation is "
                f'"pairing" (its numbers have no order in time), got {excess}'
            )
        return self

    @classmethod
    def for_task(cls, task: Task, **settings: Any) -> Config:
        """A config with the task's numbers of inputs and outputs; `settings` as for Config.

        Raises:
            ValueError: The task is no evaluator with `num_inputs` and `num_outputs`, or a setting is wrong.
        """
        sizes = {"num_inputs": _size_of(task, "num_inputs"), "num_outputs": _size_of(task, "num_outputs")}
        return cls(**merge({"genome": sizes}, settings))

    @classmethod
    def preset(cls, name: str, **settings: Any) -> Config:
        """A published configuration, with `settings` merged into its sections.

        Args:
            name: One of `Config.presets()`.
            **settings: As for Config; the preset leaves at least `genome.num_inputs` and `num_outputs` open.

        Raises:
            ValueError: There is no such preset, or a setting is wrong.
        """
        return cls(**merge(cls.preset_settings(name), settings))

    @staticmethod
    def preset_settings(name: str) -> dict[str, Any]:
        """What a preset sets, as nested dictionaries."""
        if name not in Config.presets():
            raise ValueError(f"preset: must be one of {', '.join(Config.presets())}, got {shown(name)}")
        return tomllib.loads((resources.files("neat.config") / "presets" / f"{name}.toml").read_text("utf-8"))

    @staticmethod
    def presets() -> list[str]:
        """Names of the presets."""
        folder = resources.files("neat.config") / "presets"
        return sorted(
            file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")
        )

    def updated(self, **settings: Any) -> Config:
        """This config with `settings` merged into its sections."""
        return Config(**merge(self.model_dump(exclude_unset=True), settings))

    def to_toml(self) -> str:
        """Every setting as TOML; `from_toml` gives an equal config back."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    @classmethod
    def from_toml(cls, text: str) -> Config:
        """A config from the text of a TOML file; what it leaves out has its default.

        Raises:
            ValueError: The text is no TOML, or a setting is wrong.
        """
        return cls(**_parse_toml(text))

    @classmethod
    def load(cls, path: str | Path) -> Config:
        """A config from a TOML file.

        Raises:
            ValueError: The file is missing, is no TOML, or a setting is wrong; the message names the file.
        """
        settings = load_settings(path)
        try:
            return cls(**settings)
        except ValueError as error:
            raise ValueError(f"{shorten_path(path)}: {error}") from None


def load_settings(path: str | Path) -> dict[str, Any]:
    """The settings that a TOML file holds, not yet validated.

    Raises:
        ValueError: The file is missing or is no TOML.
    """
    text = read_text(path, MOST_SETTINGS_BYTES)
    try:
        return _parse_toml(text)
    except ValueError as error:
        raise ValueError(f"{shorten_path(path)}: {error}") from None


def _parse_toml(text: str) -> dict[str, Any]:
    if not isinstance(text, str):
        raise ValueError(f"TOML: must be a string, got {shown(text)}")
    # tomllib needs time and memory with the square of a key's parts, and a key lies within a line.
    if any(line.count(".") > _MOST_DOTS and not line.lstrip().startswith("#") for line in text.split("\n")):
        raise ValueError(f"not valid TOML for settings: a line has more than {_MOST_DOTS} dots")
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise ValueError("not valid TOML for settings: it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"not valid TOML: {cut(str(error))}") from None


def _size_of(task: Any, name: str) -> Any:
    """A size that an evaluator states; ValueError for what is no evaluator."""
    wanted = (
        f"task: must be an evaluator with {name}, such as evaluators.Supervised(X, y) or "
        "evaluators.Rollout(environment)"
    )
    if isinstance(task, type):
        raise ValueError(f"{wanted}, got the class {task.__name__}; make one of it first: {task.__name__}(…)")
    if not hasattr(task, name):
        instead = "Config(genome={'num_inputs': …, 'num_outputs': …})"
        raise ValueError(f"{wanted}, got {shown(task)}; without an evaluator, write {instead}")
    return getattr(task, name)


def merge(base: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """`base` with `settings` laid over it, section by section."""
    merged = dict(base)
    for name, value in settings.items():
        if isinstance(value, Model):
            value = value.model_dump()
        old = merged.get(name)
        merged[name] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def to_record(section: Model) -> np.ndarray:
    """A section's numbers for kernels: a structured array of shape (1,), fields named as the settings are.

    Numbers become float32 or int64, an optional number that is not given -1, switches bool, words the number that
    `neat.config.choices` gives them; sections nest. Names of activations and the like are left out.
    """
    dtype, values = _record_fields(section)
    return np.array([values], dtype=np.dtype(dtype, align=True))


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
