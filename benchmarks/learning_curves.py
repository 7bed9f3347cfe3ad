"""Draw what learning adds, by generation: `python -m benchmarks.learning_curves` writes docs/learning/generations.svg.

The upper row has the best training fitness so far, with and without learning. The lower row has what learning adds to
the fitness of those genomes of a generation that it improves.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.parts.learning_within import CASES, FIRST_SEED, find_task, prepare
from neat import Population
from neat.plot import style

GENERATIONS, RUNS = 60, 40
FILE = Path(__file__).parent.parent / "docs" / "learning" / "generations.svg"


def main() -> None:
    with style.style():
        figure = Figure(figsize=(9, 4.6), layout="constrained")
        rows = figure.subplots(2, len(CASES), sharex=True)
        for case, best, gain in zip(CASES, *rows, strict=True):
            _draw(case.task, best, gain)
        rows[0][0].set_ylabel("best fitness so far")
        rows[1][0].set_ylabel("gain by learning")
        rows[0][0].legend(loc="lower right")
        for axes in rows[1]:
            axes.set_xlabel("generation")
        FILE.parent.mkdir(exist_ok=True)
        style.save(figure, FILE)


def _draw(task: str, best: Axes, gain: Axes) -> None:
    best.set_title(task)
    for label, steps, colour in (
        ("the best tenth learns", 30, style.BLUE),
        ("evolution alone", 0, style.ORANGE),
    ):
        curves, gains = zip(*(_evolve(task, FIRST_SEED + k, steps) for k in range(RUNS)), strict=True)
        _draw_quartiles(best, np.array(curves), colour, label)
        if steps:
            _draw_quartiles(gain, np.array(gains), colour)
    gain.set_ylim(bottom=0)


def _draw_quartiles(axes: Axes, curves: np.ndarray, colour: str, label: str | None = None) -> None:
    """Draw the median and the quartiles of `curves`, (runs, generations)."""
    low, median, high = np.percentile(curves, [25, 50, 75], axis=0)
    axes.plot(median, color=colour, label=label)
    axes.fill_between(range(len(median)), low, high, color=colour, alpha=0.2, linewidth=0)


def _evolve(task: str, seed: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the best fitness so far, and the mean gain of the genomes that gained, both float64 (generations,)."""
    evaluator, config = prepare(find_task(task, seed), seed, {"learn_steps": steps})
    population = Population(config)
    best, gains = np.empty(GENERATIONS), np.zeros(GENERATIONS)
    for generation in range(GENERATIONS):
        fitness = evaluator(population.ask())
        gained = np.zeros(0) if evaluator.gain is None else evaluator.gain[evaluator.gain > 0]
        gains[generation] = gained.mean() if len(gained) else 0.0
        population.tell(fitness, evaluator.learned)
        best[generation] = population.best_fitness
    return best, gains


if __name__ == "__main__":
    main()
