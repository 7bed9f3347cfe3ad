"""Tests of compiled and emulated kernels that run episodes, in their own file so that another process can run them."""

import numpy as np
import pytest

import evaluators
from evaluators import devices
from neat.kernels.jit import inner_function
from tests.gpu.device_cases import ENVIRONMENTS, check_alike, check_same_champion, genomes
from tests.gpu.test_kernels import (  # skips without a compiler
    check_compiles,
    emulated,  # noqa: F401
    specialisations,
)
from tests.support.counting_workers import CountingWorkers
from tests.support.marks import mark_long
from tests.support.random_walks import ONE, Hot, Late, Walk


def decision_of(name, environment):
    return (
        "scaled" if hasattr(environment.actions, "low") else "threshold" if "threshold" in name else "argmax"
    )


KERNELS = {
    **{
        f"play {name}": (
            specialisations.play_kernel,
            environment.functions(),
            decision_of(name, environment),
            True,
        )
        for name, environment in ENVIRONMENTS.items()
        # Walk and DoublePole without velocities have the types of others. In Sway, NVIDIA's library approximates.
        if name not in ("Walk", "Sway", "DoublePole without velocities")
    },
    "play CartPole, device": (
        specialisations.play_kernel,
        ENVIRONMENTS["CartPole"].functions(),
        "argmax",
        False,
    ),
}


@pytest.mark.parametrize("name", mark_long(KERNELS, ("play CartPole",)))
def test_a_kernel_compiles_for_every_generation_of_gpus(name, cache):
    function, *arguments = KERNELS[name]
    check_compiles(function(*arguments), "device" not in name, cache)


@pytest.mark.parametrize("name", mark_long(ENVIRONMENTS, ("CartPole",)))
def test_a_kernel_computes_what_the_cpu_does(name, emulated):  # noqa: F811
    check_alike(name)


@pytest.mark.long
def test_episodes_with_scratch_in_device_memory(emulated, monkeypatch):  # noqa: F811
    monkeypatch.setattr(devices.arrays_of("cuda:0"), "shared_bytes", 0)
    check_alike("CartPole")


@pytest.mark.long  # XOR is in test_kernels.py
def test_a_whole_run_has_the_same_champion(emulated):  # noqa: F811
    check_same_champion("CartPole")


def test_an_error_in_an_environment_is_raised(emulated):  # noqa: F811
    """The error only ends its GPU thread. The CPU replays that episode and raises it; other episodes are correct."""
    players, workers = genomes(9, (1, 3)), CountingWorkers()
    short, long = (
        evaluators.Rollout(Hot(time_limit=limit), episodes=4, starts="genome", device="cuda", workers=workers)
        for limit in (200, 400)
    )
    short(players)
    expected = evaluators.Rollout(Hot(time_limit=200), episodes=4, starts="genome", device="cpu")
    expected(players)
    np.testing.assert_array_equal(short.last.length, expected.last.length)
    assert (expected.last.length < 200).any() and (expected.last.length == 200).any()
    assert not workers.calls
    with pytest.raises(RuntimeError, match=r"^Hot: ValueError: the motor is hot$"):
        long(players)
    assert workers.calls, "they replay the episode"


def test_numbers_that_are_not_finite_are_reported(emulated):  # noqa: F811
    message = r"^Late: an observation or a reward was not finite in step 301 of episode 0 of genome 0$"
    with pytest.raises(ValueError, match=message):
        evaluators.Rollout(Late(time_limit=400), episodes=2, device="cuda")(genomes(5, (1, 3)))


def drawn(state, action, constants, random):
    state[1] += ONE
    state[0] = np.random.normal()
    return ONE, False


def uniformly_drawn(state, action, constants, random):
    state[0] = np.random.random()
    return ONE, False


def tried(state, action, constants, random):
    try:
        state[0] = ONE / state[0]
    except Exception:
        state[0] = ONE
    return ONE, False


@inner_function
def noise():
    return np.random.normal()


def helped(state, action, constants, random):
    return ONE + noise(), False


@pytest.mark.parametrize(
    ("function", "line", "reason"),
    [
        (drawn, drawn.__code__.co_firstlineno + 2, "NumPy's random numbers do not follow the run's seed"),
        pytest.param(
            uniformly_drawn,
            uniformly_drawn.__code__.co_firstlineno + 1,
            "NumPy's random numbers do not",
            marks=pytest.mark.long,
        ),
        (tried, tried.__code__.co_firstlineno + 2, "AttributeError: "),
        (helped, helped.__code__.co_firstlineno - 3, "NumPy's random numbers do not follow the run's seed"),
    ],
)
def test_a_function_that_cannot_be_compiled_for_a_gpu_is_named_at_once(function, line, reason, emulated):  # noqa: F811
    environment = type("Own", (Walk,), {"__module__": __name__, "step": staticmethod(function)})()
    evaluators.Rollout(environment, device="cpu")
    with pytest.raises(ValueError) as error:
        evaluators.Rollout(environment, device="cuda")
    start = f"Own: step cannot be compiled for a GPU: test_episodes.py, line {line}: {reason}"
    assert str(error.value).startswith(start)
    assert str(error.value).endswith("; use device='cpu'") and "\n" not in str(error.value)
    assert evaluators.Rollout(environment, device="auto").devices == ("cpu",)
    assert evaluators.Rollout(Walk(), device="auto").devices == ("cuda:0",)


@pytest.mark.long
def test_the_benchmark_of_a_gpu(emulated, monkeypatch):  # noqa: F811
    """It runs without the device's clock and rates."""
    from benchmarks.parts import gpu as benchmark

    small = {
        "GENOMES": 40,
        "SAMPLES": 20,
        "STEPS": 30,
        "EPISODES": 2,
        "MANY": 80,
        "LEARNERS": 5,
        "LEARNED_SAMPLES": 9,
    }
    for name, value in {**small, "POPULATIONS": (10, 20), "RUN": 3}.items():
        monkeypatch.setattr(benchmark, name, value)
    monkeypatch.setattr(benchmark, "_on_device", lambda call, repeats: benchmark._on_host(call, repeats))
    rates = {"shared_reads": 1e12, "multiply_adds": 1e12, "copy_bytes": 1e12}
    monkeypatch.setattr(benchmark, "_floors", lambda repeats: rates)
    result = benchmark.run(quick=True)
    assert result["cartpole"]["steps"] == 40 * 2 * 30
    assert result["parity"]["episodes_that_differ"] == 0
    assert all(result["parity"]["same_champion"].values())
    for row in result["profile"]:
        assert {"reproduce", "evaluate", "copy", "compile", "kernel", "copy back"} < row.keys()
    assert all("|" in table.markdown() for table in benchmark.tables(result))
