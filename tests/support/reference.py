"""Compute a forward pass in plain Python, straight from the formula with float64, dictionaries and recursion."""

import math
import statistics
from functools import reduce


def _clip(x, limit):
    return max(-limit, min(limit, x))


def _selu(x):
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return scale * x if x > 0 else scale * alpha * math.expm1(x)


def _power(x, exponent):
    try:
        return x**exponent
    except OverflowError:
        return math.copysign(math.inf, x) if exponent % 2 else math.inf


ACTIVATIONS = {
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)) if x > -700 else 0.0,
    "tanh": math.tanh,
    "relu": lambda x: max(x, 0.0),
    "identity": lambda x: x,
    "steepened_sigmoid": lambda x: 1 / (1 + math.exp(-4.9 * x)) if x > -140 else 0.0,
    "gauss": lambda x: math.exp(-x * x),
    "sin": math.sin,
    "cos": math.cos,
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "lelu": lambda x: x if x > 0 else 0.005 * x,
    "selu": _selu,
    "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
    "step": lambda x: 1.0 if x > 0 else 0.0,
    "clamped": lambda x: _clip(x, 1.0),
    "inv": lambda x: 1 / x if x != 0 else 0.0,
    "log": lambda x: math.log(max(1e-7, x)),
    "exp": lambda x: math.exp(_clip(x, 60.0)),
    "abs": abs,
    "hat": lambda x: max(0.0, 1 - abs(x)),
    "square": lambda x: _power(x, 2),
    "cube": lambda x: _power(x, 3),
    "scaled_sigmoid": lambda x: 1 / (1 + math.exp(-_clip(5 * x, 60.0))),
    "scaled_tanh": lambda x: math.tanh(_clip(2.5 * x, 60.0)),
    "scaled_sin": lambda x: math.sin(_clip(5 * x, 60.0)),
    "scaled_gauss": lambda x: math.exp(-5 * _clip(x, 3.4) ** 2),
    "scaled_softplus": lambda x: math.log1p(math.exp(_clip(5 * x, 60.0))) / 5,
}

AGGREGATIONS = {
    "sum": math.fsum,
    "product": lambda values: reduce(lambda a, b: a * b, values),
    "max": max,
    "min": min,
    "maxabs": lambda values: max(values, key=abs),
    "median": statistics.median,
    "mean": lambda values: math.fsum(values) / len(values),
}


class Reference:
    """A network made from a genome's plain data; `activate(inputs)` returns its outputs."""

    def __init__(self, data):
        self.feed_forward = data.get("feed_forward", True)
        self.bias_input = data.get("bias_input", False)
        self.nodes = {node["id"]: node for node in data["nodes"]}
        first = data["num_inputs"] + self.bias_input
        self.outputs = range(first, first + data["num_outputs"])
        self.links = {id_: [] for id_ in self.nodes}
        for connection in data["connections"]:
            if connection.get("enabled", True):
                self.links[connection["target"]].append((connection["source"], connection["weight"]))
        self.reset()

    def reset(self):
        self.values = dict.fromkeys(self.nodes, 0.0)

    def activate(self, inputs):
        given = dict(enumerate([*inputs, 1.0] if self.bias_input else inputs))
        if self.feed_forward:
            known = dict(given)
            return [self._evaluate(output, known) for output in self.outputs]
        before = {**self.values, **given}
        self.values = {id_: self._compute(id_, before.__getitem__) for id_ in self.nodes}
        return [self.values[output] for output in self.outputs]

    def _evaluate(self, id_, known):
        if id_ not in known:
            known[id_] = self._compute(id_, lambda source: self._evaluate(source, known))
        return known[id_]

    def _compute(self, id_, value_of):
        node = self.nodes[id_]
        weighted = [weight * value_of(source) for source, weight in self.links[id_]]
        total = node["bias"]
        if weighted:
            total += node["response"] * AGGREGATIONS[node["aggregation"]](weighted)
        return ACTIVATIONS[node["activation"]](total)


def random_genome(
    rng, *, feed_forward=True, bias_input=False, activations=None, aggregations=None, hidden=6, sizes=None
):
    """Return plain data of a random genome with disabled connections and unreachable nodes. `rng`: random.Random."""
    num_inputs, num_outputs = sizes or (rng.randint(1, 4), rng.randint(1, 3))
    first = num_inputs + bias_input
    outputs = list(range(first, first + num_outputs))
    ids = [*outputs, *sorted(rng.sample(range(first + num_outputs, 60), rng.randint(0, hidden)))]
    order = rng.sample(ids, len(ids))
    nodes = [
        {
            "id": id_,
            "bias": rng.choice([0.0, rng.uniform(-1, 1)]),
            "response": rng.choice([1.0, rng.uniform(-1.5, 1.5)]),
            "activation": rng.choice(activations or sorted(ACTIVATIONS)),
            "aggregation": rng.choice(aggregations or sorted(AGGREGATIONS)),
        }
        for id_ in ids
    ]
    pairs = [
        (source, target)
        for position, target in enumerate(order)
        for source in [*range(first), *(order[:position] if feed_forward else order)]
    ]
    chosen = rng.sample(pairs, rng.randint(0, len(pairs)))
    connections = [
        {
            "innovation": innovation,
            "source": source,
            "target": target,
            "weight": rng.uniform(-1.5, 1.5),
            "enabled": rng.random() < 0.8,
        }
        for innovation, (source, target) in enumerate(chosen)
    ]
    return {
        "num_inputs": num_inputs,
        "num_outputs": num_outputs,
        "bias_input": bias_input,
        "feed_forward": feed_forward,
        "nodes": nodes,
        "connections": connections,
    }
