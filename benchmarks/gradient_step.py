"""A training step of a small network, beside plain numpy and PyTorch on the same CPU. It is run by hand.

    python3 -m venv .venv-torch
    .venv-torch/bin/pip install torch==2.13.0 --editable .
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv-torch/bin/python -m benchmarks.gradient_step

64-128-128-10, relu, softmax cross-entropy, a batch of 256, float32. Without PyTorch, its column is left out. The
three take turns, so that other load on the machine slows all of them.
"""

import itertools
import time

import numpy as np

from evaluators import gradient

SIZES = (64, 128, 128, 10)
BATCH = 256
ROUNDS, STEPS = 40, 20

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(BATCH, SIZES[0])).astype(np.float32)
Y = GENERATOR.integers(0, SIZES[-1], BATCH)


def ours(optimiser):
    nn = gradient.nn
    layers = []
    for inputs, outputs in itertools.pairwise(SIZES):
        layers += [nn.Dense(inputs, outputs), nn.Activation("relu")]
    model = nn.Sequential(*layers[:-1])
    optimiser = {
        "SGD": lambda: gradient.optim.SGD(model.parameters(), 0.01, momentum=0.9),
        "Adam": lambda: gradient.optim.Adam(model.parameters()),
    }[optimiser]()
    x = gradient.Tensor(X)

    def step():
        optimiser.zero_grad()
        gradient.losses.softmax_cross_entropy(model(x), Y).backward()
        optimiser.step()

    return step


def in_torch(optimiser):
    import torch

    layers = []
    for inputs, outputs in itertools.pairwise(SIZES):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimiser = {
        "SGD": lambda: torch.optim.SGD(model.parameters(), 0.01, momentum=0.9),
        "Adam": lambda: torch.optim.Adam(model.parameters()),
    }[optimiser]()
    x, y = torch.from_numpy(X), torch.from_numpy(Y)

    def step():
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimiser.step()

    return step


def in_numpy(optimiser):
    pairs = list(itertools.pairwise(SIZES))
    weight = [GENERATOR.normal(size=pair).astype(np.float32) * 0.1 for pair in pairs]
    bias = [np.zeros(outputs, np.float32) for _, outputs in pairs]
    parameter = [*weight, *bias]
    mean = [np.zeros_like(p) for p in parameter]
    square = [np.zeros_like(p) for p in parameter]
    rows, count = np.arange(BATCH), [0]

    def step():
        values = [X]
        for k in range(3):
            z = values[-1] @ weight[k] + bias[k]
            values.append(np.maximum(z, 0) if k < 2 else z)
        e = np.exp(z - z.max(axis=1, keepdims=True))
        error = e / e.sum(axis=1, keepdims=True)
        error[rows, Y] -= 1
        error /= BATCH
        gradients = [None] * 6
        for k in (2, 1, 0):
            gradients[k], gradients[3 + k] = values[k].T @ error, error.sum(axis=0)
            if k:
                error = (error @ weight[k].T) * (values[k] > 0)
        count[0] += 1
        for p, g, m, v in zip(parameter, gradients, mean, square, strict=True):
            if optimiser == "SGD":
                m *= 0.9
                m += g
                p -= 0.01 * m
            else:
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                p -= 1e-3 * (m / (1 - 0.9 ** count[0])) / (np.sqrt(v / (1 - 0.999 ** count[0])) + 1e-8)

    return step


def main():
    """Print the milliseconds of a step: the median of the rounds, and the least."""
    for optimiser in ("SGD", "Adam"):
        sides = {"ours": ours(optimiser), "numpy": in_numpy(optimiser)}
        try:
            sides["torch"] = in_torch(optimiser)
        except ImportError:
            print("PyTorch is not installed")
        taken = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, step in sides.items():
                begin = time.perf_counter()
                for _ in range(STEPS):
                    step()
                taken[name].append((time.perf_counter() - begin) / STEPS * 1e3)
        print(
            optimiser,
            *(f"{n}: {np.median(t):.3f} ms (least {min(t):.3f})" for n, t in taken.items()),
            sep="  ",
        )


if __name__ == "__main__":
    main()
