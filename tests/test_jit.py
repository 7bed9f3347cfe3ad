"""Builds on disk: found again by the next process, and never used for code that has changed."""

import importlib
import sys

import pytest

from neat import jit

CALLER = """
import helper
from neat.jit import kernel, pasted_function

@pasted_function
def twice(x):
    return 2 * helper.changed(x)

@kernel
def compute(x):
    return twice(x)
"""
HELPER = """
from neat.jit import function

STEP = {step}

@function
def changed(x):
    return x {sign} STEP
"""


@pytest.fixture
def compute(tmp_path, monkeypatch):
    """The kernel of CALLER as a new process would import it, around a HELPER."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions within a second look alike to Python
    (tmp_path / "caller.py").write_text(CALLER)

    def load(step, sign="+"):
        (tmp_path / "helper.py").write_text(HELPER.format(step=step, sign=sign))
        importlib.invalidate_caches()
        for name in ("caller", "helper"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module("caller").compute

    return load


def hits(kernel):
    return sum(kernel.stats.cache_hits.values())


def test_a_build_is_found_again(compute):
    first = compute(step=1)
    assert not jit.is_built(first)
    assert first(20) == 42 and hits(first) == 0
    assert jit.is_built(first)
    again = compute(step=1)
    assert jit.is_built(again)
    assert again(20) == 42 and hits(again) == 1


@pytest.mark.parametrize(("change", "expected"), [({"step": 2}, 44), ({"step": 1, "sign": "-"}, 38)])
def test_a_change_in_what_a_kernel_calls_misses_the_build(compute, change, expected):
    assert compute(step=1)(20) == 42
    changed = compute(**change)
    assert not jit.is_built(changed)
    assert changed(20) == expected and hits(changed) == 0
    unchanged = compute(step=1)
    assert unchanged(20) == 42  # the older build is gone, or right


def test_one_build_of_a_kernel_is_kept(compute, tmp_path):
    for step in (1, 2, 3):
        compute(step=step)(20)
    assert len(list(tmp_path.glob("**/caller.compute-*.nbi"))) == 1
