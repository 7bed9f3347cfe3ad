"""Report the progress of a run to a terminal, a notebook or files."""

from neat.reporting.islands import IslandsMetrics, IslandsProgress, IslandsReporter, islands_table
from neat.reporting.progress import Progress, species_table
from neat.reporting.reporters import Lineage, Metrics, Reporter, TensorBoard

__all__ = [
    "IslandsMetrics",
    "IslandsProgress",
    "IslandsReporter",
    "Lineage",
    "Metrics",
    "Progress",
    "Reporter",
    "TensorBoard",
    "islands_table",
    "species_table",
]
