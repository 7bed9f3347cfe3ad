"""Compiled code gets the fields of records, and works on records."""

import importlib
import sys
from typing import Any, NamedTuple

import numpy as np
import pytest

from neat.kernels import jit, records


class Point(NamedTuple):
    x: Any
    y: Any


class Segment(NamedTuple):
    name: Any
    begin: Point
    end: Point


def describe(before, segment: Segment, point: Point, after):
    """Return the arguments."""
    return before, segment, point, after


ARGUMENTS = 1, Segment("s", Point(2, 3), Point(4, 5)), Point(6, Point(7, 8)), 9


def test_records_are_taken_apart_and_made_again():
    passed = []

    def compiled(*fields):
        passed.extend(fields)
        return records.take_fields(describe, describe)(*fields)

    result = records.pass_fields(describe, compiled)(*ARGUMENTS)
    assert passed == [1, "s", 2, 3, 4, 5, 6, Point(7, 8), 9]  # y is not annotated as a record
    assert result == ARGUMENTS
    assert [type(value) for value in result] == [int, Segment, Point, int]
    assert type(result[1].end) is Point


def test_the_functions_stand_in_for_the_kernel():
    for function in records.take_fields(describe, describe), records.pass_fields(describe, describe):
        assert function.__name__ == "describe" and function.__doc__ == describe.__doc__
        assert function.__module__ == __name__
        code, expected = function.__code__, describe.__code__
        assert (code.co_filename, code.co_firstlineno) == (expected.co_filename, expected.co_firstlineno)


def test_only_named_tuples_are_records():
    def plain(a, b: int, c: tuple, d: np.ndarray) -> Point: ...

    assert records.takes_records(describe) and not records.takes_records(plain)


MODULE = """
from __future__ import annotations
from typing import NamedTuple
import numpy as np
from neat.kernels.jit import kernel

class Range(NamedTuple):
    {first}: np.ndarray
    {second}: np.ndarray

@kernel
def widths(range_: Range, factor):
    return (range_.high - range_.low) * factor
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a function that imports MODULE with fields in this order, as a new process would."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def import_module(first, second):
        (tmp_path / "ranges.py").write_text(MODULE.format(first=first, second=second))
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, "ranges", raising=False)
        return importlib.import_module("ranges")

    return import_module


def test_a_build_is_found_again_unless_the_record_has_changed(load):
    two, five = np.array([2.0]), np.array([5.0])
    for module, is_built in (
        (load("low", "high"), False),
        (load("low", "high"), True),
        (load("high", "low"), False),
    ):
        assert jit.is_built(module.widths) == is_built
        assert module.widths(module.Range(low=two, high=five), 10) == 30
        assert jit.is_built(module.widths) and jit.can_be_saved(module.widths)


def test_numba_tells_the_types_of_fields_apart(load):
    module = load("low", "high")
    for dtype in (np.float64, np.int32, np.uint8):
        widths = module.widths(module.Range(np.array([250, 3], dtype), np.array([255, 4], dtype)), 1)
        np.testing.assert_array_equal(widths, [5, 1])
    assert len(jit.dispatcher_of(module.widths).signatures) == 3
