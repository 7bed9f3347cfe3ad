"""The experiment with an environment of the user's own, a class in a Python file."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from evaluators.environments import Environment as Base
from experiments.tasks.control import Control
from neat.support.messages import find_similar, quote, summarise_error

_EXAMPLE = "my_game.py:Flappy"


@dataclass(frozen=True)
class Environment(Control):
    """An environment of your own, a class in a Python file; solved at a mean of --target over unseen starts."""

    env: str = ""
    """File and class, such as my_game.py:Flappy; the class may be left out if the file has only one."""
    target: float | None = None
    """Mean reward over unseen starts at which the task counts as solved; default: none."""

    @property
    def files(self) -> dict[str, Path]:
        """The file with the class."""
        file = split(self.env)[0]
        return {"env": file} if file.suffix == ".py" else {}

    def with_absolute_paths(self, folder: Path = Path()) -> Self:
        """Return a copy with an absolute path, which is the same task from every working folder."""
        file, name = split(self.env)
        path = (folder / file).absolute()
        return dataclasses.replace(self, env=f"{path}:{name}" if name else str(path))

    def environment(self) -> Base:
        """Return an instance of the class, with its defaults."""
        return load(self.env)


def split(env: str) -> tuple[Path, str]:
    """Return the file and the name of the class, which may be empty."""
    file, separator, name = env.rpartition(":")
    return (Path(file), name) if separator and name.isidentifier() else (Path(env), "")


def load(env: str) -> Base:
    """Return an instance of the environment's class in a file.

    Args:
        env: File and class, such as my_game.py:Flappy.

    Raises:
        ValueError: There is no such file or class, or the file fails.
    """
    file, name = split(env)
    if file.suffix != ".py":
        raise ValueError(f"env: expected a Python file and a class, such as {_EXAMPLE}, got {quote(env)}")
    if not file.is_file():
        raise ValueError(f"env: there is no file {file}")
    module = _import(file)
    own = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Base) and value.__module__ == module.__name__
    }
    if not own:
        raise ValueError(f"env: {file} has no class that is an evaluators.environments.Environment")
    if not name and len(own) > 1:
        raise ValueError(f"env: {file} has several classes; write {file}: and one of {', '.join(own)}")
    name = name or min(own)
    if name not in own:
        near = find_similar(name, own)
        hint = "" if near is None else f"; did you mean {near}?"
        raise ValueError(f"env: {file} has no environment {name}, only {', '.join(own)}{hint}")
    try:
        return own[name]()
    except Exception as error:
        raise ValueError(f"env: {name}() cannot be made: {summarise_error(error)}") from error


def _import(file: Path) -> Any:
    """Return the module in a file, named after it. It can import other files in its folder, as a script can."""
    path = file.resolve()
    known = sys.modules.get(path.stem)
    if known is not None:
        if getattr(known, "__file__", None) == str(path):
            return known
        raise ValueError(
            f"env: {file}: a module named {path.stem} is loaded already; give the file another name"
        )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look there
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[path.stem]
        raise ValueError(f"env: {file} cannot be loaded: {summarise_error(error)}") from error
    return module
