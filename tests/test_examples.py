"""The scripts in examples/ run."""

import shutil

import pytest

from tests.support.paths import ROOT
from tests.support.scripts import load_file, run_python

SCRIPTS = [
    # docs/functions.md, whose code runs too, compiles kernels for an activation of its own
    pytest.param(path, id=path.stem, marks=pytest.mark.long if path.stem == "activation" else ())
    for path in sorted((ROOT / "examples").glob("*.py"))
    if "def main(generations" in path.read_text("utf-8")
]
NEEDED = {"data": "sklearn", "pipeline": "sklearn"}
WRITTEN = {
    "activation": ["wavelets.svg"],
    "data": ["confusion.svg", "digits.json"],
    "environment": ["pilot.json"],
    "export_controller": ["controller.c", "controller.py"],
    "from_neat_python": ["winner.json"],
    "study": ["runs"],
}


@pytest.mark.parametrize("path", SCRIPTS)
def test_a_short_form_runs(path, tmp_path, monkeypatch, capsys):
    pytest.importorskip(NEEDED.get(path.stem, "neat"))
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "tests" / "data" / "neat_python_xor.ini", "config-feedforward")
    if "register_activation" in path.read_text("utf-8"):  # what a process registers stays in its tables
        program = f"import runpy\nrunpy.run_path({str(path)!r})['main'](generations=2)"
        run_python("-c", program, folder=tmp_path, timeout=None)
    else:
        load_file(path).main(generations=2, **{"study": {"seeds": 2}}.get(path.stem, {}))
        assert capsys.readouterr().out
    written = {file.name for file in tmp_path.iterdir()} - {"config-feedforward"}
    assert written == set(WRITTEN.get(path.stem, []))


def test_the_exported_controller_agrees_with_its_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    load_file(ROOT / "examples" / "export_controller.py").main(generations=2)
    words = capsys.readouterr().out.replace(",", "").split()
    assert words[words.index("chooses") + 1] == words[-1]
