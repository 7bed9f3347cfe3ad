"""Files of models and optimisers: arrays by name, without code. The program makes the layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evaluators.gradient.nn.matching import Match
from evaluators.gradient.nn.module import Module
from evaluators.gradient.optim.optimiser import Optimiser
from neat.support.archive import as_checkpoint_error, join_groups, read_arrays, select_group, write_arrays
from neat.support.files import resolve_file
from neat.support.messages import quote

FORMAT = "layers 1"


def save(path: str | Path, model: Module, optimiser: Optimiser | None = None) -> None:
    """Write the state of a model, and of its optimiser if there is one, by the names of the parameters.

    The file is an npz archive. It has neither the layers nor the optimiser's settings, such as its learning rate.

    Args:
        path: The file.
        model: The model.
        optimiser: An optimiser of some or all of the model's parameters.

    Raises:
        ValueError: The optimiser has parameters that are not the model's, or an argument is something else.
    """
    _check_types(model, optimiser)
    arrays = {"format": np.array(FORMAT), **join_groups({"model": model.state()})}
    if optimiser is not None:
        arrays["optimiser"] = np.array(type(optimiser).__name__)
        arrays |= join_groups({"optimiser": _state_by_name(model, optimiser)})
    write_arrays(resolve_file(path, "path"), arrays)


def load(path: str | Path, model: Module, optimiser: Optimiser | None = None) -> None:
    """Set the state of a model, and of its optimiser if it is given, from a file that `save` wrote.

    Args:
        path: The file.
        model: A model with the same names and shapes. Numbers of another precision are rounded.
        optimiser: An optimiser of the same class and parameters, in any order.

    Raises:
        CheckpointError: The file is damaged, or does not fit the model or the optimiser. Both are then unchanged.
        ValueError: The optimiser has parameters that are not the model's.
    """
    _check_types(model, optimiser)
    arrays = _read(path)
    before = None if optimiser is None else _state_by_name(model, optimiser)
    with as_checkpoint_error(path):
        try:
            if optimiser is not None:
                _restore_optimiser(model, optimiser, arrays)
            model.restore(select_group("model", arrays))
        except ValueError:
            if optimiser is not None and before is not None:
                _restore_by_name(model, optimiser, before)
            raise


def load_part(path: str | Path, model: Module) -> Match:
    """Set what fits of a model's state from a file that `save` wrote, such as all layers but a new last one.

    Args:
        path: The file.
        model: The model; see `Module.restore_part`.

    Returns:
        What fitted, what the file lacks, what the model lacks, and what has another shape.

    Raises:
        CheckpointError: The file is damaged, nothing in it fits, or what fits has numbers that are not possible. The
            model is then unchanged.
    """
    _check_types(model, None)
    state = read_state(path)
    with as_checkpoint_error(path):
        return model.restore_part(state)


def read_state(path: str | Path) -> dict[str, np.ndarray]:
    """Return the model's state in a file that `save` wrote; CheckpointError if it is damaged, or another file."""
    return select_group("model", _read(path))


def _check_types(model: Module, optimiser: Optimiser | None) -> None:
    if not isinstance(model, Module):
        raise ValueError(f"model: expected a Module, got {quote(model)}")
    if not isinstance(optimiser, Optimiser | None):
        raise ValueError(f"optimiser: expected one of optim's, got {quote(optimiser)}")


def _read(path: str | Path) -> dict[str, np.ndarray]:
    arrays = read_arrays(path)
    with as_checkpoint_error(path):
        if "format" not in arrays or arrays["format"].tolist() != FORMAT:
            raise ValueError(f"is no file of gradient.save in format {FORMAT!r}")
    return arrays


def _state_by_name(model: Module, optimiser: Optimiser) -> dict[str, np.ndarray]:
    """Return the optimiser's state, with the part of each average that belongs to a parameter under its name."""
    names, state = optimiser.names_in(model.named_parameters()), optimiser.state()
    ends = np.cumsum([np.prod(parameter.shape, dtype=int) for parameter in optimiser.parameters])[:-1]
    named = {"steps": state["steps"]}
    for average in optimiser.averages:
        parts = np.split(state[average], ends)
        for name, parameter, part in zip(names, optimiser.parameters, parts, strict=True):
            named[f"{average}.{name}"] = part.reshape(parameter.shape)
    return named


def _restore_optimiser(model: Module, optimiser: Optimiser, arrays: dict[str, np.ndarray]) -> None:
    if "optimiser" not in arrays:
        raise ValueError("has no state of an optimiser")
    mine, theirs = type(optimiser).__name__, str(arrays["optimiser"])
    if mine != theirs:
        raise ValueError(f"optimiser: expected the state of {mine}, got the state of {theirs}")
    _restore_by_name(model, optimiser, select_group("optimiser", arrays))


def _restore_by_name(model: Module, optimiser: Optimiser, arrays: dict[str, np.ndarray]) -> None:
    Match.of(arrays, _state_by_name(model, optimiser)).check_complete("optimiser")
    names = optimiser.names_in(model.named_parameters())
    joined = {
        average: np.concatenate([arrays[f"{average}.{name}"].ravel() for name in names])
        for average in optimiser.averages
    }
    optimiser.restore({"steps": arrays["steps"], **joined})
