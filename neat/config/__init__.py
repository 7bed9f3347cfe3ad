"""Define the settings of a run."""

from neat.config.config import (
    Config,
    CrossoverConfig,
    GenomeConfig,
    MutationConfig,
    ReproductionConfig,
    SpeciationConfig,
    StagnationConfig,
)

__all__ = [
    "Config",
    "CrossoverConfig",
    "GenomeConfig",
    "MutationConfig",
    "ReproductionConfig",
    "SpeciationConfig",
    "StagnationConfig",
]
