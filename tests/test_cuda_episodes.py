"""The kernels that play episodes, compiled by the real compiler; apart from the others so that processes share them."""

import pytest

from tests.device_cases import ENVIRONMENTS
from tests.test_cuda import check_compiles, cuda  # skips where nothing can be compiled


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
