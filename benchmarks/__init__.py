"""Measurements: `python -m benchmarks` runs all parts, `python -m benchmarks NAME …` some (see RESULTS.md)."""
