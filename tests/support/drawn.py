"""What tests draw: networks and histories of runs."""

import numpy as np

from neat import Genome
from neat.evolution.history import GENERATION, SPECIES, History


def genome(num_inputs=2, num_outputs=1, steps=5, feed_forward=True, seed=0, **options):
    """Return a random network."""
    generator = np.random.default_rng(seed)
    first = num_inputs + options.get("bias_input", False)
    order = {node: 0.0 for node in range(first)} | {first + k: 1.0 for k in range(num_outputs)}
    edges = {(s, t): True for s in range(first) for t in range(first, first + num_outputs)}
    for _ in range(steps):
        s, t = list(edges)[generator.integers(len(edges))]
        if generator.random() < 0.5 and order[s] < order[t]:
            new = len(order)
            order[new] = (order[s] + order[t]) / 2
            edges |= {(s, t): False, (s, new): True, (new, t): True}
            continue
        s, t = int(generator.integers(len(order))), int(generator.integers(first, len(order)))
        if not feed_forward or order[s] < order[t]:
            edges.setdefault((s, t), True)
    functions = options.get("functions", [("tanh", "sum")])
    nodes = [
        {
            "id": node,
            "activation": functions[node % len(functions)][0],
            "aggregation": functions[node % len(functions)][1],
        }
        for node in order
        if node >= first
    ]
    connections = [
        {"innovation": k, "source": s, "target": t, "weight": float(generator.normal()), "enabled": enabled}
        for k, ((s, t), enabled) in enumerate(edges.items())
    ]
    return Genome.from_dict({
        "num_inputs": num_inputs, "num_outputs": num_outputs, "bias_input": options.get("bias_input", False),
        "feed_forward": feed_forward, "nodes": nodes, "connections": connections,
    })  # fmt: skip


def history(best, species=((0, 100),)):
    """Return a history with these best values; `species` are (id, size) in every generation."""
    best = np.asarray(best, float)
    result = History()
    with np.errstate(all="ignore"):
        ever = np.fmax.accumulate(best)
    for k, value in enumerate(best):
        row, rows = np.zeros(1, GENERATION), np.zeros(len(species), SPECIES)
        row["generation"] = rows["generation"] = k
        for name in ("best", "mean", "median"):
            row[name] = value
        row["std"], row["best_ever"] = abs(value), ever[k]
        rows["id"], rows["size"] = zip(*species, strict=True)
        result.append(row, rows)
    return result
