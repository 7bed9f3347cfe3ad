"""One generation after another: speciation, selection, crossover, mutation, innovation numbers."""
