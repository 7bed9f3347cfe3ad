"""neat-python's side of `generation`: answers requests of one JSON line, in neat-python's virtual environment.

`{"population": 150, "seed": 0}` starts a run. `{"generations": 5}` continues it. The answer has the seconds that this
took, and a description of the population.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import neat

INPUTS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
TARGETS = (0.0, 1.0, 1.0, 0.0)


def evaluate(genomes, config):
    """Set the fitness of each genome as neat-python's XOR example does."""
    for _, genome in genomes:
        genome.fitness = 4.0
        network = neat.nn.FeedForwardNetwork.create(genome, config)
        for values, target in zip(INPUTS, TARGETS, strict=True):
            genome.fitness -= (network.activate(values)[0] - target) ** 2


def start(ini, population, seed):
    """Return a new run with `population` genomes, which never stops by itself."""
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
        file.write(ini.replace("pop_size               = 150", f"pop_size = {population}"))
        file.flush()
        kinds = (neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation)
        config = neat.Config(*kinds, file.name)
    assert config.pop_size == population
    return neat.Population(config, seed=seed)


def described(population):
    """Return mean genes per genome, and the number of species."""
    genomes = list(population.population.values())
    return {
        "nodes": sum(len(genome.nodes) for genome in genomes) / len(genomes),
        "connections": sum(len(genome.connections) for genome in genomes) / len(genomes),
        "species": len(population.species.species),
    }


def main():
    """Answer requests until they end."""
    ini = Path(sys.argv[1]).read_text("utf-8")
    population = None
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        if "population" in request:
            population = start(ini, request["population"], request["seed"])
        else:
            begin = time.perf_counter()
            population.run(evaluate, request["generations"])
            answer = {"seconds": time.perf_counter() - begin}
        print(json.dumps({**answer, **described(population)}), flush=True)


if __name__ == "__main__":
    main()
