"""The short form of `make fuzz` and `make kills`, and what they notice."""

import numpy as np
import pytest
from campaigns import fuzz, kills, tries

import neat


def test_damaged_and_absurd_input_is_refused_or_works():
    campaign = fuzz.Campaign(range(60), minutes=5)
    campaign.run(1)
    assert not campaign.faults
    assert campaign.done == 60
    assert all(campaign.counts[kind, "accepted"] + campaign.counts[kind, "refused"] for kind in fuzz.KINDS)


@pytest.mark.parametrize("name", ["run", "study"])
def test_a_killed_command_loses_nothing(name):
    kills.trial(name, seed=1, kills=1)


def flaw(call):
    with pytest.raises(Exception) as caught:
        call()
    return tries.flaw_of_refusal(caught.value, str(caught.value))


def test_only_what_the_library_raises_itself_is_a_refusal():
    assert flaw(lambda: neat.Config.from_toml("[")) is None
    assert "from inside" in flaw(lambda: np.zeros(3).reshape(2))
    assert "from inside" in flaw(lambda: neat.Genomes.take(None, [0]))
    assert "is no refusal" in flaw(lambda: 1 / 0)
    assert "characters" in flaw(lambda: exec('raise ValueError("x" * 5000)'))


def test_a_child_that_ends_is_a_crash():
    child = fuzz.Child()
    try:
        child.process.kill()
        assert child.answer("toml 1")["verdict"] == "crash"
    finally:
        child.close()


def test_a_child_that_takes_too_long_is_a_hang(monkeypatch):
    child = fuzz.Child()
    try:
        monkeypatch.setattr(fuzz, "SECONDS", -1.0)
        assert child.answer("toml 1")["verdict"] == "hang"
    finally:
        child.close()
