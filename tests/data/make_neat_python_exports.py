"""Write neat_python_exports_VERSION.json: evolved genomes as JSON, and what neat-python's networks answer.

Run it in environments with neat-python 0.92 and with a later one, not with this project:
`python tests/data/make_neat_python_exports.py`.
"""

import importlib.util
import json
import random
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import neat

HERE = Path(__file__).parent
GENOMES, STEPS = 12, 4


def exporter():
    """The module that the documentation tells its readers to run."""
    path = HERE.parent.parent / "docs" / "export_neat_python.py"
    spec = importlib.util.spec_from_file_location("export_neat_python", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def evolved(feed_forward):
    """Config and genomes after some generations with many deletions: nodes without inputs are frequent."""
    values = {
        "num_inputs": 2,
        "num_outputs": 2,
        "pop_size": 100,
        "feed_forward": feed_forward,
        "initial_connection": "partial 0.5",
        "activation_default": "random",
        "activation_options": "sigmoid tanh relu",
        "aggregation_default": "random",
        "aggregation_options": "sum product max",
        "conn_delete_prob": 0.4,
        "conn_add_prob": 0.4,
        "node_add_prob": 0.4,
        "node_delete_prob": 0.1,
    }
    lines = (HERE / "neat_python_xor.ini").read_text().splitlines()
    for number, line in enumerate(lines):
        key = line.split("=")[0].strip()
        if key in values:
            lines[number] = f"{key} = {values[key]}"
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
        file.write("\n".join(lines))
        file.flush()
        kinds = (neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation)
        config = neat.Config(*kinds, file.name)
    population = neat.Population(config)

    def evaluate(genomes, _config):
        for _, genome in genomes:
            genome.fitness = random.random()

    population.run(evaluate, 8)
    return config, list(population.population.values())


def case(genome, config, inputs):
    """A genome as JSON, by the documentation's script and by neat-python itself, with its network's answers."""
    kind = neat.nn.FeedForwardNetwork if config.genome_config.feed_forward else neat.nn.RecurrentNetwork
    network = kind.create(genome, config)
    result = {"genes": exporter().described(genome, config.genome_config, version("neat-python"))}
    if hasattr(neat, "export") or importlib.util.find_spec("neat.export"):
        from neat.export import export_network_json

        result["network"] = json.loads(export_network_json(network))
        del result["network"]["metadata"]["created_timestamp"]
    result["outputs"] = [list(network.activate(values)) for values in inputs]
    return result


def main():
    """Write the file."""
    warnings.simplefilter("ignore")
    random.seed(11)
    inputs = [[round(random.uniform(-2, 2), 3) for _ in range(2)] for _ in range(STEPS)]
    cases = []
    for feed_forward in (True, False):
        config, genomes = evolved(feed_forward)
        picked = random.sample([genome for genome in genomes if len(genome.nodes) > 2], GENOMES)
        cases += [case(genome, config, inputs) for genome in picked]
    path = HERE / f"neat_python_exports_{version('neat-python')}.json"
    path.write_text(json.dumps({"inputs": inputs, "cases": cases}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
