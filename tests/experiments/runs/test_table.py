import re

import pytest

from experiments.runs.table import print_table

HEADERS = ("", "solved", "evaluations", "95 % interval", "hidden nodes", "connections")
ROWS = [
    ["stanley2002, generation", "60 of 60", "4,802", "4,342 – 5,261", "3.11 ± 1.20", "11.26 ± 3.40"],
    ["NEAT, 2002", "100 %", "4,755", "–", "2.35", "7.48"],
]


@pytest.mark.parametrize(("width", "parts"), [("140", 1), ("80", 2), ("45", 5)])
def test_a_table_that_is_too_wide_is_printed_in_parts(width, parts, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes the output for a terminal
    monkeypatch.setenv("TERM", "xterm")
    print_table(HEADERS, ROWS, "The caption.")
    text = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert "…" not in text and text.rstrip().endswith("The caption.")
    assert max(map(len, text.splitlines())) <= int(width)
    assert text.count("NEAT, 2002") == parts
    assert all(f" {cell} " in text for row in (HEADERS[1:], *ROWS) for cell in row)
