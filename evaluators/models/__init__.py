"""Models: genomes with their preprocessing and postprocessing, as files that another process can use."""

from evaluators.models.model import Model

__all__ = ["Model"]
