"""Choose settings for a data set from what its evaluator knows."""

from __future__ import annotations

import functools
import logging
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from neat.activations import ACTIVATIONS, BUILT_IN_ACTIVATIONS
from neat.config.models import GenomeConfig
from neat.evaluation import Predicting, Task
from neat.kernels.elementwise import on_arrays

_log = logging.getLogger("neat.settings")

_UNBOUNDED = 1e30  # what exceeds this stands for infinity
_TOLERANCE = 1e-3  # of the ends of a range, which many functions only approach
_STEP = 0.2  # of a mutated weight; about half the spread of initial ones where there are six inputs


def settings_for_data(num_inputs: int) -> dict[str, Any]:
    """Return settings for a data set with standardised inputs, and with logits or standardised values as outputs.

    Weights and biases begin at the scale that keeps a node's sum near 1 (LeCun et al. 1998, section 4.6). Most
    mutations are small beside them; one in ten replaces a weight. `python -m benchmarks friedman1` measures these
    settings.
    """
    initial = {"spread": num_inputs**-0.5}
    step = {"power": _STEP}
    return {
        "genome": {
            "activation": "tanh",
            "output_activation": "identity",
            "weight": dict(initial),
            "bias": dict(initial),
        },
        "mutation": {"weight": dict(step), "bias": dict(step)},
    }


def choose_settings(task: Task, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that suit the task's data, as nested dictionaries, for what is not `given`.

    Nothing is chosen for other tasks than data sets, and where the default activation can produce the right outputs:
    the defaults are tuned for such tasks, of which exclusive or is one.

    Args:
        task: The evaluator.
        given: The user's settings, nested likewise.
    """
    wanted = task.output_range if isinstance(task, Predicting) else None
    if wanted is None or _reaches(GenomeConfig.model_fields["activation"].default, wanted):
        return {}
    chosen = settings_for_data(task.num_inputs)
    genome = _section(given, "genome")
    names = _activations(genome)
    if names and all(_reaches(name, wanted) for name in names):
        del chosen["genome"]["output_activation"]
    if "activation_options" in genome:
        del chosen["genome"]["activation"]
    return chosen


def log_choices(chosen: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Log what `choose_settings` has chosen and is not given."""
    listed = ", ".join(
        f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value!r}"
        for name, value in _missing(chosen, given)
    )
    if listed:
        _log.info("settings chosen for this data set: %s", listed)


def check_outputs(task: Task, genome: GenomeConfig) -> None:
    """Raise a ValueError if the task is a data set and the output activation cannot produce the right outputs."""
    wanted = task.output_range if isinstance(task, Predicting) else None
    names = genome.activation_options if genome.output_activation is None else (genome.output_activation,)
    if wanted is None or any(_reaches(name, wanted) for name in names):
        return
    name = names[0]
    low, high = _range_of(name)
    right = (
        "logits can be any number"
        if wanted[0] == -np.inf
        else f"targets go from {wanted[0]:g} to {wanted[1]:g}"
    )
    raise ValueError(
        f"genome.output_activation: cannot be {name!r}, which returns {_interval(low, high)}, but {right}; "
        "use 'identity'"
    )


def _activations(genome: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the activations that the user's settings give the outputs; () if they name none, or not by text."""
    name = genome.get("activation")
    is_drawn = isinstance(name, str) and name == "random"
    names: Any = genome.get("activation_options") if is_drawn else [name]
    if not isinstance(names, Collection) or isinstance(names, str):
        return ()
    return tuple(names) if all(isinstance(each, str) for each in names) else ()


def _section(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = settings.get(name, {})
    section = section.model_dump() if hasattr(section, "model_dump") else section
    return section if isinstance(section, Mapping) else {}  # `Config` refuses what is not


def _missing(
    chosen: Mapping[str, Any], given: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield the full names and values of the chosen settings that are not given."""
    for name, value in chosen.items():
        if isinstance(value, dict):
            yield from _missing(value, _section(given, name), f"{prefix}{name}.")
        elif name not in given:
            yield prefix + name, value


def _reaches(name: str, wanted: tuple[float, float]) -> bool:
    """Whether an activation returns all numbers of a range, or comes close to its ends."""
    low, high = _range_of(name)
    least, most = np.clip(wanted, -_UNBOUNDED, _UNBOUNDED)
    return bool(
        low - _TOLERANCE * max(1, abs(low)) <= least and most <= high + _TOLERANCE * max(1, abs(high))
    )


@functools.cache
def _range_of(name: str) -> tuple[float, float]:
    """Return the least and the greatest number that an activation returns; ±inf if it is unknown."""
    known = {entry.name: entry for entry in ACTIVATIONS[:BUILT_IN_ACTIVATIONS]}
    if name not in known:
        return -np.inf, np.inf
    powers = np.logspace(-38, 38, 1000)
    x = np.concatenate([-powers, np.linspace(-10, 10, 10_001), powers])
    with np.errstate(all="ignore"):
        y = np.asarray(on_arrays(known[name].function, np, x.dtype)(x), np.float64)
    return float(np.nanmin(y)), float(np.nanmax(y))


def _interval(low: float, high: float) -> str:
    ends = [None if abs(end) > _UNBOUNDED else f"{end:.3g}" for end in (low, high)]
    if None not in ends:
        return f"numbers from {ends[0]} to {ends[1]}"
    return f"numbers of at least {ends[0]}" if ends[1] is None else f"numbers of at most {ends[1]}"
