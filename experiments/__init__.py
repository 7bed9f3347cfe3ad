"""Experiments to run from the command line: `python -m experiments`."""
