"""What a GPU makes of a population, beside what its memory and its arithmetic allow; needs one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
from numba import cuda as numba_cuda
from numba import float32

import evaluators
import neat
from benchmarks.parts.forward import CONNECTIONS, INPUTS, NODES, random_genomes
from benchmarks.parts.rollout import balancing
from benchmarks.support.report import Table, seconds
from benchmarks.support.timing import median_seconds
from benchmarks.support.xor import XOR
from evaluators.devices import arrays_of, describe, resolve_device
from evaluators.environments import CartPole
from evaluators.gpu import engine, launcher, memory
from evaluators.gpu.workspace import Workspace
from evaluators.gradient import fit_weights, optim
from neat.genome.genome import Genomes

DEVICE = "cuda:0"
GENOMES, SAMPLES, EPISODES, STEPS = 10_000, 1_024, 5, 500
MANY = 1_000_000
LEARNERS, LEARNED_SAMPLES = 1_000, 256
POPULATIONS = (150, 1_000, 10_000, 100_000)
SECONDS_OF_STEPS, RATIO_TO_READS, MANY_SECONDS, MANY_RATIO, BESIDE = 2.5e-3, 3.0, 2e-3, 1.5, 2e-4
RUN = 50  # generations

_CALLS = 5  # one after the other
_LOOPS, _FLOOR_BLOCKS, _FLOOR_THREADS = 4_096, 2_048, 128


def run(quick: bool) -> dict[str, Any]:
    (device,) = resolve_device(DEVICE)
    repeats = 3 if quick else 15
    with arrays_of(device).current():
        floors = _floors(repeats)
        return {
            "device": describe((device,)),
            "floors": floors,
            "forward": [_forward(name, floors, repeats) for name in ("relu", "tanh")],
            "cartpole": _cartpole(repeats),
            "many": _many(repeats),
            "few": _few(repeats),
            "learning": _learning(repeats),
            "profile": [_profile(population, repeats) for population in POPULATIONS],
            "parity": _parity(),
        }


# ---------------------------------------------------------------- what the device allows


def _multiply_add(out, loops):
    a, b, c, d = float32(1.0), float32(2.0), float32(3.0), float32(4.0)
    factor = float32(out[0])
    for _ in range(loops):
        a, b, c, d = a * factor + b, b * factor + c, c * factor + d, d * factor + a
    out[1 + numba_cuda.grid(1) % 32] = a + b + c + d


def _read_shared(out, loops):
    room = numba_cuda.shared.array(4096, float32)
    lane = numba_cuda.threadIdx.x
    room[lane] = out[0]
    numba_cuda.syncthreads()
    a = b = c = d = float32(0.0)
    place = np.uint32(lane)
    for _ in range(loops):
        a += room[place]
        b += room[place + np.uint32(128)]
        c += room[place + np.uint32(256)]
        d += room[place + np.uint32(384)]
        place = np.uint32((place + np.uint32(512)) & np.uint32(4095 - 511))
        place = np.uint32(place | np.uint32(lane))
    out[1 + numba_cuda.grid(1) % 32] = a + b + c + d


def _floors(repeats: int) -> dict[str, float]:
    arrays = arrays_of(DEVICE)
    out = arrays.to_device(np.full(33, 0.5, np.float32))
    rates = {}
    for name, function in (("multiply_adds", _multiply_add), ("shared_reads", _read_shared)):
        kernel = numba_cuda.jit(function)[_FLOOR_BLOCKS, _FLOOR_THREADS]
        spent = _on_device(lambda kernel=kernel: kernel(out, _LOOPS), repeats)
        rates[name] = 4 * _LOOPS * _FLOOR_BLOCKS * _FLOOR_THREADS / spent
    source = arrays.empty(2**27, np.float32)
    target = arrays.empty(2**27, np.float32)
    rates["copy_bytes"] = 2 * source.nbytes / _on_device(lambda: arrays.xp.copyto(target, source), repeats)
    return rates


# ---------------------------------------------------------------- times


def _on_device(call: Callable[[], Any], repeats: int) -> float:
    """Seconds of the device for one call, of several one after the other, so that launches do not count."""
    call()
    xp, found = arrays_of(DEVICE).xp, []
    for _ in range(repeats):
        begin, end = xp.cuda.Event(), xp.cuda.Event()
        begin.record()
        for _ in range(_CALLS):
            call()
        end.record()
        end.synchronize()
        found.append(xp.cuda.get_elapsed_time(begin, end) / 1e3 / _CALLS)
    return statistics.median(found)


def _on_host(call: Callable[[], Any], repeats: int) -> float:
    """Seconds from the call until the device is done."""
    arrays = arrays_of(DEVICE)

    def call_and_wait() -> None:
        call()
        arrays.synchronize()

    return median_seconds(call_and_wait, repeats)


def in_one_block(genomes: Genomes) -> Genomes:
    """Copy genomes to one block of memory, as a population has them."""
    from neat.genome import buffers

    a = genomes.arrays
    own = buffers.empty(len(genomes), len(a.node_id), len(a.connection_weight))
    for target, source in zip(own, a, strict=True):
        target[...] = source
    return genomes.with_arrays(own)


def _parts(evaluator: Any, genomes: Genomes, repeats: int) -> dict[str, float]:
    """A call as a whole, and its parts one by one: genes to the device, kernels, results back."""
    with record_launches() as launches:
        evaluator(genomes)
    kernels = sum(_on_device(launch, repeats) for launch in launches)
    work = Workspace(DEVICE)
    copy = _on_host(lambda: memory.DeviceGenes(work, genomes, 0, len(genomes)), repeats)
    return {"kernels": kernels, "copy": copy, "whole": _on_host(lambda: evaluator(genomes), repeats)}


@contextmanager
def record_launches() -> Iterator[list[Callable[[], None]]]:
    """Collect the kernel launches made within the block, so that each can be repeated alone."""
    launches: list[Callable[[], None]] = []
    original = launcher.start

    def start(*arguments: Any) -> None:
        launches.append(lambda: original(*arguments))
        original(*arguments)

    with mock.patch.object(launcher, "start", start):
        yield launches


# ---------------------------------------------------------------- the work


def _forward(activation: str, floors: dict[str, float], repeats: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    evaluator = evaluators.Supervised(
        rng.normal(size=(SAMPLES, INPUTS)), rng.normal(size=SAMPLES), device=DEVICE
    )
    genomes = in_one_block(random_genomes(rng, GENOMES, INPUTS, NODES, CONNECTIONS, activation))
    reads = CONNECTIONS * GENOMES * SAMPLES
    return {
        "activation": activation,
        "floor": reads / floors["shared_reads"],
        **_parts(evaluator, genomes, repeats),
    }


def _cartpole(repeats: int) -> dict[str, Any]:
    evaluator = evaluators.Rollout(CartPole(time_limit=STEPS), episodes=EPISODES, device=DEVICE)
    genomes = in_one_block(balancing(GENOMES))
    parts = _parts(evaluator, genomes, repeats)
    assert evaluator.last is not None
    return {"steps": int(evaluator.last.length.sum()), **parts}


def _many(repeats: int) -> dict[str, Any]:
    genomes = random_genomes(np.random.default_rng(0), MANY, 2, 3, 8, "tanh", bias_input=True)
    evaluator = evaluators.Supervised(*XOR, device=DEVICE)
    return _parts(evaluator, in_one_block(genomes), repeats)


def _few(repeats: int) -> dict[str, float]:
    """What a call costs when there is hardly anything to do."""
    genomes = random_genomes(np.random.default_rng(0), 32, 2, 3, 8, "tanh", bias_input=True)
    on_gpu, on_cpu = (evaluators.Supervised(*XOR, device=device) for device in (DEVICE, "cpu"))
    return {
        "gpu": _on_host(lambda: on_gpu(genomes), 10 * repeats),
        "cpu": _on_host(lambda: on_cpu(genomes), 10 * repeats),
    }


def _learning(repeats: int) -> dict[str, float]:
    """A step of gradient descent for all networks, without what comes before the first step."""
    rng = np.random.default_rng(0)
    genomes = random_genomes(rng, LEARNERS, INPUTS, NODES, CONNECTIONS, "tanh")
    data = rng.normal(size=(LEARNED_SAMPLES, INPUTS)), rng.normal(size=LEARNED_SAMPLES)

    def spent(device: str, steps: int) -> float:
        make = lambda parameters: optim.Adam(parameters, 0.01)  # noqa: E731
        return _on_host(lambda: fit_weights(genomes, *data, make, steps, device=device), repeats)

    return {
        name: (spent(device, 11) - spent(device, 1)) / 10
        for name, device in (("gpu", DEVICE), ("cpu", "cpu"))
    }


def _profile(population: int, repeats: int) -> dict[str, Any]:
    """A generation of CartPole by activity; each is waited for, so that their sum is more than the whole."""
    evaluator = evaluators.Rollout(CartPole(), episodes=EPISODES, device=DEVICE)
    run_ = neat.Population(neat.Config.for_task(evaluator, population_size=population, seed=1000))
    spent: dict[str, list[float]] = {}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            arrays_of(DEVICE).synchronize()
            begin = time.perf_counter()
            result = function(*arguments, **options)
            arrays_of(DEVICE).synchronize()
            spent.setdefault(name, []).append(time.perf_counter() - begin)
            return result

        return call

    for _ in range(5):
        run_.tell(evaluator(run_.ask()))
    for _ in range(repeats):
        genomes = run_.ask()
        with (
            mock.patch.object(engine, "copy_to_device", timed("copy", memory.copy_to_device)),
            mock.patch.object(engine, "DevicePrograms", timed("compile", memory.DevicePrograms)),
            mock.patch.object(memory.DevicePrograms, "launch", timed("kernel", memory.DevicePrograms.launch)),
            mock.patch.object(Workspace, "fetch", timed("copy back", Workspace.fetch)),
        ):
            fitness = evaluator(genomes)
        timed("evaluate", evaluator)(genomes)
        timed("reproduce", run_.tell)(fitness)
    per_generation = {name: sum(times) / repeats for name, times in spent.items()}
    return {"population": population, **per_generation}


# ---------------------------------------------------------------- beside the CPU


def _parity() -> dict[str, Any]:
    genomes = balancing(GENOMES)
    lengths = {}
    for device in ("cpu", DEVICE):
        evaluator = evaluators.Rollout(CartPole(), episodes=EPISODES, starts="genome", device=device)
        evaluator(genomes)
        assert evaluator.last is not None
        lengths[device] = evaluator.last.length
    champions = {
        task: [_champion(task, device) for device in ("cpu", DEVICE)] for task in ("XOR", "CartPole")
    }
    return {
        "episodes": int(lengths["cpu"].size),
        "episodes_that_differ": int((lengths["cpu"] != lengths[DEVICE]).sum()),
        "same_champion": {task: both[0] == both[1] for task, both in champions.items()},
    }


def _champion(task: str, device: str) -> Any:
    """Return the champion after RUN generations, as plain data."""
    evaluator: Any = (
        evaluators.Supervised(*XOR, device=device)
        if task == "XOR"
        else evaluators.Rollout(CartPole(), episodes=EPISODES, device=device)
    )
    config = neat.Config.for_task(evaluator, population_size=150, seed=1000)
    return neat.Population(config).run(evaluator, generations=RUN).champion.to_dict()


# ---------------------------------------------------------------- tables


def tables(result: dict[str, Any]) -> list[Table]:
    return [_targets(result), _steps(result["profile"]), _differences(result["parity"])]


def _targets(result: dict[str, Any]) -> Table:
    """Return what was measured, beside what it should be."""
    floors, cartpole, many, few, learning = (
        result[name] for name in ("floors", "cartpole", "many", "few", "learning")
    )
    rows = [
        [
            f"forward, {row['activation']}: {GENOMES:,} genomes × {SAMPLES:,} samples, beside reading the values",
            f"{seconds(row['kernels'])}, {row['kernels'] / row['floor']:.2f}×",
            f"{seconds(row['floor'])}, {RATIO_TO_READS:.0f}×",
        ]
        for row in result["forward"]
    ]
    rows += [
        [
            f"CartPole: {GENOMES:,} genomes × {EPISODES} × {STEPS} steps",
            f"{seconds(cartpole['kernels'])}, {cartpole['steps'] / cartpole['kernels']:.3g} steps/s",
            f"{seconds(SECONDS_OF_STEPS)}, 1e+10 steps/s",
        ],
        [f"XOR: {MANY:,} genomes, kernels", seconds(many["kernels"]), seconds(MANY_SECONDS)],
        [
            f"XOR: {MANY:,} genomes in all, beside the copy of their genes",
            f"{seconds(many['whole'])}, {many['whole'] / many['copy']:.2f}×",
            f"{MANY_RATIO}×",
        ],
        *[
            [
                f"{name}: from memory to memory, beyond kernels and copy",
                seconds(max(0.0, row["whole"] - row["kernels"] - row["copy"])),
                seconds(BESIDE),
            ]
            for name, row in (("CartPole", cartpole), ("forward, tanh", result["forward"][1]))
        ],
        ["a call with 32 genomes", f"{seconds(few['gpu'])} (CPU: {seconds(few['cpu'])})", "–"],
        [
            f"learning: a step for {LEARNERS:,} networks × {LEARNED_SAMPLES} samples",
            f"{seconds(learning['gpu'])} (CPU: {seconds(learning['cpu'])})",
            "–",
        ],
    ]
    return Table(
        f"On a GPU ({result['device']})",
        ["", "measured", "target"],
        rows,
        [
            f"The device, in the same run: {floors['shared_reads']:.3g} reads of shared memory, "
            f"{floors['multiply_adds']:.3g} float32 multiply–adds, {floors['copy_bytes']:.3g} bytes copied "
            "a second.",
        ],
    )


def _steps(profile: list[dict[str, Any]]) -> Table:
    """Return how long each step of a generation takes, by the size of the population."""
    steps = ("reproduce", "evaluate", "copy", "compile", "kernel", "copy back")
    return Table(
        "Where a generation's time goes, CartPole",
        ["population", *steps],
        [[f"{row['population']:,}", *[seconds(row.get(step, 0.0)) for step in steps]] for row in profile],
        ["Copy, compile, kernel and copy back are waited for one by one; evaluate is the call as it is."],
    )


def _differences(parity: dict[str, Any]) -> Table:
    """Return in what runs on the GPU differ from those on the CPU."""
    counts = f"{parity['episodes_that_differ']:,} of {parity['episodes']:,}"
    champions = [
        [f"{task}, {RUN} generations: same champion", "yes" if is_same else "no"]
        for task, is_same in parity["same_champion"].items()
    ]
    return Table("Beside the CPU", ["", ""], [["episodes of another length", counts], *champions])
