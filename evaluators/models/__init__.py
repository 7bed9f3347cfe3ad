"""Models: genomes with what stands before and after their networks, as files that another process can use."""

from evaluators.models.model import Model

__all__ = ["Model"]
