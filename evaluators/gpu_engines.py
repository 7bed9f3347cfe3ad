"""What evaluators ask of GPUs: scores over a data set, episodes, activations."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from evaluators import cuda
from evaluators.actions import Reach
from evaluators.cuda import SAMPLES, Batch
from evaluators.environments.environment import Environment
from evaluators.episode import Play, Record, Senses
from evaluators.gpu import DeviceGenes, DevicePrograms, in_parts, launch_over, turns_for
from evaluators.launching import WARP, argument, is_built
from evaluators.workspace import Workspace
from neat.buffers import Fields
from neat.genome import Genomes

_PIECES = 64  # at most, of the samples


class Scorer:
    """Fitness of networks on GPUs, from the sum of a loss over a data set.

    Args:
        devices: GPUs.
        inputs: float32 (1, 1, inputs, samples).
        targets: float32 (outputs, samples).
    """

    def __init__(self, devices: tuple[str, ...], inputs: np.ndarray, targets: np.ndarray) -> None:
        self._samples = targets.shape[1]
        self._spaces = {device: Workspace(device) for device in devices}
        self._data = {device: Workspace(device) for device in devices}
        for data in self._data.values():
            with data.arrays.current():
                data.put_shaped("inputs", inputs)
                data.put_shaped("targets", targets)
                data.arrays.synchronize()  # whatever stream the calls are on
        self._turns = turns_for(self._samples)
        tile = self._turns * SAMPLES
        # Whatever the genomes and the free memory are: it decides the order in which a sum is added up.
        self._piece = tile * math.ceil(self._samples / (tile * _PIECES))
        self._pieces = math.ceil(self._samples / self._piece)

    def __call__(self, genomes: Genomes, loss: int, steps: int, divisor: int) -> np.ndarray:
        """Every genome's sum over `divisor`, float64 (genomes,)."""

        def score(work: Workspace, begin: int, end: int) -> np.ndarray:
            data, count = self._data[work.arrays.device], end - begin
            genes = DeviceGenes(work, genomes, begin, end)
            programs = DevicePrograms(genes, WARP // self._turns, by_size=False)
            number = np.dtype(np.float64)
            totals = work.receive("totals", {"totals": ((self._pieces, count), number)})["totals"]
            fitness = work.receive("results", {"fitness": ((count,), number)})["fitness"]
            programs.launch(
                cuda.score_kernel,
                SAMPLES,
                lambda first: first * self._pieces,
                programs.interleaved,
                data.argument("inputs"),
                data.argument("targets"),
                loss,
                steps,
                self._piece,
                totals,
            )
            launch_over(work, cuda.finish_kernel(), count, totals, float(divisor), fitness)
            return work.fetch("results")["fitness"]

        parts = in_parts(self._spaces, genomes, 8 * (self._pieces + 1), score)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


class Player:
    """Episodes of networks on GPUs (see `evaluators.episode`)."""

    def __init__(self, devices: tuple[str, ...]) -> None:
        self._spaces = {device: Workspace(device) for device in devices}

    def __call__(
        self,
        genomes: Genomes,
        environment: Environment,
        decision: str,
        play: Play,
        senses: Senses,
        reach: Reach,
        fields_for: Callable[[int], Fields],
    ) -> Record:
        """Play; the length of an episode in which a function raised an error is -1.

        Args:
            genomes: What plays.
            environment: In what.
            decision: See `evaluators.actions`.
            play: A Play.
            senses: A Senses.
            reach: A Reach.
            fields_for: The fields of a Record of so many genomes.
        """
        kernel_for = functools.partial(cuda.play_kernel, environment, decision)
        constants = environment.constants

        def play_part(work: Workspace, begin: int, end: int) -> dict[str, np.ndarray]:
            programs = DevicePrograms(DeviceGenes(work, genomes, begin, end), WARP, by_size=True)
            fields = fields_for(end - begin)
            _, episodes = fields["reward"][0]
            given = work.send(
                "play",
                {
                    "start": play.start,
                    "offset": senses.offset,
                    "scale": senses.factor,
                    **reach._asdict(),
                },
            )
            programs.launch(
                kernel_for,
                1,
                lambda first: first * episodes,
                programs.interleaved,
                constants,
                play._replace(start=given["start"], first=begin),
                senses._replace(offset=given["offset"], factor=given["scale"]),
                Reach(*(given[name] for name in Reach._fields)),
                Record(**work.receive("record", fields)),
            )
            return work.fetch("record")

        per_genome = sum(math.prod(shape) * dtype.itemsize for shape, dtype in fields_for(1).values())
        parts = in_parts(self._spaces, genomes, per_genome, play_part)
        if len(parts) == 1:
            return Record(**parts[0])
        joined = {name: np.concatenate([part[name] for part in parts]) for name in Record._fields}
        return Record(**joined | {"trace": parts[0]["trace"]})

    def is_built(self, environment: Environment, decision: str) -> bool:
        """Whether the kernel was compiled before, by any process."""
        return is_built(cuda.play_kernel(environment, decision, True))


class Activator:
    """Networks on a GPU, to be activated (see `evaluators.network.Engine`)."""

    def __init__(self, device: str, genomes: Genomes) -> None:
        self._work = Workspace(device)
        self.arrays = self._work.arrays
        with self.arrays.current():
            self._genes = DeviceGenes(self._work, genomes, 0, len(genomes))
            self._genes.keep()
            self.arrays.synchronize()  # the genomes' arrays may be used again at once
        self._programs: DevicePrograms | None = None
        self._width = 0
        self._position = np.empty(len(genomes), np.int32)
        self._chosen = np.empty(0, np.int64)
        self.forget(0)

    def __len__(self) -> int:
        return self._genes.count

    def forget(self, samples: int) -> None:
        """Begin with a state of 0 for so many samples."""
        self._state_start = self._genes.node_offset * samples
        with self.arrays.current():
            self._work.put("state start", self._state_start)
            self._work.room("state", int(self._state_start[-1]), np.float32)
            self._work.array("state").fill(0.0)

    def clear(self, networks: np.ndarray) -> None:
        """Set the state of these networks to 0."""
        with self.arrays.current():
            state, start = self._work.array("state"), self._state_start
            if 4 * len(networks) < len(self):
                for network in networks:
                    state[start[network] : start[network + 1]] = 0.0
                return
            chosen = np.zeros(len(self), bool)
            chosen[networks] = True
            state[: start[-1]][self.arrays.to_device(np.repeat(chosen, np.diff(start)))] = 0.0

    def activate(self, x: Any, networks: np.ndarray) -> Any:
        """Outputs, float32 (n, times, samples, outputs), for `x`, float32 (times, 1 or n, samples, inputs)."""
        work, samples = self._work, x.shape[2]
        with self.arrays.current():
            programs = self._programs_for(WARP // turns_for(samples))
            self._choose(networks)
            outputs = self.arrays.empty(
                (len(networks), x.shape[0], samples, self._genes.num_outputs), np.float32
            )
            programs.launch(
                cuda.activate_kernel,
                SAMPLES,
                lambda first: int(np.searchsorted(self._places, first * self._width)),
                work.argument("chosen"),
                work.argument("ranks"),
                work.argument("position"),
                programs.interleaved,
                Batch(argument(x.swapaxes(2, 3)), argument(outputs)),
                work.argument("state start"),
                work.argument("state"),
                per_block=self._width,
            )
        return outputs

    def _programs_for(self, width: int) -> DevicePrograms:
        if self._programs is None or self._width != width:
            self._programs, self._width = DevicePrograms(self._genes, width, by_size=True), width
            self.arrays.synchronize()  # what was sent may be written to again
            self._position[self._programs.layout.order] = np.arange(len(self), dtype=np.int32)
            self._work.put("position", self._position)
            self._chosen = np.empty(0, np.int64)
        return self._programs

    def _choose(self, networks: np.ndarray) -> None:
        """Networks of like sizes one after the other, as the launches want them."""
        if networks is self._chosen:
            return
        ranks = np.argsort(self._position[networks], kind="stable").astype(np.int32)
        self._places = self._position[networks][ranks]
        self._work.put("chosen", networks)
        self._work.put("ranks", ranks)
        self._chosen = networks
