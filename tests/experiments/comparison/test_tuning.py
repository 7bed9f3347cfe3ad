import gc
import json
from pathlib import Path

import pytest

from experiments.__main__ import main
from experiments.comparison import tuning
from experiments.comparison.meter import Network
from experiments.comparison.methods import Method
from tests.support.comparison import write_plan
from tests.support.processes import refused

pytestmark = pytest.mark.usefixtures("in_empty_folder")


class Fake:
    """A method whose scores and lengths depend on its settings."""

    def __init__(self, scores, ticks):
        self.scores, self.ticks, self.calls = scores, ticks, []
        self.method = Method({"rate": tuple(scores)}, ("epoch",), self.work)

    def work(self, settings, seed, meter):
        self.calls.append((settings["rate"], seed))
        meter.start()
        for _ in range(self.ticks[settings["rate"]]):
            meter.tick({"epoch": 1}, Network(lambda: self.scores[settings["rate"]] + seed / 1e6, 10))


@pytest.fixture
def fake(monkeypatch):
    made = Fake({1.0: 0.5, 2.0: 0.9, 3.0: 0.9, 4.0: float("nan")}, {1.0: 3, 2.0: 3, 3.0: 2, 4.0: 3})
    monkeypatch.setattr(tuning, "make_methods", lambda task: {"fake": made.method})
    monkeypatch.setattr(
        tuning, "measure_prices", lambda method, settings, budget: {"epoch": settings["rate"] / 1e3}
    )
    return made


def test_the_best_settings_are_chosen_and_of_equal_ones_the_least_work(fake, capsys):
    assert main(["compare", "tune", "--task", "xor", "--seeds", "2"]) == 0
    plan = json.loads(Path("plan-xor.json").read_text())
    own = plan["methods"]["fake"]
    # Both take 6 ms: the first is kept.
    assert own["settings"] == {"rate": 2.0} and own["prices"] == {"epoch": 0.002}
    fake.ticks[3.0] = 1
    assert main(["compare", "tune", "--task", "xor", "--seeds", "2", "--overwrite"]) == 0
    own = json.loads(Path("plan-xor.json").read_text())["methods"]["fake"]
    assert own["settings"] == {"rate": 3.0} and own["prices"] == {"epoch": 0.003}
    assert [tried["score"] for tried in own["tried"]] == [
        pytest.approx(0.5010005), pytest.approx(0.9010005), pytest.approx(0.9010005), None
    ]  # fmt: skip
    assert {seed for _, seed in fake.calls} == {1000, 1001}
    assert plan["tuning_seeds"] == [1000, 1001] and plan["measured"]["command"].endswith("--seeds 2")
    assert "fake, rate 2: 0.901" in capsys.readouterr().out


def test_prices_are_measured_again(monkeypatch):
    write_plan("xor")
    before = json.loads(Path("plan.json").read_text())
    monkeypatch.setattr(tuning, "measure_prices", lambda method, *_: dict.fromkeys(method.units, 0.5))
    line = ["compare", "tune", "--task", "xor", "--only-prices", "--output", "plan.json"]
    assert main(line) == 0
    after = json.loads(Path("plan.json").read_text())
    for name, own in after["methods"].items():
        assert set(own["prices"].values()) == {0.5}
        assert own["settings"] == before["methods"][name]["settings"]
    assert "--only-prices" in after["measured"]["command"]
    assert {**after, "methods": 0, "measured": 0} == {**before, "methods": 0, "measured": 0}


def test_measured_prices_pay_for_about_the_time_that_a_run_takes():
    from experiments.comparison.meter import TimedMeter
    from experiments.comparison.methods import make_methods

    method = make_methods("xor")["generation 0 learns"]
    settings = next(method.combinations)
    gc.collect()
    gc.disable()  # to look through the objects of all tests takes as long as the whole measurement
    try:
        prices = tuning.measure_prices(method, settings, 0.1)
    finally:
        gc.enable()
    meter = TimedMeter(0.1, prices)
    method.run(settings, 1000, meter)
    rounds = meter.outcome.end.work / prices["round"]
    assert prices.keys() == {"round"} and rounds > 5


@pytest.mark.parametrize("output", ["no/such/plan.json", "."])
def test_a_path_that_cannot_be_written_is_refused_before_the_runs(fake, output, capsys):
    for more in ([], ["--only-prices"]):
        refused(["compare", "tune", "--output", output, *more], capsys, "output: ")
    assert not fake.calls


def test_mistakes(capsys):
    Path("mine.json").write_text("{}")
    for line, message in (
        (["--task", "chess"], "task: must be one of xor, parity"),
        (["--seeds", "0"], "seeds: must be from 1 to 2147483647, got 0"),
        (["--seeds", "2147483648"], "seeds: must be from 1 to 2147483647, got 2147483648"),
        (["--share", "-1"], "share: must be above 0"),
        (["--output", "mine.json"], "output: mine.json exists; --overwrite replaces it"),
        (["--only-prices"], "plan: plan-xor.json: cannot be read"),
        (["--only-prices", "--output", "mine.json"], "plan: mine.json: task: must be given"),
        (["--tasks", "xor"], "--tasks: there is no such option; did you mean --task?"),
    ):
        refused(["compare", "tune", *line], capsys, message)
    assert Path("mine.json").read_text() == "{}"
