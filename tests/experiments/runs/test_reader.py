"""What can be read of a run that has ended, was interrupted, or goes on."""

import os
from pathlib import Path

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.runs.reader import read_run
from experiments.tasks import xor
from neat import Genome
from tests.support.processes import FEW

pytestmark = pytest.mark.usefixtures("in_empty_folder")


def test_a_run_that_has_ended_and_goes_on(monkeypatch):
    assert main(["xor", *FEW, "--output", "run"]) == 0
    run = read_run(Path("run"), "show")
    assert (run.description.experiment, run.result["generations"], len(run.history)) == ("xor", 4, 4)
    assert run.champion == Genome.load("run/champion.json") and run.fitness == run.result["champion_fitness"]
    line = run.lineage.ancestors(run.champion)
    assert (line[0].generation, line[-1].genome) == (0, run.champion)
    assert set(run.champion.genomes.arrays.connection_innovation) <= set(
        run.lineage.innovations["innovation"]
    )
    # It goes on, and is interrupted before its results are written.
    monkeypatch.setattr(xor.Xor, "measures", interrupt)
    assert main(["xor", "--resume", "run", "--generations", "7", "--quiet"]) == 130
    run = read_run(Path("run"), "show")
    assert run.result is None and len(run.history) == 7 and len(run.lineage.champions) == 7
    assert run.champion == run.population.best and np.isfinite(run.fitness)


def interrupt(*_):
    raise KeyboardInterrupt


def test_a_run_without_a_lineage():
    assert main(["xor", *FEW, "--no-lineage", "--output", "run"]) == 0
    assert read_run(Path("run"), "show").lineage is None
    assert not [
        path.name for path in Path("run").iterdir() if path.name.startswith(("champions", "innovations"))
    ]


def test_a_description_that_could_be_read_for_ever():
    Path("run").mkdir()
    Path("run/run.json").symlink_to(os.devnull)
    with pytest.raises(ValueError, match=r"^show: run/run\.json: is not a regular file$"):
        read_run(Path("run"), "show")


def test_what_is_refused():
    def refuse(message):
        with pytest.raises(ValueError, match=f"^show: .*{message}") as caught:
            read_run(Path("run"), "show")
        assert "\n" not in str(caught.value)

    refuse("run.json: cannot be read")
    assert main(["xor", *FEW, "--output", "run"]) == 0
    for content in ("", "[]", "{}", '{"generations": 4, "champion_fitness": "a"}'):
        Path("run/result.json").write_text(content)
        if "a" not in content:
            refuse("result.json: is not the result of a run")
    Path("run/checkpoint.npz").unlink()
    refuse("run has no checkpoint.npz yet; a run writes it every 10 generations")
    assert main(["xor", "--runs", "2", *FEW, "--output", "run", "--overwrite"]) == 0
    refuse("run holds a study of many runs")
