"""The table of attributes: what is derived from it, and that a further row is all that a further attribute needs."""

import ast
import os
import shutil
import sys
import typing
from pathlib import Path

import pytest

from evaluators.program.node import NodeNumbers
from evaluators.program.program import Programs
from neat.config import GenomeConfig, MutationConfig
from neat.genome import schema
from neat.genome.gene_arrays import Bounds, GenomeArrays
from tests.support.paths import ROOT
from tests.support.scripts import run_python

ROW = """
    Attribute(
        "node",
        "time_constant",
        _F4,
        Role.NUMBER,
        default=1.0,
        text="Time constants of nodes.",
        initial={"mean": 2.0, "spread": 0.0, "minimum": 0.5},
        mutation={"power": 0.125, "genome_rate": 0.6},
        streams=Streams.own(0),
        compared=True,
    ),
"""
BEFORE = '    Attribute("connection", "innovation"'
VALUE = "    return activation("


def replace(file, old, new):
    text = file.read_text("utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), "utf-8")


def copy_with_a_time_constant(folder):
    """Copy the library to a folder. Its table has one more row; nothing else differs."""
    for package in ("neat", "evaluators"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    replace(folder / "neat" / "genome" / "schema.py", BEFORE, ROW.lstrip("\n") + BEFORE)


@pytest.fixture(scope="module")
def with_a_time_constant(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    copy_with_a_time_constant(folder)
    return folder


def run(folder, script, argument, **variables):
    """What a script of this folder prints with the library in another folder."""
    variables["PYTHONPATH"] = os.pathsep.join(map(str, (folder, ROOT)))
    return run_python(
        "-P", "-W", "ignore", Path(__file__).parent / script, argument, folder=folder, **variables
    )


def evolve(folder, device):
    """What further_attribute.py prints of a run of the library in this folder."""
    simulated = "1" if device == "cuda" else "0"
    return run(folder, "further_attribute.py", device, NUMBA_DISABLE_JIT="1", NUMBA_ENABLE_CUDASIM=simulated)


def test_a_row_is_all_that_an_attribute_needs(with_a_time_constant):
    assert evolve(with_a_time_constant, "cpu") == evolve(ROOT, "cpu"), (
        "the draws of other attributes are as before"
    )


def test_it_reaches_the_programs_of_a_gpu(with_a_time_constant):
    pytest.importorskip("numba_cuda")
    evolve(with_a_time_constant, "cuda")


@pytest.mark.long
def test_a_row_and_its_use_are_all_that_compiled_code_needs(tmp_path):
    """On the CPU, on a GPU, and in exports."""
    pytest.importorskip("numba_cuda")
    copy_with_a_time_constant(tmp_path)
    replace(
        tmp_path / "evaluators" / "program" / "node.py", VALUE, "    return node.time_constant * activation("
    )
    run(tmp_path, "further_attribute_compiled.py", str(tmp_path))


def test_streams_differ():
    places = [
        (place.purpose, place.draw, place.words)
        for row in schema.NUMBERS
        for place in (row.streams.first, row.streams.new)
    ]
    assert len(set(places)) == len(places)
    mutation = [row.streams.mutation for row in schema.NUMBERS]
    assert len(set(mutation)) == len(mutation)


def checked_fields(module, name):
    """The fields that a class has for type checkers, from its source."""
    for node in ast.walk(ast.parse(Path(sys.modules[module].__file__).read_text("utf-8"))):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return tuple(line.target.id for line in node.body if isinstance(line, ast.AnnAssign))
    raise AssertionError(name)


@pytest.mark.parametrize(
    "kind", [GenomeArrays, Bounds, Programs, NodeNumbers], ids=lambda kind: kind.__name__
)
def test_checkers_know_the_fields(kind):
    assert checked_fields(kind.__module__, kind.__name__) == kind._fields


@pytest.mark.parametrize("kind", [GenomeConfig, MutationConfig], ids=lambda kind: kind.__name__)
def test_checkers_know_the_settings(kind):
    assert checked_fields(kind.__module__, kind.__name__) == tuple(row.name for row in schema.NUMBERS)
    assert set(typing.get_type_hints(kind)) >= {row.name for row in schema.NUMBERS}
