"""Write genomes to files and read them: one as JSON, a batch as arrays (see `neat.support.archive`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from neat.activations import ACTIVATIONS, AGGREGATIONS, activation_index, aggregation_index
from neat.genome.checked_genes import CheckedGenes
from neat.genome.gene_arrays import DTYPES, NUMBERS, Bounds, Description, GenomeArrays
from neat.genome.rules import GenomeError
from neat.support.archive import Expected, check_arrays, join_groups, read_arrays, select_group, write_arrays
from neat.support.files import write_atomically
from neat.support.messages import restate_errors, shorten
from neat.support.text_files import parse_json, read_text, shorten_path

FORMAT = 2
_MOST_BYTES = 2**31  # of a JSON file; a genome of a million connections has a tenth of it
_GROUP = "genomes"

_INTEGER, _TEXT = np.dtype("i8"), np.dtype("U")
FUNCTION_NAMES: Expected = {"activations": (_TEXT, (None,)), "aggregations": (_TEXT, (None,))}
_HEAD: Expected = FUNCTION_NAMES | {
    "num_inputs": (_INTEGER, ()),
    "num_outputs": (_INTEGER, ()),
    "bias_input": (np.dtype(np.bool_), ()),
    "feed_forward": (np.dtype(np.bool_), ()),
    "generation": (_INTEGER, ()),
    "seed": (_INTEGER, ()),
    "bounds": (np.dtype(np.float32), (len(NUMBERS), 2)),
}

_Batch = TypeVar("_Batch", bound=CheckedGenes)
_Single = TypeVar("_Single")


def write_single(path: str | Path, data: Mapping[str, Any]) -> None:
    """Write the plain data of one genome as JSON."""
    write_atomically(path, json.dumps(data, indent=1, allow_nan=False) + "\n")


def read_single(path: str | Path, from_dict: Callable[[Any], _Single]) -> _Single:
    """Return what `from_dict` makes of a JSON file.

    Raises:
        GenomeError: The file cannot be read, is not JSON, or `from_dict` refuses its data; the message names the file.
    """
    with restate_errors(kind=GenomeError):
        text = read_text(path, _MOST_BYTES)
    try:
        return from_dict(parse_json(text))
    except RecursionError:
        raise GenomeError(f"{shorten_path(path)}: no genome: it is nested too deeply") from None
    except ValueError as error:
        raise GenomeError(f"{shorten_path(path)}: no genome: {shorten(str(error), 500)}") from None


def write_batch(path: str | Path, genomes: CheckedGenes) -> None:
    """Write genomes with the names of the functions that their nodes can have."""
    names = (*Description._fields, "generation", "seed", "bounds")
    arrays = {
        "genomes_format": np.array(FORMAT),
        **function_names(),
        **{name: np.array(getattr(genomes, name), _HEAD[name][0]) for name in names},
        **join_groups({_GROUP: genomes.arrays._asdict()}),
    }
    write_arrays(path, arrays)


def read_batch(path: str | Path, new: Callable[..., _Batch]) -> _Batch:
    """Return the genomes that `write_batch` wrote, checked. `new` is their class.

    Raises:
        GenomeError: The file cannot be read, is damaged, or holds something else; the message names the file.
    """
    with restate_errors(kind=GenomeError):
        arrays = read_arrays(path)
    with restate_errors(f"{shorten_path(path)}: ", GenomeError, 500):
        if "genomes_format" not in arrays:
            hint = "; neat.checkpoint.load reads the checkpoint of a run" if "config" in arrays else ""
            raise ValueError(f"holds no genomes{hint}")
        check_arrays(arrays, {"genomes_format": (_INTEGER, ())})
        if arrays["genomes_format"] != FORMAT:
            raise ValueError(f"is of format {arrays['genomes_format']}; this version reads format {FORMAT}")
        check_arrays(arrays, _HEAD | expected_arrays(_GROUP))
        restore_functions(arrays)
        bounds = arrays["bounds"]
        if not (bounds[:, 0] <= bounds[:, 1]).all():
            raise ValueError("bounds: a minimum must not exceed its maximum")
        genes = GenomeArrays(**select_group(_GROUP, arrays))
        description = Description(*(arrays[name].item() for name in Description._fields))
        generation, seed = arrays["generation"].item(), arrays["seed"].item()
        for name, value in (("generation", generation), ("seed", seed)):
            if value < 0:
                raise ValueError(f"{name}: must not be negative, got {value}")
        genomes = new(genes, *description, generation, seed, Bounds(*map(tuple, bounds)))
        genomes.check()
    return genomes


def expected_arrays(group: str) -> Expected:
    """Return the dtypes of the arrays of genomes in a file; `Genomes.check` compares their lengths."""
    pairs = zip(GenomeArrays._fields, DTYPES, strict=True)
    return {f"{group}.{name}": (dtype, (None,)) for name, dtype in pairs}


def function_names() -> dict[str, np.ndarray]:
    """Return the names of this process's activations and aggregations, in the order of their tables."""
    return {
        "activations": np.array([entry.name for entry in ACTIVATIONS]),
        "aggregations": np.array([entry.name for entry in AGGREGATIONS]),
    }


def restore_functions(arrays: dict[str, np.ndarray]) -> None:
    """Replace the positions of functions in the tables of the writing process by those in the tables of this one.

    Raises:
        ValueError: A position is not in the tables, or this process has no function of that name.
    """
    _renumber(arrays, "activation", activation_index)
    _renumber(arrays, "aggregation", aggregation_index)


def _renumber(arrays: dict[str, np.ndarray], kind: str, index: Callable[[str], int]) -> None:
    names = arrays[f"{kind}s"].tolist()
    columns = [n for n in arrays if n.endswith(f".node_{kind}") and not n.startswith("evaluator.")]
    position = np.zeros(256, np.uint8)
    for name in columns:
        for old in np.flatnonzero(np.bincount(arrays[name], minlength=1)).tolist():
            if old >= len(names):
                raise ValueError(f"{name}: must be below {len(names)}, the number of {kind}s, got {old}")
            position[old] = index(names[old])
    for name in columns:
        arrays[name] = position[arrays[name]]
