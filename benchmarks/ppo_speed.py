"""PPO on CartPole with CleanRL's settings, beside CleanRL's ppo.py on the same CPU. It is run by hand.

    git clone https://github.com/vwxyzjn/cleanrl
    python3.10 -m venv .venv-cleanrl
    .venv-cleanrl/bin/pip install torch==2.4.1 gymnasium==0.29.1 tyro tensorboard "numpy<2" setuptools
    .venv/bin/python -m benchmarks.ppo_speed .venv-cleanrl/bin/python cleanrl/cleanrl/ppo.py

The two take turns. CleanRL reports its own steps per second, counted from its first step. Ours are counted from the
call of `ppo.train`, in a process that has compiled before.
"""

import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from evaluators.environments import CartPole
from evaluators.gradient import ppo

STEPS, ROUNDS = 50_000, 5
SETTINGS = ppo.Settings(
    steps=STEPS,
    slots=4,
    rollout=128,
    epochs=4,
    minibatch_size=128,
    gamma=0.99,
    gae_lambda=0.95,
    clip=0.2,
    clip_values=True,
    entropy_weight=0.01,
    value_weight=0.5,
    max_gradient_norm=0.5,
    learning_rate=2.5e-4,
    observations="raw",
)


def ours() -> float:
    begin = time.perf_counter()
    history = ppo.train(CartPole(), SETTINGS, seed=1).history
    return history["steps"][-1] / (time.perf_counter() - begin)


def theirs(python: Path, script: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), str(script), "--total-timesteps", str(STEPS)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return float(re.findall(r"SPS: (\d+)", done.stdout)[-1])


def main() -> None:
    python, script = (Path(argument).absolute() for argument in sys.argv[1:])
    ppo.train(CartPole(), SETTINGS.updated(steps=1024))
    rows = []
    for _ in range(ROUNDS):
        rows.append((ours(), theirs(python, script)))
        print(f"ours {rows[-1][0]:,.0f} steps a second, CleanRL {rows[-1][1]:,.0f}", flush=True)
    mine, other = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"medians: ours {mine:,.0f}, CleanRL {other:,.0f}: {mine / other:.1f}x")


if __name__ == "__main__":
    main()
