"""The kernels that play episodes, compiled and emulated; apart from the others so that processes share them."""

import pytest

import evaluators
import neat
from evaluators import backend
from evaluators.environments import CartPole
from tests.device_cases import ENVIRONMENTS
from tests.test_cuda import check_compiles, check_emulated, cuda, emulated  # noqa: F401  skips without a compiler


def decision_of(name, environment):
    return (
        "scaled" if hasattr(environment.actions, "low") else "threshold" if "threshold" in name else "argmax"
    )


KERNELS = {
    **{
        f"play {name}": (cuda.play_kernel, environment, decision_of(name, environment), True)
        for name, environment in ENVIRONMENTS.items()
        if name not in ("Walk", "DoublePole without velocities")  # of types that the others have too
    },
    "play CartPole, device": (cuda.play_kernel, ENVIRONMENTS["CartPole"], "argmax", False),
}


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_compiles_for_every_generation_of_gpus(name, cache):
    function, *arguments = KERNELS[name]
    check_compiles(function(*arguments), "device" not in name, cache)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_kernel_computes_what_the_cpu_does(name, emulated):  # noqa: F811
    check_emulated(name)


def test_episodes_with_scratch_in_device_memory(emulated, monkeypatch):  # noqa: F811
    monkeypatch.setattr(backend.arrays_of("cuda:0"), "shared_bytes", 0)
    check_emulated("CartPole")


def test_a_whole_run_has_the_same_champion(emulated):  # noqa: F811
    champions = []
    for device in ("cpu", "cuda"):
        evaluator = evaluators.Rollout(CartPole(), device=device)
        config = neat.Config.for_task(evaluator, population_size=150, seed=1)
        champions.append(neat.Population(config).run(evaluator, generations=50).champion.to_dict())
    assert champions[0] == champions[1]
