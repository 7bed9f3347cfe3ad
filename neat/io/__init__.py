"""Read and write checkpoints; read configs and genomes of neat-python."""
