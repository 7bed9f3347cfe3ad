"""Define the dictionaries that `Config` accepts in place of its sections, so that type checkers know their keys.

The models state what each setting means and allows. A test compares the keys and types here with theirs.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from neat.config.models import (
    CrossoverConfig,
    GenomeConfig,
    InitialValue,
    MutationConfig,
    ReproductionConfig,
    SpeciationConfig,
    StagnationConfig,
    ValueMutation,
)


class InitialValueDict(TypedDict, total=False):
    """Settings of `InitialValue`."""

    mean: float
    spread: float
    distribution: Literal["normal", "uniform"]
    minimum: float
    maximum: float


class GenomeDict(TypedDict, total=False):
    """Settings of `GenomeConfig`."""

    num_inputs: int
    num_outputs: int
    bias_input: bool
    feed_forward: bool
    initial_connections: Literal["full", "partial", "none"]
    initial_rate: float
    hidden_layers: list[int] | tuple[int, ...]
    activation: str
    activation_options: list[str] | tuple[str, ...]
    output_activation: str | None
    aggregation: str
    aggregation_options: list[str] | tuple[str, ...]
    weight: InitialValue | InitialValueDict
    bias: InitialValue | InitialValueDict
    response: InitialValue | InitialValueDict


class ValueMutationDict(TypedDict, total=False):
    """Settings of `ValueMutation`."""

    genome_rate: float
    perturb_rate: float
    replace_rate: float
    replace_spread: float | None
    power: float
    distribution: Literal["normal", "uniform"]


class MutationDict(TypedDict, total=False):
    """Settings of `MutationConfig`."""

    add_node_rate: float
    add_connection_rate: float
    delete_node_rate: float
    delete_connection_rate: float
    structural: Literal["all", "one", "alone"]
    split_bias: bool
    split_oldest_rate: float
    split_oldest_below: int
    add_connection_tries: int
    enable_rate: float
    disable_rate: float
    activation_rate: float
    aggregation_rate: float
    weight: ValueMutation | ValueMutationDict
    bias: ValueMutation | ValueMutationDict
    response: ValueMutation | ValueMutationDict


class CrossoverDict(TypedDict, total=False):
    """Settings of `CrossoverConfig`."""

    average_rate: float
    single_point_rate: float
    disable_rate: float
    equal_fitness: Literal["both", "smaller"]


class SpeciationDict(TypedDict, total=False):
    """Settings of `SpeciationConfig`."""

    excess_coefficient: float
    disjoint_coefficient: float
    weight_coefficient: float
    node_coefficient: float
    normalise_from: int
    normalisation: Literal["continuous", "size"]
    threshold: float
    threshold_mode: Literal["adjusted", "fixed"]
    target_species: int
    threshold_step: float
    minimum_threshold: float


class StagnationDict(TypedDict, total=False):
    """Settings of `StagnationConfig`."""

    species_generations: int
    measure: Literal["max", "mean"]
    protected_species: int
    population_generations: int


class ReproductionDict(TypedDict, total=False):
    """Settings of `ReproductionConfig`."""

    survival_rate: float
    elites: int
    elite_species_size: int
    mutate_only_rate: float
    mate_only_rate: float
    interspecies_rate: float
    keep_best: bool


class SettingsDict(TypedDict, total=False):
    """Settings of `Config`."""

    genome: GenomeConfig | GenomeDict
    population_size: int
    seed: int
    innovation: Literal["global", "generation", "pairing", "hashed", "unshared"]
    pairing: Literal["szudzik", "cantor"]
    mutation: MutationConfig | MutationDict
    crossover: CrossoverConfig | CrossoverDict
    speciation: SpeciationConfig | SpeciationDict
    stagnation: StagnationConfig | StagnationDict
    reproduction: ReproductionConfig | ReproductionDict
