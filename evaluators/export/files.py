"""The formats of exports, and files of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from evaluators.export.c_source import to_c
from evaluators.export.interface import Interface, take_apart
from evaluators.export.json_text import to_json
from evaluators.export.numpy_source import to_numpy
from evaluators.export.onnx_model import to_onnx
from evaluators.export.symbolic import to_latex, to_sympy
from evaluators.models.model import Model
from neat.genome.genome import Genome
from neat.support.files import resolve_file, write_atomically
from neat.support.messages import quote, shorten


class Format(NamedTuple):
    """A format of exports."""

    suffix: str
    """The end of the names of its files."""
    render: Callable[[Genome, Interface], str | bytes]
    """Returns the content of a file."""


def _sympy_text(genome: Genome, interface: Interface) -> str:
    _, outputs, state, next_state = to_sympy(genome, interface)
    names = interface.output_names or [f"y{k}" for k in range(len(outputs))]
    lines = [f"{name} = {value}" for name, value in zip(names, outputs, strict=True)]
    lines += [f"{symbol} = {value}" for symbol, value in zip(state, next_state, strict=True)]
    return "\n".join(lines) + "\n"


FORMATS: dict[str, Format] = {
    "c": Format(".c", to_c),
    "numpy": Format(".py", to_numpy),
    "onnx": Format(".onnx", lambda genome, interface: to_onnx(genome, interface).SerializeToString()),
    "sympy": Format(".txt", _sympy_text),
    "latex": Format(".tex", to_latex),
    "json": Format(".json", lambda genome, interface: to_json(genome)),
}


def render(source: Genome | Model, format: str, interface: Interface | None = None) -> str | bytes:
    """Return the content of a file with an export: bytes for ONNX, text for the other formats.

    Args:
        source: The genome, or a model.
        format: A key of FORMATS.
        interface: Names and scales; default: those of the model. JSON holds the genome alone.

    Raises:
        ValueError: There is no such format, or the genome cannot be exported.
        ImportError: The format needs a package that is not installed.
    """
    if not isinstance(format, str) or format not in FORMATS:
        raise ValueError(f"format: expected one of {', '.join(FORMATS)}, got {quote(format)}")
    return FORMATS[format].render(*take_apart(source, interface))


def export(source: Genome | Model, path: str | Path, interface: Interface | None = None) -> None:
    """Write an export to a file, in the format that the end of its name says: .c, .py, .onnx, .txt, .tex or .json.

    Raises:
        ValueError: No format has this suffix, the file cannot be written, or the genome cannot be exported.
        ImportError: The format needs a package that is not installed.
    """
    file = resolve_file(path, "path")
    formats = {entry.suffix: name for name, entry in FORMATS.items()}
    if file.suffix not in formats:
        raise ValueError(
            f"path: expected a name that ends with {', '.join(formats)}, got {shorten(file.name)}"
        )
    write_atomically(file, render(source, formats[file.suffix], interface))
