"""Compare two settings over several seeds: how many runs solve parity, after how many evaluations, and a figure."""

import itertools

import numpy as np

import evaluators
import neat


def main(generations: int = 150, seeds: int = 10) -> None:
    """Run all arms with the same seeds."""
    inputs = np.array(list(itertools.product([0, 1], repeat=3)))
    evaluator = evaluators.Supervised(inputs, inputs.sum(axis=1) % 2, device="cpu")
    base = neat.Config.for_task(evaluator)
    arms = {"adjusted threshold": {}, "fixed threshold": {"speciation": {"threshold_mode": "fixed"}}}

    histories = {}
    for name, settings in arms.items():
        results = [
            neat.Population(base.updated(seed=seed, **settings)).run(
                evaluator, generations, fitness_target=-0.01
            )
            for seed in range(seeds)
        ]
        solved = [result.evaluations for result in results if result.solved]
        median = f"median {np.median(solved):,.0f} evaluations" if solved else "none solved"
        print(f"{name}: {len(solved)} of {seeds} runs, {median}")
        histories[name] = [result.history for result in results]
    neat.plot.compare(histories, "arms.svg", target=-0.01)


if __name__ == "__main__":
    main()
