import io

import numpy as np
import pytest
from rich.console import Console

from experiments.__main__ import main
from experiments.runs.run import Run
from experiments.runs.study_progress import StudyProgress
from neat.support.progress_display import ProgressDisplay


def run(seed, solved, fitness):
    return Run(seed, solved, 10, 1500, fitness, 1, 5, {}, np.zeros(10), {}, {})


def test_the_progress_of_a_study_with_several_settings():
    text = io.StringIO()
    progress = StudyProgress(ProgressDisplay("run", 4, console=Console(file=text)), True, True)
    progress.begin("default, global")
    progress.show_generation(150, 300)
    progress.add(run(0, True, 4.0))
    progress.add(run(1, False, 3.0))
    progress.begin("default, pairing")
    progress.show_generation(300, 300)
    progress.add(run(2, True, 3.5))
    progress.close()
    lines = text.getvalue().splitlines()
    assert lines[0] == "run 0/4  setting default, global  solved 0  generation 150/300  0:00"
    assert lines[1].startswith("run 1/4  setting default, global  solved 1  mean fitness 4  evaluations/s ")
    assert lines[2].startswith("run 2/4  setting default, global  solved 1  mean fitness 3.5  evaluations/s ")
    assert lines[-1].startswith("run 3/4  setting default, pairing  solved 2  mean fitness 3.5  ")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_study_in_a_log(workers, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    short = ["--generations", "2", "--population-size", "20", "--workers", str(workers)]
    assert main(["xor", "--runs", "3", *short, "--output", "a"]) == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("run ")]
    assert shown[-1].startswith("run 3/3  solved ")
    assert ("  generation 2/2  " in shown[-1]) == (workers == 1)


def test_a_quiet_study_shows_no_progress(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["xor", "--runs", "3", "--generations", "2", "--population-size", "20", "--quiet"]) == 0
    assert "run 3/3" not in capsys.readouterr().out
