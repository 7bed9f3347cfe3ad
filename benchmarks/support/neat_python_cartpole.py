"""neat-python's side of `rollout`: seconds per step of CartPole, run in neat-python's virtual environment.

It reads networks as JSON. Each is a list of its nodes in order, as [id, bias, [[source, weight], …]]. The physics are
plain Python, which is faster than a call of a library for a single episode.
"""

import json
import math
import random
import sys
import time

import neat

INPUTS, OUTPUTS = [-1, -2, -3, -4], [0, 1]
STEPS = 500


def play(network):
    """Return the steps until the pole falls or the time is up."""
    x, v, angle, spin = (random.uniform(-0.05, 0.05) for _ in range(4))
    for step in range(STEPS):
        left, right = network.activate((x / 4.8, v, angle / 0.41887903, spin))
        push = 10.0 if right > left else -10.0
        sine, cosine = math.sin(angle), math.cos(angle)
        pull = (push + 0.05 * spin * spin * sine) / 1.1
        turn = (9.8 * sine - cosine * pull) / (0.5 * (4.0 / 3.0 - 0.1 * cosine * cosine / 1.1))
        x, v = x + 0.02 * v, v + 0.02 * (pull - 0.05 * turn * cosine / 1.1)
        angle, spin = angle + 0.02 * spin, spin + 0.02 * turn
        if abs(x) > 2.4 or abs(angle) > 12 * math.pi / 180:
            return step + 1
    return STEPS


def main():
    """Run one episode of each network, and print seconds and steps."""
    random.seed(0)
    tanh, add = neat.activations.tanh_activation, sum
    networks = [
        neat.nn.FeedForwardNetwork(
            INPUTS, OUTPUTS, [(k, tanh, add, bias, 1.0, links) for k, bias, links in nodes]
        )
        for nodes in json.load(sys.stdin)
    ]
    begin = time.perf_counter()
    steps = sum(map(play, networks))
    print(json.dumps({"seconds": time.perf_counter() - begin, "steps": steps}))


if __name__ == "__main__":
    main()
