"""The short form of `make fuzz` and `make kills`, and what they notice."""

import shutil

import numpy as np
import pytest

import neat
from tests.campaigns import fuzz, kills, refusals


def test_damaged_and_absurd_input_is_refused_or_works():
    campaign = fuzz.Campaign(range(75), minutes=5)
    campaign.run(1)
    assert not campaign.faults
    assert campaign.done == 75
    assert all(campaign.counts[kind, "accepted"] + campaign.counts[kind, "refused"] for kind in fuzz.KINDS)


SHORTER = {
    "run": ("--generations 60", "--generations 20"),
    "runs": ("--runs 8", "--runs 4"),
    "study by workers": ("--seeds 20", "--seeds 5"),
}


@pytest.fixture(scope="module", autouse=True)
def shorter_commands():
    with pytest.MonkeyPatch.context() as patch:
        for name, change in SHORTER.items():
            command = kills.COMMANDS[name]
            patch.setitem(kills.COMMANDS, name, command._replace(line=command.line.replace(*change)))
        yield


@pytest.mark.parametrize("name", ["run", pytest.param("runs", marks=pytest.mark.long), "study by workers"])
def test_a_killed_command_loses_nothing(name):
    # The first undisturbed command may have compiled, so that a kill comes too late.
    assert any(kills.trial(name, seed, kills=1) for seed in range(1, 5))


def test_a_file_that_comes_out_otherwise_is_a_fault(monkeypatch):
    folder, seconds = kills.undisturbed("run")
    monkeypatch.setattr(kills, "undisturbed", lambda name: (folder.with_name("other"), seconds))
    shutil.copytree(folder, folder.with_name("other"))
    (folder.with_name("other") / "metrics.csv").write_text("another")
    with pytest.raises(kills.Fault, match=r"^metrics\.csv differs"):
        kills.trial("run", seed=1, kills=0)


def flaw(call):
    with pytest.raises(Exception) as caught:
        call()
    return refusals.flaw_of_refusal(caught.value)


def test_only_what_the_library_raises_itself_is_a_refusal():
    assert flaw(lambda: neat.Config.from_toml("[")) is None
    assert "was not raised by" in flaw(lambda: np.zeros(3).reshape(2))
    assert "was not raised by" in flaw(lambda: neat.Genomes.take(None, [0]))
    assert "is not a refusal" in flaw(lambda: 1 / 0)
    assert "characters" in flaw(lambda: exec('raise ValueError("x" * 5000)'))


def test_a_child_that_ends_is_a_crash():
    child = fuzz.Child()
    try:
        child.process.kill()
        assert child.answer("toml 1")["verdict"] == "crash"
    finally:
        child.close()


@pytest.mark.parametrize(("limit", "value", "verdict"), [("SECONDS", -1.0, "hang"), ("BYTES", 1, "memory")])
def test_a_child_beyond_its_limits_is_ended(limit, value, verdict, monkeypatch):
    child = fuzz.Child()
    try:
        monkeypatch.setattr(fuzz, limit, value)
        assert child.answer("toml 1")["verdict"] == verdict
    finally:
        child.close()
