"""Make one generation from another: speciation, selection, crossover, mutation, innovation numbers."""
