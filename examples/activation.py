"""Fit a wave with an activation of one's own, a wavelet, which mutation mixes with tanh."""

import math

import numpy as np

import evaluators
import neat


def wavelet(x):
    """Return a wave that fades out on both sides."""
    return math.cos(3 * x) * math.exp(-x * x / 2)


def main(generations: int = 100) -> None:
    """Evolve networks of wavelets."""
    neat.activations.register_activation("wavelet", wavelet)
    inputs = np.linspace(-3, 3, 120)[:, np.newaxis]
    targets = np.cos(5 * inputs) * np.exp(-inputs * inputs)

    evaluator = evaluators.Supervised(inputs, targets, device="cpu")
    genome = {
        "activation": "random",
        "activation_options": ["wavelet", "tanh"],
        "output_activation": "identity",
    }
    config = neat.Config.for_task(
        evaluator, population_size=300, seed=0, genome=genome, mutation={"activation_rate": 0.05}
    )
    result = neat.Population(config).run(evaluator, generations)
    used = sorted({node["activation"] for node in result.champion.nodes})
    print(f"squared error {-result.champion_fitness:.4f} with the activations {', '.join(used)}")
    neat.plot.topology(result.champion, "wavelets.svg")


if __name__ == "__main__":
    main()
