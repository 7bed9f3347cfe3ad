"""The experiments, one file for each task."""
