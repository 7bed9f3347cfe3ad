"""Files that a run or a person writes: checkpoints, archives of arrays, neat-python's configs and genomes."""
