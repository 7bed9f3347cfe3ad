"""A training step of a small convolutional network, and of its second convolution alone, beside PyTorch's."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from benchmarks.support.report import Table, seconds
from benchmarks.support.timing import Call, time_in_turns
from evaluators import gradient
from evaluators.gradient import losses, nn, optim
from neat.kernels import parallel

BATCH, ROUNDS, STEPS = 64, 40, 4
STEP, LAYER = "a step, 28 × 28 pixels", "the second convolution, forward and backward"


def run(quick: bool) -> dict[str, Any]:
    """Return the rows of the table; a row's `torch` is None without PyTorch."""
    rows = []
    for threads in sorted({1, parallel.get_threads()}):
        os.environ["OPENBLAS_NUM_THREADS"] = str(threads)  # for the process below
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            rows += pool.submit(_measure, threads, 3 if quick else ROUNDS).result()
    return {"rows": rows}


def _measure(threads: int, rounds: int) -> list[dict[str, Any]]:
    parallel.set_threads(threads)
    generator = np.random.default_rng(0)
    images = generator.normal(size=(BATCH, 1, 28, 28)).astype(np.float32)
    labels = generator.integers(0, 10, BATCH)
    channels = generator.normal(size=(BATCH, 16, 14, 14)).astype(np.float32)
    sides = {"ours": (_our_step(images, labels), _our_layer(channels))}
    version = None
    try:
        import torch
    except ImportError:
        pass
    else:
        torch.set_num_threads(threads)
        version = torch.__version__
        sides["torch"] = _torch_step(images, labels), _torch_layer(channels)
    rows = []
    for k, what in enumerate((STEP, LAYER)):
        taken = time_in_turns({name: steps[k] for name, steps in sides.items()}, rounds, STEPS)
        found = {name: (float(np.median(each)), min(each)) for name, each in taken.items()}
        rows.append({"what": what, "threads": threads, "version": version, "torch": None, **found})
    return rows


def _our_step(images: np.ndarray, labels: np.ndarray) -> Call:
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding="same"), nn.Activation("relu"), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding="same"), nn.Activation("relu"), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dense(32 * 7 * 7, 10)),
    )
    optimiser = optim.SGD(model.parameters(), 0.01, momentum=0.9)
    x = gradient.Tensor(images)

    def step() -> None:
        optimiser.zero_grad()
        losses.softmax_cross_entropy(model(x), labels).backward()
        optimiser.step()

    return step


def _torch_step(images: np.ndarray, labels: np.ndarray) -> Call:
    import torch

    model = torch.nn.Sequential(
        *(torch.nn.Conv2d(1, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)),
        *(torch.nn.Conv2d(16, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)),
        *(torch.nn.Flatten(), torch.nn.Linear(32 * 7 * 7, 10)),
    )
    optimiser = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    x, y = torch.from_numpy(images), torch.from_numpy(labels)

    def step() -> None:
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimiser.step()

    return step


def _our_layer(images: np.ndarray) -> Call:
    layer = nn.Conv2d(16, 32, 3, padding="same")
    x = gradient.Tensor(images, requires_grad=True)

    def step() -> None:
        x.grad = layer.weight.grad = layer.bias.grad = None
        layer(x).sum().backward()

    return step


def _torch_layer(images: np.ndarray) -> Call:
    import torch

    layer = torch.nn.Conv2d(16, 32, 3, padding=1)
    x = torch.from_numpy(images.copy()).requires_grad_()

    def step() -> None:
        x.grad = layer.weight.grad = layer.bias.grad = None
        layer(x).sum().backward()

    return step


def tables(result: dict[str, Any]) -> list[Table]:
    """Return the table of medians, and of the least times."""
    rows = []
    for row in result["rows"]:
        (median, least), theirs = row["ours"], row["torch"]
        cells = [row["what"], f"{row['threads']}", seconds(median), seconds(least)]
        if theirs is None:
            cells += ["–", "–", "–"]
        else:
            cells += [seconds(theirs[0]), seconds(theirs[1]), f"{median / theirs[0]:.2f}"]
        rows.append(cells)
    version = result["rows"][0]["version"]
    note = (
        f"PyTorch {version}, with as many threads."
        if version
        else "PyTorch is not installed, so its times are left out."
    )
    columns = ["", "threads", "median", "least", "PyTorch, median", "PyTorch, least", "median / median"]
    notes = [f"A batch of {BATCH}, float32. The two take turns in one process.", note]
    return [
        Table(
            "Training with convolutions from 1 to 16 and to 32 channels, windows of 3 × 3, and pooling",
            columns,
            rows,
            notes,
        )
    ]
