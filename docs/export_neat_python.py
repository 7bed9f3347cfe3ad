"""Write a pickled genome of neat-python as JSON, which `neat.neat_python.genome_from_json` of batchneat reads.

Run it in neat-python's environment, any version from 0.92 on. It cannot run beside batchneat: both packages are
called `neat`.

    python export_neat_python.py winner.pkl config.ini winner.json
"""

import json
import pickle
import sys
from importlib.metadata import version


def described(genome, genome_config, neat_python):
    """All genes of a genome as plain data, in the form of neat-python's own network export."""
    nodes, connections = [], []
    for key, gene in genome.nodes.items():
        node = {"id": key, "bias": gene.bias, "response": gene.response}
        node["activation"] = {"name": gene.activation}
        node["aggregation"] = {"name": gene.aggregation}
        nodes.append(node)
    for (source, target), gene in genome.connections.items():
        connection = {"from": source, "to": target, "weight": gene.weight, "enabled": gene.enabled}
        if hasattr(gene, "innovation"):  # from neat-python 1.0 on
            connection["innovation"] = gene.innovation
        connections.append(connection)
    return {
        "network_type": "feedforward" if genome_config.feed_forward else "recurrent",
        "metadata": {"neat_python_version": neat_python, "genome_id": genome.key, "fitness": genome.fitness},
        "topology": {
            "num_inputs": len(genome_config.input_keys),
            "num_outputs": len(genome_config.output_keys),
            "input_keys": list(genome_config.input_keys),
            "output_keys": list(genome_config.output_keys),
        },
        "nodes": nodes,
        "connections": connections,
    }


def main(pickled, ini, written):
    """Read the genome and its configuration file, write the JSON."""
    import neat

    kinds = (neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation)
    config = neat.Config(*kinds, ini)
    with open(pickled, "rb") as file:
        genome = pickle.load(file)
    with open(written, "w") as file:
        json.dump(described(genome, config.genome_config, version("neat-python")), file, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
