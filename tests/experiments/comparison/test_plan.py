import json
from pathlib import Path

import pytest

from experiments.comparison.methods import TASKS, make_methods
from experiments.comparison.plan import read_plan, shipped_path
from tests.support.comparison import made_up_plan, write_plan
from tests.support.processes import refused

pytestmark = pytest.mark.usefixtures("in_empty_folder")


@pytest.mark.parametrize("task", TASKS)
def test_each_task_has_a_plan_whose_settings_were_the_best(task):
    plan = read_plan(shipped_path(task), task, make_methods(task))
    assert plan.budget == TASKS[task].budget
    assert min(plan.tuning_seeds) >= 1000
    for name, method in make_methods(task).items():
        own = plan.methods[name]
        assert [tried.settings for tried in own.tried] == list(method.combinations)
        scores = [tried.score for tried in own.tried]
        chosen = next(tried for tried in own.tried if tried.settings == own.settings)
        assert chosen.score == max(scores), name


def test_a_plan_is_read_as_it_was_written():
    path = write_plan("xor")
    plan = read_plan(Path(path), "xor", make_methods("xor"))
    assert plan.model_dump(mode="json") == json.loads(Path(path).read_text())


def set_in(*path, value):
    """Return a function that changes one element of a plan, or deletes it if the value is None."""

    def change(plan):
        for key in path[:-1]:
            plan = plan[key]
        if value is None:
            del plan[path[-1]]
        else:
            plan[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            set_in("methods", "MLP", value=None),
            "methods: must name NEAT, NEAT, learning, generation 0 learns",
        ),
        (set_in("methods", "PPO", value={}), "methods.PPO.settings: must be given"),
        (set_in("methods", "MLP", "prices", value=None), "methods.MLP.prices: must be given"),
        (set_in("methods", "MLP", "prices", value={}), "methods.MLP.prices: must name epoch, got none"),
        (
            set_in("methods", "MLP", "prices", "epoch", value=0),
            "methods.MLP.prices: at least one must be above 0",
        ),
        (set_in("methods", "MLP", "prices", "epoch", value=-1), "methods.MLP.prices.epoch: "),
        (set_in("methods", "MLP", "prices", "epoch", value="cheap"), "methods.MLP.prices.epoch: "),
        (
            set_in("methods", "MLP", "settings", "width", value=7),
            "methods.MLP.settings.width: must be one of 8, 2",
        ),
        (
            set_in("methods", "MLP", "settings", "depth", value=7),
            "methods.MLP.settings: must name learning_rate",
        ),
        (set_in("budget", value=0), "budget: "),
        (set_in("budget", value=float("nan")), "budget: "),
        (set_in("format", value=2), "format: "),
        (set_in("task", value="parity"), "task: must be 'xor', got 'parity'"),
        (set_in("colour", value="red"), "colour: there is no such field"),
        (set_in("measured", value=None), "measured: must be given"),
    ],
)
def test_mistakes_in_a_plan(change, message, capsys):
    path = write_plan("xor", "my.json", change)
    refused(["compare", "--plan", path], capsys, f"plan: my.json: {message}")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "plan: my.json: not valid JSON: "),
        ("[" * 100_000, "plan: my.json: not valid JSON: "),
        ("3", "plan: my.json: expected an object, got 3"),
        ("{}", "plan: my.json: task: must be given"),
        ("x" * 2_000_000, "plan: my.json: is larger than"),
    ],
)
def test_a_file_that_is_no_plan(content, message, capsys):
    Path("my.json").write_text(content)
    refused(["compare", "--plan", "my.json"], capsys, message)


def test_a_missing_plan(capsys):
    refused(["compare", "--plan", "no.json"], capsys, "plan: no.json: cannot be read: No such file")
    Path("folder").mkdir()
    refused(["compare", "--plan", "folder"], capsys, "plan: folder: is a folder")
    refused(
        ["compare", "--task", "parity", "--plan", write_plan("xor")],
        capsys,
        "task: must be 'parity', got 'xor'",
    )


def test_plans_fit_only_their_task():
    assert made_up_plan("xor")["methods"].keys() == made_up_plan("parity")["methods"].keys()
    assert made_up_plan("cartpole")["methods"].keys() == {"NEAT", "random search", "PPO"}
