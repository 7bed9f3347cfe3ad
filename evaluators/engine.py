"""The seam between evaluators and devices: an engine activates, scores, plays and differentiates networks.

`evaluators.cpu.engine` and `evaluators.gpu.engine` implement these protocols. Each operation has an object of its own,
which keeps what it needs on the device from one call to the next.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from evaluators.cpu.engine import CpuEngine
from evaluators.devices import Arrays
from evaluators.environments import Environment
from evaluators.environments.check import gpu_unsupported_reason
from evaluators.environments.functions import Functions
from evaluators.episodes.episode import Record
from evaluators.episodes.request import PlayRequest
from evaluators.program.backward import Gradient
from evaluators.program.compiled import NetworkBatch, Origins
from evaluators.program.program import Programs
from evaluators.samples import Samples
from neat.genome.genome import Genomes

T = TypeVar("T")


class Activator(Protocol):
    """G networks, kept on one device with the state of the recurrent ones. What they give is that device's arrays."""

    @property
    def arrays(self) -> Arrays:
        """The Arrays of the device."""

    @property
    def programs(self) -> Programs:
        """The networks as arrays that can be written to; ValueError if they are not in the host's memory."""

    def __len__(self) -> int: ...

    def forget(self, samples: int) -> None:
        """Give every network a state of 0 for so many samples: recurrent ones need it before they are activated."""

    def clear(self, networks: np.ndarray) -> None:
        """Set the state of these networks, int64 (n,), to 0."""

    def activate(self, x: Any, networks: np.ndarray) -> Any:
        """Activate networks at successive times.

        Args:
            x: float32 (times, 1 or n, samples, inputs), an array of the device.
            networks: int64 (n,), each at most once.

        Returns:
            Outputs, float32 (n, times, samples, outputs).
        """


class Scorer(Protocol):
    """The fitness of networks over samples that stay on the devices."""

    def score(self, networks: NetworkBatch) -> np.ndarray:
        """Fitness of every network, float64 (networks,).

        A named loss is summed over the samples and divided by `Samples.divisor`; a user-defined function gets the
        outputs of all networks, or of parts of them where a device's memory is too small.

        Raises:
            ValueError: A user-defined function gives another shape.
        """


class Outcome(Protocol):
    """The result of episodes. A device keeps the record until it is asked for."""

    @property
    def fitness(self) -> np.ndarray:
        """float64 (networks,), the rewards as `PlayRequest` combines them."""

    @property
    def steps(self) -> int:
        """Steps of all episodes."""

    def record(self) -> Record:
        """All that is kept of the episodes, in arrays of the host's memory."""


class Player(Protocol):
    """Episodes of networks in one environment."""

    @property
    def functions(self) -> Functions:
        """The environment's."""

    def is_built(self, decision: str) -> bool:
        """Whether the loop over episodes with this decision was compiled before, by any process."""

    def play(self, networks: NetworkBatch, request: PlayRequest) -> Outcome:
        """Play episodes.

        Raises:
            RuntimeError: A function of the environment raised an error, which the message names.
            ValueError: An observation or a reward was not finite.
        """


class NetworkGradients(Protocol):
    """The gradients of G networks over samples, on one device."""

    @property
    def arrays(self) -> Arrays:
        """The Arrays of the device."""

    @property
    def programs(self) -> Programs:
        """The networks, in the host's memory, with the numbers that the genomes have."""

    @property
    def origins(self) -> Origins:
        """The genes that the programs come from."""

    @property
    def gradient(self) -> Gradient:
        """What the last call of `differentiate` found, float32 arrays of the device as long as the programs'.

        It is the gradient of minus the fitness, that is of the loss.
        """

    def differentiate(self, numbers: Sequence[Any]) -> np.ndarray:
        """Fill `gradient`, and return every network's sum of the loss over the samples, float64 (G,).

        Args:
            numbers: Weights, biases and responses in the programs' order, float32 arrays of the device.
        """


class Differentiator(Protocol):
    """Gradients of networks over samples."""

    def map_parts(self, genomes: Genomes, work: Callable[[Genomes, NetworkGradients], T]) -> list[T]:
        """Call `work(part, gradients)` for parts of the genomes that fit on a device.

        Returns:
            What the calls gave, in the order of the genomes.
        """


class Engine(Protocol):
    """What executes networks on a device, or on several GPUs."""

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices, as `evaluators.devices.resolve_device` gave them."""

    def activator(self, networks: NetworkBatch) -> Activator:
        """Put networks on the device; ValueError if there are several. Genomes' arrays may be written to again."""

    def scorer(self, samples: Samples) -> Scorer:
        """Put samples on the devices, to score networks on them."""

    def player(self, environment: Environment) -> Player:
        """Prepare episodes in an environment."""

    def differentiator(self, samples: Samples) -> Differentiator:
        """Prepare gradients over samples with a named loss."""


@functools.cache
def engine_for(devices: tuple[str, ...]) -> Engine:
    """The engine of the devices that `evaluators.devices.resolve_device` gave."""
    if devices == ("cpu",):
        return CpuEngine()
    from evaluators.gpu.engine import GpuEngine  # which imports numba-cuda

    return GpuEngine(devices)


def unsupported_reason(environment: Environment | None = None) -> str | None:
    """Which function of a user's cannot be compiled for a GPU, and why; or None.

    Args:
        environment: One whose functions are tried as well as the registered activations and aggregations.
    """
    from evaluators.gpu.specialisations import why_not_added  # which imports numba-cuda

    return (gpu_unsupported_reason(environment) if environment is not None else None) or why_not_added()
