"""Report the progress of a run to a terminal, a notebook or files."""

from neat.reporting.progress import Progress, species_table
from neat.reporting.reporters import Lineage, Metrics, Reporter, TensorBoard

__all__ = [
    "Lineage",
    "Metrics",
    "Progress",
    "Reporter",
    "TensorBoard",
    "species_table",
]
