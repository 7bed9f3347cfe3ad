"""Reporters, which follow a run."""

from neat.reporting.reporters import Lineage, Metrics, Reporter, TensorBoard, Terminal, species_table

__all__ = [
    "Lineage",
    "Metrics",
    "Reporter",
    "TensorBoard",
    "Terminal",
    "species_table",
]
