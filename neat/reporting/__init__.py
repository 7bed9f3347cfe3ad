"""Report the progress of a run to a terminal or to files."""

from neat.reporting.reporters import Lineage, Metrics, Reporter, TensorBoard, Terminal, species_table

__all__ = [
    "Lineage",
    "Metrics",
    "Reporter",
    "TensorBoard",
    "Terminal",
    "species_table",
]
