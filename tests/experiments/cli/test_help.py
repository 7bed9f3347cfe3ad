"""--help fits on a screen, and --help-all has everything."""

import dataclasses
import inspect

import numba
import pytest

from experiments.__main__ import main
from experiments.cli import help as help_texts
from experiments.cli import program_name
from experiments.cli.flags import flag
from experiments.tasks.experiment import NAMES, find_experiment
from neat.config.config import Config

NEEDED = ("--population-size", "--generations", "--seed", "--output", "--preset", "--config", "--help-all")
MOST_LINES = 40


def shown(capsys, monkeypatch, width, *arguments):
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out.splitlines()


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], *([name, "--help"] for name in NAMES)])
def test_short_help_fits_on_a_screen(arguments, width, capsys, monkeypatch):
    lines = shown(capsys, monkeypatch, width, *arguments)
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert all(needed in text for needed in (*NEEDED, *Config.presets()))
    if arguments in ([], ["--help"], ["-h"]):
        assert all(f"  {name} " in text for name in (*NAMES, "compare"))
    else:
        experiment = find_experiment(arguments[0])
        assert all(flag(field.name).removeprefix("--") in text for field in dataclasses.fields(experiment))
        assert inspect.getdoc(experiment).split()[0] in text


def test_the_version(capsys, monkeypatch):
    (line,) = shown(capsys, monkeypatch, 100, "--version")
    assert line.startswith("batchneat ") and f"numba {numba.__version__}" in line


def test_short_help_has_the_experiments_defaults(capsys, monkeypatch):
    text = "\n".join(shown(capsys, monkeypatch, 100, "pendulum", "--help"))
    size = find_experiment("pendulum")().settings.get("population_size", 150)
    assert f"Number of genomes in each generation [{size}]" in text


@pytest.mark.parametrize(
    "arguments", [["--help-all"], ["t-maze", "--help-all"], ["t-maze", "--help", "--help-all"]]
)
def test_help_all_has_everything(arguments, capsys, monkeypatch):
    text = "\n".join(shown(capsys, monkeypatch, 100, *arguments))
    for path in ("checkpoint_every", "tensorboard", "mutation.weight.power", "speciation.threshold_mode"):
        assert flag(path) in text
    assert all(preset in text for preset in Config.presets())
    if len(arguments) == 1:
        assert all(name in text for name in NAMES)


@pytest.mark.parametrize("word", ["--help", "--help-all"])
def test_help_of_compare(word, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stop:
        main(["compare", word])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) <= MOST_LINES and "--seeds" in out and "-m experiments compare" in out


def test_an_unknown_flag_before_the_experiment_is_no_call_for_help(capsys):
    assert main(["--seed", "3"]) == 2
    assert capsys.readouterr().err.startswith("error: experiment: must be one of")


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("/usr/bin/batchneat", "batchneat"),
        ("C:/Scripts/batchneat.exe", "batchneat"),
        ("/x/experiments/__main__.py", "python9 -m experiments"),
    ],
)
def test_usage_names_the_command_that_was_called(script, name, capsys, monkeypatch):
    monkeypatch.setattr(program_name.sys, "argv", [script])
    monkeypatch.setattr(program_name.sys, "executable", "/usr/bin/python9")
    for arguments in ([], ["xor", "--help"], ["xor", "--help-all"]):
        assert main(arguments) == 0
        assert capsys.readouterr().out.startswith(f"usage: {name} ")


def test_every_kind_of_value_has_a_name():
    for name in NAMES:
        experiment = find_experiment(name)
        for option, text in help_texts._rows(
            experiment, [f.name for f in dataclasses.fields(experiment)], {}
        ):
            assert len(text) > 5 and not text.endswith("."), option
