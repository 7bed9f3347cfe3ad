"""How far float32 arithmetic may move the outputs of a network: a reference in float64 with a bound of the error."""

import math

from tests.support.reference import ACTIVATIONS, Reference

UNIT = 2.0**-24  # the relative error of an operation
LARGEST = 3e38
# Relative errors of activations in float32, ours and others', and absolute ones of sine and cosine.
OF_FUNCTION = 5e-7
REACH_OF_SINE = 1e5  # beyond, our sine only lies between -1 and 1


class Bounds(Reference):
    """A network like Reference, whose values are pairs of a float64 value and a bound of its error in float32."""

    def reset(self):
        self.values = dict.fromkeys(self.nodes, (0.0, 0.0))

    def activate(self, inputs):
        return super().activate([(float(x), 0.0) for x in inputs])

    def _compute(self, id_, value_of):
        node = self.nodes[id_]
        total, error = node["bias"], UNIT * abs(node["bias"])
        links = [(weight, as_pair(value_of(source))) for source, weight in self.links[id_]]
        weighted = [(w * v, abs(w) * e + UNIT * abs(w * v)) for w, (v, e) in links]
        if weighted:
            value, bound = AGGREGATIONS[node["aggregation"]](weighted)
            total += node["response"] * value
            error += abs(node["response"]) * (bound + 2 * UNIT * abs(value))
        return activate(node["activation"], total, error)


def as_pair(value):
    return value if isinstance(value, tuple) else (value, 0.0)  # the bias input is a number


def activate(name, x, error):
    function = ACTIVATIONS[name]
    error += 2 * UNIT * abs(x)  # of products with constants before the function proper
    if not abs(x) + error < LARGEST or (name in ("sin", "cos") and abs(x) > REACH_OF_SINE):
        return 0.0, math.inf
    try:
        value = function(x)
        ends = function(x - error), function(x + error)
    except (OverflowError, ZeroDivisionError):
        return 0.0, math.inf
    if name == "inv" and abs(x) <= error and error > 0:
        return 0.0, math.inf
    moved = max(abs(end - value) for end in ends)
    if name in ("gauss", "cos", "sin", "square", "scaled_sin", "scaled_gauss"):
        moved += 25 * error * error  # an extreme may lie between the ends; 25 bounds second derivatives
    own = OF_FUNCTION * (1.0 if "sin" in name or name == "cos" else abs(value))
    return (value, moved + own) if abs(value) < LARGEST else (0.0, math.inf)


def _sum(pairs):
    size = sum(abs(value) for value, _ in pairs)
    return math.fsum(v for v, _ in pairs), sum(e for _, e in pairs) + len(pairs) * UNIT * size


def _product(pairs):
    value, error = pairs[0]
    for factor, bound in pairs[1:]:
        error = abs(value) * bound + abs(factor) * error + error * bound + UNIT * abs(value * factor)
        value *= factor
    return value, error if not math.isnan(error) else math.inf


def _mean(pairs):
    value, error = _sum(pairs)
    return value / len(pairs), error / len(pairs) + UNIT * abs(value / len(pairs))


def _choice(choose):
    """A choice of one value or of the middle ones moves by no more than the values do."""

    def of(pairs):
        return choose([value for value, _ in pairs]), max(error for _, error in pairs)

    return of


def _farthest(pairs):
    """Any value can be chosen that may be as far from 0 as the farthest."""
    chosen = max((value for value, _ in pairs), key=abs)
    least = max(abs(value) - error for value, error in pairs)
    may_be_chosen = [(value, error) for value, error in pairs if abs(value) + error >= least]
    return chosen, max(abs(value - chosen) + error for value, error in may_be_chosen)


def _median(values):
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


AGGREGATIONS = {
    "sum": _sum,
    "product": _product,
    "max": _choice(max),
    "min": _choice(min),
    "maxabs": _farthest,
    "median": _choice(_median),
    "mean": _mean,
}
