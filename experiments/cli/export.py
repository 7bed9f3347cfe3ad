"""The command `export`: write the champion of a run as source code or as a model of another library."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from evaluators.export import FORMATS, render, simplify
from evaluators.models.file_format import is_model
from evaluators.models.model import Model
from experiments.cli.flags import read_after_paths
from experiments.runs.folder import CHAMPION, MODEL, find_file
from experiments.tasks.experiment import EXPORT
from neat.genome.genome import Genome
from neat.support.files import resolve_file, write_atomically
from neat.support.messages import quote
from neat.support.text_files import read_text, shorten_path

_WANTED = ["the folder of a run, or the file of a model or genome,"]
_MOST_BYTES = 2**28  # of a genome's file


@dataclass(frozen=True)
class Export:
    """Export the champion of a run: export RUN --format FORMAT.

    RUN is a run's folder, or the JSON file of a model or a genome.
    """

    format: str | None = None
    """One of c, numpy, onnx, sympy, latex and json; default: what the suffix of the output says."""
    output: Path | None = None
    """File to write; default: print the export, except for ONNX, which is binary."""
    scales: bool = True
    """Export the names and scales of the data too, which a model has."""
    simplify: bool = False
    """Remove what no output depends on, and fold constants."""

    def __post_init__(self) -> None:
        if self.format is None and self.output is None:
            raise ValueError(f"format: expected one of {', '.join(FORMATS)}, or a file as output")
        if self.chosen not in FORMATS:
            raise ValueError(f"format: expected one of {', '.join(FORMATS)}, got {quote(self.chosen)}")
        if self.chosen == "onnx" and self.output is None:
            raise ValueError("output: needed for onnx, which is binary; name a file, such as champion.onnx")

    @property
    def chosen(self) -> str:
        """The format, from the output's suffix if need be."""
        if self.format is not None:
            return self.format
        suffix = Path(self.output or "").suffix
        return next((name for name, entry in FORMATS.items() if entry.suffix == suffix), suffix)


def export(arguments: list[str]) -> None:
    """Write or print the export that the arguments after the command's name describe."""
    (path,), options = read_after_paths(Export, EXPORT, arguments, _WANTED, "runs/xor --format c")
    source = _read(path, options.scales)
    content = render(_simplify(source) if options.simplify else source, options.chosen)
    if options.output is not None:
        write_atomically(resolve_file(options.output, "output"), content)
    else:
        assert isinstance(content, str)
        sys.stdout.write(content)


def _read(path: Path, scales: bool) -> Genome | Model:
    """Return the model or the genome in a file or a run's folder; without `scales`, the genome alone.

    Raises:
        ValueError: There is none, or it is damaged; the message names the file.
    """
    file = path
    if path.is_dir():
        has_model = scales and (path / MODEL).exists()
        file = find_file(path, MODEL if has_model else CHAMPION, EXPORT)
    text = read_text(file, _MOST_BYTES)
    try:
        content = json.loads(text)
        if not is_model(content):
            return Genome.from_dict(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{shorten_path(file)}: {error}") from None
    model = Model.load(file)
    return model if scales else model.genome


def _simplify(source: Genome | Model) -> Genome | Model:
    if isinstance(source, Genome):
        return simplify(source)
    return Model(simplify(source.genome), source.inputs, source.outputs, source.steps)
