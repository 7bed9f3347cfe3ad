"""Write neat_python_cases.json: random genomes, inputs, and what neat-python's own networks answer.

Run it in an environment with neat-python, not in this project's: `python make_neat_python_cases.py`.
"""

import json
import random
from pathlib import Path
from types import SimpleNamespace

from neat.aggregations import AggregationFunctionSet
from neat.nn import FeedForwardNetwork, RecurrentNetwork

from neat.activations import ActivationFunctionSet

ACTIVATIONS, AGGREGATIONS = ActivationFunctionSet(), AggregationFunctionSet()
SCALED = {name: f"scaled_{name}" for name in ("sigmoid", "tanh", "sin", "gauss", "softplus")}
STEPS = 3


def random_case(rng, feed_forward, activation, aggregation):
    num_inputs, num_outputs = rng.randint(1, 4), rng.randint(1, 3)
    # neat-python: inputs -1, -2, …; outputs 0, 1, …; hidden from there. Ours: inputs first.
    inputs, outputs = [-1 - i for i in range(num_inputs)], list(range(num_outputs))
    hidden = list(range(num_outputs, num_outputs + rng.randint(0, 3)))
    order = rng.sample(outputs + hidden, num_outputs + len(hidden))
    nodes, connections = {}, {}
    for node in outputs + hidden:
        nodes[node] = SimpleNamespace(
            bias=round(rng.uniform(-1, 1), 3),
            response=round(rng.uniform(-1.5, 1.5), 3),
            activation=rng.choice([activation, rng.choice(list(ACTIVATIONS.functions))]),
            aggregation=rng.choice([aggregation, rng.choice(list(AGGREGATIONS.functions))]),
        )
    for position, target in enumerate(order):
        sources = inputs + (order[:position] if feed_forward else order)
        # At least one enabled input for every node: without any, neat-python and we differ (see the docs).
        for number, source in enumerate(rng.sample(sources, rng.randint(1, len(sources)))):
            connections[source, target] = SimpleNamespace(
                key=(source, target),
                weight=round(rng.uniform(-1.2, 1.2), 3),
                enabled=number == 0 or rng.random() < 0.8,
            )
    genome = SimpleNamespace(nodes=nodes, connections=connections)
    config = SimpleNamespace(
        genome_config=SimpleNamespace(
            input_keys=inputs,
            output_keys=outputs,
            activation_defs=ACTIVATIONS,
            aggregation_function_defs=AGGREGATIONS,
        )
    )
    kind = FeedForwardNetwork if feed_forward else RecurrentNetwork
    network = kind.create(genome, config)
    x = [[round(rng.uniform(-1.5, 1.5), 3) for _ in inputs] for _ in range(STEPS)]
    return {
        "genome": plain(genome, num_inputs, num_outputs, feed_forward),
        "x": x,
        "y": [[float(f"{y:.9g}") for y in network.activate(row)] for row in x],
    }


def plain(genome, num_inputs, num_outputs, feed_forward):
    def id_of(key):
        return -1 - key if key < 0 else num_inputs + key

    return {
        "num_inputs": num_inputs,
        "num_outputs": num_outputs,
        "feed_forward": feed_forward,
        "nodes": [
            {
                "id": id_of(key),
                "bias": node.bias,
                "response": node.response,
                "activation": SCALED.get(node.activation, node.activation),
                "aggregation": node.aggregation,
            }
            for key, node in sorted(genome.nodes.items())
        ],
        "connections": [
            {
                "innovation": number,
                "source": id_of(c.key[0]),
                "target": id_of(c.key[1]),
                "weight": c.weight,
                **({} if c.enabled else {"enabled": False}),
            }
            for number, c in enumerate(genome.connections.values())
        ],
    }


def moderate(case):
    """Whether float32 can follow: no value so large that its rounding shows."""
    return all(abs(y) < 1e4 for row in case["y"] for y in row)


def main():
    rng = random.Random(0)
    cases = []
    for feed_forward in (True, False):
        wanted = [(a, g) for a in ACTIVATIONS.functions for g in AGGREGATIONS.functions]
        while wanted:
            try:
                case = random_case(rng, feed_forward, *wanted[-1])
            except OverflowError:
                continue
            if moderate(case):
                cases.append(case)
                wanted.pop()
    path = Path(__file__).with_name("neat_python_cases.json")
    path.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


main()
