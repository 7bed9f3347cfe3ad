"""--max-evaluations and --max-seconds end runs and studies, and a resumed run keeps the former."""

import csv
import json
from pathlib import Path

import pytest

from experiments.__main__ import main
from tests.support.processes import refused

pytestmark = pytest.mark.usefixtures("undrawn", "in_empty_folder")

PARITY = ["parity", "--bits", "3", "--population-size", "20", "--quiet"]


def result(folder):
    content = json.loads(Path(folder, "result.json").read_text())
    return content["stopped_by"], content["generations"], content["evaluations"]


def test_a_run_keeps_to_its_evaluations_also_when_it_is_resumed():
    assert main([*PARITY, "--output", "part", "--max-evaluations", "70"]) == 0
    assert result("part") == ("max_evaluations", 3, 60)
    assert main(["parity", "--resume", "part", "--quiet"]) == 0  # nothing is left
    assert result("part") == ("max_evaluations", 3, 60)
    assert main(["parity", "--resume", "part", "--quiet", "--max-evaluations", "120"]) == 0
    assert result("part") == ("max_evaluations", 6, 120)
    assert json.loads(Path("part/run.json").read_text())["options"]["max_evaluations"] == 120
    assert main([*PARITY, "--output", "whole", "--max-evaluations", "120"]) == 0
    for name in ("champion.json", "metrics.csv", "result.json"):
        assert Path("part", name).read_bytes() == Path("whole", name).read_bytes()


def test_a_run_ends_by_time_and_goes_on_without_the_limit():
    assert main([*PARITY, "--generations", "100000", "--output", "run", "--max-seconds", "0.3"]) == 0
    stopped_by, generations, _ = result("run")
    assert stopped_by == "max_seconds" and 0 < generations < 100_000
    assert "max_seconds" not in json.loads(Path("run/run.json").read_text())["options"]
    assert main(["parity", "--resume", "run", "--quiet", "--generations", str(generations + 3)]) == 0
    assert result("run")[:2] == ("generations", generations + 3)


def test_each_run_of_a_study_keeps_to_the_limit():
    assert main([*PARITY, "--runs", "3", "--output", "study", "--max-evaluations", "50"]) == 0
    with open("study/summary.csv", newline="") as file:
        assert [row["evaluations"] for row in csv.DictReader(file)] == ["40"] * 3


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--max-evaluations", "0", "max_evaluations: must be at least 1, got 0"),
        ("--max-evaluations", "19", "max_evaluations: must be at least the population_size 20, got 19"),
        ("--max-seconds", "0", "max_seconds: must be above 0, got 0.0"),
        ("--max-seconds", "nan", "max_seconds: must be above 0, got nan"),
    ],
)
def test_wrong_limits_are_refused(option, value, message, capsys):
    refused([*PARITY, option, value], capsys, message)
