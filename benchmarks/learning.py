"""A training step of 1,000 evolved networks at once, beside two PyTorch versions on the same CPU. It is run by hand.

    python3 -m venv .venv-torch
    .venv-torch/bin/pip install torch==2.13.0 --editable .
    .venv-torch/bin/python -m benchmarks.learning

Each network has its own topology (33 nodes, 231 connections, tanh); 256 samples, squared error, Adam. The loop computes
network by network and node by node, over all samples. The padded version computes node k of all networks at once, as a
batched matrix product with a weight for every possible source. It checks that all three give the same losses.
"""

import statistics

import numpy as np
import torch

from benchmarks.parts.forward import CONNECTIONS, INPUTS, NODES, random_genomes
from benchmarks.support.timing import time_in_turns
from evaluators import compile
from evaluators.cpu.engine import NetworkGradients
from evaluators.gradient import Tensor, optim
from evaluators.samples import as_samples

GENOMES, SAMPLES, ROUNDS = 1_000, 256, 7
LOOPED = 20  # networks, because the loop is slow; its time is scaled to all networks
RATE = 0.01

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(SAMPLES, INPUTS)).astype(np.float32)
Y = GENERATOR.normal(size=(SAMPLES, 1)).astype(np.float32)


def ours(genomes):
    networks = NetworkGradients(genomes, as_samples(X, Y, "squared_error", steps=1))
    numbers = (getattr(networks.programs, name) for name in networks.gradient._fields)
    parameters = [Tensor(values, requires_grad=True) for values in numbers]
    optimiser = optim.Adam(parameters[:2], RATE)

    def step():
        totals = networks.differentiate([parameter._data for parameter in parameters])
        for parameter, gradient in zip(parameters[:2], networks.gradient, strict=False):
            parameter.grad = gradient
        optimiser.step()
        return totals / SAMPLES

    return step


def links_of(programs, network):
    """Yield the sources and the weights of each node."""
    begin, node = programs.link_start[network], programs.node_start[network]
    for k in range(programs.node_count[network]):
        end = programs.link_end[node + k]
        yield programs.link_source[begin:end], programs.link_weight[begin:end]
        begin = end


def looped(genomes):
    programs = compile(genomes, "cpu").programs
    x, y = torch.tensor(X), torch.tensor(Y)
    networks, parameters = [], []
    for network in range(LOOPED):
        nodes = []
        for sources, weights in links_of(programs, network):
            weight = torch.tensor(weights, requires_grad=True)
            bias = torch.zeros((), requires_grad=True)
            nodes.append((torch.tensor(sources, dtype=torch.long), weight, bias))
            parameters += [weight, bias]
        for k, (_, _, bias) in enumerate(nodes):
            bias.data.fill_(float(programs.node_bias[programs.node_start[network] + k]))
        networks.append((nodes, int(programs.output_slot[network, 0])))
    optimiser = torch.optim.Adam(parameters, RATE)

    def step():
        optimiser.zero_grad()
        losses = []
        for nodes, output in networks:
            values = list(x.unbind(1))
            for sources, weight, bias in nodes:
                total = torch.stack([values[k] for k in sources], 1) @ weight if len(sources) else 0.0
                values.append(torch.tanh(total + bias).expand(SAMPLES))
            losses.append(((values[output] - y[:, 0]) ** 2).mean())
        torch.stack(losses).sum().backward()
        optimiser.step()
        return np.array([loss.item() for loss in losses])

    return step


def padded(genomes):
    programs = compile(genomes, "cpu").programs
    count = len(genomes)
    weight, bias = np.zeros((count, NODES, INPUTS + NODES), np.float32), np.zeros((count, NODES), np.float32)
    for network in range(count):
        first = programs.node_start[network]
        nodes = programs.node_count[network]
        bias[network, :nodes] = programs.node_bias[first : first + nodes]
        for k, (sources, weights) in enumerate(links_of(programs, network)):
            np.add.at(weight[network, k], sources, weights)
    mask = torch.tensor(weight != 0)
    weight, bias = torch.tensor(weight, requires_grad=True), torch.tensor(bias, requires_grad=True)
    x = torch.tensor(X.T).expand(count, INPUTS, SAMPLES)
    y = torch.tensor(Y[:, 0])
    output = torch.tensor(programs.output_slot[:, 0], dtype=torch.long)
    optimiser = torch.optim.Adam([weight, bias], RATE)

    def step():
        optimiser.zero_grad()
        values = x
        masked = weight * mask
        for k in range(NODES):
            row = masked[:, k : k + 1, : INPUTS + k]
            value = torch.tanh(torch.bmm(row, values) + bias[:, k, None, None])
            values = torch.cat([values, value], 1)
        z = values[torch.arange(count), output]
        losses = ((z - y) ** 2).mean(1)
        losses.sum().backward()
        optimiser.step()
        return losses.detach().numpy()

    return step


def main():
    genomes = random_genomes(GENERATOR, GENOMES, INPUTS, NODES, CONNECTIONS, "tanh")
    ways = {"batchneat": ours(genomes), "PyTorch, padded": padded(genomes), "PyTorch, loop": looped(genomes)}
    losses = {name: step() for name, step in ways.items()}
    for name, found in losses.items():
        np.testing.assert_allclose(found, losses["batchneat"][: len(found)], rtol=2e-3, err_msg=name)
    times = time_in_turns(ways, ROUNDS)
    medians = {name: statistics.median(found) for name, found in times.items()}
    medians["PyTorch, loop"] *= GENOMES / LOOPED
    print(f"{GENOMES} networks, {SAMPLES} samples, {torch.get_num_threads()} threads; seconds a step")
    for name, seconds in medians.items():
        print(f"{name:<16} {seconds:9.4f}  {seconds / medians['batchneat']:7.1f}×")


if __name__ == "__main__":
    main()
