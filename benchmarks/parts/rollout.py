"""A step of CartPole beside the physics alone and beside neat-python, and the profile of a step."""

from __future__ import annotations

import json
import statistics
import subprocess
from typing import Any

import numpy as np

import evaluators
from benchmarks.parts.generation import SUPPORT, python
from benchmarks.support.report import Table, seconds
from benchmarks.support.timing import time_in_turns, timed
from evaluators.cpu import kernels
from evaluators.cpu.compilation import as_compiled
from evaluators.cpu.engine import new_lanes
from evaluators.environments import CartPole
from evaluators.episodes import actions, episode
from evaluators.program.intrinsics import column
from neat import Genomes
from neat.activations import ACTIVATIONS, AGGREGATIONS
from neat.kernels import parallel
from neat.kernels.jit import inner_function, kernel
from neat.kernels.work_pieces import claimed

GENOMES, EPISODES, STEPS = 1_000, 5, 500
NEAT_PYTHON_EPISODES = 20
TENSORNEAT_MS = 13_900  # the same task on two cores of a similar machine
LIMIT_MS, MOST_RATIO, AIM_RATIO = 139, 2.5, 1.5
CALLS = 100_000  # repetitions of a part of a step

_reset, _observe, _step = (inner_function(getattr(CartPole, name)) for name in ("reset", "observe", "step"))
_forward = kernels.forward_for(len(ACTIVATIONS), len(AGGREGATIONS))


def run(quick: bool) -> dict[str, Any]:
    genomes = balancing(GENOMES)
    task = evaluators.Rollout(CartPole(), episodes=EPISODES)
    task(genomes)
    lengths = task.last.length
    threads = parallel.get_threads()
    calls = {"whole": lambda: task(genomes), "alone": _physics, "side": _physics_side_by_side}
    whole, alone, side = map(statistics.median, time_in_turns(calls, 5 if quick else 21).values())
    work = GENOMES * EPISODES * STEPS
    return {
        "threads": threads,
        "steps": int(lengths.sum()),
        "seconds": whole,
        "step": whole / int(lengths.sum()),
        "physics": alone / work,
        "physics_side_by_side": side / work,
        "neat_python": _neat_python(genomes.take(np.arange(NEAT_PYTHON_EPISODES))),
        "parts": _parts(task, genomes),
    }


def balancing(count: int) -> Genomes:
    """Return networks of 3 nodes and 12 connections, random variations of one that balances for 500 steps."""
    rng = np.random.default_rng(0)
    ends = [(s, 6) for s in range(4)] + [(s, t) for t in (4, 5) for s in (1, 2, 3)] + [(6, 4), (6, 5)]
    mean = [0.5, 0.5, 1.0, 1.0, -0.5, -2.0, -1.0, 0.5, 2.0, 1.0, -1.0, 1.0]
    nodes = [
        {"id": k, "bias": 0.0, "response": 1.0, "activation": "tanh", "aggregation": "sum"} for k in (4, 5, 6)
    ]
    return Genomes.from_list(
        [
            {
                "num_inputs": 4,
                "num_outputs": 2,
                "nodes": nodes,
                "connections": [
                    {"innovation": k, "source": s, "target": t, "weight": float(w), "enabled": True}
                    for k, ((s, t), w) in enumerate(zip(ends, rng.normal(mean, 0.05), strict=True))
                ],
            }
            for _ in range(count)
        ]
    )


@kernel(allocates=False)
def _physics_range(pieces, episodes, steps, constants, state):
    """Compute the physics alone, one episode at a time, with a push that keeps the pole up."""
    for individual in claimed(pieces):
        for number in range(episodes):
            key = (np.uint64(0), np.uint64(0), np.uint64(individual), np.uint64(number), np.uint64(0))
            _reset(state, constants, key)
            for _ in range(steps):
                push = np.int64(state[2] + np.float32(0.5) * state[3] > np.float32(0.0))
                _step(state, push, constants, key)


@kernel(allocates=False)
def _side_by_side_range(pieces, steps, constants, state, choice, reward, ended):
    """Compute the physics alone, with one episode in each lane."""
    width = len(choice)
    key = (np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0))
    for _ in claimed(pieces):
        for lane in range(width):
            _reset(column(state, lane, 4), constants, key)
        for _ in range(steps):
            for lane in range(width):
                choice[lane] = np.int64(state[2, lane] + np.float32(0.5) * state[3, lane] > np.float32(0.0))
            for lane in range(width):
                gained, over = _step(column(state, lane, 4), choice[lane], constants, key)
                reward[lane] = gained
                ended[lane] = over


def _physics() -> None:
    constants = CartPole().constants
    parallel.over(
        _physics_range,
        GENOMES,
        EPISODES,
        STEPS,
        constants,
        scratch=lambda: (np.zeros(4, np.float32),),
        cost=1000.0,
    )


def _physics_side_by_side() -> None:
    def scratch() -> tuple[Any, ...]:
        return np.zeros((4, 8), np.float32), np.zeros(8, np.int64), np.zeros(8), np.zeros(8, bool)

    parallel.over(
        _side_by_side_range,
        GENOMES * EPISODES // 8,
        STEPS,
        CartPole().constants,
        scratch=scratch,
        cost=1000.0,
    )


def _neat_python(genomes: Genomes) -> dict[str, float]:
    """Return seconds and steps of one episode per genome on one core; neat-python cannot use more."""
    networks = []
    for genome in genomes:
        links: dict[int, list[Any]] = {node["id"]: [] for node in genome.nodes}
        for c in genome.connections:
            source = -1 - c["source"] if c["source"] < 4 else c["source"] - 4
            links[c["target"]].append([source, c["weight"]])
        networks.append([[k - 4, 0.0, links[k]] for k in (6, 4, 5)])
    process = subprocess.run(
        [python(), "-I", "-W", "ignore", SUPPORT / "neat_python_cartpole.py"],
        input=json.dumps(networks),
        capture_output=True,
        text=True,
        check=True,
        cwd=SUPPORT,
    )
    return json.loads(process.stdout)


# ---------------------------------------------------------------- profile of a step


@kernel(allocates=False)
def _repeat_step(lanes, constants, calls):
    key = (np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0))
    for _ in range(calls):
        for lane in range(len(lanes.total)):
            gained, over = _step(column(lanes.state, lane, 4), lanes.choice[lane], constants, key)
            lanes.reward[lane] = gained
            lanes.ended[lane] = over


@kernel(allocates=False)
def _repeat_observe(lanes, constants, senses, calls):
    for _ in range(calls):
        for lane in range(len(lanes.total)):
            _observe(column(lanes.state, lane, 4), constants, column(lanes.observation, lane, 4))
        episode.sense(lanes, senses, lanes.values[0], len(lanes.total))


@kernel(allocates=False)
def _repeat_forward(lanes, programs, calls):
    for call in range(calls):
        _forward(programs, call % 1000, 4, lanes.values[0], lanes.values[0], len(lanes.total), lanes.gathered)


@kernel(allocates=False)
def _repeat_decide(lanes, programs, reach, calls):
    for _ in range(calls):
        actions.argmax(lanes.values[0], programs, 0, 4, len(lanes.total), reach, lanes.choice, lanes.action)


@kernel(allocates=False)
def _repeat_rewards(lanes, calls):
    for _ in range(calls):
        episode.add_rewards(lanes, len(lanes.total))


def _parts(task: evaluators.Rollout, genomes: Genomes) -> dict[str, float]:
    """Return the seconds of each part of a step of eight lanes, five of which have an episode, on one core."""
    networks = as_compiled(genomes)
    programs = networks.programs
    lanes = new_lanes(task.environment.functions(), networks, 8)
    constants = task.environment.constants
    senses, reach = task.senses(), task.reach()
    calls = {
        "physics": (_repeat_step, constants),
        "observations to inputs": (_repeat_observe, constants, senses),
        "network": (_repeat_forward, programs),
        "outputs to action": (_repeat_decide, programs, reach),
        "rewards and ends": (_repeat_rewards,),
    }
    parts = {}
    for name, (repeated, *arguments) in calls.items():
        times = []
        for turn in range(6):
            lanes.state[:] = 0.01
            spent = timed(lambda: repeated(lanes, *arguments, CALLS if turn else 1))  # noqa: B023
            times.append(spent / CALLS)
        parts[name] = statistics.median(times[1:])
    return parts


def tables(result: dict[str, Any]) -> list[Table]:
    step, theirs = result["step"], result["neat_python"]
    their_step = theirs["seconds"] / theirs["steps"]
    rows = [
        ["batchneat, a step in all", seconds(step), "1", ""],
        ["the physics alone, one episode at a time", seconds(result["physics"]), _ratio(step, result["physics"]),
         f"≤ {MOST_RATIO}, aim {AIM_RATIO}"],
        ["the physics alone, eight episodes side by side", seconds(result["physics_side_by_side"]),
         _ratio(step, result["physics_side_by_side"]), ""],
        ["neat-python, one core", seconds(their_step), _ratio(step, their_step), ""],
    ]  # fmt: skip
    notes = [
        f"{GENOMES:,} genomes × {EPISODES} episodes × {STEPS} steps, networks of 3 nodes and 12 connections; "
        f"{result['steps']:,} steps were taken, on {result['threads']} threads.",
        f"The whole generation takes {1e3 * result['seconds']:.1f} ms; TensorNEAT takes {TENSORNEAT_MS:,} ms on such a "
        f"machine (target: at most {LIMIT_MS} ms).",
        "neat-python's physics are plain Python.",
    ]
    whole = sum(result["parts"].values())
    parts = [
        [name, seconds(spent), seconds(spent / EPISODES), f"{100 * spent / whole:.0f} %"]
        for name, spent in result["parts"].items()
    ]
    parts.append(["sum", seconds(whole), seconds(whole / EPISODES), "100 %"])
    return [
        Table("A step of CartPole", ["", "time", "ours / this", "target"], rows, notes),
        Table(
            "Profile of a step, on one core",
            ["part", "eight lanes", "per episode of five", "share"],
            parts,
            ["Each part is repeated separately."],
        ),
    ]


def _ratio(ours: float, other: float) -> str:
    return f"{ours / other:.2f}" if ours > other / 10 else f"1 / {other / ours:,.0f}"
