"""Rewards of PPO with the settings of `ppo.TASKS`, which were tuned on seeds from 1000 up."""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from benchmarks.support.report import Table, seconds
from evaluators import environments
from evaluators.gradient import ppo
from neat.kernels import parallel

SEEDS, EPISODES = 10, 100
TARGETS = {"CartPole": 475.0, "Acrobot": -100.0, "MountainCarContinuous": 90.0, "Pendulum": -250.0}


def run(quick: bool) -> dict[str, Any]:
    tasks = [(name, seed, quick) for name in TARGETS for seed in range(2 if quick else SEEDS)]
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for the processes below, one per core
    context = multiprocessing.get_context("spawn")
    cores = parallel.get_threads()
    with ProcessPoolExecutor(cores, context, parallel.set_threads, (1,)) as pool:
        rows = list(pool.map(_trained, tasks))
    return {
        "processes": cores,
        "runs": [dict(zip(("task", "seed"), t, strict=False), **r) for t, r in zip(tasks, rows, strict=True)],
    }


def _trained(task: tuple[str, int, bool]) -> dict[str, float]:
    name, seed, quick = task
    environment = getattr(environments, name)()
    settings = ppo.settings_for(environment)
    if quick:
        settings = settings.updated(steps=settings.steps // 10)
    begin = time.perf_counter()
    policy = ppo.train(environment, settings, seed).policy
    taken = time.perf_counter() - begin
    greedy, drawn = (float(policy.play(EPISODES, greedy=each).reward.mean()) for each in (True, False))
    return {"steps": settings.steps, "greedy": greedy, "drawn": drawn, "seconds": taken}


def tables(result: dict[str, Any]) -> list[Table]:
    rows = []
    for name, target in TARGETS.items():
        runs = [run for run in result["runs"] if run["task"] == name]
        greedy, drawn, taken = ([run[key] for run in runs] for key in ("greedy", "drawn", "seconds"))
        rows.append([
            name,
            f"{runs[0]['steps']:,}",
            f"{np.mean(greedy):.1f} ({min(greedy):.1f} … {max(greedy):.1f})",
            f"{np.mean(drawn):.1f}",
            f"{target:g}",
            f"{sum(each >= target for each in greedy)} of {len(greedy)}",
            seconds(float(np.median(taken))),
        ])  # fmt: skip
    return [
        Table(
            f"Mean reward over {EPISODES} fresh episodes, seeds 0–{len(runs) - 1}",
            ["", "steps", "greedy (worst … best seed)", "drawn", "target", "reached greedily", "a run"],
            rows,
            [f"{result['processes']} runs at a time."],
        )
    ]
