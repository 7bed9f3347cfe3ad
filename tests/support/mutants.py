"""Many children of one parent by mutation alone, and what their shares may differ from a rate."""

import neat
from tests.support.evolving import NO_MUTATION, make_children, make_config

SIZE = 4000
ALL_OFF = {**NO_MUTATION, "delete_node_rate": 0.0, "delete_connection_rate": 0.0}
LIMIT = 5.0  # standard errors


def near(share, rate, count=SIZE):
    """Whether a share of this many draws is as near to their rate as chance allows."""
    return abs(share - rate) < LIMIT * max(rate * (1 - rate) / count, 1e-9) ** 0.5


def mutated(mutation, genome=None, parent=None, size=SIZE, **settings):
    """Return the parent, by default a grown genome, and many children of it by mutation alone."""
    config = make_config(
        population_size=size, mutation={**ALL_OFF, **mutation}, genome=genome or {}, **settings
    )
    population = neat.Population(config)
    if parent is None:
        parent = grown(config)
    genomes = neat.Genomes.from_list([parent])
    population.innovations.counters[:2] = 100_000
    population.innovations.links.value.fill(-1)  # the parent's numbers are not those of the first population
    children, _ = make_children(
        config, genomes, [0] * size, mutates=True, scheme=population.innovations, generation=1
    )
    children.check()
    return parent, children


def grown(config):
    """Return a genome with 4 hidden nodes and 13 connections, of which 3 are disabled."""
    links = [
        (0, 3, 1),
        (1, 3, 1),
        (2, 3, 0),
        (0, 4, 1),
        (1, 4, 1),
        (0, 5, 1),
        (5, 3, 1),
        (1, 6, 0),
        (5, 6, 1),
    ]
    links += [(6, 4, 1), (2, 7, 1), (7, 8, 0), (8, 3, 1)]
    return neat.Genome.from_dict(
        {
            "num_inputs": 3,
            "num_outputs": 2,
            "feed_forward": config.genome.feed_forward,
            "nodes": [
                {"id": id_, "bias": 0.25, "response": 1.5, "activation": config.genome.activation_options[0]}
                for id_ in range(3, 9)
            ],
            "connections": [
                {"innovation": 2 * n, "source": s, "target": t, "weight": 0.5, "enabled": bool(enabled)}
                for n, (s, t, enabled) in enumerate(links)
            ],
        }
    )


def rows(children, name):
    """Return a gene array as one row per child, where all have the same number."""
    return getattr(children.arrays, name).reshape(len(children), -1)


def pairs_of(genome):
    """Return the set of (source, target) of all connections."""
    return {(gene["source"], gene["target"]) for gene in genome.connections}
