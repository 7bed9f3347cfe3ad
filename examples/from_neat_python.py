"""Run XOR with a configuration file of neat-python, and say which of its settings have no counterpart.

python examples/from_neat_python.py config-feedforward
"""

import sys

import evaluators
import neat

INPUTS = [(0, 0), (0, 1), (1, 0), (1, 1)]
TARGETS = [0, 1, 1, 0]


def evaluate(network: evaluators.Network) -> float:
    """Return the fitness of one network, as neat-python's XOR example defines it."""
    return 4 - sum((network.activate(x)[0] - t) ** 2 for x, t in zip(INPUTS, TARGETS, strict=True))


def main(generations: int = 300, file: str = "config-feedforward") -> None:
    """Import the settings and evolve."""
    config, threshold, not_carried_over = neat.neat_python.config_from_ini(file)
    print("\n".join(not_carried_over))
    result = neat.Population(config).run(
        evaluators.PerGenome(evaluate),
        generations,
        fitness_target=threshold,
        reporters=[neat.reporting.Progress(species=False)],
    )
    print(evaluators.compile(result.champion).activate(INPUTS).round(3).ravel())
    result.champion.save("winner.json")


if __name__ == "__main__":
    main(file=sys.argv[1])
