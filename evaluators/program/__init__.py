"""Programs (genomes in evaluation order), and the passes over them, for every device."""
