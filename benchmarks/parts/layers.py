"""A training step, and a step of an episode, of layered networks: as models of `nn` and as genomes.

In training, both make full-batch steps of Adam from the same weights and must come to the same losses. Times are of one
thread; numpy's matrix products follow OPENBLAS_NUM_THREADS.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.support.report import Table, one_thread, seconds
from evaluators import Rollout
from evaluators.cpu.compilation import as_compiled
from evaluators.cpu.kernels import forward_for
from evaluators.environments import CartPole
from evaluators.gradient import Tensor, fit_weights, losses, nn, no_grad, optim, ppo
from evaluators.gradient.ppo import acting
from neat import Genomes, activations
from neat.kernels.jit import bind_globals, inner_function, kernel

SAMPLES, STEPS, RATE = 256, 50, 0.01
EPISODES = 2_000
HIDDEN = ((4,), (16, 16), (64, 64))  # layers of policies
PASSES = 20_000


class Case(NamedTuple):
    """Networks of the same layers."""

    models: int
    sizes: tuple[int, ...]


SIZES = ((2, 8, 1), (16, 32, 32, 4), (64, 128, 128, 10))
CASES = [Case(models, sizes) for models in (1, 50) for sizes in SIZES]


def run(quick: bool) -> dict[str, Any]:
    with one_thread():
        rounds = 1 if quick else 5
        return {
            "cases": [_measure(case, rounds) for case in CASES],
            "policies": [_measure_policy(hidden, rounds) for hidden in HIDDEN],
            "passes": [_measure_pass(hidden, rounds) for hidden in HIDDEN],
        }


def _measure(case: Case, rounds: int) -> dict[str, Any]:
    """Return the seconds of a step of all networks, and the largest difference of their losses after the last."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(SAMPLES, case.sizes[0])).astype(np.float32)
    y = np.sin(x[:, :1] + np.arange(case.sizes[-1], dtype=np.float32))
    fits: dict[str, Callable[[list[nn.Sequential]], np.ndarray]] = {
        "nn": lambda models: np.array([_train(model, x, y) for model in models]),
        "genomes": lambda models: _train_as_genomes(models, x, y),
    }
    times: dict[str, list[float]] = {name: [] for name in fits}
    found: dict[str, np.ndarray] = {}
    for turn in range(rounds + 1):
        for name, fit in fits.items():
            models = [_make_model(case.sizes, seed) for seed in range(case.models)]
            begin = time.perf_counter()
            found[name] = fit(models)
            if turn:  # the first call loads or compiles kernels
                times[name].append((time.perf_counter() - begin) / STEPS)
    return {
        "models": case.models,
        "sizes": case.sizes,
        "difference": float(np.abs(found["nn"] - found["genomes"]).max()),
        **{name: statistics.median(each) for name, each in times.items()},
    }


def _make_model(sizes: tuple[int, ...], seed: int) -> nn.Sequential:
    layers = [
        layer for pair in itertools.pairwise(sizes) for layer in (nn.Dense(*pair), nn.Activation("tanh"))
    ]
    return nn.Sequential(*layers[:-1]).initialise(seed)


def _adam(parameters: list[Any]) -> optim.Adam:
    return optim.Adam(parameters, RATE)


def _train(model: nn.Sequential, x: np.ndarray, y: np.ndarray) -> float:
    """Return the loss after training with a loop over the tape."""
    optimiser, inputs = _adam(model.parameters()), Tensor(x)
    for _ in range(STEPS):
        optimiser.zero_grad()
        losses.mean_squared(model(inputs), y).backward()
        optimiser.step()
    return losses.mean_squared(model(inputs), y).item()


def _train_as_genomes(models: list[nn.Sequential], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return -fit_weights(Genomes.from_layers(models), x, y, _adam, STEPS).fitness


def _measure_policy(hidden: tuple[int, ...], rounds: int) -> dict[str, Any]:
    """Return the seconds of a step of greedy episodes in CartPole, from the same starts."""
    policy = ppo.Policy(CartPole(), hidden).initialise(0)
    genomes, rollout = Genomes.from_layers(policy), Rollout(CartPole(), observations="raw", device="cpu")
    plays = {
        "nn": lambda: int(policy.play(EPISODES).length.sum()),
        "genomes": lambda: int(rollout.play(genomes, EPISODES).length.sum()),
    }
    return {"hidden": hidden, **_seconds_of_a_step(plays, rounds)}


def _seconds_of_a_step(calls: dict[str, Callable[[], int]], rounds: int) -> dict[str, float]:
    """Return the median seconds of a step of each call; a call returns its number of steps."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            begin = time.perf_counter()
            steps = call()
            if turn:  # the first call loads or compiles kernels
                times[name].append((time.perf_counter() - begin) / steps)
    return {name: statistics.median(each) for name, each in times.items()}


def _measure_pass(hidden: tuple[int, ...], rounds: int) -> dict[str, Any]:
    """Return the seconds in which one state passes through a policy: in PPO's loop, a program, and a model of `nn`."""
    policy = ppo.Policy(CartPole(), hidden).initialise(0)
    actor, network = policy.as_actor(), as_compiled(Genomes.from_layers(policy))
    state = np.full(4, 0.1, np.float32)
    values = np.zeros((2, max(hidden)), np.float32)
    slots = np.zeros((4 + sum(hidden) + 2, 1), np.float32)
    gathered = np.zeros(max(hidden), np.float32)
    x = Tensor(state[np.newaxis])

    def dense() -> int:
        _pass_densely(PASSES, actor.weight, actor.bias, state.copy(), values)
        return PASSES

    def program() -> int:
        _pass_programs(PASSES, network.programs, state.copy(), slots, gathered)
        return PASSES

    def model() -> int:
        with no_grad():
            for _ in range(PASSES // 100):
                policy.actor(x)
        return PASSES // 100

    calls = {"dense": dense, "program": program, "nn": model}
    return {"hidden": hidden, **_seconds_of_a_step(calls, rounds)}


_activations = activations.ACTIVATIONS
_tanh = _activations[activations.activation_index("tanh")].function
_layer = inner_function(bind_globals(acting._layer, activate=_tanh), contract=True)
_forward = forward_for(len(_activations), len(activations.AGGREGATIONS))


# Each pass changes the next one's state a little, so that none is left out.
@kernel(allocates=False)
def _pass_densely(count, weight, bias, state, values):
    last = len(weight) - 1
    for _ in range(count):
        _layer(weight[0], bias[0], last > 0, state, values[0])
        for k in range(1, last + 1):
            _layer(weight[k], bias[k], k < last, values[(k - 1) % 2], values[k % 2])
        state[0] += values[last % 2, 0] * np.float32(1e-3)


@kernel(allocates=False)
def _pass_programs(count, programs, state, slots, gathered):
    for _ in range(count):
        for k in range(len(state)):
            slots[k, 0] = state[k]
        _forward(programs, 0, len(state), slots, slots, 1, gathered)
        state[0] += slots[programs.output_slot[0, 0], 0] * np.float32(1e-3)


def tables(result: dict[str, Any]) -> list[Table]:
    rows = [
        [
            f"{case['models']} × {'-'.join(map(str, case['sizes']))}",
            seconds(case["nn"]),
            seconds(case["genomes"]),
            f"{case['nn'] / case['genomes']:.2g}×",
            f"{case['difference']:.1g}",
        ]
        for case in result["cases"]
    ]
    return [
        Table(
            f"A step of Adam for tanh networks, {SAMPLES} samples, one thread",
            ["networks", "`nn`", "genomes", "speed-up", "largest difference of the losses"],
            rows,
            [f"Medians. The losses are those after {STEPS} steps from the same weights."],
        ),
        Table(
            f"A step of CartPole, greedy policies, {EPISODES:,} episodes, one thread",
            ["hidden layers", "`Policy.play`", "genomes in `Rollout.play`", "ratio"],
            [
                [
                    "-".join(map(str, each["hidden"])),
                    seconds(each["nn"]),
                    seconds(each["genomes"]),
                    f"{each['nn'] / each['genomes']:.2g}×",
                ]
                for each in result["policies"]
            ],
            [
                "Medians. `Policy.play` multiplies by dense matrices, `Rollout.play` follows the links of a program."
            ],
        ),
        Table(
            "One state through a tanh policy with 4 inputs and 2 outputs",
            ["hidden layers", "dense loop of PPO", "program", "`nn`"],
            [
                [
                    "-".join(map(str, each["hidden"])),
                    *(seconds(each[way]) for way in ("dense", "program", "nn")),
                ]
                for each in result["passes"]
            ],
            [
                "Medians. The first two are compiled loops over many passes; `nn` is called from Python each time."
            ],
        ),
    ]
