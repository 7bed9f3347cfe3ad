"""What evaluators ask of GPUs: scores over a data set, episodes, activations."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from evaluators.environments.functions import Functions
from evaluators.episodes.actions import Reach
from evaluators.episodes.episode import Play, Record, Senses
from evaluators.gpu import specialisations
from evaluators.gpu.kernels import SAMPLES, Batch
from evaluators.gpu.launcher import WARP, argument, is_built
from evaluators.gpu.memory import DeviceGenes, DevicePrograms, in_parts, launch_over, turns_for
from evaluators.gpu.workspace import Later, Workspace
from neat.genome.buffers import Block, packed
from neat.genome.genome import Genomes

_PIECES = 64  # at most, of the samples


@functools.lru_cache(maxsize=64)
def _numbers(*shape: int) -> Block:
    return packed({"numbers": (shape, np.dtype(np.float64))})


@functools.lru_cache(maxsize=64)
def _results(count: int) -> Block:
    return packed({"fitness": ((count,), np.dtype(np.float64)), "steps": ((count,), np.dtype(np.int64))})


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


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
            totals = work.receive("totals", _numbers(self._pieces, count))["numbers"]
            fitness = work.receive("fitness", _numbers(count))["numbers"]
            programs.launch(
                specialisations.score_kernel,
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
            launch_over(work, specialisations.add_kernel(), count, totals, float(divisor), fitness)
            return work.fetch("fitness")["numbers"]

        return _joined(in_parts(self._spaces, genomes, 8 * (self._pieces + 1), score))


class Played:
    """What came of episodes on GPUs.

    Args:
        parts: Of each part of the genomes, in their order: what is fetched at once, and the Record, for later.

    Attributes:
        fitness: float64 (genomes,).
        steps: int64 (genomes,), of all episodes; -1 where a function raised an error or something was not finite.
    """

    def __init__(self, parts: list[tuple[dict[str, np.ndarray], Later]]) -> None:
        self.fitness, self.steps = (_joined([now[name] for now, _ in parts]) for name in ("fitness", "steps"))
        self._later = [later for _, later in parts]

    def record(self) -> Record:
        """All of it; the length of an episode in which a function raised an error is -1."""
        parts = [later.get() for later in self._later]
        joined = {name: _joined([part[name] for part in parts]) for name in Record._fields if name != "trace"}
        return Record(**joined, trace=parts[0]["trace"])


class Player:
    """Episodes of networks on GPUs in an environment (see `evaluators.episodes.episode`)."""

    def __init__(self, devices: tuple[str, ...], functions: Functions) -> None:
        self._functions = functions
        self._spaces = {device: Workspace(device) for device in devices}

    def __call__(
        self,
        genomes: Genomes,
        constants: tuple[Any, ...],
        decision: str,
        play: Play,
        senses: Senses,
        reach: Reach,
        block_for: Callable[[int], Block],
        least: bool,
        factor: float,
    ) -> Played:
        """Play. Nobody may write to the arrays of `play`, `senses` and `reach` afterwards.

        Args:
            genomes: What plays.
            constants: The environment's.
            decision: See `evaluators.episodes.actions`.
            play: A Play.
            senses: A Senses.
            reach: A Reach.
            block_for: The Block of a Record of so many genomes.
            least: See `episode.combined`.
            factor: As well.
        """
        kernel_for = functools.partial(specialisations.play_kernel, self._functions, decision)

        def play_part(work: Workspace, begin: int, end: int) -> tuple[dict[str, np.ndarray], Later]:
            count = end - begin
            programs = DevicePrograms(DeviceGenes(work, genomes, begin, end), WARP, by_size=True)
            given = work.send_once(
                "play",
                {
                    "start": play.start,
                    "offset": senses.offset,
                    "scale": senses.factor,
                    **reach._asdict(),
                },
            )
            record = Record(**work.receive("record", block_for(count)))
            programs.launch(
                kernel_for,
                1,
                lambda first: first * episodes,
                programs.interleaved,
                constants,
                play._replace(start=given["start"], first=begin),
                senses._replace(offset=given["offset"], factor=given["scale"]),
                Reach(*(given[name] for name in Reach._fields)),
                record,
            )
            results = work.receive("results", _results(count))
            launch_over(
                work,
                specialisations.combine_kernel(),
                count,
                record.reward,
                record.length,
                record.sound,
                least,
                factor,
                results["fitness"],
                results["steps"],
            )
            return work.fetch("results"), work.later("record")

        block = block_for(len(genomes))
        _, episodes = block.fields["reward"][0]
        return Played(in_parts(self._spaces, genomes, -(-block.size // len(genomes)) + 16, play_part))

    def is_built(self, decision: str) -> bool:
        """Whether the kernel was compiled before, by any process."""
        return is_built(specialisations.play_kernel(self._functions, decision, True))


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
                specialisations.activate_kernel,
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
