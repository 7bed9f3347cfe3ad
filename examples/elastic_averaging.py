"""Elastic averaging: two workers train alone, and springs tie them to a centre (Zhang, Choromanska and LeCun 2015).

`python examples/elastic_averaging.py` writes elastic_averaging.svg.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from evaluators.gradient import losses, nn, optim
from neat.processes.worker_processes import WorkerProcesses

WORKERS, SIZE, RATE, BETA, LOSS = 2, 32, 0.1, 0.9, losses.softmax_cross_entropy
PIXELS, LABELS = (part[:1536] for part in load_digits(return_X_y=True))


def walk(task: tuple[nn.Module, np.ndarray]) -> nn.Module:
    """Make a step for each batch, in a worker process."""
    model, batches = task
    optimiser = optim.SGD(model.parameters(), RATE)
    for batch in batches:
        optimiser.zero_grad()
        LOSS(model(PIXELS[batch] / 16), LABELS[batch]).backward()
        optimiser.step()
    return model


def meet(centre: nn.Module, models: list[nn.Module]) -> nn.Module:
    """Pull the models and the centre together, with α = β / p as in the paper, and return the centre."""
    for middle, *ends in zip(*(each.parameters() for each in (centre, *models)), strict=True):
        pulls = [BETA / WORKERS * (end.data - middle.data) for end in ends]
        middle.data = middle.data + sum(pulls)
        for end, pull in zip(ends, pulls, strict=True):
            end.data = end.data - pull
    return centre


def main(epochs: int = 20) -> None:
    """Train in one process, and in two that meet the centre after each step or after 24; draw the losses."""
    with WorkerProcesses(walk, WORKERS) as processes:
        for count, period in ((1, 24), (WORKERS, 1), (WORKERS, 24)):
            centre = nn.Sequential(nn.Dense(64, 64), nn.Activation("relu"), nn.Dense(64, 10)).initialise(0)
            models, curve, draw = [centre] * count, [], np.random.default_rng(0)  # processes return copies
            for _ in range(epochs * count):
                for batches in draw.permutation(1536).reshape(-1, count, period, SIZE):
                    tasks = list(zip(models, batches, strict=True))
                    models = list(processes.map(tasks, ["one", "two"][:count]))
                    centre = meet(centre, models) if count > 1 else models[0]
                curve.append(LOSS(centre(PIXELS / 16), LABELS).item())
            name = "one process" if count == 1 else f"two processes, τ = {period}"
            print(f"{name}: loss {curve[-1]:.4f}")
            plt.semilogy(48 / count * np.arange(1, len(curve) + 1), curve, label=name)
    plt.gca().set(xlabel="steps of each process", ylabel="training loss")
    plt.legend(title="τ: steps between meetings")
    plt.savefig("elastic_averaging.svg", bbox_inches="tight")


if __name__ == "__main__":
    main()
