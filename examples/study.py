"""Compare two settings over several seeds: a table with tests and effect sizes, and figures."""

import itertools

import numpy as np

import evaluators
import neat


def make_parity():
    """Return the evaluator of the parity of three bits."""
    inputs = np.array(list(itertools.product([0, 1], repeat=3)))
    return evaluators.Supervised(inputs, inputs.sum(axis=1) % 2, device="cpu")


def main(generations: int = 150, seeds: int = 10) -> None:
    """Run both arms with all seeds; a later call goes on where this one was interrupted."""
    study = neat.Study(
        arms={"adjusted threshold": {}, "fixed threshold": {"speciation": {"threshold_mode": "fixed"}}},
        tasks={"parity": neat.StudyTask(make_parity, fitness_target=-0.01)},
        seeds=range(seeds),
        generations=generations,
    )
    report = study.run("runs/thresholds")
    print(report.to_markdown())


if __name__ == "__main__":
    main()
