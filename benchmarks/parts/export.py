"""A step of an exported CartPole champion: in C, in the other targets, and by `activate`."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import evaluators
import neat
from benchmarks.support.report import Table, one_thread, seconds
from evaluators import export
from evaluators.environments import CartPole

BATCH = 1_000
FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-O2")

# An observation depends on the outputs before, as in a control loop, so that steps do not overlap.
LOOP = """
#include <stdio.h>
#include <time.h>

void activate(const float *inputs, float *outputs);

int main(void)
{
    const long steps = STEPS;
    float inputs[4] = {0.02f, -0.1f, 0.01f, 0.2f}, outputs[OUTPUTS] = {0};
    const clock_t begin = clock();
    for (long i = 0; i < steps; i++) {
        inputs[i & 3] = 0.1f * outputs[0] + 0.001f * (float)(i & 63);
        activate(inputs, outputs);
    }
    printf("%.17g %g\\n", (double)(clock() - begin) / CLOCKS_PER_SEC / (double)steps, (double)outputs[0]);
    return 0;
}
"""


def run(quick: bool) -> dict[str, Any]:
    champion = export.simplify(_evolve())
    with one_thread():
        rows = _rows(champion, 5 if quick else 25)
    compiler = shutil.which("cc")
    if compiler:
        rows.insert(0, {"name": f"C, {FLAGS[-1]}", "batch": 1, "seconds": _time_c(champion, quick)})
    return {
        "nodes": len(champion.nodes),
        "connections": len(champion.connections),
        "compiler": _version(compiler) if compiler else None,
        "rows": rows,
    }


def _evolve() -> neat.Genome:
    rollout = evaluators.Rollout(CartPole(), episodes=5)
    config = neat.Config.for_task(
        rollout, population_size=150, seed=0, mutation={"add_node_rate": 0.5, "add_connection_rate": 0.5}
    )
    return neat.Population(config).run(rollout, generations=30).champion


def _rows(champion: neat.Genome, repeats: int) -> list[dict[str, Any]]:
    networks = evaluators.compile(champion)
    namespace: dict[str, Any] = {}
    exec(export.to_numpy(champion), namespace)
    calls: dict[str, Callable[[np.ndarray], Any]] = {
        "activate": networks.activate,
        "NumPy": namespace["activate"],
    }
    if importlib.util.find_spec("onnx") and importlib.util.find_spec("onnxruntime"):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(export.to_onnx(champion).SerializeToString(), options)
        calls["onnxruntime"] = lambda x: session.run(None, {"inputs": x})
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(1)
        module = export.to_torch(champion)
        calls["PyTorch, without gradients"] = lambda x: torch.no_grad()(module)(torch.from_numpy(x))
    rows = []
    for batch in (1, BATCH):
        x = np.random.default_rng(0).normal(0, 0.1, (batch, 4)).astype(np.float32)
        for name, call in calls.items():
            rows.append({"name": name, "batch": batch, "seconds": _time(call, x, repeats) / batch})
    return rows


def _time(call: Callable[[np.ndarray], Any], x: np.ndarray, repeats: int) -> float:
    """Return the least time of a call, each measured over 50 of them."""
    call(x)
    best = float("inf")
    for _ in range(repeats):
        begin = time.perf_counter()
        for _ in range(50):
            call(x)
        best = min(best, (time.perf_counter() - begin) / 50)
    return best


def _time_c(champion: neat.Genome, quick: bool) -> float:
    """Return the least time of a step in a loop in C, of five."""
    loop = LOOP.replace("STEPS", str(2_000_000 if quick else 20_000_000))
    with tempfile.TemporaryDirectory() as folder:
        export.export(champion, Path(folder) / "champion.c")
        (Path(folder) / "loop.c").write_text(loop.replace("OUTPUTS", str(champion.num_outputs)))
        command = ["cc", *FLAGS, "champion.c", "loop.c", "-o", "loop", "-lm"]
        subprocess.run(command, cwd=folder, check=True)
        times = [
            subprocess.run([f"{folder}/loop"], check=True, capture_output=True, text=True).stdout.split()[0]
            for _ in range(5)
        ]
    return min(map(float, times))


def _version(compiler: str) -> str:
    answer = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
    return answer.splitlines()[0]


def tables(result: dict[str, Any]) -> list[Table]:
    alone = {row["name"]: row["seconds"] for row in result["rows"] if row["batch"] == 1}
    rows = [
        [
            row["name"],
            f"{row['batch']:,}",
            seconds(row["seconds"]),
            f"{row['seconds'] / alone['activate']:.3g}",
        ]
        for row in result["rows"]
    ]
    size = f"{result['nodes']} nodes and {result['connections']} connections"
    title = f"A step of a CartPole champion with {size}; one thread"
    notes = [f"C is compiled without warnings by {result['compiler']}."] if result["compiler"] else []
    return [Table(title, ["export", "samples at once", "a sample", "/ activate of one"], rows, notes)]
