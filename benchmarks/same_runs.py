"""Whether two checkouts give the same runs bit for bit: ten configs and seeds, run in each, compared by digests.

    python -m benchmarks.same_runs write before.json
    python -m benchmarks.same_runs compare before.json after.json

The script uses nothing but the public API, so that it also runs in an older checkout which does not have it:

    cd OTHER; PYTHONPATH=OTHER python -P THIS/benchmarks/same_runs.py write before.json

Digests from different processors need not agree: compiled code may round differently there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import evaluators
import neat
from evaluators.environments import CartPole, Pendulum

INI = Path(__file__).parent / "support" / "xor.ini"
VERSION = "format"  # the array of a checkpoint that may differ
XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0], np.float32)

Digests = dict[str, dict[str, str]]


class Run(NamedTuple):
    """An evaluator, the config for it, and how many generations to run."""

    evaluator: Any
    config: neat.Config
    generations: int


def main(arguments: list[str]) -> int:
    """Returns the exit status, 1 if two files differ."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.same_runs", description=__doc__.splitlines()[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    write = commands.add_parser("write", help="run this checkout and write the digests of its runs")
    write.add_argument("file", type=Path)
    compare = commands.add_parser(
        "compare", help="print for each run whether two files have the same digests"
    )
    compare.add_argument("files", type=Path, nargs=2)
    options = parser.parse_args(arguments)
    if options.command == "write":
        print(f"runs of {Path(neat.__file__).parents[1]}", flush=True)
        options.file.write_text(json.dumps(run_all(), indent=1) + "\n", "utf-8")
        return 0
    return compare_digests(*(json.loads(file.read_text("utf-8")) for file in options.files))


def run_all() -> Digests:
    """The digests of each run, by name."""
    digests = {}
    for name, make in RUNS.items():
        digests[name] = digests_of(make())
        print(name, flush=True)
    return digests


def digests_of(run: Run) -> dict[str, str]:
    """SHA-256 digests of the arrays in the run's last checkpoint, of its history, and of its champion."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.npz"
        population = neat.Population(run.config)
        result = population.run(run.evaluator, run.generations, checkpoint=file)
        with np.load(file) as arrays:
            digests = {f"checkpoint {name}": _digest(arrays[name]) for name in arrays if name != VERSION}
    for table in ("generations", "species"):
        rows = getattr(result.history, table)
        for column in rows.dtype.names:
            digests[f"history {table} {column}"] = _digest(rows[column])
    digests["champion"] = _sha256(json.dumps(result.champion.to_dict(), sort_keys=True).encode())
    digests["champion's fitness"] = _digest(np.float64(result.champion_fitness))
    return digests


def _digest(array: np.ndarray) -> str:
    array = np.asarray(array)
    return _sha256(f"{array.dtype.str} {array.shape} ".encode() + array.tobytes())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def compare_digests(first: Digests, second: Digests) -> int:
    """Print for each run "same" or the names of what differs; 1 if anything does, else 0."""
    verdicts = {run: _verdict(first.get(run), second.get(run)) for run in dict.fromkeys([*first, *second])}
    for run, verdict in verdicts.items():
        print(f"{run}: {verdict}")
    return int(any(verdict != "same" for verdict in verdicts.values()))


def _verdict(one: dict[str, str] | None, other: dict[str, str] | None) -> str:
    if one is None or other is None:
        return f"only in the {'first' if other is None else 'second'} file"
    remarks = []
    for name in dict.fromkeys([*one, *other]):
        if name not in other:
            remarks.append(f"{name} (only in the first file)")
        elif name not in one:
            remarks.append(f"{name} (only in the second file)")
        elif one[name] != other[name]:
            remarks.append(name)
    return ", ".join(remarks) or "same"


def _xor(**options: Any) -> Any:
    return evaluators.Supervised(*XOR, device="cpu", **options)


def _waves(**options: Any) -> Any:
    """Two inputs, two targets, 60 samples."""
    x = np.linspace(-1, 1, 60)
    inputs = np.stack([x, np.roll(x, 17)], axis=1)
    targets = np.stack([np.sin(3 * inputs[:, 0]) * inputs[:, 1], np.abs(inputs[:, 0] - inputs[:, 1])], axis=1)
    return evaluators.Supervised(inputs, targets, device="cpu", **options)


def _three_classes() -> Any:
    """The three arms of a spiral, 40 points each."""
    radius, arm = np.tile(np.linspace(0.1, 1, 40), 3), np.repeat(np.arange(3), 40)
    angle = 4 * radius + arm * (2 * np.pi / 3)
    inputs = radius[:, np.newaxis] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return evaluators.Supervised(inputs, arm, fitness="cross_entropy", device="cpu")


def _run(evaluator: Any, generations: int, **settings: Any) -> Run:
    # Not `for_task`, which also chooses settings for data sets.
    sizes = {"num_inputs": evaluator.num_inputs, "num_outputs": evaluator.num_outputs}
    config = neat.Config(**{**settings, "genome": {**sizes, **settings.get("genome", {})}})
    return Run(evaluator, config, generations)


def _preset(name: str, evaluator: Any, generations: int, **settings: Any) -> Run:
    sizes = {"num_inputs": evaluator.num_inputs, "num_outputs": evaluator.num_outputs}
    return Run(evaluator, neat.Config.preset(name, **{"genome": sizes, **settings}), generations)


def _default() -> Run:
    return _run(_xor(), 30, population_size=150, seed=1)


def _paper() -> Run:
    return _preset("stanley2002", _xor(), 30, seed=2)


def _neat_python() -> Run:
    """With fewer deletions than neat-python's example has, by which most genomes lose all connections."""
    mutation = {"delete_connection_rate": 0.2, "delete_node_rate": 0.1}
    return Run(_xor(), neat.neat_python.config_from_ini(INI, seed=3, mutation=mutation).config, 30)


def _recurrent_mixture() -> Run:
    """Recurrent, with random activations and aggregations, and every value mutated."""
    genome = {
        "feed_forward": False,
        "activation": "random",
        "activation_options": ("tanh", "sin", "gauss", "relu", "identity", "abs", "sigmoid", "softplus"),
        "output_activation": "identity",
        "aggregation": "random",
        "aggregation_options": ("sum", "product", "max", "min", "maxabs", "median", "mean"),
        "response": {"spread": 0.3},
    }
    value = {"perturb_rate": 0.6, "replace_rate": 0.2, "distribution": "uniform", "power": 0.5}
    mutation = {
        "activation_rate": 0.1,
        "aggregation_rate": 0.1,
        "enable_rate": 0.05,
        "disable_rate": 0.02,
        "delete_connection_rate": 0.05,
        "weight": value,
        "bias": {**value, "replace_spread": 0.5},
        "response": value,
    }
    return _run(
        _waves(steps=4),
        20,
        population_size=200,
        seed=4,
        innovation="pairing",
        genome=genome,
        mutation=mutation,
    )


def _single_point() -> Run:
    """Single-point crossover between species, one structural mutation at most, and Cantor's pairing function."""
    return _run(
        _waves(fitness="absolute_error"),
        25,
        population_size=120,
        seed=5,
        innovation="pairing",
        pairing="cantor",
        genome={"activation": "tanh", "bias_input": True, "initial_connections": "none"},
        mutation={
            "structural": "one",
            "add_node_rate": 0.2,
            "add_connection_rate": 0.4,
            "delete_node_rate": 0.1,
        },
        crossover={"single_point_rate": 0.7, "average_rate": 0.2, "equal_fitness": "both"},
        speciation={
            "node_coefficient": 0.5,
            "weight_coefficient": 0.8,
            "normalisation": "size",
            "threshold": 0.8,
        },
        reproduction={"interspecies_rate": 0.2, "mate_only_rate": 0.3, "mutate_only_rate": 0.1, "elites": 3},
    )


def _classes() -> Run:
    """A large population of genomes that start with hidden nodes; the best genome stays, species stagnate soon."""
    return _run(
        _three_classes(),
        15,
        population_size=500,
        seed=6,
        innovation="generation",
        genome={
            "hidden_layers": (4, 3),
            "initial_connections": "partial",
            "initial_rate": 0.7,
            "activation": "scaled_tanh",
            "output_activation": "identity",
        },
        crossover={"average_rate": 1.0, "disable_rate": 0.4},
        speciation={"target_species": 25, "threshold_step": 0.3},
        stagnation={"species_generations": 3, "measure": "mean", "population_generations": 4},
        reproduction={"keep_best": True, "survival_rate": 0.5},
    )


def _cart_pole() -> Run:
    """Observations are normalised, which gives the evaluator a state in the checkpoint."""
    rollout = evaluators.Rollout(CartPole(), episodes=3, observations="normalised", device="cpu")
    return _run(rollout, 15, population_size=100, seed=7)


def _pendulum() -> Run:
    """A continuous action, recurrent networks, and the paper's settings for large populations."""
    rollout = evaluators.Rollout(Pendulum(), episodes=2, starts="genome", combine="min", device="cpu")
    sizes = {"num_inputs": rollout.num_inputs, "num_outputs": rollout.num_outputs}
    genome = {**sizes, "feed_forward": False, "output_activation": "tanh"}
    return _preset("stanley2002-large", rollout, 15, population_size=150, seed=8, genome=genome)


def _lamarck() -> Run:
    return _run(_waves(learn_steps=5), 15, population_size=60, seed=9, genome={"activation": "tanh"})


def _baldwin() -> Run:
    """Recurrent networks, through which the gradient goes back in time."""
    genome = {"feed_forward": False, "activation": "random", "activation_options": ("tanh", "sigmoid", "elu")}
    learning = _xor(learn_steps=4, inherit=False, steps=3)
    return _run(learning, 15, population_size=50, seed=10, innovation="generation", genome=genome)


RUNS: dict[str, Callable[[], Run]] = {
    "XOR, default settings": _default,
    "XOR, stanley2002": _paper,
    "XOR, neat-python's settings": _neat_python,
    "regression, recurrent, mixed node functions": _recurrent_mixture,
    "regression, single-point crossover": _single_point,
    "classification, 500 genomes": _classes,
    "CartPole, normalised observations": _cart_pole,
    "Pendulum, recurrent, stanley2002-large": _pendulum,
    "regression, learning, Lamarck": _lamarck,
    "XOR, recurrent, learning, Baldwin": _baldwin,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
