"""Short runs and trainings, for tests of the files that they write."""

import numpy as np

import neat
from evaluators.environments import CartPole
from evaluators.gradient import fit, losses, nn, optim, ppo


def names(folder):
    """Return the sorted names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())


def config():
    """Return the config of a small population."""
    return neat.Config(genome=neat.GenomeConfig(num_inputs=2, num_outputs=1), population_size=20)


def fitness(genomes):
    """Return the numbers of connections."""
    return np.diff(genomes.arrays.connection_offset).astype(float)


def run(reporters=(), generations=3, population=None, evaluator=fitness, **options):
    """Run a population, by default a new one, and return the result."""
    population = population or neat.Population(config())
    return population.run(evaluator, generations, reporters=reporters, **options)


def train(**options):
    """Train a model for three epochs."""
    samples = np.ones((4, 2), np.float32)
    model = nn.Sequential(nn.Dense(2, 1)).initialise(0)
    optimiser = optim.SGD(model.parameters(), 0.1)
    return fit(model, (samples, samples[:, :1]), losses.mean_squared, optimiser, 3, **options)


def train_by_ppo(**options):
    """Train a policy."""
    return ppo.train(CartPole(), **options)
