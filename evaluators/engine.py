"""The interface between evaluators and devices: an engine runs networks for scores, gradients and episodes.

`evaluators.cpu.engine` and `evaluators.gpu.engine` implement these protocols. Each operation has its own object, which
keeps its data on the device between calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from evaluators.cpu.engine import CpuEngine
from evaluators.devices import Arrays
from evaluators.environments import Environment
from evaluators.environments.check import gpu_unsupported_reason
from evaluators.environments.functions import Functions
from evaluators.episodes.episode import EpisodeRecord
from evaluators.episodes.request import PlayRequest
from evaluators.program.adam import Descent
from evaluators.program.backward import Gradient
from evaluators.program.compiled import NetworkBatch, Origins
from evaluators.program.program import Programs
from evaluators.samples import Samples
from neat.genome.genome import Genomes
from neat.kernels.parallel import Workers, check_workers

T = TypeVar("T")


class Activator(Protocol):
    """Activates G networks on one device, keeps the state of recurrent ones, and returns that device's arrays."""

    @property
    def arrays(self) -> Arrays:
        """The Arrays of the device."""

    @property
    def programs(self) -> Programs:
        """The networks as writable arrays; raises a ValueError unless they are in the host's memory."""

    def __len__(self) -> int: ...

    def forget(self, samples: int) -> None:
        """Set the state of every network to 0 for this many samples; recurrent ones need it before an activation."""

    def clear(self, networks: np.ndarray) -> None:
        """Set the state of the networks with these indices, int64 (n,), to 0."""

    def activate(self, x: Any, networks: np.ndarray) -> Any:
        """Activate networks at successive times.

        Args:
            x: float32 (times, 1 or n, samples, inputs), an array of the device.
            networks: Indices, int64 (n,), each at most once.

        Returns:
            Outputs, float32 (n, times, samples, outputs).
        """


class Scorer(Protocol):
    """Computes the fitness of networks over samples that stay on the devices."""

    def score(self, networks: NetworkBatch) -> np.ndarray:
        """Return the fitness of every network, float64 (networks,).

        A named loss is summed over the samples and divided by `Samples.divisor`. A user-defined function gets the
        outputs of all networks, or of parts of them if a device's memory is too small.

        Raises:
            ValueError: A user-defined function returned another shape.
        """


class Outcome(Protocol):
    """The result of episodes. The device keeps the record until `record` is called."""

    @property
    def fitness(self) -> np.ndarray:
        """Fitness, float64 (networks,): the rewards, combined as the `PlayRequest` says."""

    @property
    def steps(self) -> int:
        """The number of steps of all episodes together."""

    def record(self) -> EpisodeRecord:
        """Return the EpisodeRecord of the episodes in the host's memory."""


class Player(Protocol):
    """Runs episodes of networks in one environment."""

    @property
    def functions(self) -> Functions:
        """The functions of the environment."""

    def is_built(self, decision: str) -> bool:
        """Return whether some process has compiled the loop over episodes with this decision."""

    def play(self, networks: NetworkBatch, request: PlayRequest) -> Outcome:
        """Run the requested episodes of every network.

        Raises:
            RuntimeError: A function of the environment raised an error, which the message names.
            ValueError: An observation or a reward was not finite.
        """


class NetworkGradients(Protocol):
    """Computes the gradients of G networks over samples, on one device."""

    @property
    def arrays(self) -> Arrays:
        """The Arrays of the device."""

    @property
    def programs(self) -> Programs:
        """The networks in the host's memory, with the genomes' weights, biases and responses."""

    @property
    def origins(self) -> Origins:
        """The genes that the programs come from."""

    @property
    def gradient(self) -> Gradient:
        """The gradient of the loss (minus the fitness) from the last call of `differentiate`.

        Its float32 arrays are the device's, and as long as those of the programs.
        """

    def differentiate(self, numbers: Sequence[Any]) -> np.ndarray:
        """Fill `gradient`, and return the loss of every network, summed over the samples, float64 (G,).

        Args:
            numbers: Weights, biases and responses in the programs' order, float32 arrays of the device.
        """


@runtime_checkable
class Descending(Protocol):
    """The optional part of NetworkGradients: steps of Adam without Python between them."""

    def descend(self, numbers: Sequence[Any], descent: Descent) -> tuple[np.ndarray, np.ndarray]:
        """Change `numbers` by steps of Adam, and return the losses before and after, float64 (G,) each.

        Args:
            numbers: As for `NetworkGradients.differentiate`; changed.
            descent: The steps.
        """


class Differentiator(Protocol):
    """Computes gradients of networks over samples."""

    def map_parts(self, genomes: Genomes, work: Callable[[Genomes, NetworkGradients], T]) -> list[T]:
        """Call `work(part, gradients)` for parts of the genomes that fit on a device.

        Returns:
            The results of the calls, in the order of the genomes.
        """


class Engine(Protocol):
    """Executes networks on a device, or on several GPUs."""

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices, as returned by `evaluators.devices.resolve_device`."""

    def activator(self, networks: NetworkBatch) -> Activator:
        """Copy networks to the device, so that the genomes may change; raises a ValueError for several devices."""

    def scorer(self, samples: Samples) -> Scorer:
        """Copy samples to the devices, and return a Scorer over them."""

    def player(self, environment: Environment) -> Player:
        """Return a Player for an environment."""

    def differentiator(self, samples: Samples) -> Differentiator:
        """Return a Differentiator over samples with a named loss."""


def engine_for(devices: tuple[str, ...], workers: Workers | None = None) -> Engine:
    """Return the engine for devices.

    Args:
        devices: As `evaluators.devices.resolve_device` returned them.
        workers: The threads of the CPU's engine, with which a GPU's engine does its work on the host; None: the shared
            ones.

    Raises:
        ValueError: `workers` is something else.
    """
    check_workers(workers)
    if devices == ("cpu",):
        return CpuEngine(workers)
    from evaluators.gpu.engine import GpuEngine  # which imports numba-cuda

    return GpuEngine(devices, workers)


def unsupported_reason(environment: Environment | None = None) -> str | None:
    """Return which user-defined function cannot be compiled for a GPU, and why; None if all can.

    Args:
        environment: Its functions are checked too, before the registered activations and aggregations.
    """
    from evaluators.gpu.specialisations import table_unsupported_reason  # which imports numba-cuda

    reason = gpu_unsupported_reason(environment) if environment is not None else None
    return reason or table_unsupported_reason()
