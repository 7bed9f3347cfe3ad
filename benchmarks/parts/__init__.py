"""The parts that `python -m benchmarks` runs; each is a module with `run` and `tables`."""
