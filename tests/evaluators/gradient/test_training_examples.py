"""The examples of training run, with less work than they do for their figures."""

import importlib

import matplotlib as mpl
import pytest

from tests.support.marks import mark_long
from tests.support.paths import ROOT

SHORTER = {
    "augmentation": ("range(8), 120, 300", "range(2), 2, 60"),
    "imbalanced": ("EPOCHS, SIZE = 30, 64", "EPOCHS, SIZE = 10, 64"),
}


@pytest.mark.parametrize("name", SHORTER)
def test_an_example_writes_its_figure(name, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    source, (work, less) = (ROOT / "examples" / f"{name}.py").read_text("utf-8"), SHORTER[name]
    assert work in source and len(source.splitlines()) <= 60
    with mpl.rc_context({"backend": "agg"}):
        exec(compile(source.replace(work, less), f"{name}.py", "exec"), {"__name__": "__main__"})
    assert (tmp_path / f"{name}.svg").stat().st_size > 10_000


SHORT = {
    "fine_tuning": {"seeds": 2, "epochs": 4},
    "optimisers": {"seeds": 2, "epochs": 1},
    "workers": {"epochs": 1},
    "elastic_averaging": {"epochs": 1},
}


@pytest.mark.parametrize("name", mark_long(SHORT, ("fine_tuning", "optimisers", "workers")))
def test_a_short_form_writes_its_figure(name, tmp_path, monkeypatch, capsys):
    pytest.importorskip("sklearn")
    path = ROOT / "examples" / f"{name}.py"
    assert len(path.read_text("utf-8").splitlines()) <= 60
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(path.parent)  # from which workers import the script
    with mpl.rc_context({"backend": "agg"}):
        importlib.import_module(name).main(**SHORT[name])
    assert capsys.readouterr().out
    assert (tmp_path / f"{name}.svg").stat().st_size > 10_000
