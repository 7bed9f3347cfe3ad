"""The engine of GPUs (see `evaluators.engine.Engine`), which launches kernels over parts that fit in memory."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from evaluators.cpu import engine as cpu
from evaluators.devices import arrays_of
from evaluators.environments import Environment
from evaluators.episodes.actions import ActionScaling
from evaluators.episodes.episode import EpisodeRecord
from evaluators.episodes.request import PlayRequest, check_finite
from evaluators.gpu import specialisations
from evaluators.gpu.gradients import NetworkGradients
from evaluators.gpu.kernels import SAMPLES
from evaluators.gpu.launcher import WARP, argument, is_built
from evaluators.gpu.memory import DevicePrograms, copy_to_device, in_parts, launch_over, threads_per_network
from evaluators.gpu.workspace import PendingFetch, Workspace
from evaluators.program.compiled import NetworkBatch, part_of
from evaluators.program.passes import Batch
from evaluators.program.program import Programs
from evaluators.samples import Samples
from evaluators.user_fitness import score_by_function
from neat.genome.buffers import Block, pack
from neat.genome.genome import Genomes
from neat.kernels.parallel import Workers

_PIECES = 64  # the most pieces of the samples
_OUTPUT_BYTES = 12  # for each output, and for two arrays of the same size in a user-defined function
_GRADIENT_BYTES = 256  # for each genome, in addition to its genes

T = TypeVar("T")


@functools.lru_cache(maxsize=64)
def _numbers(*shape: int) -> Block:
    return pack({"numbers": (shape, np.dtype(np.float64))})


@functools.lru_cache(maxsize=64)
def _results(count: int) -> Block:
    return pack({"fitness": ((count,), np.dtype(np.float64)), "steps": ((count,), np.dtype(np.int64))})


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _workspaces(devices: tuple[str, ...]) -> dict[str, Workspace]:
    return {device: Workspace(device) for device in devices}


class LossScorer:
    """Scores networks by a named loss (see `evaluators.engine.Scorer`)."""

    def __init__(self, devices: tuple[str, ...], samples: Samples) -> None:
        self._samples = samples
        self._spaces = _workspaces(devices)
        self._data = _workspaces(devices)
        for data in self._data.values():
            with data.arrays.current():
                data.put_shaped("inputs", samples.input_rows)
                data.put_shaped("targets", samples.target_rows)
                data.arrays.synchronize()  # calls may use any stream
        count = len(samples.inputs)
        self._threads = threads_per_network(count)
        tile = self._threads * SAMPLES
        # Pieces must not depend on the genomes or on free memory, since they decide the order of additions.
        self._piece = tile * math.ceil(count / (tile * _PIECES))
        self._pieces = math.ceil(count / self._piece)

    def score(self, networks: NetworkBatch) -> np.ndarray:
        samples = self._samples

        def score_part(work: Workspace, begin: int, end: int) -> np.ndarray:
            data, count = self._data[work.arrays.device], end - begin
            programs = DevicePrograms(
                copy_to_device(work, networks, begin, end), WARP // self._threads, by_size=False
            )
            totals = work.receive("totals", _numbers(self._pieces, count))["numbers"]
            fitness = work.receive("fitness", _numbers(count))["numbers"]
            programs.launch(
                specialisations.score_kernel,
                SAMPLES,
                lambda first: first * self._pieces,
                programs.interleaved,
                data.argument("inputs"),
                data.argument("targets"),
                samples.loss,
                samples.steps_of(networks.feed_forward),
                self._piece,
                totals,
            )
            launch_over(work, specialisations.add_kernel(), count, totals, float(samples.divisor), fitness)
            return work.fetch("fitness")["numbers"]

        return _joined(in_parts(self._spaces, networks, 8 * (self._pieces + 1), score_part))


class FunctionScorer:
    """Scores networks by a user-defined function, on one device (see `evaluators.engine.Scorer`)."""

    def __init__(self, device: str, samples: Samples) -> None:
        self._device, self._samples = device, samples

    @functools.cached_property
    def _data(self) -> tuple[Any, Any]:
        arrays = arrays_of(self._device)
        with arrays.current():
            return arrays.to_device(self._samples.inputs), arrays.to_device(self._samples.targets)

    def score(self, networks: NetworkBatch) -> np.ndarray:
        def score_part(work: Workspace, begin: int, end: int) -> np.ndarray:
            activator = Activator(self._device, part_of(networks, begin, end))
            return score_by_function(activator, networks.feed_forward, self._samples, self._data)

        per_network = _OUTPUT_BYTES * self._samples.targets.size
        return np.concatenate(in_parts(_workspaces((self._device,)), networks, per_network, score_part))


class Outcome:
    """The result of episodes (see `evaluators.engine.Outcome`).

    Args:
        parts: For each part of the networks, in order: fitness and steps, and the EpisodeRecord that can be fetched
            later.

    Attributes:
        failed: Whether a function raised an error, or an observation or a reward was not finite.
    """

    def __init__(self, parts: list[tuple[dict[str, np.ndarray], PendingFetch]]) -> None:
        self.fitness, steps = (_joined([now[name] for now, _ in parts]) for name in ("fitness", "steps"))
        self.failed = bool(steps.min() < 0)
        self.steps = int(steps.sum())
        self._pending = [pending for _, pending in parts]

    def record(self) -> EpisodeRecord:
        """Return the whole EpisodeRecord; an episode in which a function raised an error has length -1."""
        parts = [pending.get() for pending in self._pending]
        joined = {
            name: _joined([part[name] for part in parts]) for name in EpisodeRecord._fields if name != "trace"
        }
        return EpisodeRecord(**joined, trace=parts[0]["trace"])


class Player:
    """Runs episodes in an environment (see `evaluators.engine.Player`)."""

    def __init__(self, devices: tuple[str, ...], environment: Environment, workers: Workers | None) -> None:
        self.functions = environment.functions()
        self._environment = environment
        self._workers = workers
        self._spaces = _workspaces(devices)

    def is_built(self, decision: str) -> bool:
        return is_built(specialisations.play_kernel(self.functions, decision, True))

    def play(self, networks: NetworkBatch, request: PlayRequest) -> Outcome:
        block = self._record_block(request, len(networks))
        per_network = -(-block.size // len(networks)) + 16
        play_part = functools.partial(self._play_part, networks, request)
        outcome = Outcome(in_parts(self._spaces, networks, per_network, play_part))
        if outcome.failed:
            record = outcome.record()
            self._raise_environment_error(record, networks, request)
            check_finite(self._environment.name, record, request.play.first)
        return outcome

    def _record_block(self, request: PlayRequest, networks: int) -> Block:
        """Return the Block of an EpisodeRecord in which each episode is a group, since a thread runs only one."""
        return request.record_block(self.functions, networks, request.episodes)

    def _play_part(
        self, networks: NetworkBatch, request: PlayRequest, work: Workspace, begin: int, end: int
    ) -> tuple[dict[str, np.ndarray], PendingFetch]:
        programs = DevicePrograms(copy_to_device(work, networks, begin, end), WARP, by_size=True)
        play, senses, reach = request.play, request.senses, request.reach
        sources = {"start": play.start, "offset": senses.offset, "scale": senses.factor, **reach._asdict()}
        sent = work.send_once("play", sources)
        record = EpisodeRecord(**work.receive("record", self._record_block(request, end - begin)))
        programs.launch(
            functools.partial(specialisations.play_kernel, self.functions, request.decision),
            1,
            lambda first: first * request.episodes,
            programs.interleaved,
            self._environment.constants,
            play._replace(start=sent["start"], first=play.first + begin),
            senses._replace(offset=sent["offset"], factor=sent["scale"]),
            ActionScaling(*(sent[name] for name in ActionScaling._fields)),
            record,
        )
        results = work.receive("results", _results(end - begin))
        launch_over(
            work,
            specialisations.combine_kernel(),
            end - begin,
            record.reward,
            record.length,
            record.sound,
            request.least,
            request.factor,
            results["fitness"],
            results["steps"],
        )
        return work.fetch("results"), work.fetch_later("record")

    def _raise_environment_error(
        self, record: EpisodeRecord, networks: NetworkBatch, request: PlayRequest
    ) -> None:
        """Replay failed episodes on the CPU, which raises their exception; on a GPU, it only ends the thread."""
        unfinished = np.flatnonzero((record.length < 0).any(axis=1))
        if not len(unfinished):
            return
        player = cpu.Player(self._environment, self._workers)
        first = request.play.first
        for genome in map(int, unfinished):
            again = request._replace(play=request.play._replace(first=first + genome))
            player.record(part_of(networks, genome, genome + 1), again)
        episode = int(np.argmax(record.length[unfinished[0]] < 0))
        raise RuntimeError(
            f"{self._environment.name}: a function raised an error in episode {episode} of genome "
            f"{first + unfinished[0]}"
        )


class Activator:
    """Activates networks (see `evaluators.engine.Activator`)."""

    def __init__(self, device: str, networks: NetworkBatch) -> None:
        self._work = Workspace(device)
        self.arrays = self._work.arrays
        with self.arrays.current():
            self._source = copy_to_device(self._work, networks, 0, len(networks))
            self._source.keep()
            self.arrays.synchronize()  # the caller may change the networks' arrays now
        self._programs: DevicePrograms | None = None
        self._width = 0
        self._position = np.empty(len(networks), np.int32)
        self._chosen = np.empty(0, np.int64)
        self.forget(0)

    def __len__(self) -> int:
        return self._source.count

    @property
    def programs(self) -> Programs:
        raise ValueError(
            f'programs: only networks on the CPU have them; use compile(…, "cpu"), got {self.arrays.device}'
        )

    def forget(self, samples: int) -> None:
        self._state_start = self._source.node_offset * samples
        with self.arrays.current():
            self._work.put("state start", self._state_start)
            self._work.room("state", int(self._state_start[-1]), np.float32)
            self._work.array("state").fill(0.0)

    def clear(self, networks: np.ndarray) -> None:
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
        work, samples = self._work, x.shape[2]
        with self.arrays.current():
            programs = self._programs_for(WARP // threads_per_network(samples))
            self._choose(networks)
            outputs = self.arrays.empty(
                (len(networks), x.shape[0], samples, self._source.num_outputs), np.float32
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
            self._programs, self._width = DevicePrograms(self._source, width, by_size=True), width
            self.arrays.synchronize()  # the sent arrays may be changed after this
            self._position[self._programs.layout.order] = np.arange(len(self), dtype=np.int32)
            self._work.put("position", self._position)
            self._chosen = np.empty(0, np.int64)
        return self._programs

    def _choose(self, networks: np.ndarray) -> None:
        """Send the chosen networks in the order of the programs, in which similar sizes are adjacent."""
        if networks is self._chosen:
            return
        ranks = np.argsort(self._position[networks], kind="stable").astype(np.int32)
        self._places = self._position[networks][ranks]
        self._work.put("chosen", networks)
        self._work.put("ranks", ranks)
        self._chosen = networks


class Differentiator:
    """Computes gradients over samples (see `evaluators.engine.Differentiator`)."""

    def __init__(self, devices: tuple[str, ...], samples: Samples, workers: Workers | None) -> None:
        self._samples = samples
        self._spaces = _workspaces(devices)
        self._workers = workers

    def map_parts(self, genomes: Genomes, work: Callable[[Genomes, NetworkGradients], T]) -> list[T]:
        def work_on_part(space: Workspace, begin: int, end: int) -> T:
            part = part_of(genomes, begin, end)
            assert isinstance(part, Genomes)
            return work(part, NetworkGradients(space, part, self._samples, self._workers))

        return in_parts(self._spaces, genomes, _GRADIENT_BYTES, work_on_part)


class GpuEngine:
    """Runs networks on one or more GPUs (see `evaluators.engine.Engine`).

    Args:
        devices: The GPUs.
        workers: The threads that do the work on the host; None: the shared ones.
    """

    def __init__(self, devices: tuple[str, ...], workers: Workers | None = None) -> None:
        self.devices = devices
        self._workers = workers

    def activator(self, networks: NetworkBatch) -> Activator:
        if len(self.devices) > 1:
            raise ValueError(
                f"device: networks must be on one device, got 'cuda:*', which are {len(self.devices)}"
            )
        return Activator(self.devices[0], networks)

    def scorer(self, samples: Samples) -> LossScorer | FunctionScorer:
        if callable(samples.fitness):
            return FunctionScorer(self.devices[0], samples)
        return LossScorer(self.devices, samples)

    def player(self, environment: Environment) -> Player:
        return Player(self.devices, environment, self._workers)

    def differentiator(self, samples: Samples) -> Differentiator:
        return Differentiator(self.devices, samples, self._workers)
