"""The forward pass beside a float32 matrix product, and the time to score small networks."""

from __future__ import annotations

from typing import Any

import numpy as np

import evaluators
from benchmarks.support.report import Table, one_thread, seconds
from benchmarks.support.timing import time_in_turns
from benchmarks.support.xor import XOR
from neat import activations
from neat.genome.genome import DTYPES, GenomeArrays, Genomes
from neat.kernels import parallel

INPUTS, NODES, CONNECTIONS = 8, 33, 231
GENOMES, SAMPLES = 1_000, 1_024
MATRIX = 2_048
TARGETS = {"identity": None, "relu": 0.2, "tanh": 0.1, "sigmoid": None}
SMALL = ((1, 3), (2, 5), (3, 8), (5, 12))  # nodes, connections
SMALL_GENOMES, PAPER_SIZE = 10_000, 150


def run(quick: bool) -> dict[str, Any]:
    repeats = 5 if quick else 15
    return {"threads": parallel.get_threads(), "large": _large(repeats), "small": _small(repeats)}


def _large(repeats: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(SAMPLES, INPUTS)), rng.normal(size=SAMPLES)
    evaluator = evaluators.Supervised(x, y)
    matrix = rng.normal(size=(MATRIX, MATRIX)).astype(np.float32)
    rows = []
    for activation in TARGETS:
        genomes = random_genomes(rng, GENOMES, INPUTS, NODES, CONNECTIONS, activation)
        times = time_in_turns(
            {"pass": lambda: evaluator(genomes), "product": lambda: matrix @ matrix},  # noqa: B023
            repeats,
        )
        passed, product = map(min, times.values())
        rows.append({
            "activation": activation,
            "gflops": 2 * CONNECTIONS * GENOMES * SAMPLES / passed / 1e9,
            "matrix_gflops": 2 * MATRIX**3 / product / 1e9,
            "seconds": passed,
        })  # fmt: skip
    return rows


def _small(repeats: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    evaluator = evaluators.Supervised(*XOR)
    rows = []
    with one_thread():
        for nodes, connections in SMALL:
            genomes = random_genomes(rng, SMALL_GENOMES, 2, nodes, connections, "tanh", bias_input=True)
            few = genomes.take(np.arange(PAPER_SIZE))
            times = time_in_turns(
                {"all": lambda: evaluator(genomes), "few": lambda: evaluator(few)},  # noqa: B023
                10 * repeats,
            )
            rows.append({
                "nodes": nodes,
                "connections": connections,
                "seconds": min(times["all"]) / SMALL_GENOMES,
                "call_seconds": min(times["few"]),
            })  # fmt: skip
    return rows


def random_genomes(
    rng: np.random.Generator,
    count: int,
    num_inputs: int,
    nodes: int,
    connections: int,
    activation: str,
    bias_input: bool = False,
) -> Genomes:
    """Return feed-forward genomes with one output, in which every node is used and every connection enabled."""
    input_count = num_inputs + bias_input
    order = np.array([*range(input_count), *range(input_count + 1, input_count + nodes), input_count])
    ends = np.concatenate([_random_ends(rng, input_count, nodes, connections) for _ in range(count)])
    columns = (
        np.arange(count + 1) * nodes,
        np.arange(count + 1) * connections,
        np.tile(np.arange(input_count, input_count + nodes), count),
        rng.normal(size=count * nodes),
        np.ones(count * nodes),
        np.full(count * nodes, activations.activation_index(activation)),
        np.full(count * nodes, activations.aggregation_index("sum")),
        np.tile(np.arange(connections), count),
        order[ends[:, 0]],
        order[ends[:, 1]],
        rng.normal(size=count * connections) / np.sqrt(connections / nodes),
        np.ones(count * connections),
        np.zeros(count * connections),
    )
    arrays = GenomeArrays(*(np.asarray(c).astype(d) for c, d in zip(columns, DTYPES, strict=True)))
    genomes = Genomes(arrays, num_inputs, 1, bias_input)
    genomes.check()
    return genomes


def _random_ends(rng: np.random.Generator, input_count: int, nodes: int, connections: int) -> np.ndarray:
    """Return source and target of every connection, in evaluation order; each node has an outgoing connection."""
    last = input_count + nodes - 1
    onwards = [(node, int(rng.integers(node + 1, last + 1))) for node in range(input_count, last)]
    others = [
        (source, target)
        for target in range(input_count, last + 1)
        for source in range(target)
        if (source, target) not in onwards
    ]
    chosen = rng.permutation(len(others))[: connections - len(onwards)]
    return rng.permutation(np.array(onwards + [others[i] for i in chosen], np.int64).reshape(-1, 2))


def tables(result: dict[str, Any]) -> list[Table]:
    large = [
        [
            row["activation"],
            f"{row['gflops']:.1f}",
            f"{row['matrix_gflops']:.1f}",
            f"{row['gflops'] / row['matrix_gflops']:.2f}",
            "" if TARGETS[row["activation"]] is None else f"≥ {TARGETS[row['activation']]}",
        ]
        for row in result["large"]
    ]
    small = [
        [
            f"{row['nodes']} and {row['connections']}",
            seconds(row["seconds"]),
            seconds(row["call_seconds"]),
        ]
        for row in result["small"]
    ]
    return [
        Table(
            f"{GENOMES:,} genomes × {SAMPLES:,} samples, {INPUTS} inputs, {NODES} nodes, {CONNECTIONS} connections; "
            f"{result['threads']} threads",
            ["activation", "GFLOP/s", f"matrix product of {MATRIX:,}²", "ratio", "wanted"],
            large,
            [
                "Two operations for each connection and sample; the time includes ordering the nodes and scoring."
            ],
        ),
        Table(
            "XOR scored, 2 inputs and the bias input, 4 samples; one thread",
            ["nodes and connections", f"a genome of {SMALL_GENOMES:,}", f"a call with {PAPER_SIZE}"],
            small,
        ),
    ]
