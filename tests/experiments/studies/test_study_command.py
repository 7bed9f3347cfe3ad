"""The command `study`."""

import json
import sys

import pytest

from experiments.__main__ import main
from experiments.studies import command
from experiments.studies.plan_file import StudyPlan, load_plan, make_study, parse_factor
from tests.support.paths import ROOT

PLAN = """
seeds = 2
first_seed = 5
compare = "innovation"

[vary]
innovation = ["global", "pairing"]
"mutation.add_node_rate" = [0.03, 0.1]

[arms.small]
population_size = 20

[tasks.xor]
generations = 2

[tasks."3 bits"]
experiment = "parity"
bits = 3
generations = 2
margin = 0.2
settings = { population_size = 30 }
needs = { genome = { initial_connections = "none" } }
"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(PLAN)
    return path


def test_a_plan_is_a_grid_of_arms_on_experiments(plan, tmp_path):
    made = make_study(load_plan(plan), "cpu", tmp_path).plan
    names = [
        f"small, {scheme}, add_node_rate={rate}" for scheme in ("global", "pairing") for rate in (0.03, 0.1)
    ]
    assert list(made.arms) == names
    assert made.arms[names[3]] == {
        "population_size": 20,
        "innovation": "pairing",
        "mutation": {"add_node_rate": 0.1},
    }
    assert made.pairs == [(names[2], names[0]), (names[3], names[1])]
    assert made.seeds == [5, 6]
    bits = made.tasks["3 bits"]
    assert (bits.generations, bits.margin, bits.settings["population_size"]) == (2, 0.2, 30)
    assert bits.needs["genome"]["initial_connections"] == "none"
    assert bits.make_evaluator().num_inputs == 3
    assert made.limits == {"xor": 40, "3 bits": 40}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "studies").glob("*.toml")), ids=lambda path: path.stem
)
def test_the_plans_of_the_docs_can_be_run(path):
    assert make_study(load_plan(path), "cpu", path.parent).plan.arms


def test_a_task_of_a_module_of_gymnasium(tmp_path, monkeypatch):
    gymnasium = pytest.importorskip("gymnasium")
    entry = "gymnasium.envs.classic_control.cartpole:CartPoleEnv"
    register = f'gymnasium.register("Cart-v0", "{entry}", reward_threshold=7.0)'
    (tmp_path / "carts_of_a_test.py").write_text(f"import gymnasium\n{register}\n")
    monkeypatch.syspath_prepend(tmp_path)
    plan = StudyPlan(tasks={"gymnasium": {"env": "carts_of_a_test:Cart-v0"}})
    task = make_study(plan, "cpu", tmp_path / "plans").plan.tasks["gymnasium"]
    gymnasium.registry.pop("Cart-v0")
    monkeypatch.delitem(sys.modules, "carts_of_a_test")
    assert task.solved is not None and task.make_evaluator().num_inputs == 4


def test_the_command_runs_resumes_and_shares(plan, tmp_path, capsys):
    folder = tmp_path / "out"
    assert main(["study", str(plan), "--output", str(folder), "--share", "0.5", "--quiet"]) == 0
    assert len((folder / "runs.csv").read_text().splitlines()) == 1 + 8
    assert main(["study", str(plan), "--output", str(folder)]) == 0
    assert len((folder / "runs.csv").read_text().splitlines()) == 1 + 16
    output = capsys.readouterr().out
    assert "run 16/16" in output and "report.md has these tables" in output
    assert json.loads((folder / "plan.json").read_text())["margins"] == {"xor": 0.1, "3 bits": 0.2}


def test_experiments_need_no_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    grid = ["--vary", "innovation=global,pairing", "--vary=population_size=20,30"]
    assert main(["study", "xor", *grid, "--seeds", "1", "--generations", "2"]) == 0
    assert len((tmp_path / "runs" / "study-xor" / "runs.csv").read_text().splitlines()) == 1 + 4
    assert main(["study", "xor", "--seeds", "1", "--generations", "1", "--output", "one", "--quiet"]) == 0
    assert "default" in capsys.readouterr().out


def test_mates_are_recorded_on_demand(tmp_path, capsys):
    (tmp_path / "plan.toml").write_text('record = "mating"\nseeds = 1\ngenerations = 2\n[tasks.xor]\n')
    given = (
        ["xor", "--seeds", "1", "--generations", "2", "--record", "mating"],
        [str(tmp_path / "plan.toml")],
    )
    tables = []
    for k, arguments in enumerate(given):
        assert main(["study", *arguments, "--output", str(tmp_path / f"{k}"), "--quiet"]) == 0
        tables.append((tmp_path / f"{k}" / "runs.csv").read_text())
    assert tables[0] == tables[1] and ",matching,disjoint,excess," in tables[0].splitlines()[0]
    again = ["xor", "--seeds", "1", "--generations", "2", "--output", str(tmp_path / "0"), "--quiet"]
    assert main(["study", *again]) == 2
    assert "recorder: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("innovation=global,pairing", ("innovation", ["global", "pairing"])),
        ("mutation.add_node_rate=0.03,1", ("mutation.add_node_rate", [0.03, 1])),
        ("genome.bias_input=true,false", ("genome.bias_input", [True, False])),
        ("preset=none,stanley2002", ("preset", ["none", "stanley2002"])),
    ],
)
def test_factors(text, factor):
    assert parse_factor(text) == factor


def test_a_preset_can_vary(tmp_path):
    plan = StudyPlan(tasks={"xor": {}}, vary={"preset": ["none", "stanley2002"]})
    assert make_study(plan, "cpu", tmp_path).plan.arms == {
        "none": {},
        "stanley2002": {"preset": "stanley2002"},
    }


WRONG = {
    "study: expected a plan or experiments first, such as study plan.toml": [],
    "study: expected a plan that ends in .toml, or experiments, got 'xr'; did you mean xor?": ["xr"],
    "vary: expected NAME=VALUE,VALUE such as innovation=global,pairing, got 'innovation'": [
        "xor",
        "--vary",
        "innovation",
    ],
    "vary.innovation: expected values that differ, got ['global', 'global']": [
        "xor",
        "--vary",
        "innovation=global,global",
    ],
    "arms.a on tasks.xor: inovation: there is no such field; did you mean innovation?": [
        "xor",
        "--vary",
        "inovation=a,b",
    ],
    "compare: must be one of innovation, got 'seed'": [
        "xor",
        "--vary",
        "innovation=global,pairing",
        "--compare",
        "seed",
    ],
    "--wokers: there is no such option; did you mean --workers?": ["xor", "--wokers", "2"],
    "invalid choice 'mates' for argument '--record'": ["xor", "--record", "mates"],
    "share: must be above 0 and at most 1, got 2.0": ["xor", "--share", "2"],
    "timeout: needs cluster or workers of at least 2, which can be ended": ["xor", "--timeout", "3"],
    "retries: must be from 0 to 2147483647, got -1": ["xor", "--retries", "-1", "--workers", "2"],
    "workers: cannot be combined with cluster, because the cluster decides how many runs it does at once": [
        "xor",
        "--workers",
        "2",
        "--cluster",
        "local",
    ],
    "missing.toml: cannot be read: No such file or directory": ["missing.toml"],
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_commands_are_refused(message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["study", *WRONG[message]]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "plan.toml: tasks: must be given"),
        ("[tasks.xr]", "tasks.xr: experiment: must be one of"),
        ("[tasks.xor]\nbits = 3", "tasks.xor: bits: there is no such field"),
        ("record = 'mates'\n[tasks.xor]", "record: input should be 'mating', got 'mates'"),
        ("sed = 3\n[tasks.xor]", "sed: there is no such field; did you mean seeds?"),
        ("seeds = 0\n[tasks.xor]", "seeds: input should be greater than or equal to 1, got 0"),
        ("[tasks.xor]\n[arms.a]\nseeed = 3", "arms.a on tasks.xor: seeed: there is no such field"),
        ("[tasks.xor", "plan.toml:"),
    ],
)
def test_wrong_plans_are_refused(content, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.toml").write_text(content)
    assert main(["study", "plan.toml"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_narrow_table_cuts_off_no_number(capsys):
    number = "0.123456789" * 4
    columns = 6
    rows = [["mean"] * columns, ["-"] * columns, [number] * columns]
    command._print_markdown("\n".join(f"|{'|'.join(row)}|" for row in rows))
    output = capsys.readouterr().out
    assert "…" not in output and sum(map(str.isdigit, output)) == columns * sum(map(str.isdigit, number))
