"""Writes neat_python_genomes.json: genomes evolved by neat-python, and what its networks answer.

Run it in an environment with neat-python, not with this project:
`python tests/data/make_neat_python_genomes.py`.
"""

import json
import random
import tempfile
from pathlib import Path

import neat

HERE = Path(__file__).parent
ACTIVATIONS = (
    "sigmoid tanh sin gauss relu elu lelu selu softplus identity clamped inv log exp abs hat square cube"
)
AGGREGATIONS = "sum product max min maxabs median mean"


def evolved(feed_forward: bool, activations: str, aggregations: str, generations: int) -> tuple:
    """Config and population after a few generations under a random fitness."""
    text = (HERE / "neat_python_xor.ini").read_text()
    for key, value in {
        "num_inputs": 3,
        "num_outputs": 2,
        "pop_size": 40,
        "feed_forward": feed_forward,
        "initial_connection": "partial 0.7",
        "activation_default": "random",
        "activation_options": activations,
        "activation_mutate_rate": 0.1,
        "aggregation_default": "random",
        "aggregation_options": aggregations,
        "aggregation_mutate_rate": 0.1,
        "enabled_mutate_rate": 0.2,
        "response_init_stdev": 0.3,
        "conn_delete_prob": 0.2,
        "node_delete_prob": 0.1,
    }.items():
        lines = [
            f"{key} = {value}" if line.split("=")[0].strip() == key else line for line in text.splitlines()
        ]
        text = "\n".join(lines)
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
        file.write(text)
        file.flush()
        kinds = (neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation)
        config = neat.Config(*kinds, file.name)
    population = neat.Population(config, seed=1)

    def evaluate(genomes: list, _config: object) -> None:
        for _, genome in genomes:
            genome.fitness = random.random()

    population.run(evaluate, generations)
    return config, list(population.population.values())


def described(genome: neat.DefaultGenome) -> dict:
    """A genome's genes."""
    return {
        "key": genome.key,
        "nodes": [
            {name: getattr(gene, name) for name in ("key", "bias", "response", "activation", "aggregation")}
            for gene in genome.nodes.values()
        ],
        "connections": [
            {name: getattr(gene, name) for name in ("key", "innovation", "weight", "enabled")}
            for gene in genome.connections.values()
        ],
    }


def comparable(genome: neat.DefaultGenome, feed_forward: bool) -> bool:
    """Whether no node is one that batchneat evaluates otherwise, as its documentation says.

    Without enabled inputs, neat-python's recurrent networks leave a node at 0, and a product is 1.
    """
    fed = {target for (_, target), gene in genome.connections.items() if gene.enabled}
    return all(
        key in fed or (feed_forward and gene.aggregation != "product") for key, gene in genome.nodes.items()
    )


def answered(genome: neat.DefaultGenome, config: neat.Config, inputs: list) -> list | None:
    """Outputs for each input in turn, or None where neat-python's arithmetic overflows."""
    kind = neat.nn.FeedForwardNetwork if config.genome_config.feed_forward else neat.nn.RecurrentNetwork
    try:
        network = kind.create(genome, config)
        return [list(network.activate(values)) for values in inputs]
    except OverflowError:
        return None


def main() -> None:
    """Write the file."""
    random.seed(7)
    inputs = [[round(random.uniform(-2, 2), 3) for _ in range(3)] for _ in range(5)]
    cases = []
    for feed_forward in (True, False):
        for activations, aggregations in ((ACTIVATIONS, AGGREGATIONS), ("sigmoid tanh", "sum")):
            config, genomes = evolved(feed_forward, activations, aggregations, 12)
            picked = random.sample([genome for genome in genomes if comparable(genome, feed_forward)], 8)
            outputs = [answered(genome, config, inputs) for genome in picked]
            cases.append(
                {
                    "input_keys": config.genome_config.input_keys,
                    "output_keys": config.genome_config.output_keys,
                    "feed_forward": feed_forward,
                    "inputs": inputs,
                    "genomes": [
                        {**described(genome), "outputs": output}
                        for genome, output in zip(picked, outputs, strict=True)
                        if output is not None
                    ],
                }
            )
    (HERE / "neat_python_genomes.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
